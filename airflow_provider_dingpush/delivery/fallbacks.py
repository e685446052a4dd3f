"""Routes of a notification: the receiver's own channel, or another robot of the same group."""

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
"""Composes a message of alerts and notes: the full text of one alert, a digest of many."""


@dataclass(frozen=True)
class Fallback:
    """Another robot of the same group, used when the own one can't send.

    :param channel: sends through it.
    :param policy: its delivery options, of which the rate limit applies.
    :param lead: lead it, or not (``None``), as :meth:`~airflow_provider_dingpush.storage.outbox.Outbox.leadership`.
    :param compose: composes a message that it can carry, if that differs from the own robot's.
    """

    channel: Channel
    policy: DeliveryPolicy
    lead: Callable[[], AbstractContextManager[LedgerBook | None]]
    compose: Compose | None = None


@dataclass(frozen=True)
class Route:
    """A channel that can send now.

    :param own: whether it is the receiver's own.
    :param skipped: connections that were tried before, and why they can't send.
    """

    channel: Channel
    book: LedgerBook
    ledger: Ledger
    own: bool
    compose: Compose
    skipped: Sequence[tuple[str, str]] = ()


class Fallbacks:
    """The other robots of a group, in the order in which they are tried.

    :param every: all of them.
    :param compose: composes a message of alerts, for fallbacks without a function of their own.
    :param zone: the time zone whose midnight ends a day.
    :param log: for operators of Airflow.
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
        """Send through the first that can; ``True`` if one did.

        :param now: in seconds since 1970.
        :param skipped: connections that were tried before, and why they can't send.
        :param receiver_id: of the only one to try; ``None`` tries all.
        :raises LeadershipLostError: the next leader of either receiver finds the batch as under way.
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
                self._log.warning("The fallback of connection %r is unavailable: %s", fallback.channel.conn_id, problem)
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
