"""A store that is asked in time: whatever the storage does, each question ends, and a callback gets away.

A socket has a timeout, but a look-up of a name, a hanging mount and a server that answers a byte at a time have none.
So each question is asked in a thread and left there when it takes too long. What is left there does no harm: nothing is
sent from it, a lock that comes too late is given up where it comes, and one that is left while a step under it still
hangs is given up after that step.
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
from airflow_provider_dingpush.storage.contract import (
    Bound,
    Change,
    FoundNote,
    Listing,
    Lock,
    Note,
    PutResult,
    RecordId,
    Records,
    Store,
)
from airflow_provider_dingpush.timeouts import Deadline, call_within

Answer = TypeVar("Answer")

# Whoever leaves waits so long, in seconds, for what must be given back, and doesn't stay for it.
_LEAVING_SECONDS = 0.5
# What every alert may take to be put, in seconds.
_PUT_SECONDS = 1.0
# What is done within this, in seconds, is usual, however often it is asked.
_USUAL_SECONDS = 0.02
_ROUND_TRIPS = 3
# A question that is asked with less time than this, in seconds, can't be answered.
_LEAST_SECONDS = 0.01


class BoundedStore:
    """A :class:`~airflow_provider_dingpush.storage.contract.Store` under a deadline.

    A question that takes too long ends it: from then on every question is refused at once, with the reason in
    :attr:`lost`. A leader then has lost its lock, because it can't know any more whether it still has it.

    :param opened: gives the store that is asked; it may fail, and is called anew for each question.
    :param deadline: of all questions.
    :param most_seconds: how long one question may take, in seconds; a look at one note half of it.
    :param patience_seconds: how long all of them may take together, in seconds, each beyond what is usual.
    :param slow_seconds: with a longer round trip, in seconds, no mail is listed, so that nobody goes on to lead;
        ``None`` if what waits could only wait longer then.
    """

    def __init__(
        self,
        opened: Callable[[], Store],
        deadline: Deadline,
        *,
        most_seconds: float = 2.0,
        patience_seconds: float = 8.0,
        slow_seconds: float | None = None,
    ) -> None:
        self.lost: str | None = None
        self._opened = opened
        self._deadline = deadline
        self._most_seconds = most_seconds
        self._patience = patience_seconds
        self._slow_seconds = slow_seconds
        self._round_trip = inf

    def ask(self, question: Callable[[Store], Answer], *, at_most: float = inf, at_least: float = 0.0) -> Answer:
        """The answer to a question, in time.

        :param at_most: how long it may take, in seconds, if that is less than usual.
        :param at_least: how long it may take, in seconds, if there is no time left.
        :raises OutboxError: if it takes longer, or an earlier one did.
        """
        seconds = max(at_least, min(self._deadline.seconds_left(), self._most_seconds, self._patience, at_most))
        if self.lost is None and seconds < _LEAST_SECONDS:
            self.lost = "The outbox has used up the time that there was for it."
        if self.lost is not None:
            raise OutboxError(self.lost)
        began = time.monotonic()
        try:
            return call_within(seconds, lambda: question(self._opened()))
        except TimeoutError:
            self.lost = (
                f"The outbox has not answered within {seconds:.1f} s: look at the Redis that outbox_url names, or at "
                "the disk that [dingpush] home is on."
            )
            raise OutboxError(self.lost) from None
        finally:
            self._patience -= max(0.0, time.monotonic() - began - _USUAL_SECONDS)

    def now(self) -> float:
        began = time.monotonic()
        now = self.ask(lambda store: store.now())
        self._round_trip = time.monotonic() - began
        return now

    def risks(self) -> Sequence[str]:
        return self.ask(lambda store: store.risks())

    def put(
        self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Sequence[Note] = ()
    ) -> PutResult:
        # Others may have used up the time; that is no reason not to write the alert down.
        return self.ask(lambda store: store.put(box, label, key, body, bound=bound, notes=notes), at_least=_PUT_SECONDS)

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        """Mail, unless the store has become slow: it is safe there, and who leads slowly may be killed for it."""
        if self._slow_seconds is not None and not self._is_quick(self._slow_seconds):
            self.lost = "The outbox answers too slowly to lead; what waits in it is safe."
            raise OutboxError(self.lost)
        return self.ask(lambda store: store.mail(boxes, at_most))

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        self.ask(lambda store: store.remove(ids, marks))

    def set_aside(self, box: str, mail_id: str) -> str:
        return self.ask(lambda store: store.set_aside(box, mail_id))

    def labels(self) -> Mapping[str, bytes | None]:
        return self.ask(lambda store: store.labels())

    def count(self, box: str) -> int:
        return self.ask(lambda store: store.count(box))

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:
        coming = _ComingLock()
        try:
            lock = self.ask(lambda store: coming.come(store.lock(kind, of, seconds, opens_book=opens_book)))
        except BaseException:  # also a task's timeout, which is raised anywhere
            with suppress(TimeoutError, OutboxError):
                call_within(0.0, coming.give_up)
            raise
        return None if lock is None else BoundedLock(lock, self)

    def is_locked(self, kind: str, of: str) -> bool:
        return self.ask(lambda store: store.is_locked(kind, of))

    def records(self, book: str, lock: Lock) -> Records:
        if not isinstance(lock, BoundedLock):
            raise TypeError("this lock is of another store")
        return BoundedRecords(lock.step(lambda store, own: store.records(book, own)), lock)

    def read(self, book: str) -> dict[RecordId, Any]:
        return self.ask(lambda store: store.read(book))

    def books(self) -> Sequence[str]:
        return self.ask(lambda store: store.books())

    def set_notes(self, notes: Iterable[Note]) -> None:
        every = list(notes)
        self.ask(lambda store: store.set_notes(every))

    def note(self, family: str, name: str) -> FoundNote | None:
        return self.ask(lambda store: store.note(family, name), at_most=self._most_seconds / 2)

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        return self.ask(lambda store: store.notes(family, at_most))

    def remove_notes(self, places: Iterable[tuple[str, str]]) -> None:
        every = list(places)
        self.ask(lambda store: store.remove_notes(every))

    def _is_quick(self, seconds: float) -> bool:
        """Whether the best of the last round trips is no longer: a busy machine makes a single one slow."""
        for _ in range(_ROUND_TRIPS - 1):
            if self._round_trip <= seconds:
                return True
            self.now()
        return self._round_trip <= seconds


class BoundedLock:
    """A lock of a bounded store.

    :param lock: that is held.
    :param store: whose time its steps take.
    """

    def __init__(self, lock: Lock, store: BoundedStore) -> None:
        self._lock = lock
        self._store = store
        self._process = os.getpid()
        # Held by each step, so that the lock isn't given up in the middle of one that hangs.
        self._steps = threading.Lock()

    def check(self) -> None:
        """See that the store isn't lost; who can't ask it can't know whether it still has the lock."""
        if self._store.lost is not None:
            raise LeadershipLostError(self._store.lost)
        if self._process != os.getpid():
            raise LeadershipLostError(f"the lock is held by process {self._process}, and this is {os.getpid()}")

    def keep(self, seconds: float) -> None:
        self.step(lambda _, lock: lock.keep(seconds))

    def release(self) -> None:
        self.leave(self._lock.release)

    def step(self, question: Callable[[Store, Lock], Answer]) -> Answer:
        """The answer to a question that needs the lock.

        :raises LeadershipLostError: if it doesn't come in time.
        """

        def asked(store: Store) -> Answer:
            with self._steps:
                self.check()
                return question(store, self._lock)

        try:
            return self._store.ask(asked)
        except OutboxError:
            self.check()
            raise

    def leave(self, step: Callable[[], None]) -> None:
        """Give something back after the step that is under way, without staying for it if that hangs."""

        def left() -> None:
            with self._steps:
                step()

        # A lease runs out and a lock ends with its process, if it can't be given back now.
        with suppress(TimeoutError, OutboxError):
            call_within(0.0 if self._store.lost else _LEAVING_SECONDS, left)


class BoundedRecords:
    """The records of a bounded store.

    :param records: that are asked.
    :param lock: they are under.
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
        self._lock.leave(self._records.close)


class _ComingLock:
    """A lock that is taken in one thread and given up in it, if nobody waits for it any more."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._lock: Lock | None = None
        self._is_unwanted = False

    def come(self, lock: Lock | None) -> Lock | None:
        """Hand it over."""
        with self._mutex:
            self._lock = lock
        if self._is_unwanted:
            self.give_up()
        return lock

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        with self._mutex:
            self._is_unwanted = True
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
