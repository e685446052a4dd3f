"""Outboxes to test with: files in a temporary folder, and a Redis process of our own."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.delivery.alert import Alert, Mailbox

MakeAlert = Callable[..., Alert]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that only these tests know; each test has a prefix of its own in it."""
    with running_redis() as url:
        yield url


@pytest.fixture
def start_redis() -> Iterator[Callable[..., str]]:
    """Starts a Redis for one test, with options as on its command line; its URL."""
    with ExitStack() as servers:
        yield lambda *options: servers.enter_context(running_redis(*options))


@contextmanager
def running_redis(*options: str) -> Iterator[str]:
    """A running ``redis-server`` on a socket in a folder of its own; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server isn't installed: apt-get install redis-server")
    if importlib.util.find_spec("redis") is None:
        pytest.skip("redis-py isn't installed: pip install 'airflow-provider-dingpush[redis]'")
    # Not pytest's own folder: the path of a socket has at most 107 bytes (unix(7)).
    with tempfile.TemporaryDirectory(prefix="dingpush-redis-") as folder:
        socket = Path(folder, "redis.sock")
        command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", "", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                assert server.stdout is not None
                said = []
                for line in server.stdout:
                    said.append(line)
                    if "eady to accept connections" in line:
                        break
                else:
                    pytest.fail(f"redis-server ended: {''.join(said)}")
                yield f"unix://{socket}?db=0"
            finally:
                server.kill()


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
