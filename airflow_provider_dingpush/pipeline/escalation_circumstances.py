"""What decides whether an incident escalates, besides its steps: silences, quiet hours, other failures, phone calls.

Looked up once in a run of the check, and only what is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.record_kinds import HANDLES, SentHandles, is_sound
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.oncall.escalation import Call, CallLimits
from airflow_provider_dingpush.pipeline.escalation_notes import calls_in

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
            self._rules.call_limits.left(self.calls, self._moment),
            own.left((each for each in self.calls if each.rule == rule.name), self._moment),
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


def is_running_again(incident: Incident) -> bool:
    """Whether its task isn't failed any more, as Airflow says; ``False`` if it doesn't say."""
    failure = incident.failure
    if failure.task_id is None or failure.run_id is None:
        return False
    from airflow_provider_dingpush.pipeline.task_records import TaskKey
    from airflow_provider_dingpush.pipeline.task_states import states_of

    index = -1 if failure.map_index is None else failure.map_index
    key = TaskKey(failure.dag_id, failure.run_id, failure.task_id, index)
    try:
        state = states_of(failure.dag_id, [key]).get(key)
    except Exception as problem:  # noqa: BLE001 - of Airflow; to wake somebody in vain is better than nobody
        _log.info("Whether a failed task runs again is unknown (%s).", type(problem).__name__)
        return False
    return state is not None and state.state not in _FAILED


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
