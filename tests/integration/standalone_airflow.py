"""A real Airflow of a test's own, as ``airflow standalone`` starts it; and its API, if it is Airflow 3."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import is_airflow_3

START_SECONDS = 600  # on a busy machine
RUN_ID = "try+it"  # "+" has to be quoted in links

Found = TypeVar("Found")
TaskInstance = tuple[str, int]
"""Task id and map index."""
Ending = tuple[str, int]
"""State and number of tries."""


def free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        listeners = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


@dataclass
class RunningAirflow:
    """An ``airflow standalone`` and its API.

    :param environment: all of its environment.
    """

    home: Path
    url: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = ""
    log_name: str = "standalone.log"

    @property
    def log(self) -> Path:
        return self.home / self.log_name

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
        pytest.fail(f"{what}: not within {seconds} s. From its log:\n{self.log.read_text(errors='replace')[-4000:]}")

    def start(self, dag_ids: Sequence[str]) -> None:
        """Begin a run of each DAG."""
        for runs in [f"/api/v2/dags/{each}/dagRuns" for each in dag_ids]:
            # The API may be up before the DAG file was read. An answer that came too late has begun the run, too.
            self.wait_until(runs, lambda: self._begin(runs), START_SECONDS)  # noqa: B023

    def _begin(self, runs: str) -> Any:
        begun = self.call(runs, {"dag_run_id": RUN_ID, "logical_date": None})
        return begun or self.call(f"{runs}/{quote(RUN_ID)}")

    def run(self, dag_ids: Sequence[str], *, within_seconds: float) -> None:
        """Run DAGs side by side until all have failed."""
        self.start(dag_ids)
        for run in [f"/api/v2/dags/{each}/dagRuns/{quote(RUN_ID)}" for each in dag_ids]:
            self.wait_until(run, lambda: (self.call(run) or {}).get("state") == "failed", within_seconds)  # noqa: B023

    def tasks_of(self, dag_id: str) -> dict[TaskInstance, Ending]:
        """How each task instance of the run ended, read page by page."""
        found: dict[TaskInstance, Ending] = {}
        run = f"/api/v2/dags/{dag_id}/dagRuns/{quote(RUN_ID)}"
        while True:
            page = self.call(f"{run}/taskInstances?limit=100&offset={len(found)}&order_by=map_index")["task_instances"]
            if not page:
                return found
            found.update({(each["task_id"], each["map_index"]): (each["state"], each["try_number"]) for each in page})


@contextmanager
def standalone(
    home: Path, dag_files: Mapping[str, str], options: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[RunningAirflow]:
    """A throw-away Airflow, from when its API answers on; Airflow 2: its web server.

    :param home: its folder.
    :param dag_files: by name.
    :param options: of its configuration, as ``CORE__PARALLELISM``.
    :param environment: what it shall know besides.
    """
    (home / "dags").mkdir()
    for name, text in dag_files.items():
        (home / "dags" / name).write_text(text)
    port, *log_ports = free_ports(3)
    running = RunningAirflow(home, f"http://127.0.0.1:{port}")
    every_option = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        **(_options_of_3(running.url, port) if is_airflow_3() else _options_of_2(running.url, port)),
        "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        "DINGPUSH__LANGUAGE": "en",
        **options,
    }
    whole_environment = {
        **os.environ,
        **{f"AIRFLOW__{name}": str(value) for name, value in every_option.items()},
        **environment,
        "AIRFLOW_HOME": str(home),
        # "standalone" starts its parts by the name "airflow".
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    running.environment = whole_environment
    with running.log.open("w") as log:
        command = [sys.executable, "-m", "airflow", "standalone"]
        process = subprocess.Popen(command, env=whole_environment, stdout=log, stderr=log, start_new_session=True)
        try:
            if is_airflow_3():
                running.token = running.wait_until(
                    "API server", lambda: (running.call("/auth/token") or {}).get("access_token"), START_SECONDS
                )
            else:
                running.wait_until("web server", lambda: running.call("/health"), START_SECONDS)
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children are in its group
            process.wait()


def _options_of_3(url: str, port: int) -> dict[str, Any]:
    return {
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
    }


def _options_of_2(url: str, port: int) -> dict[str, Any]:
    return {
        "WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
        "WEBSERVER__WEB_SERVER_PORT": port,
        "WEBSERVER__BASE_URL": url,
        "WEBSERVER__WORKERS": 1,
        # On a busy machine gunicorn starts slowly, and the web server would end itself.
        "WEBSERVER__WEB_SERVER_MASTER_TIMEOUT": 3600,
        "WEBSERVER__WEB_SERVER_WORKER_TIMEOUT": 600,
    }
