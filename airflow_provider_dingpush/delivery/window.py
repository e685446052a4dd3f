"""The rate limit's sliding window, counted so that DingTalk can't count more messages than we do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from airflow_provider_dingpush.delivery.record_kinds import RESTART, RESTART_KEY, SLOT, Slot
from airflow_provider_dingpush.delivery.records import Changes, RecordTable


@dataclass(frozen=True)
class RateWindow:
    """At most so many messages within any window of so many seconds.

    A message counts from the moment its POST **ended**. One that starts a whole window after an earlier one's end
    arrives at least a whole window after it, however slow the network is. (Counting from the start exceeds the limit
    when an early message is slow and a late one fast.) A message whose end isn't known counts until its timeout.

    :param limit: the most messages.
    :param seconds: the length of the window, in seconds.
    """

    limit: int
    seconds: float

    def next_free(self, ended: Iterable[float], now: float) -> float:
        """When the next message may start: ``now``, or later.

        :param ended: when the POSTs of earlier messages ended, or will have ended at the latest, in any order.
        """
        latest = sorted(ended)[-self.limit :]
        return max(now, latest[0] + self.seconds) if len(latest) == self.limit else now


@dataclass(frozen=True)
class Try:
    """The end of one try.

    :param slot: its slot in this receiver's window; ``None`` if a fallback sent it.
    :param ended_at: in seconds since 1970.
    """

    slot: str | None
    ended_at: float


class Slots:
    """The slots of one receiver's window, shared by all senders: taken before a POST, dated when it ended.

    :param table: the records of its book.
    :param window: the rate limit.
    """

    def __init__(self, table: RecordTable, window: RateWindow) -> None:
        self._table = table
        self._window = window

    def free_at(self, now: float, *, kept_free: float = 0.0) -> float:
        """When a slot is free: ``now``, or later.

        :param kept_free: the share of the window that is kept for others.
        """
        window = replace(self._window, limit=max(1, round(self._window.limit * (1 - kept_free))))
        free = window.next_free((slot.end for slot in self._table.of(SLOT).values()), now)
        restarted = self._table.get(RESTART, RESTART_KEY)
        # What was sent before a book was damaged is unknown.
        return free if restarted is None else max(free, restarted + self._window.seconds)

    def taken_within_window(self, now: float) -> int:
        """How many slots are taken now."""
        return sum(slot.end > now - self._window.seconds for slot in self._table.of(SLOT).values())

    def take(self, now: float, timeout_seconds: float, changes: Changes) -> str:
        """Take a slot, and return its name.

        :param timeout_seconds: the longest time that the POST takes, in seconds; counted until its end is known.
        """
        slots = self._table.of(SLOT)
        number = 0
        while (name := f"{now:.6f}.{number}") in slots:
            number += 1
        for each, slot in slots.items():
            if slot.end <= now - self._window.seconds:
                changes.delete(SLOT, each)
        changes.put(SLOT, Slot(now, now + timeout_seconds), name)
        return name

    def end(self, end: Try | None, changes: Changes) -> None:
        """Date the slot of a try."""
        if end is None or end.slot is None:
            return
        taken = self._table.get(SLOT, end.slot) or Slot(end.ended_at, end.ended_at)
        # If the clock was set back meanwhile, a message must not count from before it started.
        changes.put(SLOT, Slot(taken.start, end.ended_at if end.ended_at >= taken.start else taken.end), end.slot)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        for name, slot in self._table.of(SLOT).items():
            if slot.start > now:
                changes.put(SLOT, Slot(now, now + slot.end - slot.start), name)
        if (self._table.get(RESTART, RESTART_KEY) or now) > now:
            changes.put(RESTART, now, RESTART_KEY)
