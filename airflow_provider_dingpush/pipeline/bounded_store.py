"""A store with time limits: each operation ends in time, so that a hanging store never blocks a callback.

A socket has a timeout, but a look-up of a name, a hanging mount and a server that sends a byte at a time have none. So
each operation runs in a thread, which is abandoned when it takes too long. An abandoned operation does no harm: it
sends nothing, a lock that it acquires too late is released at once, and a lock that is released while an operation
under it hangs is released after that operation.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import Bound, Change, Listing, Lock, PutResult, RecordId, Records, Store
from airflow_provider_dingpush.storage.notes import FoundNote, Note
from airflow_provider_dingpush.timeouts import Deadline, call_within

Result = TypeVar("Result")

# How long a release is waited for, in seconds; it goes on after that.
_RELEASE_SECONDS = 0.5
# What every alert may take to be written, in seconds.
_PUT_SECONDS = 1.0
# An operation that takes no longer than this, in seconds, doesn't count against the total.
_USUAL_SECONDS = 0.02
_ROUND_TRIPS = 3
# With less time than this, in seconds, no operation can end.
_LEAST_SECONDS = 0.01


class BoundedStore:
    """A :class:`~airflow_provider_dingpush.storage.contract.Store` under a deadline.

    An operation that takes too long ends it: from then on every operation is refused at once, with the reason in
    :attr:`lost`. A leader then has lost its lock, because it can't know any more whether it still has it.

    :param open_store: returns the store; it may fail, and is called again for each operation.
    :param deadline: of all operations.
    :param most_seconds: how long one operation may take, in seconds; reading one note, half of it.
    :param total_seconds: how long all of them may take together, in seconds; quick ones don't count.
    :param slow_seconds: with a longer round trip, in seconds, no mail is listed, so that this process doesn't lead;
        ``None`` if pending alerts could only wait longer then.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        deadline: Deadline,
        *,
        most_seconds: float = 2.0,
        total_seconds: float = 8.0,
        slow_seconds: float | None = None,
    ) -> None:
        self.lost: str | None = None
        self._open_store = open_store
        self._deadline = deadline
        self._most_seconds = most_seconds
        self._total_left = total_seconds
        self._slow_seconds = slow_seconds
        self._round_trip = inf

    def run(self, operation: Callable[[Store], Result], *, at_most: float = inf, at_least: float = 0.0) -> Result:
        """The result of an operation, in time.

        :param at_most: how long it may take, in seconds, if that is less than usual.
        :param at_least: how long it may take, in seconds, if there is no time left.
        :raises OutboxError: if it takes longer, or an earlier one did.
        """
        seconds = max(at_least, min(self._deadline.seconds_left(), self._most_seconds, self._total_left, at_most))
        if self.lost is None and seconds < _LEAST_SECONDS:
            self.lost = "The time for the outbox is used up."
        if self.lost is not None:
            raise OutboxError(self.lost)
        began = time.monotonic()
        try:
            return call_within(seconds, lambda: operation(self._open_store()))
        except TimeoutError:
            self.lost = (
                f"The outbox has not answered within {seconds:.1f} s: check the Redis that outbox_url names, or the "
                "disk of [dingpush] home."
            )
            raise OutboxError(self.lost) from None
        finally:
            self._total_left -= max(0.0, time.monotonic() - began - _USUAL_SECONDS)

    def now(self) -> float:
        began = time.monotonic()
        now = self.run(lambda store: store.now())
        self._round_trip = time.monotonic() - began
        return now

    def risks(self) -> Sequence[str]:
        return self.run(lambda store: store.risks())

    def put(
        self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Sequence[Note] = ()
    ) -> PutResult:
        # The alert is written even if other operations have used up the time.
        return self.run(lambda store: store.put(box, label, key, body, bound=bound, notes=notes), at_least=_PUT_SECONDS)

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        """Mail, unless the store has become slow: the mail is safe, and a slow leader may be killed."""
        if self._slow_seconds is not None and not self._is_quick(self._slow_seconds):
            self.lost = "The outbox answers too slowly to send from it now; pending alerts are safe."
            raise OutboxError(self.lost)
        return self.run(lambda store: store.mail(boxes, at_most))

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        self.run(lambda store: store.remove(ids, marks))

    def set_aside(self, box: str, mail_id: str) -> str:
        return self.run(lambda store: store.set_aside(box, mail_id))

    def labels(self) -> Mapping[str, bytes | None]:
        return self.run(lambda store: store.labels())

    def count(self, box: str) -> int:
        return self.run(lambda store: store.count(box))

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:
        pending = _PendingLock()
        try:
            lock = self.run(lambda store: pending.arrive(store.lock(kind, of, seconds, opens_book=opens_book)))
        except BaseException:  # also a task's timeout, which is raised anywhere
            with suppress(TimeoutError, OutboxError):
                call_within(0.0, pending.abandon)
            raise
        return None if lock is None else BoundedLock(lock, self)

    def is_locked(self, kind: str, of: str) -> bool:
        return self.run(lambda store: store.is_locked(kind, of))

    def records(self, book: str, lock: Lock) -> Records:
        if not isinstance(lock, BoundedLock):
            raise TypeError("this lock is of another store")
        return BoundedRecords(lock.step(lambda store, own: store.records(book, own)), lock)

    def read(self, book: str) -> dict[RecordId, Any]:
        return self.run(lambda store: store.read(book))

    def books(self) -> Sequence[str]:
        return self.run(lambda store: store.books())

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:
        every = list(notes)
        self.run(lambda store: store.set_notes(every, waits=waits))

    def note(self, family: str, name: str) -> FoundNote | None:
        return self.run(lambda store: store.note(family, name), at_most=self._most_seconds / 2)

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        return self.run(lambda store: store.notes(family, at_most))

    def remove_notes(self, places: Iterable[tuple[str, str]], *, waits: bool = True) -> None:
        every = list(places)
        self.run(lambda store: store.remove_notes(every, waits=waits))

    def _is_quick(self, seconds: float) -> bool:
        """Whether the best of the last round trips is short enough: on a busy machine a single one may be slow."""
        for _ in range(_ROUND_TRIPS - 1):
            if self._round_trip <= seconds:
                return True
            self.now()
        return self._round_trip <= seconds


class BoundedLock:
    """A lock of a bounded store.

    :param lock: that is held.
    :param store: whose time limits hold.
    """

    def __init__(self, lock: Lock, store: BoundedStore) -> None:
        self._lock = lock
        self._store = store
        self._process = os.getpid()
        # Held by each step, so that the lock isn't released in the middle of one that hangs.
        self._steps = threading.Lock()

    def check(self) -> None:
        """Check that the store isn't lost: a process that can't ask it can't know whether it still has the lock."""
        if self._store.lost is not None:
            raise LeadershipLostError(self._store.lost)
        if self._process != os.getpid():
            raise LeadershipLostError(f"the lock is held by process {self._process}, and this is {os.getpid()}")

    def keep(self, seconds: float) -> None:
        self.step(lambda _, lock: lock.keep(seconds))

    def release(self) -> None:
        self.release_later(self._lock.release)

    def step(self, operation: Callable[[Store, Lock], Result]) -> Result:
        """The result of an operation that needs the lock.

        :raises LeadershipLostError: if it takes too long.
        """

        def checked(store: Store) -> Result:
            with self._steps:
                self.check()
                return operation(store, self._lock)

        try:
            return self._store.run(checked)
        except OutboxError:
            self.check()
            raise

    def release_later(self, step: Callable[[], None]) -> None:
        """Release something after the step that is under way, without waiting for it if that hangs."""

        def released() -> None:
            with self._steps:
                step()

        # A lease expires and a lock ends with its process, if it can't be released now.
        with suppress(TimeoutError, OutboxError):
            call_within(0.0 if self._store.lost else _RELEASE_SECONDS, released)


class BoundedRecords:
    """The records of a bounded store.

    :param records: of the store itself.
    :param lock: that guards them.
    """

    def __init__(self, records: Records, lock: BoundedLock) -> None:
        self._records = records
        self._lock = lock

    def load(self) -> dict[RecordId, Any]:
        return self._lock.step(lambda *_: self._records.load())

    def write(self, change: Change) -> None:
        self._lock.step(lambda *_: self._records.write(change))

    def known(self, keys: Sequence[str]) -> set[str]:
        return self._lock.step(lambda *_: self._records.known(keys))

    def newest_keys(self, at_most: int) -> list[str]:
        return self._lock.step(lambda *_: self._records.newest_keys(at_most))

    def drop(self) -> None:
        self._lock.step(lambda *_: self._records.drop())

    def close(self) -> None:
        self._lock.release_later(self._records.close)


class _PendingLock:
    """A lock that one thread acquires; released at once if the caller has stopped waiting for it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._lock: Lock | None = None
        self._is_unwanted = False

    def arrive(self, lock: Lock | None) -> Lock | None:
        """Note the acquired lock, and return it."""
        with self._mutex:
            self._lock = lock
        if self._is_unwanted:
            self.abandon()
        return lock

    def abandon(self) -> None:
        """Release the lock, now or as soon as it is acquired."""
        with self._mutex:
            self._is_unwanted = True
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
