"""An outbox that is asked in time: whatever the storage does, each question ends, and a callback gets away.

A socket has a timeout, but a look-up of a name, a hanging mount and a server that answers a byte at a time have none.
So each question is asked in a thread and left there when it takes too long. What is left there does no harm: nothing is
sent from it, a leadership that comes too late is given up where it comes, and one that is left while a step of it still
hangs is given up after that step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from math import inf
from typing import Any, Generic, TypeVar

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.storage.contract import (
    LeadershipLostError,
    LeadPause,
    LedgerBook,
    Outbox,
    OutboxError,
    Place,
)
from airflow_provider_dingpush.timeouts import Deadline, call_within

Answer = TypeVar("Answer")

# Whoever leaves waits so long, in seconds, for what must be given back, and doesn't stay for it.
_LEAVING_SECONDS = 0.5
# What every success may take to ask whether a failure is open, and every alert to be put, in seconds.
_LOOK_UP_SECONDS = _PUT_SECONDS = 1.0
# What is done within this, in seconds, is usual, however often it is asked.
_USUAL_SECONDS = 0.02
_ROUND_TRIPS = 3
# A question that is asked with less time than this, in seconds, can only be left behind.
_LEAST_SECONDS = 0.01


class BoundedOutbox:
    """An :class:`~airflow_provider_dingpush.storage.contract.Outbox` under a deadline.

    A question that takes too long ends it: from then on every question is refused at once, with the reason in
    :attr:`lost`. A leader then has lost its leadership, because it can't know any more whether it still leads.

    :param opened: gives the outbox that is asked; it may fail, and is called anew for each question.
    :param deadline: of all questions.
    :param most_seconds: how long one question may take, in seconds.
    :param patience_seconds: how long all of them may take together, in seconds, each beyond what is usual.
    :param slow_seconds: with a longer round trip, in seconds, nobody goes on to lead; ``None`` if what waits could
        only wait longer then.
    """

    def __init__(
        self,
        opened: Callable[[], Outbox],
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

    def ask(self, question: Callable[[], Answer], *, at_most: float = inf, at_least: float = 0.0) -> Answer:
        """What a question comes to, in time.

        :param at_most: how long it may take, in seconds, if that is less than usual.
        :param at_least: how long it may take, in seconds, if there is no time left.
        :raises OutboxError: if it doesn't, or an earlier one didn't.
        """
        seconds = max(at_least, min(self._deadline.seconds_left(), self._most_seconds, self._patience, at_most))
        if self.lost is None and seconds < _LEAST_SECONDS:
            self.lost = "The outbox has used up the time that there was for it."
        if self.lost is not None:
            raise OutboxError(self.lost)
        began = time.monotonic()
        try:
            return call_within(seconds, question)
        except TimeoutError:
            self.lost = (
                f"The outbox has not answered within {seconds:.1f} s: look at the Redis that outbox_url names, or at "
                "the disk that [dingpush] home is on."
            )
            raise OutboxError(self.lost) from None
        finally:
            self._patience -= max(0.0, time.monotonic() - began - _USUAL_SECONDS)

    def put(self, alert: Alert) -> None:
        # Others may have used up the time; that is no reason not to write the alert down.
        self.ask(lambda: self._opened().put(alert), at_least=_PUT_SECONDS)

    def open_incidents(self, incidents: Mapping[str, float]) -> None:
        self.ask(lambda: self._opened().open_incidents(incidents))

    def has_open_incident(self, incident: str, *, before: float = inf) -> bool:
        return self.ask(lambda: self._opened().has_open_incident(incident, before=before), at_most=_LOOK_UP_SECONDS)

    def receiver_of(self, mailbox: Mailbox) -> str | None:
        return self.ask(lambda: self._opened().receiver_of(mailbox))

    def assign(self, mailbox: Mailbox, receiver_id: str) -> None:
        self.ask(lambda: self._opened().assign(mailbox, receiver_id))

    def resolving(self, mailbox: Mailbox) -> AbstractContextManager[bool]:
        return self._entered(lambda: self._opened().resolving(mailbox))

    @contextmanager
    def leadership(self, receiver_id: str) -> Iterator[BoundedBook | None]:
        steps = threading.Lock()
        with self._entered(lambda: self._opened().leadership(receiver_id), steps) as book:
            yield None if book is None else BoundedBook(book, self, steps, self._slow_seconds)

    def wants_successor(self, receiver_id: str) -> bool:
        return self.ask(lambda: self._opened().wants_successor(receiver_id))

    def successor_slot(self, receiver_id: str) -> AbstractContextManager[bool | None]:
        return self._entered(lambda: self._opened().successor_slot(receiver_id))

    def pause_of(self, receiver_id: str) -> LeadPause | None:
        return self.ask(lambda: self._opened().pause_of(receiver_id))

    def pending_mailboxes(self) -> Sequence[Mailbox]:
        return self.ask(lambda: self._opened().pending_mailboxes())

    def receivers(self) -> Sequence[str]:
        return self.ask(lambda: self._opened().receivers())

    def mailboxes_of(self, receiver_id: str) -> Sequence[Mailbox]:
        return self.ask(lambda: self._opened().mailboxes_of(receiver_id))

    def pending_in(self, mailbox: Mailbox) -> int:
        return self.ask(lambda: self._opened().pending_in(mailbox))

    def records_of(self, receiver_id: str) -> dict[Place, Any]:
        return self.ask(lambda: self._opened().records_of(receiver_id))

    def note_flush(self, at: float) -> None:
        self.ask(lambda: self._opened().note_flush(at))

    def last_flush(self) -> float | None:
        return self.ask(lambda: self._opened().last_flush())

    @contextmanager
    def _entered(
        self, opened: Callable[[], AbstractContextManager[Answer]], steps: threading.Lock | None = None
    ) -> Iterator[Answer]:
        """The context, entered and left in time.

        :param opened: gives it.
        :param steps: held by each step that is taken within it.
        """
        held = _Held(opened, steps or threading.Lock())
        try:
            entered = self.ask(held.enter)
        except BaseException:  # also a task's timeout, which is raised anywhere
            _leave(held, 0.0)
            raise
        try:
            yield entered
        finally:
            _leave(held, 0.0 if self.lost else _LEAVING_SECONDS)


class BoundedBook:
    """The :class:`~airflow_provider_dingpush.storage.contract.LedgerBook` of a bounded outbox.

    :param book: that is asked.
    :param outbox: whose time it takes.
    :param steps: held by each step, so that the leadership isn't given up in the middle of one that hangs.
    :param slow_seconds: the longest round trip, in seconds, with which alerts are taken in.
    """

    def __init__(
        self, book: LedgerBook, outbox: BoundedOutbox, steps: threading.Lock, slow_seconds: float | None
    ) -> None:
        self._book = book
        self._outbox = outbox
        self._steps = steps
        self._slow_seconds = slow_seconds
        self._round_trip = inf

    def now(self) -> float:
        began = time.monotonic()
        now = self._step(self._book.now)
        self._round_trip = time.monotonic() - began
        return now

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        """Alerts, unless the storage has become slow: they are safe, and who leads slowly may be killed for it."""
        if self._slow_seconds is not None and not self._is_quick(self._slow_seconds):
            self._outbox.lost = "The outbox answers too slowly to lead; what waits in it is safe."
            raise LeadershipLostError(self._outbox.lost)
        return self._step(lambda: self._book.arrivals(at_most))

    def overflow_count(self) -> int:
        return self._step(self._book.overflow_count)

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        self._step(lambda: self._book.remove_arrivals(tickets))

    def load(self) -> dict[Place, Any]:
        return self._step(self._book.load)

    def write(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        self._step(lambda: self._book.write(puts, deletes, keys, forget))

    def known(self, keys: Sequence[str]) -> set[str]:
        return self._step(lambda: self._book.known(keys))

    def note_pause(self, pause: LeadPause | None) -> None:
        self._step(lambda: self._book.note_pause(pause))

    def ask_for_successor(self, wanted: bool) -> None:
        self._step(lambda: self._book.ask_for_successor(wanted))

    def has_successor(self) -> bool:
        return self._step(self._book.has_successor)

    def keep(self, seconds: float) -> None:
        self._step(lambda: self._book.keep(seconds))

    def _step(self, question: Callable[[], Answer]) -> Answer:
        def step() -> Answer:
            with self._steps:
                if self._outbox.lost is not None:
                    raise LeadershipLostError(self._outbox.lost)
                return question()

        try:
            return self._outbox.ask(step)
        except OutboxError:
            if self._outbox.lost is not None:
                raise LeadershipLostError(self._outbox.lost) from None
            raise

    def _is_quick(self, seconds: float) -> bool:
        """Whether the best of the last round trips is no longer: a busy machine makes a single one slow."""
        for _ in range(_ROUND_TRIPS - 1):
            if self._round_trip <= seconds:
                return True
            self.now()
        return self._round_trip <= seconds


class _Held(Generic[Answer]):
    """A context that is entered in one thread and left in another, exactly once, however late it was entered.

    :param opened: gives it.
    :param steps: held by each step within it.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Answer]], steps: threading.Lock) -> None:
        self._opened = opened
        self._steps = steps
        self._lock = threading.Lock()
        self._entered = self._left = False

    def enter(self) -> Answer:
        self._context = self._opened()
        answer = self._context.__enter__()
        with self._lock:
            self._entered = True
            too_late = self._left
        if too_late:
            self._context.__exit__(None, None, None)
            raise TimeoutError("nobody waits for it any more")
        return answer

    def leave(self) -> None:
        with self._lock:
            to_do = self._entered and not self._left
            self._left = True
        if to_do:
            with self._steps:
                self._context.__exit__(None, None, None)


def _leave(held: _Held[Any], seconds: float) -> None:
    # A lease runs out and a lock ends with its process, if it can't be given back now.
    with suppress(TimeoutError, OutboxError):
        call_within(seconds, held.leave)
