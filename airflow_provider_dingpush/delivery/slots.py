"""The places of one robot's rate window, which all its senders share: taken before a POST, dated when it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.delivery.ledger_entries import Try
from airflow_provider_dingpush.delivery.records import Records
from airflow_provider_dingpush.delivery.window import RateWindow
from airflow_provider_dingpush.storage.contract import Place


class Slots:
    """Slots in the records of a book. It changes nothing itself, but says what is to be changed.

    :param records: of the robot's book.
    :param window: how many messages go into how much time.
    """

    def __init__(self, records: Records, window: RateWindow) -> None:
        self._records = records
        self._window = window

    def free_at(self, now: float, *, leaving: float = 0.0) -> float:
        """When there is a place: ``now``, or later.

        :param leaving: the share of the window that is left to others.
        """
        window = replace(self._window, limit=max(1, round(self._window.limit * (1 - leaving))))
        free = window.next_free((end for _, end in self._records.of("slot").values()), now)
        restarted = self._records.get("restart", "at")
        # What was sent before a book was damaged isn't known any more.
        return free if restarted is None else max(free, restarted + self._window.seconds)

    def within(self, now: float) -> int:
        """How many places are taken now."""
        return sum(end > now - self._window.seconds for _, end in self._records.of("slot").values())

    def taken(self, now: float, timeout_seconds: float) -> tuple[str, dict[Place, Any], list[Place]]:
        """A slot's name, and what is to be changed to take it.

        :param timeout_seconds: the most that the POST takes, in seconds; it counts as long as that until its end is
            known.
        """
        slots = self._records.of("slot")
        number = 0
        while (name := f"{now:.6f}.{number}") in slots:
            number += 1
        expired: list[Place] = [("slot", each) for each, (_, end) in slots.items() if end <= now - self._window.seconds]
        return name, {("slot", name): [now, now + timeout_seconds]}, expired

    def ended(self, end: Try | None) -> dict[Place, Any]:
        """What the end of a try changes."""
        if end is None or end.slot is None:
            return {}
        start, latest = self._records.get("slot", end.slot, [end.ended_at, end.ended_at])
        # A clock that was set back meanwhile must not let a message count from before it started.
        return {("slot", end.slot): [start, end.ended_at if end.ended_at >= start else latest]}

    def clamped(self, now: float) -> dict[Place, Any]:
        """What a clock that was set back makes wrong, put right: nothing was begun in the future."""
        puts: dict[Place, Any] = {
            ("slot", name): [now, now + end - start]
            for name, (start, end) in self._records.of("slot").items()
            if start > now
        }
        if (self._records.get("restart", "at") or now) > now:
            puts["restart", "at"] = now
        return puts
