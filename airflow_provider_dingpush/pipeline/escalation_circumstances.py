"""What decides whether an incident escalates, besides its steps: silences, quiet hours, other failures, phone calls.

Looked up once in a run of the check, and only what is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.record_kinds import HANDLES, SentHandles, is_sound
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.oncall.escalation import Call, calls_left
from airflow_provider_dingpush.pipeline.escalation_notes import calls_in
from airflow_provider_dingpush.rules.escalations import CallLimits

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.incidents import Incident
    from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox

# Of Airflow's states of a task instance, those in which a failure is still one.
_FAILED = {"failed", "upstream_failed"}

_log = logging.getLogger(__name__)


class Circumstances:
    """The circumstances of one run of the check.

    :param outbox: has the incidents.
    :param rules: of the file.
    :param now: in seconds since 1970.
    """

    def __init__(self, outbox: Outbox, rules: RuleSet, now: float) -> None:
        self._outbox = outbox
        self._rules = rules
        self._now = now

    def is_muted(self, incident: Incident, rule: Rule) -> bool:
        """Whether a silence or the quiet hours of its rule hold its alerts back."""
        if self._silences:
            from airflow_provider_dingpush.rules.labels import labels_of

            failure = incident.failure
            labels = labels_of(
                Event(failure.event),
                failure.dag_id,
                task_id=failure.task_id,
                tags=failure.tags,
                owners=failure.owners,
                run_type=failure.run_type,
                team=failure.team,
            )._replace(severity=(failure.urgency.value,))
            if any(each.matches(labels) for each in self._silences):
                return True
        if not rule.mute_time_intervals and not rule.active_time_intervals:
            return False
        return rule.muted_until(incident.failure.urgency, self._moment) is not None

    @cached_property
    def _silences(self) -> tuple[Silence, ...]:
        from airflow_provider_dingpush.pipeline.silences import silences_in

        return silences_in(self._outbox)

    @cached_property
    def _moment(self) -> datetime:
        from airflow_provider_dingpush.pipeline.composing import local_zone

        return datetime.fromtimestamp(self._now, local_zone())

    @cached_property
    def inhibited(self) -> frozenset[str]:
        """The incidents whose alerts aren't sent, because they follow from another failure."""
        return frozenset(inhibited_incidents(self._outbox))

    @cached_property
    def calls(self) -> list[Call]:
        """The phone calls of the last weeks, and those of this run."""
        return calls_in(self._outbox)

    def calls_left(self, rule: Rule) -> int | None:
        """How many people may be called still for a rule; ``None`` if there is no limit."""
        own = rule.escalation.limits if rule.escalation is not None else CallLimits()
        limits = (
            calls_left(self._rules.call_limits, self.calls, self._moment),
            calls_left(own, (each for each in self.calls if each.rule == rule.name), self._moment),
        )
        return min((each for each in limits if each is not None), default=None)

    @cached_property
    def handles(self) -> Mapping[str, SentHandles]:
        """DingTalk's handles of the messages that people got about their alerts, by incident."""
        return {
            key: HANDLES.read(record)
            for receiver_id in self._outbox.receivers()
            for (kind, key), record in self._outbox.records_of(receiver_id).items()
            if kind == HANDLES.name and is_sound(kind, record)
        }


def running_again(incidents: Iterable[Incident]) -> frozenset[str]:
    """Those of these incidents whose task or run isn't failed any more, as Airflow says: one question for each DAG.

    What Airflow doesn't say is failed still: to wake somebody in vain is better than nobody.
    """
    by_dag: dict[str, list[Incident]] = {}
    for each in incidents:
        if each.failure.run_id is not None and each.failure.dag_id:
            by_dag.setdefault(each.failure.dag_id, []).append(each)
    found: set[str] = set()
    for dag_id, some in by_dag.items():
        try:
            found.update(_running_again(dag_id, some))
        except Exception as problem:  # noqa: BLE001 - of Airflow
            _log.info("Whether failed tasks of %s run again is unknown (%s).", dag_id, type(problem).__name__)
    return frozenset(found)


def _running_again(dag_id: str, incidents: Iterable[Incident]) -> Iterator[str]:
    from airflow_provider_dingpush.pipeline.task_records import TaskKey
    from airflow_provider_dingpush.pipeline.task_states import run_state_of, states_of

    keys: dict[str, TaskKey] = {}
    for each in incidents:
        failure = each.failure
        if failure.task_id is None:
            state = run_state_of(dag_id, failure.run_id or "")
            if state is not None and state not in _FAILED:
                yield each.id
        else:
            index = -1 if failure.map_index is None else failure.map_index
            keys[each.id] = TaskKey(dag_id, failure.run_id or "", failure.task_id, index)
    states = states_of(dag_id, keys.values()) if keys else {}
    for incident, key in keys.items():
        if key in states and states[key].state not in _FAILED:
            yield incident


def inhibited_incidents(outbox: Outbox) -> Iterable[str]:
    """The incidents of alerts that are inhibited in the books of an outbox."""
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.delivery.gate import Verdict as Withheld
    from airflow_provider_dingpush.delivery.record_kinds import WITHHELD

    for receiver_id in outbox.receivers():
        for (kind, _), record in outbox.records_of(receiver_id).items():
            if kind == WITHHELD.name and is_sound(kind, record) and record["verdict"] == Withheld.INHIBITED.value:
                try:
                    yield Alert.from_json(record["alert"]).incident
                except ValueError:
                    continue
