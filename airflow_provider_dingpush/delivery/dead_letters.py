"""Dead letters: alerts that DingTalk refused even alone and reduced to their name; kept until a person acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.record_kinds import ALERT, DEAD, TOTALS, DeadRecord, Totals
from airflow_provider_dingpush.delivery.records import Changes, Records, RecordTable


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter.

    :param key: of the alert.
    :param alert: the alert; ``None`` if it can't be read.
    :param problem: why it was refused.
    :param at: when it became a dead letter, in seconds since 1970.
    """

    key: str
    alert: Alert | None
    problem: str
    at: float

    @property
    def name(self) -> str:
        """Its DAG and task."""
        return name_of(self.alert) if self.alert else self.key


def name_of(alert: Alert) -> str:
    """The DAG and task of an alert, or its event if it has neither."""
    return " · ".join(part for part in (alert.dag_id, alert.task_id) if part) or alert.event.value


def dead_letters_in(table: RecordTable) -> tuple[DeadLetter, ...]:
    """All dead letters of a book, oldest first."""
    letters = (_letter(key, record) for key, record in table.of(DEAD).items())
    return tuple(sorted(letters, key=lambda each: (each.at, each.key)))


class DeadLetters:
    """The dead letters in a receiver's book.

    :param records: of the book.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    @property
    def all(self) -> tuple[DeadLetter, ...]:
        """All of them, oldest first."""
        return dead_letters_in(self._records.table)

    @property
    def unreported(self) -> tuple[DeadLetter, ...]:
        """Those that no notification has listed yet, oldest first."""
        return tuple(each for each in self.all if not self._records.table.of(DEAD)[each.key].reported)

    def add(self, key: str, problem: str, now: float, changes: Changes) -> DeadLetter:
        """Turn a pending alert into a dead letter."""
        record = DeadRecord(self._records.table.of(ALERT)[key], problem, now)
        changes.delete(ALERT, key)
        changes.put(DEAD, record, key)
        return _letter(key, record)

    def mark_reported(self, keys: Iterable[str], changes: Changes) -> None:
        """Mark these as listed in a notification, or as never to be listed."""
        for key in keys:
            record = self._records.table.get(DEAD, key)
            if record is not None:
                changes.put(DEAD, replace(record, reported=True), key)

    def known(self, keys: Iterable[str]) -> Sequence[str]:
        """Those of the keys that are dead letters."""
        return [key for key in keys if self._records.table.get(DEAD, key) is not None]

    def requeue(self, key: str) -> bool:
        """Make a dead letter a pending alert again; ``True`` if there is one of this key."""
        record = self._records.table.get(DEAD, key)
        if record is None:
            return False
        changes = Changes()
        changes.put(ALERT, record.alert, key)
        changes.delete(DEAD, key)
        self._records.change(changes)
        return True

    def drop(self, key: str) -> bool:
        """Delete a dead letter; ``True`` if there was one of this key."""
        if self._records.table.get(DEAD, key) is None:
            return False
        changes = Changes()
        changes.delete(DEAD, key)
        totals = self._records.table.get(TOTALS) or Totals()
        changes.put(TOTALS, replace(totals, dropped=totals.dropped + 1))
        self._records.change(changes)
        return True


def _letter(key: str, record: DeadRecord) -> DeadLetter:
    try:
        alert = Alert.from_json(record.alert)
    except ValueError:
        alert = None
    return DeadLetter(key, alert, record.problem, record.at)
