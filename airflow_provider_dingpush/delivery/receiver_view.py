"""A receiver's book as it stands, for people: read without leading, and never written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from airflow_provider_dingpush.delivery.dead_letters import DeadLetter, dead_letters_in
from airflow_provider_dingpush.delivery.holds import Holds
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.record_kinds import Hold
from airflow_provider_dingpush.delivery.records import RecordTable
from airflow_provider_dingpush.delivery.window import RateWindow, Slots
from airflow_provider_dingpush.storage.contract import Place


class ReceiverView:
    """What ``dingpush status`` shows of a receiver at one moment.

    :param records: of its book, as :meth:`~airflow_provider_dingpush.storage.outbox.Outbox.records_of` gives them.
    :param policy: its delivery options.
    :param zone: the time zone whose midnight ends a day.
    :param now: in seconds since 1970.
    """

    def __init__(self, records: Mapping[Place, Any], policy: DeliveryPolicy, *, zone: tzinfo, now: float) -> None:
        table = RecordTable(records)
        holds = Holds(table, policy, zone)
        slots = Slots(table, RateWindow(policy.rate_limit_per_minute, policy.minute_seconds))
        self.dead_letters: tuple[DeadLetter, ...] = dead_letters_in(table)
        self.hold: Hold | None = holds.current(now)
        self.sent_within_minute = slots.taken_within_window(now)
        self.sent_today = holds.sent_today(now)
        self.sent_this_month = holds.sent_this_month(now)
