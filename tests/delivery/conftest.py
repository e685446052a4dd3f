"""Outboxes to test with: files in a temporary folder, and a Redis process of our own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_dingpush.delivery.alert import Alert, Mailbox
from tests.redis_servers import redis_server

MakeAlert = Callable[..., Alert]


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
