"""Ways of a notification: through the receiver's own channel, or through another robot of the same group."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.delivery.channel import Channel
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At, Message

Compose = Callable[[Sequence[Alert], Notes], "tuple[Message, At | None]"]
"""Makes a message of alerts and what else is to be noted: the full text of one alert, a digest of many."""


@dataclass(frozen=True)
class Fallback:
    """Another robot of the same group, for when the own one can't send.

    :param channel: sends through it.
    :param policy: its delivery options; its rate limit is what counts.
    :param lead: lead it, or not (``None``), as :meth:`~airflow_provider_dingpush.storage.outbox.Outbox.leadership`.
    :param compose: makes a message that it can carry, if other ones than those of the own robot.
    """

    channel: Channel
    policy: DeliveryPolicy
    lead: Callable[[], AbstractContextManager[LedgerBook | None]]
    compose: Compose | None = None


@dataclass(frozen=True)
class Route:
    """A channel that can send now.

    :param own: whether it is the receiver's own.
    :param skipped: connections that were asked before, and why they can't send.
    """

    channel: Channel
    book: LedgerBook
    ledger: Ledger
    own: bool
    compose: Compose
    skipped: Sequence[tuple[str, str]] = ()


class Fallbacks:
    """The other robots of a group, in the order in which they are asked.

    :param every: all of them.
    :param compose: makes a message of alerts, for those that have no such function of their own.
    :param zone: the time zone whose midnight ends a day.
    :param log: takes what people should know.
    """

    def __init__(self, every: Sequence[Fallback], compose: Compose, zone: tzinfo, log: logging.Logger) -> None:
        self._every = every
        self._compose = compose
        self._zone = zone
        self._log = log

    def __bool__(self) -> bool:
        return bool(self._every)

    def use_first(
        self, now: float, skipped: list[tuple[str, str]], send: Callable[[Route], None], receiver_id: str | None = None
    ) -> bool:
        """Send through the first that can; ``True`` if one of them could.

        :param now: in seconds since 1970.
        :param skipped: connections that were asked before, and why they can't send.
        :param receiver_id: of the only one to ask; ``None`` asks all.
        :raises LeadershipLostError: the next leader of either receiver finds the batch under way.
        """
        for fallback in self._every:
            if receiver_id is not None and fallback.channel.receiver_id != receiver_id:
                continue
            try:
                if self._is_used(fallback, now, skipped, send):
                    return True
            except LeadershipLostError:
                raise
            except OutboxError as problem:
                self._log.warning("The fallback of connection %r can't be asked: %s", fallback.channel.conn_id, problem)
        return False

    def _is_used(
        self, fallback: Fallback, now: float, skipped: list[tuple[str, str]], send: Callable[[Route], None]
    ) -> bool:
        with fallback.lead() as book:
            if book is None:
                return False
            ledger = Ledger(book, fallback.policy, zone=self._zone)
            ledger.clamp_future_times(now)
            hold = ledger.holds.current(now)
            if hold:
                skipped.append((fallback.channel.conn_id, hold.reason.value))
            elif ledger.free_at(now) <= now:
                compose = fallback.compose or self._compose
                send(Route(fallback.channel, book, ledger, own=False, compose=compose, skipped=skipped))
                return True
            return False
