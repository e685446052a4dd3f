"""Limits that count: sliding windows, and the day and month of DingTalk's organisations."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Hashable

# An organisation's day is Beijing's.
_BEIJING_SECONDS_EAST = 8 * 3600


class SlidingWindows:
    """What was counted in the last ``seconds`` under each key; not locked, since each owner has a lock of its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def is_full(self, key: Hashable, now: float, limit: int | None) -> bool:
        """Whether ``limit`` (None: no limit) are in the window that ends ``now`` (epoch seconds)."""
        times = self._times[key]
        while times and times[0] <= now - self._seconds:
            times.popleft()
        return limit is not None and len(times) >= limit

    def take(self, key: Hashable, now: float, limit: int | None) -> bool:
        """Count one more and return True, or False if the window is full."""
        is_full = self.is_full(key, now, limit)
        if not is_full:
            self._times[key].append(now)
        return not is_full

    def clear(self) -> None:
        self._times.clear()


def day_of(now: float) -> int:
    """Return the number of the day in Beijing at ``now`` (epoch seconds)."""
    return int((now + _BEIJING_SECONDS_EAST) // 86_400)


def month_of(now: float) -> tuple[int, int]:
    """Return year and month in Beijing at ``now`` (epoch seconds)."""
    date = time.gmtime(now + _BEIJING_SECONDS_EAST)
    return date.tm_year, date.tm_mon
