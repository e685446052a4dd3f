"""How long alerts are collected before the next message: longer and longer while a storm lasts."""

from __future__ import annotations

LONGEST_INTERVAL_SECONDS = 300.0
"""However long a storm lasts, it is heard of so often, in seconds."""

_QUIET_INTERVALS = 2


def next_interval(interval: float, *, since_last: float | None, group_interval: float) -> float:
    """After a message, for how long the next one collects, in seconds.

    :param interval: for how long this one could have collected, in seconds.
    :param since_last: how long before it the last message was sent, in seconds; ``None`` if there was none.
    :param group_interval: for how long a message collects in quiet times, in seconds.
    """
    if since_last is None or since_last > _QUIET_INTERVALS * interval:
        return group_interval
    return max(group_interval, min(2 * interval, LONGEST_INTERVAL_SECONDS))


def is_storm(interval: float, *, group_interval: float) -> bool:
    """Whether so many messages followed each other that whoever reads them is better off with fewer."""
    return interval > _QUIET_INTERVALS * group_interval
