"""The contexts of the installed Airflow distinguish one failure from the next, and a second call from both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import Sandbox
from tests.integration.conftest import MOST_SECONDS, DagTest

CLEARING = Path(__file__).with_name("clearing.py")
TASK, RUN, LATE = "Failed: fails_always · fails", "Run failed: fails_always", "Deadline missed: fails_always"


def connections(sandbox: Sandbox) -> dict[str, str]:
    """A window for all of it."""
    options = "group_interval_seconds=0&rate_limit_per_minute=200"
    return {"AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&{options}"}


def titles(sandbox: Sandbox) -> list[str]:
    """Without the ids of runs."""
    every = [message.payload["markdown"]["title"] for message in sandbox.messages]
    return sorted(each.partition(" manual__")[0] for each in every)


def test_a_run_of_the_same_date_is_reported_again(dag_test: DagTest) -> None:
    """``airflow dags test`` deletes the run and creates it again under its id, with the same start."""
    with Sandbox() as sandbox:
        written = dag_test(sandbox, "fails_always", connections(sandbox), times=2)
        # Twice each: two notifiers at the task of which one mentions somebody, and one at the run.
        assert titles(sandbox) == sorted([TASK, TASK, RUN] * 2), written[-5000:]
        mentioned = [user for each in sandbox.messages for user in each.payload.get("at", {}).get("atUserIds", ())]
        assert sorted(mentioned) == ["manager", "manager", "on-call", "on-call"]


def test_a_run_that_is_cleared_and_two_deadlines_are_reported(dag_test: DagTest, tmp_path: Path) -> None:
    """With the contexts that Airflow makes of its database; a second call for the same is one line in the log."""
    pytest.importorskip("airflow.models.deadline", reason="Airflow before 3.1 has no deadlines")
    pytest.importorskip("airflow.dag_processing.dagbag", reason="Airflow before 3.2 keeps its DagBag elsewhere")
    with Sandbox() as sandbox:
        written = dag_test(sandbox, "fails_always", connections(sandbox), home=tmp_path)
        before = titles(sandbox)
        done = subprocess.run(
            [sys.executable, str(CLEARING)],
            env={
                **os.environ,
                "AIRFLOW_HOME": str(tmp_path),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYTHONWARNINGS": "ignore",
                **connections(sandbox),
            },
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        steps = [line for line in done.stdout.splitlines() if line.startswith(("cleared ", "deadlines "))]
        assert steps == ["cleared 3", "cleared 6", "deadlines 8"], (written + done.stdout + done.stderr)[-5000:]
        assert before == sorted([TASK, TASK, RUN])
        assert titles(sandbox) == sorted([*before, *[TASK, TASK, RUN] * 2, LATE, LATE])
