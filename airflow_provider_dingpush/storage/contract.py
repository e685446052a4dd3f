"""The two contracts of storage: an outbox that every process writes to, and a ledger book that one leader keeps.

One machine has them in files (:mod:`~airflow_provider_dingpush.storage.files.outbox`), many in Redis
(:mod:`~airflow_provider_dingpush.storage.redis.outbox`). Neither decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import DingTalkError

Place = tuple[str, str]
"""Where a record stands in the book: its kind, and its key within the kind."""


class OutboxError(DingTalkError):
    """The storage can't be used: disk full, read-only, no permission, server gone. Its text says what and where."""

    retryable = True


class LeadershipLostError(OutboxError):
    """Another process leads by now, so nothing of this one may be written any more."""


INCIDENT_SECONDS = 90 * 86_400.0
"""How long a failure is open at most, in seconds: its end after three months is no news any more."""
MOST_INCIDENTS = 10_000
"""How many failures are open at most; beyond that the end of those that failed longest ago isn't awaited any more."""


@dataclass(frozen=True)
class LeadPause:
    """A time in which nobody needs to lead a robot, because nothing could be sent.

    :param until: in seconds since 1970.
    :param reason: for people.
    """

    until: float
    reason: str

    def to_bytes(self) -> bytes:
        return f"{self.until} {self.reason}".encode("utf-8", "replace")

    @classmethod
    def from_bytes(cls, note: bytes) -> LeadPause:
        """Read a note.

        :raises ValueError: if it is none.
        """
        until, _, reason = note.decode().partition(" ")
        return cls(float(until), reason)


def read_moment(note: bytes) -> float | None:
    """A moment that was noted, in seconds since 1970; ``None`` if the note is damaged."""
    try:
        moment = float(note)
    except ValueError:
        return None
    return moment if 0 <= moment < _END_OF_TIME else None


_END_OF_TIME = 253_402_300_800.0  # the year 10000, which no calendar of Python's has
_OLDEST_OPENING_SECONDS = 7 * 86_400.0
LONGEST_PAUSE_SECONDS = 900.0
"""A rest that seems to last longer, in seconds, was noted by a clock that was set back since then."""


def opened_at(alert: Alert, now: float) -> float:
    """When a failure that is put now happened, in seconds since 1970; what no clock can have said isn't believed."""
    return min(now, max(alert.at, now - _OLDEST_OPENING_SECONDS))


class LedgerBook(Protocol):
    """What the leader of one robot reads and writes. Every method may raise :class:`OutboxError`."""

    def now(self) -> float:
        """Seconds since 1970, by the clock that all leaders of this robot share."""

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        """Alerts in the mailboxes of this robot, oldest first, each with a ticket for :meth:`clear_away`.

        What can't be read is set aside and logged; it never blocks the rest.
        """

    def overflow_count(self) -> int:
        """How many alerts were only counted since the last :meth:`clear_away`, because the mailboxes were full."""

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        """Remove alerts from the mailboxes, and reset :meth:`overflown`. Only after they stand in the book."""

    def load(self) -> dict[Place, Any]:
        """All records, as plain JSON data."""

    def write(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        """Change records in one step that a crash leaves done or undone, durable when it returns.

        :param keys: keys of alerts to remember for :meth:`known`.
        :param forget: what the keys begin with that are forgotten before that.
        :raises LeadershipLostError: if another process leads by now; nothing was changed.
        """

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are remembered; they are for seven days."""

    def note_pause(self, pause: LeadPause | None) -> None:
        """Tell those who would lead next that they needn't, or that they may (``None``)."""

    def ask_for_successor(self, wanted: bool) -> None:
        """Let one of those who come next stand by, or none of them."""

    def has_successor(self) -> bool:
        """Whether a process stands by."""

    def keep(self, seconds: float) -> None:
        """Stay leader for so long at least, in seconds; before each step that takes time.

        :raises LeadershipLostError: if it is too late.
        """


class Outbox(Protocol):
    """What every process may do. Every method may raise :class:`OutboxError`."""

    def put(self, alert: Alert) -> None:
        """Keep an alert; it is safe when this returns. A second one of the same key changes nothing and is logged.

        Opens the alert's incident, or closes it if the alert says that it is resolved.
        """

    def open_incidents(self, incidents: Mapping[str, float]) -> None:
        """Let these failures be open, which were put into another outbox; each with when, in seconds since 1970."""

    def has_open_incident(self, incident: str, *, before: float = inf) -> bool:
        """Whether a failure was put whose end has not been: asked by every success, so it costs next to nothing.

        :param before: only one that last happened no later than this, in seconds since 1970.
        """

    def receiver_of(self, mailbox: Mailbox) -> str | None:
        """The robot that the mailbox belonged to when it was last looked up, or ``None``."""

    def assign(self, mailbox: Mailbox, receiver_id: str) -> None:
        """Let a mailbox belong to a robot, whose leader then empties it."""

    def resolving(self, mailbox: Mailbox) -> AbstractContextManager[bool]:
        """Be the one that looks the mailbox's connection up, or not (``False``): without waiting.

        Whoever ends it looks once more whether something has come.
        """

    def leadership(self, receiver_id: str) -> AbstractContextManager[LedgerBook | None]:
        """Lead a robot, or not (``None``) because another process does: without waiting.

        The end of a process ends its leadership, at once or after the lease.
        """

    def wants_successor(self, receiver_id: str) -> bool:
        """Whether a process leads the robot at this moment and wants another one to lead next."""

    def successor_slot(self, receiver_id: str) -> AbstractContextManager[bool | None]:
        """Be the one that leads next, or not (``False``) because another process is: without waiting.

        ``None`` if nobody is wanted. Whoever was it tries to lead after it: the leader may have left because of that,
        and others, too.
        """

    def pause_of(self, receiver_id: str) -> LeadPause | None:
        """The robot's rest, if its last leader noted one and it lasts: asked by every callback, so it costs little."""

    def pending_mailboxes(self) -> Sequence[Mailbox]:
        """Those with alerts that no leader has taken in yet."""

    def receivers(self) -> Sequence[str]:
        """Every robot that has a book."""

    def mailboxes_of(self, receiver_id: str) -> Sequence[Mailbox]:
        """The mailboxes that belong to a robot."""

    def pending_in(self, mailbox: Mailbox) -> int:
        """How many alerts of a mailbox no leader has taken in yet."""

    def records_of(self, receiver_id: str) -> dict[Place, Any]:
        """The records of a robot's book, for people: read without leading, also while somebody leads."""

    def note_flush(self, at: float) -> None:
        """Remember that a flusher ran, in seconds since 1970."""

    def last_flush(self) -> float | None:
        """When a flusher last ran, in seconds since 1970."""
