"""Slots of a receiver's rate limit for messages that aren't alerts: operators wait for one, and give it back."""

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
# A leader may hold its lock for a callback's whole budget; an operator asks again so often.
_POLL_SECONDS, _LEADER_DONE_SECONDS = 0.25, 10.0
# A flush leads for a minute; one that leads for longer is stopped, or hangs on its disk.
_LONGEST_LEAD_SECONDS = 90.0
_STILL_WAITING_SECONDS = 30.0


def seconds_until_slot(outbox: Outbox, sender: Receiver, *, share: float = 1.0) -> float:
    """How long it takes, in seconds, until something may be sent; 0 if it may now or nobody knows.

    :param share: of the receiver's rate limit, what may be sent from this outbox.
    :raises OutboxError: if the outbox can't be used.
    """
    return _Window(outbox, sender, share).seconds_until_slot()


@contextmanager
def rate_limit_slot(
    outbox: Outbox, sender: Receiver, *, messages: int = 1, share: float = 1.0, deadline: Deadline | None = None
) -> Iterator[None]:
    """Wait for a slot of the rate limit and hold it while a message is sent.

    Alerts and messages of operators share one window of the receiver. Where the outbox can't be used the message is
    sent all the same.

    :param messages: how many messages it may become.
    :param share: of the receiver's rate limit, what may be sent from this outbox.
    :param deadline: until when it is waited for; then the message is sent all the same.
    """
    window = _Window(outbox, sender, share)
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
def ledger_of(outbox: Outbox, sender: Receiver, share: float = 1.0) -> Iterator[Ledger | None]:
    """The receiver's ledger, if no other process leads.

    :param share: of its rate limit, what may be sent from this outbox.
    :raises OutboxError: if the outbox can't be used.
    """
    from airflow_provider_dingpush.delivery.ledger import Ledger

    with outbox.leadership(sender.receiver_id) as book:
        if book is None:
            yield None
        else:
            yield Ledger(book, shared(sender.hook.settings.delivery, share), zone=local_zone())


@dataclass(frozen=True)
class _Window:
    """A receiver's rate window, as an operator sees it: it leads for moments only.

    :param share: of the rate limit, what may be sent from this outbox.
    """

    outbox: Outbox
    sender: Receiver
    share: float

    def seconds_until_slot(self) -> float:
        with ledger_of(self.outbox, self.sender, self.share) as ledger:
            wait = 0.0 if ledger is None else max(0.0, ledger.free_at(now := ledger.now()) - now)
        return max(wait, self._pause_seconds())

    def wait_for_slot(self, deadline: Deadline | None) -> str | None:
        """Wait for a slot and take it; ``None`` if that would take too long."""
        logged_at = reached_at = time.monotonic()
        while True:
            wait = max(_POLL_SECONDS, pause := self._pause_seconds())
            with ledger_of(self.outbox, self.sender, self.share) as ledger:
                if ledger is not None:
                    reached_at = time.monotonic()
                if ledger is not None and not pause:
                    now = ledger.now()
                    slot = ledger.take_slot(now, self.sender.timeout_seconds)
                    if slot is not None:
                        return slot
                    wait = max(wait, ledger.free_at(now) - now)
            if deadline is not None and wait > deadline.seconds_left():
                return None
            if time.monotonic() - reached_at > _LONGEST_LEAD_SECONDS:
                _log.warning("Another process leads and doesn't end, so this message doesn't wait for a slot.")
                return None
            if max(time.monotonic() - logged_at, wait) > _STILL_WAITING_SECONDS:
                _log.info("Waiting %.0f s for a slot of the rate limit of connection %r.", wait, self.sender.conn_id)
                logged_at = time.monotonic()
            time.sleep(min(wait, _STILL_WAITING_SECONDS))

    def give_back(self, slots: Sequence[str], problem: DingTalkError | None) -> None:
        """Note the end of the POSTs, and what DingTalk asked for."""
        if not slots and not isinstance(problem, ThrottledError):
            return
        # Another process may lead. A problem is worth waiting for it; after a success the slot only counts longer.
        deadline = Deadline.after(0.0 if problem is None else _LEADER_DONE_SECONDS)
        try:
            while not self._is_given_back(slots, problem) and deadline.seconds_left() > 0:
                time.sleep(_POLL_SECONDS)
        except OutboxError as trouble:
            _log.warning("The end of a message can't be noted in the rate limit: %s", trouble)

    def _is_given_back(self, slots: Sequence[str], problem: DingTalkError | None) -> bool:
        with ledger_of(self.outbox, self.sender, self.share) as ledger:
            if ledger is None:
                return False
            now = ledger.now()
            for slot in slots:
                ledger.give_back(slot, now, sent=problem is None)
            # Whose outcome is unknown and who is asked to wait met the page of a gateway.
            asked = problem.retry_after_seconds if isinstance(problem, (ThrottledError, UnknownOutcomeError)) else None
            if asked or isinstance(problem, ThrottledError):
                ledger.throttle(now, asked or THROTTLED_SECONDS, str(problem))
            return True

    def _pause_seconds(self) -> float:
        """For how long, in seconds, nothing may be sent, as another outbox has noted in this one."""
        pause = self.outbox.pause_of(self.sender.receiver_id) if self.share < 1 else None
        return max(0.0, pause.until - time.time()) if pause else 0.0
