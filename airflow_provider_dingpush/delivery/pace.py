"""How long alerts are collected before the next message: longer and longer while a storm lasts."""

from __future__ import annotations

from airflow_provider_dingpush.delivery.record_kinds import INTERVAL, LAST_SENT
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

LONGEST_INTERVAL_SECONDS = 300.0
"""However long a storm lasts, a notification is sent so often, in seconds."""

_QUIET_INTERVALS = 2


def next_interval(interval: float, *, since_last: float | None, group_interval: float) -> float:
    """After a notification, for how long the next one collects, in seconds.

    :param interval: for how long this one could have collected, in seconds.
    :param since_last: how long before it the last notification was sent, in seconds; ``None`` if there was none.
    :param group_interval: for how long a notification collects in quiet times, in seconds.
    """
    if since_last is None or since_last > _QUIET_INTERVALS * interval:
        return group_interval
    return max(group_interval, min(2 * interval, LONGEST_INTERVAL_SECONDS))


def is_storm(interval: float, *, group_interval: float) -> bool:
    """Whether so many notifications followed each other that whoever reads them is better off with fewer."""
    return interval > _QUIET_INTERVALS * group_interval


class Pace:
    """When the last notification was sent, and for how long the next one collects.

    :param table: the records of a receiver's book.
    :param group_interval: for how long a notification collects in quiet times, in seconds.
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
        """Whether so many notifications followed each other lately that fewer would be better."""
        return is_storm(self._interval, group_interval=self._group_interval)

    def collects_until(self, *, in_storm: bool) -> float | None:
        """Until when alerts are collected, in seconds since 1970; ``None`` if nothing was sent yet.

        :param in_storm: whether that may be longer than the group interval.
        """
        interval = self._interval if in_storm else self._group_interval
        return None if self.last_sent_at is None else self.last_sent_at + interval

    def after_message(self, now: float, changes: Changes) -> None:
        """Note that a notification was sent."""
        since_last = None if self.last_sent_at is None else now - self.last_sent_at
        interval = next_interval(self._interval, since_last=since_last, group_interval=self._group_interval)
        changes.put(INTERVAL, interval)
        changes.put(LAST_SENT, now)

    def clamp(self, now: float, changes: Changes) -> None:
        """Correct what a clock that was set back makes wrong."""
        if (self.last_sent_at or now) > now:
            changes.put(LAST_SENT, now)

    @property
    def _interval(self) -> float:
        interval = self._table.get(INTERVAL)
        return self._group_interval if interval is None else interval
