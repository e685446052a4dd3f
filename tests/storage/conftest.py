"""Every store, for what all of them promise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_dingpush.storage.contract import Store
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.storage.memory_store import MemoryStore


def _memory() -> Callable[[], Store]:
    store = MemoryStore()
    return lambda: store


# name -> what opens a new store again and again, as each process does
STORES: dict[str, Callable[[pytest.FixtureRequest], Callable[[], Store]]] = {
    "files": lambda test: partial(FileStore, Path(test.getfixturevalue("tmp_path"), "home")),
    "redis": lambda test: partial(
        RedisStore, test.getfixturevalue("redis_url"), prefix=str(test.getfixturevalue("prefix"))
    ),
    "memory": lambda _: _memory(),
}


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Opens the store anew, as each process does."""
    return STORES[request.param](request)
