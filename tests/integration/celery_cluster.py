"""A real Airflow of several machines on this one: PostgreSQL, CeleryExecutor, Redis, two workers with their own homes.

Each part is a process of its own that a test can kill. The Redis of the outbox is another one than Celery's, behind a
proxy that can delay what passes. Needs ``pip install --group cluster`` and the programs ``initdb``, ``postgres`` and
``redis-server``.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.standalone_airflow import START_SECONDS, RunningAirflow, free_ports

PROGRAMS = {"airflow": "airflow.__main__", "dingpush": "airflow_provider_dingpush.cli.main"}
WORKERS = 2
TASKS_OF_A_WORKER = 8
LOST_AFTER_SECONDS = 30
"""A task whose process is gone fails after that; Airflow's own 300 seconds would only make the test longer."""


class DelayingProxy:
    """Passes TCP on to a port of this machine, each piece so much later in each direction.

    :param port: where to.
    """

    def __init__(self, port: int) -> None:
        self.delay_seconds = 0.0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(self.delay_seconds)
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Part:
    """One program of the cluster.

    :param command: what starts it.
    :param environment: all of its environment.
    :param log: where its output goes.
    :param user: who it runs as, where that isn't who runs the tests.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True, user=self.user
            )

    def kill(self) -> None:
        """End it and all its children at once, as a machine that loses its power."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def has_ended(self) -> bool:
        """Whether it ended, though nobody stopped it."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and make it."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.kill()


@dataclass
class Cluster:
    """What a test can look at and break.

    :param airflow: its API.
    :param database: where its state is kept.
    :param outbox_redis: the server of the outbox.
    :param outbox_proxy: a proxy before it.
    :param workers: of Celery.
    """

    airflow: RunningAirflow
    database: str
    outbox_redis: Part
    outbox_proxy: DelayingProxy
    workers: list[Part]
    environment: dict[str, str] = field(repr=False, default_factory=dict)

    def failed_tasks(self, dag_id: str) -> dict[tuple[str, int, int], str]:
        """Each failed task instance of a DAG, by run, map index and try number, as Airflow's database has it."""
        import psycopg2

        with psycopg2.connect(self.database) as database, database.cursor() as cursor:
            cursor.execute(
                "SELECT run_id, map_index, try_number, state FROM task_instance WHERE dag_id = %s AND state = 'failed'",
                (dag_id,),
            )
            return {(run_id, index, number): state for run_id, index, number, state in cursor.fetchall()}

    def tries(self, dag_id: str) -> dict[tuple[str, int], tuple[str, int]]:
        """State and number of tries of each task instance, by task id and map index."""
        import psycopg2

        with psycopg2.connect(self.database) as database, database.cursor() as cursor:
            cursor.execute(
                "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = %s", (dag_id,)
            )
            return {(task_id, index): (state, number) for task_id, index, state, number in cursor.fetchall()}

    def command(self, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``airflow`` or ``dingpush`` in the cluster's environment."""
        program, *rest = arguments
        # Not the scripts: they may belong to another virtual environment than the tests.
        start = f"import sys; from {PROGRAMS[program]} import main; sys.exit(main())"
        environment = {**self.environment, **({"AIRFLOW_HOME": str(home)} if home else {})}
        return subprocess.run(
            [sys.executable, "-c", start, *rest],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@contextmanager
def celery_cluster(
    dag_files: Mapping[str, str], environment: Mapping[str, str], options: Mapping[str, Any] | None = None
) -> Iterator[Cluster]:
    """A cluster, from when its API answers on.

    :param dag_files: by name.
    :param environment: what all of it shall know besides.
    :param options: of its configuration, as ``CORE__PARALLELISM``.
    """
    _skip_without_programs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpush-cluster-")))
        folder.chmod(0o755)
        parts = Parts(folder)
        stack.callback(parts.stop)
        api_port, database_port, broker_port, outbox_port, *log_ports = free_ports(5 + WORKERS)
        database = f"host=127.0.0.1 port={database_port} user=airflow dbname=postgres"
        parts.start_postgres(database_port)
        parts.start_redis("broker", broker_port)
        outbox_redis = parts.start_redis("outbox", outbox_port)
        proxy = DelayingProxy(outbox_port)
        stack.callback(proxy.close)
        (folder / "dags").mkdir()
        for name, text in dag_files.items():
            (folder / "dags" / name).write_text(text)
        airflow = RunningAirflow(folder, f"http://127.0.0.1:{api_port}", log_name="scheduler.log")
        every_option = {
            "CORE__DAGS_FOLDER": folder / "dags",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "CORE__EXECUTION_API_SERVER_URL": f"{airflow.url}/execution/",
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__PARALLELISM": WORKERS * TASKS_OF_A_WORKER,
            "CORE__MAX_ACTIVE_TASKS_PER_DAG": WORKERS * TASKS_OF_A_WORKER,
            "CORE__FERNET_KEY": "",
            "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow@127.0.0.1:{database_port}/postgres",
            "CELERY__BROKER_URL": f"redis://127.0.0.1:{broker_port}/0",
            "CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://airflow@127.0.0.1:{database_port}/postgres",
            "CELERY__WORKER_CONCURRENCY": TASKS_OF_A_WORKER,
            "API__HOST": "127.0.0.1",
            "API__PORT": api_port,
            "API__BASE_URL": airflow.url,
            "API__WORKERS": 1,
            "API__SECRET_KEY": "cluster",
            "API_AUTH__JWT_SECRET": "a-secret-that-all-parts-of-the-cluster-share",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": LOST_AFTER_SECONDS,
            "WORKERS__EXECUTION_API_TIMEOUT": 60,
            "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
            "DINGPUSH__OUTBOX_URL": f"redis://127.0.0.1:{proxy.port}/0",
            "DINGPUSH__LANGUAGE": "en",
            **(options or {}),
        }
        whole = {
            **os.environ,
            **{f"AIRFLOW__{name}": str(value) for name, value in every_option.items()},
            **environment,
            "AIRFLOW_HOME": str(folder / "server"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=whole, check=True, capture_output=True)
        parts.start_airflow("api-server", ["api-server"], whole)
        airflow.token = airflow.wait_until(
            "API server", lambda: (airflow.call("/auth/token") or {}).get("access_token"), START_SECONDS
        )
        for name in ("scheduler", "dag-processor"):
            parts.start_airflow(name, [name], whole)
        workers = [
            parts.start_airflow(
                f"worker-{number}",
                ["celery", "worker", "--celery-hostname", f"worker-{number}@%h", "--skip-serve-logs"],
                # A machine of its own: another home, so another folder of files for what Redis doesn't take.
                {**whole, "AIRFLOW_HOME": str(folder / f"worker-{number}")},
            )
            for number in range(WORKERS)
        ]
        yield Cluster(airflow, database, outbox_redis, proxy, workers, whole)


class Parts:
    """The programs of a cluster, stopped in the reverse order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Part] = []

    def stop(self) -> None:
        for part in reversed(self._started):
            part.stop()

    def fail_if_one_has_ended(self) -> None:
        """Fail the test if a program has ended by itself."""
        for part in self._started:
            if part.has_ended:
                pytest.fail(f"{part.log.stem} has ended:\n{part.log.read_text(errors='replace')[-5000:]}")

    def start_postgres(self, port: int) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        data = self._folder / "postgres"
        data.mkdir(0o700)
        if user:
            os.chown(data, pwd.getpwnam(user).pw_uid, -1)
        programs = Path(postgres_programs() or "")
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
        )
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
        self._start(Part([*command, "-c", "max_connections=300"], os.environ, self._folder / "postgres.log", user))
        _wait_for_port(port)

    def start_redis(self, name: str, port: int) -> Part:
        data = self._folder / name
        data.mkdir()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", "", "--appendonly", "yes"]
        part = Part(["redis-server", *options, "--appendfsync", "always"], os.environ, self._folder / f"{name}.log")
        self._start(part)
        _wait_for_port(port)
        return part

    def start_airflow(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Part:
        Path(environment["AIRFLOW_HOME"]).mkdir(exist_ok=True)
        log = self._folder / f"{name}.log"
        return self._start(Part([sys.executable, "-m", "airflow", *arguments], environment, log))

    def _start(self, part: Part) -> Part:
        part.start()
        self._started.append(part)
        return part


def postgres_programs() -> str | None:
    """The folder with ``initdb``; Debian keeps it off the path."""
    places = [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    found = next((place for place in reversed(places) if place), None)
    return found and str(Path(found).resolve().parent)


def _skip_without_programs() -> None:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server isn't installed: apt-get install redis-server")
    for module in ("airflow.providers.celery", "psycopg2", "asyncpg"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} isn't installed: pip install --group cluster")


def _wait_for_port(port: int) -> None:
    def answers() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    _wait(f"port {port}", answers)


def _wait(what: str, look: Callable[[], Any], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError):
            if look():
                return
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds} s")
