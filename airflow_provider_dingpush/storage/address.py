"""Where a store is, without opening it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Notes, Store


class Address(NamedTuple):
    """Where a store is, as ``address_of(url)`` of its package reads it from ``[dingpush] outbox_url``.

    :param location: for people, without the password.
    :param password: to be masked wherever Airflow writes logs; empty if there is none.
    :param open: opens the store.
    :param open_notes: opens its notes only, which loads less.
    """

    location: str
    password: str
    open: Callable[[], Store]
    open_notes: Callable[[], Notes]
