"""Small values that expire: apart from the rest of the contract, because each task loads this only."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

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
    :param extends: keep the value of an existing note, and its expiry if that is later.
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
