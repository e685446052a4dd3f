"""A DAG of 200 mapped tasks that all fail, on a real Airflow with its LocalExecutor: all of them stand in the chat.

And nothing else changes: states and tries of the tasks are those of the same DAG without a notifier. Takes five to ten
minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.sandbox.chat import ChatMessage
from tests.integration.test_standalone import RUN_ID, START_SECONDS, RunningAirflow, free_ports

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

TASKS = 200
STUBBORN = 20
"""So many of them are tried twice; the others say that it is no use."""
STORM_SECONDS = 900
FLUSH_SECONDS = 180
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

for dag_id, told in (("storm", DingTalkNotifier()), ("untold", None)):
    with DAG(
        dag_id=dag_id,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        default_args={{"on_failure_callback": told, "retries": 1, "retry_delay": timedelta(seconds=1)}},
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


@contextmanager
def standalone(home: Path, dag_files: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[RunningAirflow]:
    """A throw-away Airflow.

    :param home: its folder.
    :param dag_files: by name.
    :param environment: what it shall know besides.
    """
    (home / "dags").mkdir()
    for name, text in dag_files.items():
        (home / "dags" / name).write_text(text)
    port, *log_ports = free_ports(3)
    running = RunningAirflow(home, f"http://127.0.0.1:{port}")
    options: dict[str, Any] = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 16,
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": 16,
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{running.url}/execution/",
        "API__PORT": port,
        "API__BASE_URL": running.url,
        "API__WORKERS": 1,
        "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        "DINGPUSH__LANGUAGE": "en",
    }
    everything = {
        **os.environ,
        **{f"AIRFLOW__{name}": str(value) for name, value in options.items()},
        **environment,
        "AIRFLOW_HOME": str(home),
        # "standalone" starts its parts by the name "airflow".
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with running.log.open("w") as log:
        command = [sys.executable, "-m", "airflow", "standalone"]
        process = subprocess.Popen(command, env=everything, stdout=log, stderr=log, start_new_session=True)
        try:
            running.token = running.wait_until(
                "API server", lambda: (running.call("/auth/token") or {}).get("access_token"), START_SECONDS
            )
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind is in its group
            process.wait()


def run_to_its_end(airflow: RunningAirflow, dag_id: str) -> None:
    """Run a DAG until its run has failed."""
    runs = f"/api/v2/dags/{dag_id}/dagRuns"
    airflow.wait_until(runs, lambda: airflow.call(runs, {"dag_run_id": RUN_ID, "logical_date": None}), START_SECONDS)
    states = f"/api/v2/dags/{dag_id}/dagRuns/~"
    airflow.wait_until(states, lambda: _states(airflow, runs) == {"failed"}, STORM_SECONDS)


def _states(airflow: RunningAirflow, runs: str) -> set[str]:
    return {each["state"] for each in (airflow.call(runs) or {}).get("dag_runs", [])}


def tasks_of(airflow: RunningAirflow, dag_id: str) -> dict[tuple[str, int], tuple[str, int]]:
    """(Task, map index) -> (state, number of tries), page by page."""
    found: dict[tuple[str, int], tuple[str, int]] = {}
    while True:
        path = f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances?limit=100&offset={len(found)}&order_by=map_index"
        page = airflow.call(path)["task_instances"]
        if not page:
            return found
        found.update({(each["task_id"], each["map_index"]): (each["state"], each["try_number"]) for each in page})


def told_in(message: ChatMessage) -> int:
    """How many failures a message tells."""
    title = message.payload["markdown"]["title"]
    counted = _COUNT.match(title)
    assert counted or title.startswith("Failed: storm · part ["), title
    return int(counted[1].replace(",", "")) if counted else 1


def test_two_hundred_failures_of_a_real_run_are_all_told_and_change_nothing(tmp_path: Path) -> None:
    with Sandbox() as chat:
        files = {"storm.py": DAG_FILE, "flush.py": FLUSH_FILE}
        with standalone(tmp_path, files, {"AIRFLOW_CONN_DINGTALK_DEFAULT": chat.webhook_url}) as airflow:
            run_to_its_end(airflow, "storm")
            airflow.wait_until("the last alerts", lambda: sum(map(told_in, chat.messages)) >= TASKS, FLUSH_SECONDS)
            run_to_its_end(airflow, "untold")
            tasks = tasks_of(airflow, "storm")
            assert len(tasks) == TASKS
            assert tasks == tasks_of(airflow, "untold")
            assert {each for each, _ in tasks.values()} == {"failed"}
            assert sum(tries == 2 for _, tries in tasks.values()) == STUBBORN
            assert _states(airflow, "/api/v2/dags/dingpush_flush/dagRuns") <= {"success", "running", "queued"}
        told = [told_in(message) for message in chat.messages]
        assert sum(told) == TASKS, told
        assert {request.outcome for request in chat.requests} == {"accepted"}
        times = [request.received_at for request in chat.requests]
        assert max(sum(start <= each < start + 60 for each in times) for start in times) <= MOST_MESSAGES_A_MINUTE
        print(f"\n{told} at {[round(each - times[0], 1) for each in times]} s")  # noqa: T201 - figures for people
