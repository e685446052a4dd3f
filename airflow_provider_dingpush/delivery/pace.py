"""How long alerts are collected before the next message: longer and longer while a storm lasts."""

from __future__ import annotations

from airflow_provider_dingpush.delivery.record_kinds import INTERVAL, LAST_SENT
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

LONGEST_INTERVAL_SECONDS = 300.0
"""The longest interval between notifications, however long a storm lasts, in seconds."""

_QUIET_INTERVALS = 2


class Pace:
    """When the last notification was sent, and how long alerts are collected since.

    :param table: the records of a receiver's book.
    :param group_interval: the interval outside a storm, in seconds.
    """

    def __init__(self, table: RecordTable, group_interval: float) -> None:
        self._table = table
        self._group_interval = group_interval

    @property
    def last_sent_at(self) -> float | None:
        """When a notification was last sent, in seconds since 1970."""
        return self._table.get(LAST_SENT)

    @property
    def in_storm(self) -> bool:
        """Whether so many notifications followed each other lately that fewer are better."""
        return self._interval > _QUIET_INTERVALS * self._group_interval

    @property
    def quiet_seconds(self) -> float:
        """After so long without a notification a storm is over, in seconds."""
        return _QUIET_INTERVALS * self._interval

    def collects_until(self, *, in_storm: bool) -> float | None:
        """Until when alerts are collected, in seconds since 1970; ``None`` if nothing was sent yet.

        :param in_storm: whether the interval may be longer than the group interval.
        """
        interval = self._interval if in_storm else self._group_interval
        return None if self.last_sent_at is None else self.last_sent_at + interval

    def after_message(self, now: float, changes: Changes) -> None:
        """Record that a notification was sent."""
        interval = self._group_interval
        if self.last_sent_at is not None and now - self.last_sent_at <= self.quiet_seconds:
            interval = max(interval, min(2 * self._interval, LONGEST_INTERVAL_SECONDS))
        changes.put(INTERVAL, interval)
        changes.put(LAST_SENT, now)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        if (self.last_sent_at or now) > now:
            changes.put(LAST_SENT, now)

    @property
    def _interval(self) -> float:
        interval = self._table.get(INTERVAL)
        return self._group_interval if interval is None else interval
