"""When each hint was last shown to a receiver, so that it isn't repeated in each of its messages."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_dingpush.alerts.hints import HINT_SECONDS, Hint
from airflow_provider_dingpush.delivery.record_kinds import HINT
from airflow_provider_dingpush.delivery.records import Changes, RecordTable


class HintTimes:
    """When each hint was last shown.

    :param table: the records of a receiver's book.
    """

    def __init__(self, table: RecordTable) -> None:
        self._table = table

    def due(self, now: float) -> frozenset[Hint]:
        """The hints that may be shown again."""
        shown = {hint: self._table.get(HINT, hint.value) for hint in Hint}
        return frozenset(hint for hint, at in shown.items() if at is None or at + HINT_SECONDS[hint] <= now)

    def after_message(self, shown: Iterable[str], now: float, changes: Changes) -> None:
        """Record that a notification with these hints was sent, by their values."""
        for name in shown:
            changes.put(HINT, now, name)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        for name, at in self._table.of(HINT).items():
            if at > now:
                changes.put(HINT, now, name)
