"""The lock of a check of the tick: one process at a time, on any machine with the same outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_dingpush.errors import OutboxError

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

_SECONDS = 60.0


@contextmanager
def only_here(stores: Sequence[Store], check: str) -> Iterator[bool]:
    """Be the only process that runs a check; ``False`` if another one does.

    :param stores: the best first; the first that can be used has the lock.
    :param check: its name.
    :raises OutboxError: if no store can be used.
    """
    for store in stores:
        try:
            lock = store.bounded.lock("check", check, _SECONDS)
        except OutboxError:
            continue
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()
        return
    raise OutboxError("No store can be used.")
