"""What the tests of the pipeline share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outbox_in_use import use
from tests.redis_servers import RedisServer, SlowNetwork, redis_server, slow_network


@pytest.fixture(autouse=True)
def _callbacks_of_its_own(callback_process: None, outbox_home: Path) -> None:
    """Each test is a process of its own, as far as callbacks know, with an outbox of its own."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running
        running.process.send_signal(signal.SIGCONT)  # or it could not be ended


@pytest.fixture
def network(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNetwork]:
    """The way to the Redis that is the outbox of this Airflow."""
    with slow_network(server.socket) as network:
        use(network.url, monkeypatch)
        yield network
