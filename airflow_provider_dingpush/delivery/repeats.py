"""Failures that happen again soon after they were told: only counted, until an interval is over or they recover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.records import Records
from airflow_provider_dingpush.storage.contract import Place


class Repeats:
    """What was told of each incident, in the records of a book. It says what is to be changed, and changes nothing.

    :param records: of the robot's book.
    :param interval_seconds: how long a failure that was told is only counted, in seconds; 0 tells each.
    """

    def __init__(self, records: Records, interval_seconds: float) -> None:
        self._records = records
        self._interval = interval_seconds

    def muted_until(self, alert: Alert, now: float) -> float | None:
        """Until when an alert is only counted, or ``None`` if it may be told."""
        if not self._interval or alert.resolved or not alert.event.is_failure:
            return None
        told = self._records.get("told", _notified_key(alert))
        # Two notifiers that speak of the same occurrence don't make it a repeat.
        if told is None or told["occasion"] == _occasion(alert):
            return None
        until: float = told["at"] + self._interval
        return until if now < until else None

    def only_counted(self, waiting: Iterable[Alert], now: float) -> tuple[dict[Place, Any], list[str]]:
        """The keys of alerts that become a number: of each muted incident the newest goes on waiting, with its links.

        The numbers are to be put.
        """
        muted: dict[str, list[Alert]] = {}
        for each in waiting if self._interval else ():
            if self.muted_until(each, now) is not None:
                muted.setdefault(_notified_key(each), []).append(each)
        puts: dict[Place, Any] = {}
        counted: list[str] = []
        for notified_key, alerts in muted.items():
            newest = max(alerts, key=lambda each: (each.at, each.key)).occurrence
            older = [each for each in alerts if each.occurrence != newest]
            if older:
                told = self._records.get("told", notified_key)
                occurrences = len({each.occurrence for each in older})
                puts["told", notified_key] = {**told, "suppressed": told["suppressed"] + occurrences}
                counted += [each.key for each in older]
        return puts, counted

    def counts(self, alerts: Iterable[Alert]) -> dict[str, int]:
        """How often the incidents of these alerts were only counted since they were told, by record."""
        incidents = {each.incident for each in alerts}
        return {
            key: told["suppressed"]
            for key, told in self._records.of("told").items()
            if told["suppressed"] and incident_of(key) in incidents
        }

    def after_message(
        self, said_counts: Mapping[str, int], alerts: Sequence[Alert], now: float
    ) -> tuple[dict[Place, Any], list[Place]]:
        """What a message changes.

        :param said_counts: what it said of :meth:`counts`.
        :param alerts: what it told.
        """
        before = self._records.of("told")
        if not self._interval:
            return {}, [("told", key) for key in before]
        ended = {each.incident: each.at for each in alerts if each.resolved}
        puts: dict[Place, Any] = {}
        deletes: list[Place] = []
        for key, told in before.items():
            past = told["at"] + self._interval <= now and not told["suppressed"]
            if past or incident_of(key) in ended:
                deletes.append(("told", key))
            elif said_counts.get(key):
                puts["told", key] = {**told, "suppressed": max(0, told["suppressed"] - said_counts[key])}
        for each in alerts:
            over = each.at <= ended.get(each.incident, 0.0)
            if each.event.is_failure and not each.resolved and not over:
                place = ("told", _notified_key(each))
                left = puts.get(place, before.get(place[1], {})).get("suppressed", 0)
                told_now = {"at": now, "suppressed": left, "occasion": _occasion(each), "mailbox": each.mailbox.name}
                puts[place] = told_now
        return puts, [place for place in deletes if place not in puts]

    def clamped(self, now: float) -> dict[Place, Any]:
        """What a clock that was set back makes wrong, put right."""
        told = self._records.of("told").items()
        return {("told", key): {**each, "at": now} for key, each in told if each["at"] > now}


def incident_of(record: str) -> str:
    """The incident that a count belongs to."""
    return record.partition(" ")[0]


def _notified_key(alert: Alert) -> str:
    # A missed deadline is another matter than a failure of the same run.
    return f"{alert.incident} {alert.event}"


def _occasion(alert: Alert) -> str | None:
    # A run may have several deadlines, and the second one is no repetition of the first.
    return alert.run_id if alert.event.is_deadline else alert.occurrence
