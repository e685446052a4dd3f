"""Failures that repeat soon after they were sent: only counted until the repeat interval ends or they recover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.record_kinds import NOTIFIED, NotifiedFailure
from airflow_provider_dingpush.delivery.records import Changes, RecordTable


class Repeats:
    """Which failures were sent, and how often each was only counted since.

    :param table: the records of a receiver's book.
    :param interval_seconds: how long a failure that was sent is only counted, in seconds; 0 sends each.
    """

    def __init__(self, table: RecordTable, interval_seconds: float) -> None:
        self._table = table
        self._interval = interval_seconds

    @property
    def may_count(self) -> bool:
        """Whether some failures are only counted: by the receiver's interval, or by one of a rule."""
        return bool(self._interval) or any(each.interval for each in self._table.of(NOTIFIED).values())

    def counted_until(self, alert: Alert, now: float) -> float | None:
        """Until when an alert is only counted, or ``None`` if it may be sent."""
        interval = self._interval_of(alert)
        if not interval or alert.resolved or not alert.event.is_failure:
            return None
        notified = self._table.get(NOTIFIED, _failure_key(alert))
        # A second notifier of the same occurrence doesn't make it a repeat.
        if notified is None or notified.occurrence == _occurrence(alert):
            return None
        until = notified.at + interval
        return until if now < until else None

    def _interval_of(self, alert: Alert) -> float:
        given = alert.repeat_interval_seconds
        return self._interval if given is None else given

    def sendable(self, alerts: Sequence[Alert], now: float) -> tuple[Alert, ...]:
        """Those of the alerts that aren't only counted."""
        if not self.may_count:
            return tuple(alerts)
        resolved = {each.incident: each.at for each in alerts if each.resolved}
        return tuple(
            each
            for each in alerts
            if self.counted_until(each, now) is None or each.at <= resolved.get(each.incident, 0.0)
        )

    def count(self, waiting: Iterable[Alert], now: float, changes: Changes) -> list[str]:
        """Replace repeats by a count; the newest alert of each incident stays pending, with its links.

        Returns the keys of the others.
        """
        repeated: dict[str, list[Alert]] = {}
        for each in waiting:
            if self.counted_until(each, now) is not None:
                repeated.setdefault(_failure_key(each), []).append(each)
        counted: list[str] = []
        for failure_key, alerts in repeated.items():
            newest = max(alerts, key=lambda each: (each.at, each.key)).occurrence
            older = [each for each in alerts if each.occurrence != newest]
            notified = self._table.get(NOTIFIED, failure_key)
            if older and notified:
                occurrences = len({each.occurrence for each in older})
                changes.put(NOTIFIED, replace(notified, repeats=notified.repeats + occurrences), failure_key)
                counted += [each.key for each in older]
        return counted

    def counts(self, alerts: Iterable[Alert]) -> tuple[dict[str, int], dict[str, int]]:
        """The counts of repeats of these alerts' incidents: by incident, and by record."""
        incidents = {each.incident for each in alerts}
        by_incident: dict[str, int] = {}
        by_record: dict[str, int] = {}
        for key, notified in self._table.of(NOTIFIED).items():
            incident = _incident_of(key)
            if notified.repeats and incident in incidents:
                by_record[key] = notified.repeats
                by_incident[incident] = by_incident.get(incident, 0) + notified.repeats
        return by_incident, by_record

    def after_message(
        self, shown_counts: Mapping[str, int], alerts: Sequence[Alert], now: float, changes: Changes
    ) -> None:
        """Record that a notification was sent.

        :param shown_counts: the :meth:`counts` that it shows, by record.
        :param alerts: of the notification.
        """
        before = self._table.of(NOTIFIED)
        ended = {each.incident: each.at for each in alerts if each.resolved}
        left = {
            key: max(0, notified.repeats - shown_counts.get(key, 0))
            for key, notified in before.items()
            if _incident_of(key) not in ended
        }
        for key, notified in before.items():
            interval = self._interval if notified.interval is None else notified.interval
            past = notified.at + interval <= now and not (notified.repeats and interval)
            if past or key not in left:
                changes.delete(NOTIFIED, key)
            elif shown_counts.get(key):
                changes.put(NOTIFIED, replace(notified, repeats=left[key]), key)
        for each in alerts:
            over = each.at <= ended.get(each.incident, 0.0)
            if each.event.is_failure and not each.resolved and not over and self._interval_of(each):
                key = _failure_key(each)
                repeats = left[key] if key in left else before[key].repeats if key in before else 0
                changes.put(NOTIFIED, self._notified(each, now, repeats), key)

    def _notified(self, alert: Alert, now: float, repeats: int) -> NotifiedFailure:
        interval = alert.repeat_interval_seconds
        return NotifiedFailure(now, repeats, _occurrence(alert), alert.mailbox.name, interval)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        for key, notified in self._table.of(NOTIFIED).items():
            if notified.at > now:
                changes.put(NOTIFIED, replace(notified, at=now), key)


def _incident_of(failure_key: str) -> str:
    return failure_key.partition(" ")[0]


def _failure_key(alert: Alert) -> str:
    # A missed deadline and a failure of the same run don't repeat each other.
    return f"{alert.incident} {alert.event}"


def _occurrence(alert: Alert) -> str | None:
    # A run may have several deadlines; each of them repeats no other.
    return alert.run_id if alert.event.is_deadline else alert.occurrence
