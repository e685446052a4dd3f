"""Small values that expire, and where a store is: apart from the rest, because each task loads this only."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Notes, Store

OPEN = "open"
"""The family of notes of open failures: the one that every success looks at."""


class Note(NamedTuple):
    """A note to be set.

    :param family: its kind.
    :param name: within its family.
    :param value: at most a few kilobytes, unless it is ``durable``.
    :param seconds: how long it lasts at most, in seconds from now.
    :param until: when it expires, in seconds since 1970, if that is sooner.
    :param newest: how many notes of the family are kept; those that expire first are removed, possibly some time later.
    :param extends: keep the expiry of an existing note if that is later.
    :param durable: whether it must survive a power cut once it is set.
    """

    family: str
    name: str
    value: bytes = b""
    seconds: float = 366 * 86_400.0
    until: float = inf
    newest: int | None = None
    extends: bool = False
    durable: bool = False


class FoundNote(NamedTuple):
    """A note that has not expired.

    :param value: of the note.
    :param until: when it expires, in seconds since 1970.
    :param seconds_left: how long until then, by the clock of the store.
    """

    value: bytes
    until: float
    seconds_left: float


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
