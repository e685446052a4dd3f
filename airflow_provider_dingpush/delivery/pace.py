"""How long alerts are collected before the next message: longer and longer while a storm lasts."""

from __future__ import annotations

from airflow_provider_dingpush.delivery.record_kinds import INTERVAL, LAST_SENT
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

LONGEST_INTERVAL_SECONDS = 300.0
"""The longest interval between notifications, however long a storm lasts, in seconds."""

_QUIET_INTERVALS = 2


def next_interval(interval: float, *, since_last: float | None, group_interval: float) -> float:
    """How long alerts are collected after a notification, in seconds.

    :param interval: the interval before it, in seconds.
    :param since_last: the time since the notification before it, in seconds; ``None`` if there was none.
    :param group_interval: the interval outside a storm, in seconds.
    """
    if since_last is None or since_last > _QUIET_INTERVALS * interval:
        return group_interval
    return max(group_interval, min(2 * interval, LONGEST_INTERVAL_SECONDS))


def is_storm(interval: float, *, group_interval: float) -> bool:
    """Whether so many notifications followed each other that fewer are better for the readers."""
    return interval > _QUIET_INTERVALS * group_interval


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
        return is_storm(self._interval, group_interval=self._group_interval)

    def collects_until(self, *, in_storm: bool) -> float | None:
        """Until when alerts are collected, in seconds since 1970; ``None`` if nothing was sent yet.

        :param in_storm: whether the interval may be longer than the group interval.
        """
        interval = self._interval if in_storm else self._group_interval
        return None if self.last_sent_at is None else self.last_sent_at + interval

    def after_message(self, now: float, changes: Changes) -> None:
        """Record that a notification was sent."""
        since_last = None if self.last_sent_at is None else now - self.last_sent_at
        interval = next_interval(self._interval, since_last=since_last, group_interval=self._group_interval)
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
