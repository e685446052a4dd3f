"""The failures of the last 30 days in a receiver's book, by task, or by DAG if a whole run failed.

They lie in a few records, the buckets, each one text that is parsed only for the alerts of a message: so a leader that
loads the book pays next to nothing for them, and a storm writes few records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, age_of
from airflow_provider_dingpush.alerts.history_line import (
    DAYS_REMEMBERED,
    MOST_REMEMBERED,
    Memory,
    PastFailure,
    Recovery,
    memory_of,
    recovery_memory,
)
from airflow_provider_dingpush.alerts.likeness import reason_mark
from airflow_provider_dingpush.delivery.record_kinds import FAILURES, RECORDED_SINCE
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

REMEMBERED_SECONDS = DAYS_REMEMBERED * 86_400.0
MOST_FAILURES_OF_BUCKET = 256
"""Beyond that the oldest ones are dropped, and the bucket is complete only since then."""

# Between them two hexadecimal digits: a message about one alert writes a few kilobytes.
_BUCKET_DIGITS = 2
_BY_HAND = {"manual", "backfill"}
_FINAL, _STARTED_BY_HAND = "f", "h"


@dataclass(frozen=True)
class FailureHistory:
    """Past failures of one receiver.

    :param table: the records of its book.
    :param zone: the time zone that tells nights from days.
    """

    table: RecordTable
    zone: tzinfo

    def note(self, alerts: Iterable[Alert], now: float, changes: Changes) -> None:
        """Record failures and recoveries as they are taken into the book.

        :param now: in seconds since 1970.
        """
        buckets: dict[str, _Bucket] = {}
        for alert in sorted(alerts, key=age_of):
            if alert.opens_incident or alert.resolved:
                subject = _subject(alert)
                name = subject[:_BUCKET_DIGITS]
                if name not in buckets:
                    buckets[name] = self._bucket(subject, now)
                buckets[name].note(subject, alert)
        if self.table.get(RECORDED_SINCE, FAILURES.name) is None:
            changes.put(RECORDED_SINCE, now, FAILURES.name)
        for name, bucket in buckets.items():
            bucket.drop_oldest(now)
            changes.put(FAILURES, bucket.to_text(), name)

    def memories(self, alerts: Iterable[Alert]) -> dict[str, Memory]:
        """What is remembered of these alerts, by key."""
        found = {each.key: self._memory(each) for each in alerts if each.opens_incident or each.resolved}
        return {key: memory for key, memory in found.items() if memory is not None}

    def _memory(self, alert: Alert) -> Memory | None:
        subject = _subject(alert)
        bucket = self._bucket(subject, alert.at)
        known = [
            each for each in bucket.failures.get(subject, ()) if alert.at - REMEMBERED_SECONDS < each.at <= alert.at
        ]
        if alert.resolved:
            return recovery_memory(known)
        failure = _failure(alert)
        past = [each for each in known if each.run != failure.run]
        started = next((each.at for each in known if each.run == failure.run), failure.at)
        began = self.table.get(RECORDED_SINCE, FAILURES.name)
        return memory_of(
            replace(failure, at=started),
            past,
            known_since=max(failure.at if began is None else began, bucket.complete_since),
            last_success_at=_last_success_at(alert),
            zone=self.zone,
        )

    def _bucket(self, subject: str, now: float) -> _Bucket:
        return _Bucket.from_text(self.table.get(FAILURES, subject[:_BUCKET_DIGITS]) or "{}", now)


@dataclass
class _Bucket:
    """The failures of some tasks.

    :param failures: by subject, the oldest first.
    :param complete_since: since when none was dropped, in seconds since 1970.
    """

    failures: dict[str, list[PastFailure]]
    complete_since: float = 0.0

    def note(self, subject: str, alert: Alert) -> None:
        """Record a failure, or the recovery of the newest one."""
        known = self.failures.get(subject, [])
        if alert.resolved:
            if known and known[-1].recovery is Recovery.NONE and known[-1].at <= alert.at:
                known[-1] = replace(known[-1], recovery=_recovery(known[-1], alert))
            return
        failure = _failure(alert)
        same = next((number for number, each in enumerate(known) if each.run == failure.run), None)
        if same is None:
            known = sorted([*known, failure], key=lambda each: each.at)
        elif failure.at >= known[same].at:
            known[same] = replace(failure, at=known[same].at)
        self.failures[subject] = known[-MOST_REMEMBERED:]

    def drop_oldest(self, now: float) -> None:
        """Drop what is older than 30 days, and the oldest of too many."""
        every = sorted(each.at for known in self.failures.values() for each in known)
        surplus = len(every) - MOST_FAILURES_OF_BUCKET
        if surplus > 0:
            self.complete_since = max(self.complete_since, every[surplus - 1])
        oldest = max(now - REMEMBERED_SECONDS, self.complete_since)
        kept = {subject: [each for each in known if each.at > oldest] for subject, known in self.failures.items()}
        self.failures = {subject: known for subject, known in kept.items() if known}

    def to_text(self) -> str:
        plain = {
            subject: [
                [
                    int(each.at),
                    each.run,
                    each.reason,
                    _FINAL * each.is_final + _STARTED_BY_HAND * each.by_hand + each.recovery.value,
                ]
                for each in known
            ]
            for subject, known in self.failures.items()
        }
        return json.dumps({"since": self.complete_since, "of": plain}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str, now: float) -> _Bucket:
        """Read a text; nothing before ``now`` is known of a damaged one."""
        try:
            plain = json.loads(text)
            failures = {subject: [_read(each) for each in known] for subject, known in plain.get("of", {}).items()}
            return cls(failures, float(plain.get("since", 0.0)))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls({}, now)


def _read(plain: Sequence[Any]) -> PastFailure:
    at, run, reason, flags = plain
    recovery = Recovery(flags.replace(_FINAL, "").replace(_STARTED_BY_HAND, ""))
    return PastFailure(float(at), run, reason, _FINAL in flags, _STARTED_BY_HAND in flags, recovery)


def _failure(alert: Alert) -> PastFailure:
    return PastFailure(
        alert.at,
        _digest(alert.run_id or alert.key)[:8],
        reason_mark(alert),
        is_final=not alert.event.will_retry,
        by_hand=alert.facts.get("run_type") in _BY_HAND,
    )


def _recovery(failure: PastFailure, alert: Alert) -> Recovery:
    """How a failure ended, by the alert of the success."""
    if failure.run == _digest(alert.run_id or alert.key)[:8]:
        # After its last try only a person can have a task of the same run tried again.
        return Recovery.PERSON if failure.is_final else Recovery.RETRY
    return Recovery.PERSON if alert.facts.get("run_type") in _BY_HAND else Recovery.NEXT_RUN


def _last_success_at(alert: Alert) -> float | None:
    known = alert.facts.get("last_success_at")
    try:
        moment = datetime.fromisoformat(known) if isinstance(known, str) else None
        return moment.timestamp() if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _subject(alert: Alert) -> str:
    """A short name of what failed; the same for all connections of a receiver."""
    return _digest(json.dumps([alert.dag_id, alert.task_id, alert.map_index]))[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
