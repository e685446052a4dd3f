"""What arrives, and what becomes of the tasks, when a real Airflow runs a failing DAG.

Only the real components do what hurts here: the supervisor kills slow callbacks and may retry their tasks, and the DAG
processor runs DAG-level callbacks. Takes minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

START_SECONDS = 180
RUN_SECONDS = 300
CALLBACK_SECONDS = 8
RUN_ID = "try+it"  # "+" has to be quoted in links
# One DAG for each robot, and one without notifiers: what becomes of its tasks is how it should be.
DAG_FILE = """
import os, time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowFailException
from airflow_provider_dingpush.notifications import DingTalkNotifier

def note(what, ti):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{what} {ti.dag_id} {ti.task_id} {ti.map_index} {ti.try_number} {time.time()}\\n")

def begin(context): note("begin", context["ti"])
def end(context): note("end", context["ti"])

for robot in (None, "answers", "hangs"):
    def told(times=1):
        return [begin, *[DingTalkNotifier(dingtalk_conn_id=robot)] * times, end] if robot else None

    with DAG(
        dag_id=robot or "untold",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        on_failure_callback=DingTalkNotifier(dingtalk_conn_id=robot) if robot else None,
        default_args={"on_failure_callback": told(), "on_retry_callback": told(), "retry_delay": timedelta(seconds=1)},
    ):
        @task(retries=2, on_failure_callback=told(3))
        def gives_up(*, ti):
            note("run", ti)
            raise AirflowFailException("no use in trying again")

        @task(retries=1)
        def tries_again(*, ti):
            note("run", ti)
            raise RuntimeError("database down")

        @task
        def part(number, *, ti):
            note("run", ti)
            if number: raise ValueError(f"part {number} is broken")

        @task(on_success_callback=told())
        def works(*, ti):
            note("run", ti)

        gives_up(); tries_again(); part.expand(number=[0, 1, 2]); works()
"""
TITLES_OF_ONE_RUN = [
    "Failed: answers · gives_up",
    "Failed: answers · gives_up",
    "Failed: answers · gives_up",  # its callback names the notifier three times
    "Failed: answers · part [1]",
    "Failed: answers · part [2]",
    "Failed: answers · tries_again",
    "Run failed: answers",
    "Succeeded: answers · works",
    "Try 1/2 failed, will retry: answers · tries_again",
]

Found = TypeVar("Found")


def free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        listeners = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


@dataclass
class RunningAirflow:
    """An ``airflow standalone`` and its API."""

    home: Path
    url: str
    token: str = ""

    @property
    def log(self) -> Path:
        return self.home / "standalone.log"

    def call(self, path: str, body: Any = None) -> Any:
        """The answer of the API, or ``None`` as long as there is none."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        method = "GET" if body is None else "POST"
        try:
            answer = requests.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=30)
        except (requests.ConnectionError, requests.Timeout):
            return None
        return answer.json() if answer.ok else None

    def wait_until(self, what: str, look: Callable[[], Found | None], seconds: float) -> Found:
        """What ``look`` finds, once it finds something."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = look()
            if found:
                return found
            time.sleep(0.5)
        pytest.fail(f"{what}: not within {seconds} s. Airflow said:\n{self.log.read_text(errors='replace')[-4000:]}")

    def run(self, dag_ids: Sequence[str]) -> None:
        """Run DAGs side by side to their ends."""
        for runs in [f"/api/v2/dags/{each}/dagRuns" for each in dag_ids]:
            # The API may be up before the DAG file was read.
            self.wait_until(runs, lambda: self.call(runs, {"dag_run_id": RUN_ID, "logical_date": None}), START_SECONDS)  # noqa: B023
        for run in [f"/api/v2/dags/{each}/dagRuns/{quote(RUN_ID)}" for each in dag_ids]:
            self.wait_until(run, lambda: (self.call(run) or {}).get("state") == "failed", RUN_SECONDS)  # noqa: B023

    def tasks_of(self, dag_id: str) -> dict[tuple[str, int], tuple[str, int]]:
        """(Task, map index) -> (state, number of tries)."""
        found = self.call(f"/api/v2/dags/{dag_id}/dagRuns/{quote(RUN_ID)}/taskInstances")["task_instances"]
        return {(each["task_id"], each["map_index"]): (each["state"], each["try_number"]) for each in found}

    def notes(self, what: str, dag_id: str) -> dict[tuple[str, ...], list[float]]:
        """(Task, map index, try) -> when its code ran, or when its callback began or ended."""
        found: dict[tuple[str, ...], list[float]] = {}
        for line in (self.home / "notes").read_text().splitlines():
            event, dag, *task, moment = line.split()
            if (event, dag) == (what, dag_id):
                found.setdefault(tuple(task), []).append(float(moment))
        return found

    def runs_of(self, dag_id: str) -> dict[tuple[str, ...], int]:
        """(Task, map index, try) -> how often its code ran."""
        return {task: len(moments) for task, moments in self.notes("run", dag_id).items()}

    def callback_seconds(self, dag_id: str) -> list[float]:
        """How long each callback took; fails if one didn't come to its end or came twice."""
        begun, ended = self.notes("begin", dag_id), self.notes("end", dag_id)
        assert {task: len(moments) for task, moments in begun.items()} == dict.fromkeys(ended, 1)
        return [ended[task][0] - moments[0] for task, moments in begun.items()]

    def everything_written(self) -> str:
        files = [self.log, *(each for each in (self.home / "logs").rglob("*") if each.is_file())]
        return "\n".join(each.read_text(errors="replace") for each in files)


@pytest.fixture
def hanging() -> Iterator[Sandbox]:
    """A robot that takes every request and answers none."""
    with Sandbox(robots=(Robot(secret="SEC-of-the-robot-that-hangs"),)) as running:
        running.fail_next(Fault.HANG, times=1000)
        yield running


@pytest.fixture
def airflow(tmp_path: Path, sandbox: Sandbox, hanging: Sandbox) -> Iterator[RunningAirflow]:
    """A throw-away Airflow that knows one robot from its database and the other from the environment."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "robots.py").write_text(DAG_FILE)
    port, *log_ports = free_ports(3)
    running = RunningAirflow(tmp_path, f"http://127.0.0.1:{port}")
    options = {
        "CORE__DAGS_FOLDER": tmp_path / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__PARALLELISM": 4,
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{running.url}/execution/",
        "API__PORT": port,
        "API__BASE_URL": running.url,
        "API__WORKERS": 1,
        "LOGGING__LOGGING_LEVEL": "DEBUG",  # where secrets leak first
        "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        "DINGPUSH__LANGUAGE": "en",
    }
    environment = os.environ | {f"AIRFLOW__{name}": str(value) for name, value in options.items()}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_HANGS": f"{hanging.webhook_url}&secret={hanging.robot.secret}",
        "NOTES": str(tmp_path / "notes"),
        # "standalone" starts its parts by the name "airflow".
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with running.log.open("w") as log:
        command = [sys.executable, "-m", "airflow", "standalone"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            running.token = running.wait_until(
                "API server", lambda: (running.call("/auth/token") or {}).get("access_token"), START_SECONDS
            )
            extra = json.dumps({"secret": sandbox.robot.secret})
            robot = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
            assert running.call("/api/v2/connections", {"connection_id": "answers", **robot})
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind is in its group
            process.wait()


def test_alerts_of_a_real_run_arrive_once_and_a_hanging_robot_changes_nothing(
    airflow: RunningAirflow, sandbox: Sandbox, hanging: Sandbox
) -> None:
    airflow.run(("untold", "answers", "hangs"))
    messages = sandbox.wait_for_messages(len(TITLES_OF_ONE_RUN), timeout_seconds=60)

    # Nobody may run twice, or once less, because of an alert.
    for dag_id in ("answers", "hangs"):
        assert airflow.tasks_of(dag_id) == airflow.tasks_of("untold")
        assert airflow.runs_of(dag_id) == airflow.runs_of("untold")
        assert max(airflow.callback_seconds(dag_id)) < CALLBACK_SECONDS + 2
    assert [run for run in airflow.runs_of("untold") if "gives_up" in run] == [("gives_up", "-1", "1")]

    alerts = [message.payload["markdown"] for message in messages]
    assert sorted(alert["title"] for alert in alerts) == TITLES_OF_ONE_RUN
    texts = {alert["title"]: alert["text"] for alert in alerts}
    page = f"{airflow.url}/dags/answers/runs/{quote(RUN_ID)}/tasks/part/mapped/2?try_number=1"
    assert quote(page, safe="") in texts["Failed: answers · part [2]"]
    assert "> part 2 is broken" in texts["Failed: answers · part [2]"]
    failed = [line.split(" [log]")[0] for line in texts["Run failed: answers"].splitlines() if " [log]" in line]
    # Airflow 3.0 can't tell which tasks failed.
    assert failed in ([], ["- gives\\_up", "- part [1]", "- part [2]", "- tries\\_again"])

    written = airflow.everything_written()
    assert "The DingTalk notice may not have arrived (task_failed hangs try+it" in written
    for robot in (sandbox.robot, hanging.robot):
        assert robot.access_token not in written
        assert str(robot.secret) not in written
