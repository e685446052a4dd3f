"""A baseline on a real Airflow: at risk, late and done arrive, from what its scheduler and its task noted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.oncall.critical_path import TaskHistory
from airflow_provider_dingpush.oncall.run_history import Run, RunHistory
from airflow_provider_dingpush.pipeline.baseline_events import HISTORY, OF_DAG, RUNS, name_of_history
from airflow_provider_dingpush.pipeline.baseline_notes import _packed
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.notes import Note
from tests.integration.standalone_airflow import RUN_ID, START_SECONDS, RunningAirflow, standalone

pytestmark = pytest.mark.standalone
ENOUGH_SECONDS = 600
USUAL_SECONDS = 900.0
DAY = 86_400.0
REPORT = """
import pathlib, time
from datetime import datetime
{imports}

with DAG("report", schedule=None, start_date=datetime(2026, 1, 1), tags=["finance"]):

    @task
    def extract():
        pass

    @task.sensor(poke_interval=5, timeout=3600, mode={mode!r})
    def publish():
        return pathlib.Path({go!r}).exists()

    extract() >> publish()
"""
IMPORTS = """
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
"""
# The executor of Airflow 2 runs one task at a time, so none may wait there. That of Airflow 3 fails a task that is
# queued again before it was seen to have ended, which a short interval leads to on a busy machine.
MODE = "poke" if is_airflow_3() else "reschedule"
FLUSH = """
from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
"""


def titles(sandbox: Sandbox) -> list[str]:
    return [each.payload["markdown"]["title"] for each in sandbox.messages]


def write_rules(path: Path, due: str) -> None:
    path.write_text(
        "baselines:\n"
        f'  - {{name: daily, dags: report, due: "{due}", time_zone: UTC, margin: 1m, run_types: manual}}\n'
        "rules:\n  - {match: {event: baseline_*}, receiver: dingtalk_default}\n  - {receiver: null}\n"
    )


def write_history(home: Path) -> None:
    """Nine days on which the DAG took a quarter of an hour."""
    now = time.time()
    past = [
        Run(f"r{day}", "manual", now - day * DAY, None, now - day * DAY + USUAL_SECONDS, "success")
        for day in range(9, 0, -1)
    ]
    tasks = (TaskHistory("extract", (), (60.0,) * 9), TaskHistory("publish", ("extract",), (840.0,) * 9))
    history = RunHistory(zone="UTC", tasks=tasks, tells_tasks=True).with_runs(past)
    name = name_of_history(OF_DAG, "report")
    FileStore(home / "dingpush").set_notes([Note(HISTORY, name, _packed((OF_DAG, "report"), history))])


@contextmanager
def airflow(home: Path, sandbox: Sandbox, robot: Robot, go: Path) -> Iterator[RunningAirflow]:
    """An Airflow with one baseline, which is due late tomorrow."""
    write_rules(home / "rules.yaml", "47:59")
    write_history(home)
    options = {
        "DINGPUSH__RULES_FILE": home / "rules.yaml",
        "DINGPUSH__HOME": home / "dingpush",
        "DINGPUSH__TIMEZONE": "UTC",
    }
    files = {"report.py": REPORT.format(go=str(go), imports=IMPORTS, mode=MODE), "flush.py": FLUSH}
    connection = {
        "conn_type": "dingtalk_robot",
        "host": sandbox.url,
        "password": robot.access_token,
        "extra": {"language": "en", "group_interval_seconds": 0},
    }
    with standalone(home, files, options, {"AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection)}) as running:
        yield running


def begin(running: RunningAirflow) -> None:
    """Begin the run, and wait until it runs."""
    if is_airflow_3():
        running.start(["report"])
        run = f"/api/v2/dags/report/dagRuns/{quote(RUN_ID)}"
        running.wait_until("the run", lambda: (running.call(run) or {}).get("state") == "running", ENOUGH_SECONDS)
        return

    def triggered() -> bool:
        command = [sys.executable, "-m", "airflow", "dags", "trigger", "report", "--run-id", RUN_ID]
        done = subprocess.run(command, env=running.environment, capture_output=True, text=True, check=False)
        return not done.returncode or "already exists" in done.stderr

    # Its first command would make the tables at the same time as the scheduler.
    running.wait_until("the scheduler", lambda: "Starting the scheduler" in running.log.read_text(), START_SECONDS)
    running.wait_until("the run", triggered, START_SECONDS)
    noted = running.home / "dingpush" / "notes" / RUNS
    running.wait_until("the note", lambda: noted.exists() and any(noted.iterdir()), ENOUGH_SECONDS)


def test_a_late_report_is_announced_and_its_end_is_too(tmp_path: Path) -> None:
    go, robot = tmp_path / "go", Robot()
    with Sandbox(robots=(robot,)) as sandbox, airflow(tmp_path, sandbox, robot, go) as running:
        begin(running)
        # A change of the file takes effect at once: it is due in three minutes, and takes a quarter of an hour.
        due = datetime.fromtimestamp(time.time() + 200, timezone.utc)
        write_rules(tmp_path / "rules.yaml", f"{due:%H:%M}")
        running.wait_until("at risk", lambda: "Baseline at risk: daily" in titles(sandbox), ENOUGH_SECONDS)
        running.wait_until("late", lambda: "Baseline late: daily" in titles(sandbox), ENOUGH_SECONDS)
        go.touch()
        running.wait_until("done", lambda: "Baseline done: daily" in titles(sandbox), ENOUGH_SECONDS)
        assert titles(sandbox) == ["Baseline at risk: daily", "Baseline late: daily", "Baseline done: daily"]
        texts = [each.payload["markdown"]["text"] for each in sandbox.messages]
        assert "report: running since" in texts[0], texts
        stored = FileStore(tmp_path / "dingpush").note(HISTORY, name_of_history(OF_DAG, "report"))
        assert stored is not None
        plain = json.loads(stored.value)
        assert plain["runs"][-1][5] == "success"
        assert plain["tells_tasks"], os.listdir(tmp_path / "dingpush" / "notes")
