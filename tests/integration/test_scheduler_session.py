"""A listener in the scheduler uses the scheduler's own database session, and neither commits nor closes it.

``create_session`` without a session gives out the one of this thread: what ends it there ends the transaction in which
the scheduler sets the state of a run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# As the scheduler's loop does it: `_schedule_dag_run` within `prohibit_commit`, read 2026-11-27 in Airflow 2.10 to 3.3.
PROGRAM = """
from datetime import datetime, timezone

from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from sqlalchemy import inspect

from airflow_provider_dingpush import listeners
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.pipeline.outboxes import outbox

date = "logical_date" if hasattr(DagRun, "logical_date") and not hasattr(DagRun, "execution_date") else "execution_date"
now = datetime.now(timezone.utc)
given = {"dag_id": "etl", "run_id": "r1", "run_type": "manual", "state": "running", date: now}
with create_session() as session:
    session.add(DagRun(**given))
with create_session() as session, prohibit_commit(session) as guard:
    run = session.query(DagRun).filter(DagRun.run_id == "r1").one()
    run.dag = None
    run.state = "failed"
    listeners.on_dag_run_failed(dag_run=run, msg="task_failure")
    assert inspect(run).session is session, "the session was closed"
    guard.commit()
with create_session() as session:
    assert session.query(DagRun.state).filter(DagRun.run_id == "r1").scalar() == "failed", "its change was undone"
((_, alert),) = outbox().mail_of(Mailbox("dingtalk_default"), 10)
assert alert.facts["failed_task_count"] == 0, alert.facts
print("as it should be")
"""

# The tables that are asked about a run with failed tasks, in this order.
QUERIES = """
import json, re, sys
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import event

from airflow_provider_dingpush import listeners
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.pipeline.outboxes import outbox

state, rule, *tasks = json.loads(sys.argv[1])
date = "logical_date" if hasattr(DagRun, "logical_date") and not hasattr(DagRun, "execution_date") else "execution_date"
now = datetime.now(timezone.utc)
given = {"dag_id": "etl", "run_id": "r1", "run_type": "manual", "state": state, "start_date": now, date: now}
with create_session() as session:
    session.add(DagRun(**given))
    session.flush()
    times = {"queued_dttm": now, "start_date": now, "end_date": now + timedelta(seconds=5)}
    index = "map_index" if "map_index" in TaskInstance.__table__.columns else "region_index"  # 3.4
    of_run = {"dag_id": "etl", "run_id": "r1", index: -1, "pool": "default_pool", "try_number": 1, **times}
    for task_id in tasks:
        session.execute(TaskInstance.__table__.insert().values(**of_run, task_id=task_id, state="failed"))
asked = []
with create_session() as session:
    run = session.query(DagRun).filter(DagRun.run_id == "r1").one()
    run.dag = SimpleNamespace(dag_id="etl", partial=False, tasks=[SimpleNamespace(task_id="a", trigger_rule=rule)])
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: asked.append(given[2]))
    hook = listeners.on_dag_run_failed if state == "failed" else listeners.on_dag_run_success
    hook(dag_run=run, msg="task_failure" if state == "failed" else "success")
found = [alert.facts["failed_task_count"] for _, alert in outbox().mail_of(Mailbox("dingtalk_default"), 10)]
print(json.dumps([[re.search(r"FROM (\\w+)", each)[1] for each in asked], found]))
"""


def run(program: str, home: Path, database: Path, *arguments: str) -> str:
    """What a program prints last in an Airflow that reports all DAGs."""
    shutil.copy(database, home / "airflow.db")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout.splitlines()[-1]


def test_a_run_that_fails_keeps_its_transaction(tmp_path: Path, migrated_database: Path) -> None:
    assert run(PROGRAM, tmp_path, migrated_database) == "as it should be"


@pytest.mark.parametrize(
    ("ended", "asked", "counts"),
    [
        (["failed", "all_success", "a", "b", "c"], ["task_instance", "log"], [3]),
        (["failed", "all_success"], ["task_instance"], [0]),
        (["success", "all_success", "a"], [], []),
        (["success", "all_done", "a"], ["task_instance", "log"], []),
    ],
    ids=["failed", "failed without failed tasks", "succeeded", "succeeded though a task failed"],
)
def test_the_database_is_asked_once(
    tmp_path: Path, migrated_database: Path, ended: list[str], asked: list[str], counts: list[int]
) -> None:
    """About the failed tasks of a run, and about who marked them: the scheduler's loop waits for each query."""
    assert json.loads(run(QUERIES, tmp_path, migrated_database, json.dumps(ended))) == [asked, counts]
