"""What a receiver's book remembers: past failures for 30 days, and for a week which alerts came and what was sent.

All of it is written with what a leader writes anyway: the alerts when they are taken in, a message when it was sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypeVar

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.history_line import Memory
from airflow_provider_dingpush.delivery.history_events import RecordedEvent, RecordedWeek, SentMessage
from airflow_provider_dingpush.delivery.history_failures import FailureHistory
from airflow_provider_dingpush.delivery.history_log import HistoryLog
from airflow_provider_dingpush.delivery.record_kinds import EVENTS, FAILURES, MESSAGES, RECORDED_SINCE
from airflow_provider_dingpush.delivery.records import Changes, RecordTable
from airflow_provider_dingpush.storage.contract import RecordId

Line = TypeVar("Line")
_log = logging.getLogger(__name__)


class History:
    """The history in a book.

    :param table: the records of the book.
    :param zone: the time zone that tells nights from days.
    :param leader: the role of the process that leads; empty if it isn't known.
    """

    def __init__(self, table: RecordTable, zone: tzinfo, leader: str = "") -> None:
        self._failures = FailureHistory(table, zone)
        self._events = HistoryLog(table, EVENTS)
        self._messages = HistoryLog(table, MESSAGES)
        self._leader = leader

    def note_arrivals(self, alerts: Sequence[Alert], now: float, changes: Changes) -> None:
        """Record alerts as they are taken in.

        :param now: in seconds since 1970.
        """
        if alerts:
            self._failures.note(alerts, now, changes)
            self._events.add([RecordedEvent(now, self._leader, each).to_line() for each in alerts], now, changes)

    def after_message(self, alerts: int, now: float, changes: Changes) -> None:
        """Record that a notification was sent.

        :param alerts: how many it had.
        """
        self._messages.add([SentMessage(now, alerts).to_line()], now, changes)

    def memories(self, alerts: Iterable[Alert]) -> dict[str, Memory]:
        """What is remembered of these alerts, by key."""
        return self._failures.memories(alerts)


def recorded_week(records: Mapping[RecordId, Any]) -> RecordedWeek:
    """What a book has recorded of the last week; read without leading.

    :param records: of the book, as plain JSON data.
    """
    table = RecordTable({place: record for place, record in records.items() if place[0] in _KINDS})
    events, messages = HistoryLog(table, EVENTS), HistoryLog(table, MESSAGES)
    return RecordedWeek(
        tuple(sorted(_read(events.lines(), RecordedEvent.from_line), key=lambda each: each.taken_at)),
        tuple(_read(messages.lines(), SentMessage.from_line)),
        table.get(RECORDED_SINCE, FAILURES.name),
        max(events.dropped_until, messages.dropped_until),
    )


_KINDS = {each.name for each in (EVENTS, MESSAGES, RECORDED_SINCE)}


def _read(lines: Iterable[str], read: Callable[[str], Line]) -> Iterator[Line]:
    for line in lines:
        try:
            yield read(line)
        except ValueError:
            _log.error("A line of the history is damaged and skipped.")
