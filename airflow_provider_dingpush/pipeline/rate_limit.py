"""Slots of a receiver's rate limit for messages that aren't alerts: operators wait for a slot, and return it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dingpush.errors import (
    THROTTLED_SECONDS,
    DingTalkError,
    OutboxError,
    ThrottledError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.dispatching import shared
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

if TYPE_CHECKING:
    from airflow_provider_dingpush.delivery.ledger import Ledger
    from airflow_provider_dingpush.pipeline.receivers import Receiver

_log = logging.getLogger(__name__)
# A leader may hold its lock for a callback's whole budget; an operator tries again at this interval.
_POLL_SECONDS, _LEADER_DONE_SECONDS = 0.25, 10.0
# A flush leads for a minute; a leader that takes longer was stopped, or hangs on its disk.
_LONGEST_LEAD_SECONDS = 90.0
_STILL_WAITING_SECONDS = 30.0


def seconds_until_slot(outbox: Outbox, receiver: Receiver, *, share: float = 1.0) -> float:
    """The seconds until a slot is free; 0 if one is free now, or that is unknown.

    :param share: the part of the receiver's rate limit that this outbox may use.
    :raises OutboxError: if the outbox can't be used.
    """
    return _Window(outbox, receiver, share).seconds_until_slot()


@contextmanager
def rate_limit_slot(
    outbox: Outbox, receiver: Receiver, *, messages: int = 1, share: float = 1.0, deadline: Deadline | None = None
) -> Iterator[None]:
    """Wait for a slot of the rate limit and hold it while a message is sent.

    Alerts and messages of operators share one window of the receiver. If the outbox can't be used, the message is sent
    without a slot.

    :param messages: into how many messages it may be split.
    :param share: the part of the receiver's rate limit that this outbox may use.
    :param deadline: until when to wait; then the message is sent without a slot.
    """
    window = _Window(outbox, receiver, share)
    slots: list[str] = []
    try:
        slots.extend(slot for _ in range(messages) if (slot := window.wait_for_slot(deadline)) is not None)
    except OutboxError as problem:
        _log.warning("The rate limit can't be read, so this message doesn't wait for a slot: %s", problem)
    try:
        yield
    except DingTalkError as problem:
        window.give_back(slots, problem)
        raise
    window.give_back(slots, None)


@contextmanager
def ledger_of(outbox: Outbox, receiver: Receiver, share: float = 1.0) -> Iterator[Ledger | None]:
    """The receiver's ledger, if no other process leads.

    :param share: the part of its rate limit that this outbox may use.
    :raises OutboxError: if the outbox can't be used.
    """
    from airflow_provider_dingpush.delivery.ledger import Ledger

    with outbox.leadership(receiver.receiver_id) as book:
        if book is None:
            yield None
        else:
            yield Ledger(book, shared(receiver.hook.settings.delivery, share), zone=local_zone())


@dataclass(frozen=True)
class _Window:
    """A receiver's window as an operator uses it: leading for moments only.

    :param share: the part of the rate limit that this outbox may use.
    """

    outbox: Outbox
    receiver: Receiver
    share: float

    def seconds_until_slot(self) -> float:
        with ledger_of(self.outbox, self.receiver, self.share) as ledger:
            wait = 0.0 if ledger is None else max(0.0, ledger.free_at(now := ledger.now()) - now)
        return max(wait, self._pause_seconds())

    def wait_for_slot(self, deadline: Deadline | None) -> str | None:
        """Wait for a slot and take it; ``None`` if that would take too long."""
        logged_at = reached_at = time.monotonic()
        while True:
            wait = max(_POLL_SECONDS, pause := self._pause_seconds())
            with ledger_of(self.outbox, self.receiver, self.share) as ledger:
                if ledger is not None:
                    reached_at = time.monotonic()
                if ledger is not None and not pause:
                    now = ledger.now()
                    slot = ledger.take_slot(now, self.receiver.timeout_seconds)
                    if slot is not None:
                        return slot
                    wait = max(wait, ledger.free_at(now) - now)
            if deadline is not None and wait > deadline.seconds_left():
                return None
            if time.monotonic() - reached_at > _LONGEST_LEAD_SECONDS:
                _log.warning("Another process leads and doesn't end, so this message doesn't wait for a slot.")
                return None
            if max(time.monotonic() - logged_at, wait) > _STILL_WAITING_SECONDS:
                _log.info("Waiting %.0f s for a slot of the rate limit of connection %r.", wait, self.receiver.conn_id)
                logged_at = time.monotonic()
            time.sleep(min(wait, _STILL_WAITING_SECONDS))

    def give_back(self, slots: Sequence[str], problem: DingTalkError | None) -> None:
        """Record the end of the POSTs, and a pause that DingTalk asked for."""
        if not slots and not isinstance(problem, ThrottledError):
            return
        # Another process may lead. Only a problem is worth waiting for; after a success the slot just counts longer.
        deadline = Deadline.after(0.0 if problem is None else _LEADER_DONE_SECONDS)
        try:
            while not self._is_given_back(slots, problem) and deadline.seconds_left() > 0:
                time.sleep(_POLL_SECONDS)
        except OutboxError as trouble:
            _log.warning("The end of a message can't be noted in the rate limit: %s", trouble)

    def _is_given_back(self, slots: Sequence[str], problem: DingTalkError | None) -> bool:
        with ledger_of(self.outbox, self.receiver, self.share) as ledger:
            if ledger is None:
                return False
            now = ledger.now()
            for slot in slots:
                ledger.give_back(slot, now, sent=problem is None)
            # An unknown outcome with a time to wait comes from the page of a gateway.
            asked = problem.retry_after_seconds if isinstance(problem, (ThrottledError, UnknownOutcomeError)) else None
            if asked or isinstance(problem, ThrottledError):
                ledger.throttle(now, asked or THROTTLED_SECONDS, str(problem))
            return True

    def _pause_seconds(self) -> float:
        """The seconds for which nothing may be sent, copied into a substitute store from the outbox."""
        pause = self.outbox.pause_of(self.receiver.receiver_id) if self.share < 1 else None
        return max(0.0, pause.until - time.time()) if pause else 0.0
