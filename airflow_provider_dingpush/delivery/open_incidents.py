"""The open incidents of a receiver's book: what inhibits an alert, and what its own alert says about that.

An incident is open from the notification about it until it recovers. The alerts that it inhibits are withheld by the
book's other part; here they are only looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from airflow_provider_dingpush.alerts.alert import Alert, age_of
from airflow_provider_dingpush.alerts.digest_notes import Followers
from airflow_provider_dingpush.delivery.dead_letters import name_of
from airflow_provider_dingpush.delivery.inhibition import (
    OPEN_SECONDS,
    KnownFailure,
    can_be_inhibited,
    can_inhibit,
    failed_at,
    going_on,
    inhibited,
    together,
)
from airflow_provider_dingpush.delivery.record_kinds import OPEN, OpenIncident
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

MOST_OPEN = 2_000
"""Incidents in one book; of more the one that failed longest ago is forgotten, and inhibits nothing any more."""

_MOST_RUNS = 20


class Inhibitor(NamedTuple):
    """What inhibits an alert.

    :param incident: the incident that the alert follows from.
    :param name: of its DAG and task, for people.
    :param until: when it inhibits no longer, in seconds since 1970, if it doesn't recover before.
    """

    incident: str
    name: str
    until: float

    @property
    def as_reason(self) -> tuple[str, float, str]:
        """Its incident, end and name, in the order of a gate's decision."""
        return self.incident, self.until, self.name


class Inhibited(NamedTuple):
    """A withheld alert that is inhibited.

    :param alert: the alert.
    :param by: the incident that inhibits it.
    """

    alert: Alert
    by: str


class OpenIncidents:
    """The failures that people were notified of and that haven't recovered.

    :param table: the records of a receiver's book.
    """

    def __init__(self, table: RecordTable) -> None:
        self._table = table

    def inhibitors(
        self,
        alerts: Sequence[Alert],
        *,
        pending: Iterable[Alert],
        withheld: Iterable[Inhibited],
        now: float,
        always_sent: Callable[[Alert], bool] = lambda _: False,
    ) -> dict[str, Inhibitor]:
        """Which of these alerts are inhibited: key -> by what.

        :param alerts: to be decided about, and not withheld for another reason: new ones, and inhibited ones that are
            decided about anew.
        :param pending: all others that are going to be sent, also those in a batch.
        :param withheld: the other inhibited alerts.
        :param now: in seconds since 1970.
        :param always_sent: whether an alert is never inhibited.
        """
        every = going_on([*pending, *alerts])
        keys = {each.key for each in alerts}
        open_ones = self._open_ones((each for each in every if each.key not in keys), now)
        # A chain leads to an incident that is still open.
        chained = [KnownFailure.of(each.alert, each.by) for each in withheld if each.by in open_ones]
        found = inhibited(alerts, [*open_ones.values(), *chained], now, always_sent)
        all_open = self._open_ones(every, now)
        names = {each.incident: name_of(each) for each in every if can_inhibit(each)}
        names.update((incident, record.name) for incident, record in self._table.of(OPEN).items())
        return {
            key: Inhibitor(incident, names[incident], all_open[incident].until + OPEN_SECONDS)
            for key, incident in found.items()
        }

    def over(self, withheld: Iterable[Inhibited], pending: Iterable[Alert], now: float) -> list[Alert]:
        """The inhibited alerts that must be decided about anew: their incident has recovered, or is too old."""
        still = self._open_ones(going_on(pending), now)
        return [each.alert for each in withheld if each.by not in still]

    def close(self, arrivals: Iterable[Alert], changes: Changes) -> None:
        """Close the incidents that these alerts resolve, also if nobody is notified of it."""
        for each in arrivals:
            record = self._table.get(OPEN, each.incident) if each.resolved else None
            if record is not None and each.at >= record.until:
                changes.delete(OPEN, each.incident)

    def after_message(self, alerts: Sequence[Alert], now: float, changes: Changes) -> None:
        """Record the failures of a notification, without those that it reports as recovered.

        :param now: in seconds since 1970.
        """
        ended = {each.incident: each.at for each in alerts if each.resolved}
        records = dict(self._table.of(OPEN))
        for each in sorted(alerts, key=age_of):
            if can_inhibit(each) and each.at > ended.get(each.incident, float("-inf")):
                records[each.incident] = _opened(each, records.get(each.incident))
        newest_first = sorted(records.items(), key=lambda item: -item[1].until)
        kept = {
            incident: record
            for number, (incident, record) in enumerate(newest_first)
            if number < MOST_OPEN and now < record.until + OPEN_SECONDS
        }
        for incident in self._table.of(OPEN).keys() - kept.keys():
            changes.delete(OPEN, incident)
        for incident, record in kept.items():
            if record != self._table.get(OPEN, incident):
                changes.put(OPEN, record, incident)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        for incident, record in self._table.of(OPEN).items():
            if record.until > now:
                changes.put(OPEN, replace(record, since=min(record.since, now), until=now), incident)

    def _open_ones(self, pending: Iterable[Alert], now: float) -> dict[str, KnownFailure]:
        """The open failures by incident, those that are going to be sent included."""
        found = {
            incident: KnownFailure(
                incident,
                record.dag_id,
                record.task_id,
                record.map_index,
                record.runs,
                record.since,
                record.until,
                incident,
            )
            for incident, record in self._table.of(OPEN).items()
        }
        for each in filter(can_inhibit, pending):
            own = KnownFailure.of(each)
            found[each.incident] = together(found[each.incident], own) if each.incident in found else own
        return {incident: each for incident, each in found.items() if now < each.until + OPEN_SECONDS}


def followers_of(withheld: Iterable[Inhibited], counted: Mapping[str, int] | None = None) -> dict[str, Followers]:
    """What the alerts of open incidents say about the failures that follow from them: incident -> count and names.

    A failed run counts only if none of its tasks does, a task instance once whatever the number of its tries.

    :param withheld: the inhibited alerts.
    :param counted: incident -> how many more are only counted.
    """
    counted = counted or {}
    of_incident: dict[str, list[Alert]] = {incident: [] for incident in counted}
    for alert, by in sorted(withheld, key=lambda each: age_of(each.alert)):
        if can_be_inhibited(alert):
            of_incident.setdefault(by, []).append(alert)
    return {
        incident: Followers(counted.get(incident, 0) + _failures(alerts), tuple(dict.fromkeys(map(_name, alerts))))
        for incident, alerts in of_incident.items()
    }


def _failures(alerts: Iterable[Alert]) -> int:
    """How many task instances failed, and runs without one."""
    runs: dict[tuple[str, str | None], set[tuple[str | None, int | None]]] = {}
    for each in alerts:
        runs.setdefault((each.dag_id, each.run_id), set()).add((each.task_id, each.map_index))
    return sum(max(1, len(instances - {(None, None)})) for instances in runs.values())


def _name(alert: Alert) -> tuple[str, str]:
    """DAG and task as people know them; without a task for a whole run."""
    names = (alert.facts.get("dag_name") or alert.dag_id, alert.facts.get("task_name") or alert.task_id or "")
    return str(names[0]), str(names[1])


def _opened(alert: Alert, record: OpenIncident | None) -> OpenIncident:
    at = failed_at(alert)
    runs = dict.fromkeys((*(record.runs if record else ()), *([alert.run_id] if alert.run_id else [])))
    return OpenIncident(
        name_of(alert),
        alert.dag_id,
        alert.task_id,
        alert.map_index,
        tuple(runs)[-_MOST_RUNS:],
        since=min(at, record.since) if record else at,
        until=max(at, record.until) if record else at,
    )
