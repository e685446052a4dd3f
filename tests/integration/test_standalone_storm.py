"""A DAG of 200 mapped tasks that all fail, on a real Airflow with its LocalExecutor: all of them are in the chat.

And nothing else changes: states and tries of the tasks are those of the same DAG without a notifier. Takes five to ten
minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import ChatMessage, Sandbox
from tests.integration.standalone_airflow import standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

TASKS = 200
STUBBORN = 20
"""So many of them are tried twice; the others raise AirflowFailException."""
STORM_SECONDS = 900
FLUSH_SECONDS = 420
"""The flush DAG collects a storm's last alerts for five minutes at most."""
OPTIONS = {"CORE__EXECUTOR": "LocalExecutor", "CORE__PARALLELISM": 16, "CORE__MAX_ACTIVE_TASKS_PER_DAG": 16}
MOST_MESSAGES_A_MINUTE = 18
# Most tasks fail for good although they may be retried: if a callback overstayed, they would be.
DAG_FILE = f"""
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowFailException
from airflow_provider_dingpush.notifications import DingTalkNotifier

for dag_id, callback in (("storm", DingTalkNotifier()), ("unreported", None)):
    with DAG(
        dag_id=dag_id,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        default_args={{"on_failure_callback": callback, "retries": 1, "retry_delay": timedelta(seconds=1)}},
    ):
        @task
        def part(number):
            if number < {STUBBORN}:
                raise ConnectionError("could not connect to server: Connection refused")
            raise AirflowFailException(f"file {{number}} is broken")

        part.expand(number=list(range({TASKS})))
"""
FLUSH_FILE = """
from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
"""
_COUNT = re.compile(r"^([\d,]+) failures?: storm · part")


def reported_in(message: ChatMessage) -> int:
    """How many failures a message reports."""
    title = message.payload["markdown"]["title"]
    counted = _COUNT.match(title)
    assert counted or title.startswith("Failed: storm · part ["), title
    return int(counted[1].replace(",", "")) if counted else 1


def test_two_hundred_failures_of_a_real_run_are_all_reported_and_change_nothing(tmp_path: Path) -> None:
    with Sandbox() as chat:
        files = {"storm.py": DAG_FILE, "flush.py": FLUSH_FILE}
        with standalone(tmp_path, files, OPTIONS, {"AIRFLOW_CONN_DINGTALK_DEFAULT": chat.webhook_url}) as airflow:
            airflow.run(["storm"], within_seconds=STORM_SECONDS)
            airflow.wait_until("the last alerts", lambda: sum(map(reported_in, chat.messages)) >= TASKS, FLUSH_SECONDS)
            airflow.run(["unreported"], within_seconds=STORM_SECONDS)
            tasks = airflow.tasks_of("storm")
            assert len(tasks) == TASKS
            assert tasks == airflow.tasks_of("unreported")
            assert {each for each, _ in tasks.values()} == {"failed"}
            assert sum(tries == 2 for _, tries in tasks.values()) == STUBBORN
            flushes = airflow.call("/api/v2/dags/dingpush_flush/dagRuns")["dag_runs"]
            assert {each["state"] for each in flushes} <= {"success", "running", "queued"}
        reported = [reported_in(message) for message in chat.messages]
        assert sum(reported) == TASKS, reported
        assert {request.outcome for request in chat.requests} == {"accepted"}
        times = [request.received_at for request in chat.requests]
        assert max(sum(start <= each < start + 60 for each in times) for start in times) <= MOST_MESSAGES_A_MINUTE
        print(f"\n{reported} at {[round(each - times[0], 1) for each in times]} s")  # noqa: T201 - figures for people
