"""A listener of ours that raises leaves the scheduler alive: Airflow 2 calls listeners of runs without any guard.

With the real scheduler of Airflow 2. Airflow 3 guards each call itself. Takes minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(is_airflow_3(), reason="Airflow 3 guards each call of a listener itself"),
]

MOST_SECONDS = 600
DAG_FILE = """
from datetime import datetime
from airflow.decorators import task
from airflow.models.dag import DAG

with DAG("{dag_id}", start_date=datetime(2026, 1, 1), schedule="@once", catchup=False):
    @task
    def fails():
        raise ValueError("no such table: orders")
    fails()
"""
# Airflow imports this in each of its processes when it starts.
RAISES = """
from airflow_provider_dingpush.pipeline import airflow_events

def raises(*_, **__):
    raise RuntimeError("made to raise")

airflow_events.run_ended = airflow_events.task_failed = airflow_events.task_succeeded = raises
"""
RULES = "rules:\n  - reciever: dingtalk_default\n"
# What breaks -> what the scheduler's log says of it, for each run that fails.
BROKEN = {
    "listener": "An alert for all DAGs was not written (RuntimeError).",
    "rules_file": "rules.yaml:2:5: 'reciever' is unknown here",
    "outbox": "An alert for all DAGs was not written (OutboxError).",
}


@contextmanager
def scheduler(home: Path, database: Path, broken: str) -> Iterator[subprocess.Popen[bytes]]:
    """The scheduler of a home of its own, in which one thing is broken."""
    for name in ("dags", "config"):
        (home / name).mkdir()
    shutil.copy(database, home / "airflow.db")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "2",
        "AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default",
        "PYTHONPATH": os.pathsep.join(map(str, [home / "config", *sys.path])),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    if broken == "listener":
        (home / "config" / "airflow_local_settings.py").write_text(RAISES)
    elif broken == "rules_file":
        (home / "rules.yaml").write_text(RULES)
        environment["AIRFLOW__DINGPUSH__RULES_FILE"] = str(home / "rules.yaml")
    else:
        # Neither of the two folders for pending alerts can be one.
        (home / "dingpush").write_text("")
        (home / "tmp").mkdir()
        name = hashlib.sha256(str(home / "dingpush").encode()).hexdigest()[:8]
        (home / "tmp" / f"dingpush-{os.geteuid()}-{name}").write_text("")
        environment["TMPDIR"] = str(home / "tmp")
    with (home / "scheduler.log").open("w") as log:
        command = [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def failed(home: Path) -> set[str]:
    """The DAGs of which a run has failed."""
    with closing(sqlite3.connect(home / "airflow.db", timeout=30)) as database:
        return {dag_id for (dag_id,) in database.execute("SELECT dag_id FROM dag_run WHERE state = 'failed'")}


def wait_until_failed(home: Path, dag_id: str, process: subprocess.Popen[bytes]) -> None:
    (home / "dags" / f"{dag_id}.py").write_text(DAG_FILE.replace("{dag_id}", dag_id))
    until = time.monotonic() + MOST_SECONDS
    while dag_id not in failed(home):
        log = (home / "scheduler.log").read_text(errors="replace")
        assert process.poll() is None, f"the scheduler has ended:\n{log[-5000:]}"
        assert time.monotonic() < until, log[-5000:]
        time.sleep(0.5)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_in_alerts_does_not_end_the_scheduler(
    broken: str, tmp_path: Path, migrated_database: Path
) -> None:
    """After a failed run whose alert can't be written, it goes on and runs the next DAG."""
    with scheduler(tmp_path, migrated_database, broken) as process:
        wait_until_failed(tmp_path, "first", process)
        wait_until_failed(tmp_path, "second", process)
        assert process.poll() is None
    log = (tmp_path / "scheduler.log").read_text(errors="replace")
    said = [line for line in log.splitlines() if BROKEN[broken] in line]
    assert len(said) >= 2, log[-5000:]
    assert "Traceback" not in "".join(said)
