"""Missed deadlines on a real Airflow: reported by the triggerer, by one with a queue of its own, and by the executor.

Takes minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.standalone_airflow import RunningAirflow, standalone

sdk = pytest.importorskip("airflow.sdk.definitions.deadline", reason="deadlines came with Airflow 3.1")
if not hasattr(sdk, "SyncCallback"):
    pytest.skip("this Airflow calls back for deadlines in the triggerer alone", allow_module_level=True)

pytestmark = pytest.mark.standalone

SECRET = "SEC-of-missed-deadlines-0123456789"
WAIT_SECONDS = 600
HAS_QUEUES = "queue" in inspect.signature(sdk.AsyncCallback).parameters
QUEUE = "alerts"
FLUSH = "import sys; from airflow_provider_dingpush.cli.main import main; sys.exit(main(['flush', '--now']))"
DAG_FILE = """
import time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback

from airflow_provider_dingpush.notifications import DingTalkNotifier

KWARGS = {{"language": "en"}}
CALLBACKS = {{
    "by_triggerer": AsyncCallback(DingTalkNotifier, kwargs=KWARGS),
    "by_executor": SyncCallback(DingTalkNotifier, kwargs=KWARGS),
    {more}
}}


@task
def wait():
    time.sleep(20)


for dag_id, callback in CALLBACKS.items():
    with DAG(
        dag_id,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(seconds=2), callback=callback
        ),
    ) as dag:
        wait()
    globals()[dag_id] = dag
"""


def texts_of(sandbox: Sandbox) -> list[str]:
    return [message.payload["markdown"]["text"].replace("\\", "") for message in sandbox.messages]


def reported(sandbox: Sandbox, airflow: RunningAirflow) -> set[str]:
    """The DAGs whose deadline was reported. Of two callbacks at once one only writes its alert, which a flush sends."""
    subprocess.run([sys.executable, "-c", FLUSH], env=airflow.environment, capture_output=True, check=False)
    return {dag_id for dag_id in ("by_triggerer", "by_executor", "by_queue") if dag_id in "".join(texts_of(sandbox))}


def test_a_missed_deadline_is_reported_once_whoever_calls_back(tmp_path: Path) -> None:
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        more = f'"by_queue": AsyncCallback(DingTalkNotifier, kwargs=KWARGS, queue="{QUEUE}"),' if HAS_QUEUES else ""
        dag_ids = ["by_triggerer", "by_executor", *(["by_queue"] if HAS_QUEUES else [])]
        webhook = f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0"
        options = {"TRIGGERER__QUEUES_ENABLED": HAS_QUEUES}
        # Airflow 3.3.2 reads no connections of its database for a callback of the executor.
        environment = {"AIRFLOW_CONN_DINGTALK_DEFAULT": webhook}
        with standalone(tmp_path, {"deadlines.py": DAG_FILE.format(more=more)}, options, environment) as airflow:
            triggerer = None
            if HAS_QUEUES:
                command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs", "--queues", QUEUE]
                with (tmp_path / "triggerer.log").open("w") as log:
                    triggerer = subprocess.Popen(command, env=airflow.environment, stdout=log, stderr=log)
            try:
                airflow.start(dag_ids)
                airflow.wait_until("all alerts", lambda: reported(sandbox, airflow) >= set(dag_ids), WAIT_SECONDS)
            finally:
                if triggerer is not None:
                    triggerer.kill()
                    triggerer.wait()
        texts = texts_of(sandbox)
        for dag_id in dag_ids:
            (text,) = [each for each in texts if dag_id in each]
            assert "eadline" in text
        assert SECRET not in airflow.log.read_text(errors="replace")
