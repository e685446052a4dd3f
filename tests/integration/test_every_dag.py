"""The cluster policy of the guide, in Airflows of its own: what it adds, keeps and survives."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_dingpush
from tests.integration.policy_run import run_with_policy

PACKAGE = Path(airflow_provider_dingpush.__file__).parent
DOCS = Path(__file__).parents[2] / "docs" / "en"
DAGS = """
from datetime import datetime

from airflow import DAG
try:
    from airflow.sdk import task
except ImportError:  # Airflow 2
    from airflow.decorators import task

from airflow_provider_dingpush.notifications import DingTalkNotifier


def own(context):
    print("own callback called")


def fails(index=0):
    raise ValueError("no such table: orders")


def dag(dag_id, **more):
    return DAG(dag_id, start_date=datetime(2026, 1, 1), schedule=None, **more)


with dag("without", default_args={"email": "a@example.com", "email_on_failure": True, "email_on_retry": False}):
    task(fails, task_id="plain")()
    task(fails, task_id="mapped").expand(index=[1, 2])

with dag("with_own", on_failure_callback=own):
    task(fails, task_id="plain", on_failure_callback=own)()

with dag("with_notifier", on_failure_callback=[own, DingTalkNotifier()]):
    task(fails, task_id="plain", on_failure_callback=DingTalkNotifier(language="en"))()

with dag("left_out", tags=["no-dingtalk"]):
    task(fails, task_id="plain")()
"""
LOOK = """
import json
import warnings
warnings.simplefilter("ignore")
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

def names(callbacks):
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    return [getattr(each, "__name__", type(each).__name__) for each in callbacks]

bag = DagBag("{folder}")
found = {dag_id: {
    "has": dag.has_on_failure_callback, "dag": names(dag.on_failure_callback),
    **{each.task_id: names(each.on_failure_callback) for each in dag.tasks},
} for dag_id, dag in bag.dags.items()}
print("FOUND" + json.dumps({"dags": found, "errors": bag.import_errors}))
"""
ADDED = ["DingTalkNotifier"]


def policy_of(page: str, mark: str) -> str:
    found = re.search(
        rf"^<!-- {mark} -->\n```python\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found
    return found[1]


@pytest.fixture
def parsed(tmp_path: Path, airflow_home: Path) -> Callable[..., dict[str, Any]]:
    """What an Airflow with this policy makes of the DAGs above."""
    folder, config = tmp_path / "dags", tmp_path / "config"
    for each in (folder, config):
        each.mkdir()
    (folder / "dags.py").write_text(DAGS)

    def parse(policy: str, *first_on_the_path: Path) -> dict[str, Any]:
        (config / "airflow_local_settings.py").write_text(policy)
        path = os.pathsep.join(map(str, [*first_on_the_path, config, *sys.path]))
        done = subprocess.run(
            [sys.executable, "-c", LOOK.replace("{folder}", str(folder))],
            env={**os.environ, "PYTHONPATH": path, "AIRFLOW_HOME": str(airflow_home)},
            cwd=tmp_path,  # rather than where this package lies, which would be the first on the path
            capture_output=True,
            text=True,
            check=False,
        )
        assert "FOUND" in done.stdout, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND")[2].splitlines()[0])
        return found

    return parse


def test_each_task_and_each_dag_gets_a_notifier(parsed: Callable[..., dict[str, Any]]) -> None:
    assert parsed(policy_of("every-dag.md", "policy")) == {
        "dags": {
            "without": {"has": True, "dag": ADDED, "plain": ADDED, "mapped": ADDED},
            "with_own": {"has": True, "dag": ["own", *ADDED], "plain": ["own", *ADDED]},
            "with_notifier": {"has": True, "dag": ["own", *ADDED], "plain": ADDED},
            "left_out": {"has": False, "dag": [], "plain": []},
        },
        "errors": {},
    }


def test_a_broken_installation_breaks_no_dag_unless_the_guard_is_missing(
    parsed: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "airflow_provider_dingpush"
    shutil.copytree(PACKAGE, broken, ignore=shutil.ignore_patterns("__pycache__"))
    (broken / "notifications.py").write_text("raise ImportError('a broken installation')\n")
    (tmp_path / "dags" / "dags.py").write_text(
        DAGS.replace("from airflow_provider_dingpush.notifications import DingTalkNotifier", "DingTalkNotifier = dict")
    )
    policy = policy_of("every-dag.md", "policy")
    found = parsed(policy, broken.parent)
    assert found["errors"] == {}
    assert len(found["dags"]) == 4
    assert found["dags"]["without"]["plain"] == []
    unguarded = "def task_policy(task):\n    import airflow_provider_dingpush.notifications\n"
    assert parsed(unguarded, broken.parent)["dags"] == {}


def test_a_policy_for_tasks_with_e_mails_adds_to_these_only(parsed: Callable[..., dict[str, Any]]) -> None:
    found = parsed(policy_of("moving/email-on-failure.md", "policy"))
    assert found["errors"] == {}
    assert {name: (dag["dag"], dag["plain"]) for name, dag in found["dags"].items()} == {
        "without": ([], ADDED),
        "with_own": (["own"], ["own"]),
        "with_notifier": (["own", *ADDED], ADDED),
        "left_out": ([], []),
    }


def test_a_dag_file_without_a_notifier_is_reported(dag_test: Callable[..., str], tmp_path: Path) -> None:
    written, texts = run_with_policy(dag_test, tmp_path, DAGS, policy_of("every-dag.md", "policy"))
    # That of the run is merged into it where Airflow lists the failed tasks, which `dags test` of Airflow 3 doesn't.
    assert 1 <= len(texts) <= 2, written[-5000:]
    assert "plain" in texts[0]
    assert [text for text in texts if "with_own" not in text] == []
    assert "own callback called" in written
