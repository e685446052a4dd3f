"""The pending alerts in a receiver's book: those that can be sent now, in the batch, or quarantined."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert, age_of
from airflow_provider_dingpush.delivery.dead_letters import DeadLetters
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    BATCH,
    OVERFLOW,
    QUARANTINE,
    WITHHELD,
    Batch,
    QuarantinedBatch,
)
from airflow_provider_dingpush.delivery.records import Changes, Records
from airflow_provider_dingpush.delivery.repeats import Repeats

_log = logging.getLogger(__name__)
# As an alert is written; a quotation mark inside of a text is escaped. So none has to be read for it.
_UPSTREAMS = '"upstreams":['
_URGENT = '"severity":"P1"'


class Queue:
    """The pending alerts of a book.

    :param records: of the book.
    :param repeats: which alerts are only counted.
    :param dead_letters: for alerts that can't be read.
    """

    def __init__(self, records: Records, repeats: Repeats, dead_letters: DeadLetters) -> None:
        self._records = records
        self._table = records.table
        self._repeats = repeats
        self._dead_letters = dead_letters
        self._read: dict[str, Alert] = {}

    @property
    def waiting(self) -> int:
        """How many alerts are pending."""
        return len(self._table.of(ALERT))

    @property
    def overflow_count(self) -> int:
        """How many overflowing alerts were counted and aren't reported yet."""
        return self._table.get(OVERFLOW) or 0

    @property
    def has_fresh(self) -> bool:
        """Whether an alert is neither in the batch nor quarantined; it may be a counted repeat."""
        return len(self._free()) > 0

    @property
    def has_urgent(self) -> bool:
        """Whether an alert that is neither in the batch nor quarantined is of P1."""
        alerts = self._table.of(ALERT)
        return any(_URGENT in str(alerts[key]) for key in self._free())

    @property
    def has_upstreams(self) -> bool:
        """Whether one of them may follow from another failure."""
        alerts = self._table.of(ALERT)
        return any(_UPSTREAMS in str(alerts[key]) for key in self._free())

    def pending(self) -> tuple[Alert, ...]:
        """All pending alerts, also those in the batch and quarantined ones, oldest first."""
        return self._parsed(list(self._table.of(ALERT)))

    def is_in_book(self, key: str) -> bool:
        """Whether an alert of this key is pending or withheld."""
        return self.is_waiting(key) or key in self._table.of(WITHHELD)

    def is_waiting(self, key: str) -> bool:
        """Whether an alert of this key is pending."""
        return key in self._table.of(ALERT)

    def fresh(self, now: float) -> tuple[Alert, ...]:
        """The alerts that can be sent now, except those in the batch and in quarantine; oldest first."""
        return self._repeats.sendable(self.free(), now)

    def free(self) -> tuple[Alert, ...]:
        """The alerts that are neither in the batch nor quarantined, oldest first."""
        return self._parsed(self._free())

    def next_repeat_due(self, now: float) -> float | None:
        """When the first counted repeat can be sent, or ``None`` if there is none."""
        until = [self._repeats.counted_until(each, now) for each in self.free()]
        return min((each for each in until if each is not None), default=None)

    @property
    def quarantine(self) -> tuple[tuple[str, QuarantinedBatch], ...]:
        """Name and value of each quarantined batch with alerts: whole texts before names only, the oldest first."""
        every = sorted(
            self._table.of(QUARANTINE).items(), key=lambda each: (each[1].names_only, each[1].created, each[0])
        )
        present = (
            (name, replace(each, keys=tuple(key for key in each.keys if self.is_waiting(key)))) for name, each in every
        )
        return tuple((name, each) for name, each in present if each.keys)

    @property
    def unfinished(self) -> Batch | None:
        """The frozen batch that isn't sent yet."""
        batch = self._table.get(BATCH)
        return replace(batch, perhaps_arrived=True) if batch and batch.under_way else batch

    def alerts(self, keys: Iterable[str]) -> tuple[Alert, ...]:
        """The pending alerts with these keys, oldest first."""
        return self._parsed(key for key in keys if self.is_waiting(key))

    def unsent(self) -> list[Alert]:
        """All pending and withheld alerts, and dead letters."""
        waiting = self._parsed(list(self._table.of(ALERT)))
        dead = (letter.alert for letter in self._dead_letters.all if letter.alert)
        return [*waiting, *self.withheld(), *dead]

    def withheld(self) -> list[Alert]:
        """The withheld alerts that can be read."""
        read = (self.read(key, each.alert) for key, each in self._table.of(WITHHELD).items())
        return [each for each in read if each is not None]

    def read(self, key: str, written: str) -> Alert | None:
        """An alert of the book, read once; ``None`` if it can't be read."""
        if key not in self._read:
            try:
                self._read[key] = Alert.from_json(written)
            except ValueError:
                return None
        return self._read[key]

    def remember(self, alerts: Mapping[str, Alert]) -> None:
        """Cache alerts that are about to be recorded in the book."""
        self._read.update(alerts)

    def reread(self, key: str) -> None:
        """Drop an alert from the cache because its record is about to change."""
        self._read.pop(key, None)

    def _free(self) -> list[str]:
        batch = self._table.get(BATCH)
        bound = {
            *(batch.members if batch else ()),
            *(key for each in self._table.of(QUARANTINE).values() for key in each.keys),
        }
        return [key for key in self._table.of(ALERT) if key not in bound]

    def _parsed(self, keys: Iterable[str]) -> tuple[Alert, ...]:
        found = []
        for key in keys:
            alert = self.read(key, self._table.of(ALERT)[key])
            if alert is None:
                _log.error("The alert %s in the book can't be read; it is kept among the dead letters.", key)
                changes = Changes()
                self._dead_letters.add(key, "unreadable", 0.0, changes)
                self._records.change(changes)
                continue
            found.append(alert)
        return tuple(sorted(found, key=age_of))
