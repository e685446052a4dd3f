"""What a store must offer: four primitives.

mail
    Bodies under keys, in boxes that have a bound and count what they refuse.
records
    Changed by one process at a time: a change is refused if that process has lost its lock.
lock
    Held by one process at a time, never waited for, and released by the process's end or after a time.
notes
    Small values that expire, in families. None is essential: a crash may lose the newest.

A store decides nothing and reads no body: everything else is built on these once, in
:mod:`~airflow_provider_dingpush.storage.outbox`. The store of one machine is in files, that of many in Redis. Every
method may raise :class:`~airflow_provider_dingpush.errors.OutboxError`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing import Protocol

    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.storage.notes import FoundNote, Note
else:
    Protocol = object  # its classes take long to create, and the process of every task does it

RecordId = tuple[str, str]
"""Identifies a record in a book: its kind, and its key within the kind."""

REMEMBERED_SECONDS = 7 * 86_400.0
"""How long a book remembers a key, in seconds."""


class LeadPause(NamedTuple):
    """A time in which no process needs to lead a receiver, because nothing can be sent.

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

        :raises ValueError: if it isn't a pause.
        """
        until, _, reason = note.decode().partition(" ")
        return cls(float(until), reason)


class LedgerBook(Protocol):
    """What the leader of one receiver reads and writes. Every method may raise ``OutboxError``."""

    def now(self) -> float:
        """Seconds since 1970, by the clock that all leaders of this receiver share."""

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        """Alerts in the mailboxes of this receiver, oldest first, each with a ticket for :meth:`remove_arrivals`.

        What can't be read is set aside and logged; it never blocks the rest.
        """

    def overflow_count(self) -> int:
        """How many alerts were only counted since the last :meth:`remove_arrivals`: the mailboxes were full."""

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        """Remove alerts from the mailboxes once the book has them, and reset :meth:`overflow_count`."""

    def load(self) -> dict[RecordId, Any]:
        """All records, as plain JSON data."""

    def write(
        self,
        puts: Mapping[RecordId, Any],
        deletes: Iterable[RecordId] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        """Change records in one step that a crash leaves done or undone, durable when it returns.

        :param keys: keys of alerts to remember for :meth:`known`.
        :param forget: prefixes of keys to forget before that.
        :raises LeadershipLostError: if another process leads now; nothing was changed.
        """

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are remembered, for seven days each."""

    def note_pause(self, pause: LeadPause | None) -> None:
        """Note for other processes that none needs to lead for a while, or that one may (``None``)."""

    def ask_for_successor(self, wanted: bool) -> None:
        """Ask for another process that waits to lead next, or withdraw that."""

    def has_successor(self) -> bool:
        """Whether a process waits to lead next."""

    def keep(self, seconds: float) -> None:
        """Stay leader for at least so long, in seconds; called before each step that takes time.

        :raises LeadershipLostError: if it is too late.
        """


class PutResult(Enum):
    """The result of putting a body."""

    KEPT = "kept"
    REPEATED = "repeated"
    """A body of the same key is there; nothing was changed."""
    REFUSED = "refused"
    """The box is full; it was counted."""


class Bound(NamedTuple):
    """The limits of a box. The first body is always kept.

    :param bodies: how many.
    :param size: bytes of all bodies; an estimate will do.
    """

    bodies: int
    size: int


class Mail(NamedTuple):
    """A body in a box.

    :param box: its box.
    :param id: identifies it in its box; made from its key.
    :param body: what was put; ``None`` if it can't be read.
    """

    box: str
    id: str
    body: bytes | None


class Listing(NamedTuple):
    """The content of some boxes.

    :param mail: the oldest bodies, the oldest first.
    :param refused: for each box how many refused bodies no :meth:`Store.remove` has acknowledged yet.
    :param marks: for each box the mark by which :meth:`Store.remove` acknowledges these.
    """

    mail: Sequence[Mail]
    refused: Mapping[str, int]
    marks: Mapping[str, int]


class Change(NamedTuple):
    """What a :meth:`Records.write` does, in this order.

    :param deletes: records to delete.
    :param puts: records to add or replace, as plain JSON data.
    :param forget: keys to forget.
    :param forget_prefixes: prefixes of further keys to forget.
    :param remember: keys to remember for :data:`REMEMBERED_SECONDS`.
    """

    puts: Mapping[RecordId, Any] = MappingProxyType({})
    deletes: Collection[RecordId] = ()
    remember: Collection[str] = ()
    forget: Collection[str] = ()
    forget_prefixes: Collection[str] = ()


class Lock(Protocol):
    """A lock that this process holds or has held."""

    def check(self) -> None:
        """Check, as far as that is free, that the lock isn't lost; a forked child never has it.

        :raises LeadershipLostError: if it is lost.
        """

    def keep(self, seconds: float) -> None:
        """Hold it for at least so long, in seconds.

        :raises LeadershipLostError: if it is lost.
        """

    def release(self) -> None:
        """Release it; a second call does nothing."""


class Records(Protocol):
    """The records of one book, opened by the holder of its lock. What can't be read is logged and skipped."""

    def load(self) -> dict[RecordId, Any]:
        """All records."""

    def write(self, change: Change) -> None:
        """Make a change in one step that a crash leaves done or undone, durable when it returns.

        :raises LeadershipLostError: if the lock is lost; nothing was changed.
        """

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are remembered."""

    def newest_keys(self, at_most: int) -> list[str]:
        """The keys that were remembered last."""

    def drop(self) -> None:
        """Delete the book; nothing is written to it after that."""

    def close(self) -> None:
        """Free the resources."""


class Notes(Protocol):
    """The notes of a store: all that the process of a task needs of it."""

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:
        """Set notes, in this order.

        :param waits: until it is known that they are set; otherwise no answer is waited for.
        """

    def note(self, family: str, name: str) -> FoundNote | None:
        """A note, unless it has expired."""

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        """The notes of a family by name; those that can't be read are logged and skipped."""

    def remove_notes(self, names: Iterable[tuple[str, str]], *, waits: bool = True) -> None:
        """Remove notes by family and name.

        :param waits: as for :meth:`set_notes`.
        """


class Store(Notes, Protocol):
    """The four primitives."""

    def now(self) -> float:
        """Seconds since 1970, by the clock that all processes which use this store share."""

    def risks(self) -> Sequence[str]:
        """Settings of the store that may lose mail, as texts for people."""

    # mail

    def put(
        self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Sequence[Note] = ()
    ) -> PutResult:
        """Keep a body; it is safe when this returns. A second one of a key in the box changes nothing.

        :param label: describes the box; kept with it.
        :param notes: set before the body is kept, unless it is repeated.
        """

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        """The oldest bodies in some boxes."""

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        """Remove bodies by box, and acknowledge refused ones by the marks of a :class:`Listing`."""

    def set_aside(self, box: str, mail_id: str) -> str:
        """Remove an unreadable body but keep it for people; returns where."""

    def labels(self) -> Mapping[str, bytes | None]:
        """The boxes with mail, and the label of each; ``None`` if it is lost."""

    def count(self, box: str) -> int:
        """How many bodies a box has."""

    # lock

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:
        """Take a lock without waiting; ``None`` if another process has it.

        :param kind: its purpose.
        :param of: what is locked.
        :param seconds: how long it is held unless it is kept, if the end of a process doesn't release it.
        :param opens_book: whether its holder opens the book of this name, which :meth:`books` lists from then on.
        """

    def is_locked(self, kind: str, of: str) -> bool:
        """Whether a process holds a lock."""

    # records

    def records(self, book: str, lock: Lock) -> Records:
        """Open a book under its lock."""

    def read(self, book: str) -> dict[RecordId, Any]:
        """The records of a book, for people: without its lock, also while another process holds it."""

    def books(self) -> Sequence[str]:
        """The names of all books."""
