"""What all tests share: an Airflow and an outbox of their own, a sandbox to send to, and a Redis."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

# Most tests wait for the disk: where this machine lends memory as one, their files lie there. TMPDIR decides otherwise.
_MEMORY = Path("/dev/shm")  # noqa: S108 - only folders with random names are made in it
_MOST_BYTES = 2_000_000_000
if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MOST_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# Airflow reads these when it is first imported: tests never meet the Airflow that may be configured on this machine.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
_home = tempfile.TemporaryDirectory(prefix="dingpush-tests-")
atexit.register(_home.cleanup)  # rather than with a warning, which would be an error here
os.environ.update(
    AIRFLOW_HOME=_home.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(_home.name, "dags")),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    # Set on purpose: otherwise the first alert of each outbox says how to change it.
    AIRFLOW__DINGPUSH__TIMEZONE="UTC",
    # Airflow 3.0 finds none in a home that it has not set up itself, such as one with a copied database.
    AIRFLOW__API_AUTH__JWT_SECRET="made up for these tests",
)
# A proxy of this machine must not be asked for servers that tests start.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
for _name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy", "REQUESTS_CA_BUNDLE"):
    os.environ.pop(_name, None)


from airflow_provider_dingpush.alerts.alert import Alert, Mailbox  # noqa: E402 - after the environment is clean
from airflow_provider_dingpush.pipeline import callback, callback_limits, outboxes, stores  # noqa: E402
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget  # noqa: E402
from airflow_provider_dingpush.pipeline.recent_recovery import RecentRecovery  # noqa: E402
from airflow_provider_dingpush.sandbox import Robot, Sandbox  # noqa: E402
from tests.half_characters import pytest_report_to_serializable  # noqa: E402
from tests.masked_secrets import masked_anew  # noqa: E402
from tests.redis_servers import redis_server  # noqa: E402

__all__ = ["pytest_report_to_serializable"]

MakeAlert = Callable[..., Alert]

CONN_ID = "dingtalk_default"
SECRET = "SEC0123456789abcdef0123456789abcdef"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than the machine has processors, for ``-n auto``: many tests wait for another process."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The throw-away home that Airflow uses in this test session."""
    return Path(_home.name)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``airflow db migrate`` makes, once for all processes of a test run: whoever starts an Airflow copies it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "migrated"
    shared.mkdir(exist_ok=True)
    database = shared / "airflow.db"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not database.exists():
            home = tmp_path_factory.mktemp("migrating")
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env={**os.environ, "AIRFLOW_HOME": str(home), "PYTHONWARNINGS": "ignore"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
            (home / "airflow.db").rename(database)
    return database


@pytest.fixture(autouse=True)
def _masked_anew() -> Iterator[None]:
    """What one test has masked, the next may print."""
    with masked_anew():
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A group with one robot that demands signatures."""
    with Sandbox(robots=(Robot(secret=SECRET),)) as running:
        yield running


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same, and the default connection points to it."""
    # Alerts of one test needn't be collected.
    url = f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    return sandbox


@pytest.fixture
def app_connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The same sandbox, and the default connection of an app points to its app."""
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"]["group_interval_seconds"] = 0
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    return sandbox


@pytest.fixture
def callback_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks of each test are those of one process: they share neither time nor memory with another test's."""
    monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=time.monotonic))
    monkeypatch.setattr(callback, "_recovery", RecentRecovery())
    monkeypatch.setattr(outboxes, "_option_hung_at", None)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks have time enough on the busiest machine: for tests of what is sent, not of when."""
    monkeypatch.setenv("AIRFLOW__CORE__TASK_SUCCESS_OVERTIME", "240")
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 120.0)
    defaults: Any = stores.stores.__kwdefaults__
    for name in ("most_seconds", "total_seconds"):
        monkeypatch.setitem(defaults, name, 120.0)


@pytest.fixture
def outbox_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox of its own for each test."""
    home = tmp_path / "outbox"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(home))
    # The fallback files are below the folder for temporary files.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return home


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that only these tests know; each test has a prefix of its own in it."""
    with redis_server() as server:
        yield server.url


@pytest.fixture
def start_redis() -> Iterator[Callable[..., str]]:
    """Starts a Redis for one test, with options as on its command line; its URL."""
    with ExitStack() as servers:
        yield lambda *options: servers.enter_context(redis_server(*options)).url


@pytest.fixture
def prefix() -> str:
    """What the keys of one test begin with."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def make_alert() -> MakeAlert:
    """Builds an alert of a failed task; each argument can be given."""

    usual = Mailbox("dingtalk_default")

    def make(key: str = "k1", *, mailbox: Mailbox = usual, **given: Any) -> Alert:
        values: dict[str, Any] = {
            "event": "task_failed",
            "at": 1_800_000_000.0,
            "dag_id": "sales",
            "run_id": "manual__1",
            "task_id": f"task of {key}",
        }
        return Alert(key=key, mailbox=mailbox, **{**values, **given})

    return make
