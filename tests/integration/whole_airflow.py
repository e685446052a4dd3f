"""A real Airflow, 2 or 3, on this machine: PostgreSQL, API or web server, scheduler, DAG processor, triggerer.

Needs ``psycopg2``, on Airflow 3 also ``asyncpg`` (``pip install --group cluster``), and the programs ``initdb`` and
``postgres``. On Airflow 2 the DAG processor is a part of the scheduler, as it is by default.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import has_own_plugin, is_airflow_3
from tests.integration.celery_cluster import Parts, postgres_programs
from tests.integration.standalone_airflow import START_SECONDS, free_ports

ROOT = Path(__file__).parents[2]
USER = PASSWORD = "admin"
LOST_AFTER_SECONDS = 60
"""A task whose heartbeat stops for so long is lost; Airflow's own 300 seconds would only make the test longer."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class WholeAirflow:
    """What a test can ask and do.

    :param folder: of its files and logs.
    :param url: of its API.
    :param database: how to connect to it.
    :param authorization: the header of the API.
    :param parts: its programs.
    """

    folder: Path
    url: str
    database: str
    authorization: Mapping[str, str]
    parts: Parts

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What its database answers."""
        import psycopg2

        with psycopg2.connect(self.database) as database, database.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def runs(self) -> dict[str, dict[str, str]]:
        """DAG -> run -> its state."""
        found: dict[str, dict[str, str]] = {}
        for dag_id, run_id, state in self.rows("SELECT dag_id, run_id, state FROM dag_run ORDER BY id"):
            found.setdefault(dag_id, {})[run_id] = state
        return found

    def task_states(self, dag_id: str) -> dict[str, str | None]:
        """Task -> its state, for a DAG of one run without mapped tasks."""
        return dict(self.rows("SELECT task_id, state FROM task_instance WHERE dag_id = %s", dag_id))

    def change(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """A request to the API that a person would make with the mouse."""
        version = "v2" if is_airflow_3() else "v1"
        parts = [quote(each) for each in path.split("/")]
        answer = requests.request(
            method, f"{self.url}/api/{version}/{'/'.join(parts)}", json=body, headers=self.authorization, timeout=60
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"

    def wait_until(self, look: Callable[[], Found | None], seconds: float) -> Found | None:
        """What ``look`` finds, or ``None`` if it doesn't in time; nothing is found any more if a program has ended."""
        until = time.monotonic() + seconds
        while True:
            self.parts.fail_if_one_has_ended()
            found = look()
            if found or time.monotonic() > until:
                return found
            time.sleep(1)

    def log(self) -> str:
        """The end of what each part has printed."""
        return "\n".join(
            f"== {each.name}\n{each.read_text(errors='replace')[-3000:]}" for each in sorted(self.folder.glob("*.log"))
        )


@contextmanager
def whole_airflow(
    dag_files: Mapping[str, str],
    modules: Mapping[str, str],
    environment: Mapping[str, str],
    options: Mapping[str, Any] | None = None,
) -> Iterator[WholeAirflow]:
    """An Airflow, from when its API answers on until the end of the block.

    :param dag_files: by name.
    :param modules: that all its processes can import, by file name.
    :param environment: what all of it shall know besides.
    :param options: of its configuration, as ``CORE__PARALLELISM``.
    """
    _skip_without_programs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpush-airflow-")))
        folder.chmod(0o755)
        for place, files in (("dags", dag_files), ("modules", modules)):
            (folder / place).mkdir()
            for name, text in files.items():
                (folder / place / name).write_text(text)
        api_port, database_port, *log_ports = free_ports(4)
        parts = Parts(folder)
        stack.callback(parts.stop)
        parts.start_postgres(database_port)
        url = f"http://127.0.0.1:{api_port}"
        of_airflow = {
            **_options(folder, url, database_port, log_ports),
            **(_options_of_3(url, api_port) if is_airflow_3() else _options_of_2(api_port)),
            **(options or {}),
        }
        whole = {
            **os.environ,
            **{f"AIRFLOW__{name}": str(value) for name, value in of_airflow.items()},
            **environment,
            "AIRFLOW_HOME": str(folder / "home"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(folder / "modules"), str(ROOT)]),
        }
        (folder / "home").mkdir()
        _airflow(["db", "migrate"], whole)
        web_server, *others = _programs(api_port).items()
        parts.start_airflow(*web_server, whole)
        # Tasks of Airflow 3 that start before its API answers fail.
        authorization = _login(url, whole)
        for name, arguments in others:
            parts.start_airflow(name, arguments, whole)
        database = f"host=127.0.0.1 port={database_port} user=airflow dbname=postgres"
        yield WholeAirflow(folder, url, database, authorization, parts)


def _options(folder: Path, url: str, database_port: int, log_ports: Sequence[int]) -> dict[str, Any]:
    return {
        "CORE__DAGS_FOLDER": folder / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 8,
        "CORE__FERNET_KEY": "",
        # A file whose parsing takes too long on a busy machine would not be parsed again.
        "CORE__DAGBAG_IMPORT_TIMEOUT": 300,
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow@127.0.0.1:{database_port}/postgres",
        "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        "DINGPUSH__BASE_URL": url,
        "DINGPUSH__LANGUAGE": "en",
    }


def _options_of_3(url: str, port: int) -> dict[str, Any]:
    return {
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
        "API__SECRET_KEY": "whole",
        "API_AUTH__JWT_SECRET": "a-secret-that-all-parts-of-this-airflow-share",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": LOST_AFTER_SECONDS,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 10,
        # A DAG file is parsed again only after it has changed.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 3600,
        "DAG_PROCESSOR__PARSING_PROCESSES": 2,
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": 600,
        "WORKERS__EXECUTION_API_TIMEOUT": 60,
    }


def _options_of_2(port: int) -> dict[str, Any]:
    return {
        "WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
        "WEBSERVER__WEB_SERVER_PORT": port,
        "WEBSERVER__WORKERS": 1,
        # On a busy machine gunicorn starts slowly, and the web server would end itself.
        "WEBSERVER__WEB_SERVER_MASTER_TIMEOUT": 3600,
        "WEBSERVER__WEB_SERVER_WORKER_TIMEOUT": 600,
        "WEBSERVER__SECRET_KEY": "whole",
        "API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
        "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": LOST_AFTER_SECONDS,
        "SCHEDULER__ZOMBIE_DETECTION_INTERVAL": 10,
        "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": 3600,
        "SCHEDULER__PARSING_PROCESSES": 2,
        "CORE__DAG_FILE_PROCESSOR_TIMEOUT": 600,
    }


def _programs(port: int) -> dict[str, list[str]]:
    if is_airflow_3():
        return {name: [name] for name in ("api-server", "scheduler", "dag-processor", "triggerer")}
    return {
        "webserver": ["webserver", "--port", str(port), "--workers", "1"],
        "scheduler": ["scheduler"],
        "triggerer": ["triggerer"],
    }


def _login(url: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The header that the API asks for, once it answers."""
    import base64

    if is_airflow_3():
        token = _answer_of(f"{url}/auth/token").json()["access_token"]
        return {"Authorization": f"Bearer {token}"}
    person = ["--username", USER, "--firstname", "A", "--lastname", "B", "--email", "a@example.com"]
    _airflow(["users", "create", *person, "--role", "Admin", "--password", PASSWORD], environment)
    _answer_of(f"{url}/health")
    return {"Authorization": f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}


def _answer_of(url: str) -> requests.Response:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = requests.get(url, timeout=30)
            if answer.ok:
                return answer
        except (requests.ConnectionError, requests.Timeout):
            pass
        if time.monotonic() > until:
            pytest.fail(f"{url} doesn't answer within {START_SECONDS} s")
        time.sleep(0.5)


def _airflow(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env={**environment, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def _skip_without_programs() -> None:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    for module in ("psycopg2", *(["asyncpg"] if is_airflow_3() else [])):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} isn't installed: pip install --group cluster")
    if not has_own_plugin("dingpush"):
        pytest.fail("Airflow finds no plugin of this package: pip install -e .")
