"""Limits that count: a sliding window, and the day and month of DingTalk's organisations."""

from __future__ import annotations

import time
from collections import deque

# An organisation's day is Beijing's.
_BEIJING_SECONDS_EAST = 8 * 3600


class SlidingWindow:
    """The times of what was counted lately; not locked, since each owner has a lock of its own.

    :param seconds: the length of the window.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def is_full(self, now: float, limit: int | None) -> bool:
        """Whether ``limit`` (None: no limit) are in the window that ends ``now`` (epoch seconds)."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return limit is not None and len(self._times) >= limit

    def add(self, now: float) -> None:
        self._times.append(now)

    def take(self, now: float, limit: int | None) -> bool:
        """Count one more and return True, or False if the window is full."""
        if self.is_full(now, limit):
            return False
        self.add(now)
        return True


def day_of(now: float) -> int:
    """Return the number of the day in Beijing at ``now`` (epoch seconds)."""
    return int((now + _BEIJING_SECONDS_EAST) // 86_400)


def month_of(now: float) -> tuple[int, int]:
    """Return year and month in Beijing at ``now`` (epoch seconds)."""
    date = time.gmtime(now + _BEIJING_SECONDS_EAST)
    return date.tm_year, date.tm_mon
