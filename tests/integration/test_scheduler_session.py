"""A listener in the scheduler uses the scheduler's own database session, and neither commits nor closes it.

``create_session`` without a session gives out the one of this thread: what ends it there ends the transaction in which
the scheduler sets the state of a run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_a_run_that_fails_keeps_its_transaction(tmp_path: Path, migrated_database: Path) -> None:
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("as it should be\n"), (done.stdout + done.stderr)[-3000:]
