"""Rules, and the decision which of them apply to an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.rules.baselines import Baseline
from airflow_provider_dingpush.rules.duty_table import DutyTable, OnCall
from airflow_provider_dingpush.rules.escalations import CallLimits, Escalation, Way
from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match
from airflow_provider_dingpush.rules.time_intervals import NamedInterval, end_of, start_of
from airflow_provider_dingpush.targets import Target, Users, WorkNotification

_EVERYTHING = Match()


@dataclass(frozen=True)
class Rule:
    """Who is notified of the events that match, and how.

    :param name: for people; by default ``rule`` and its number.
    :param match: which events.
    :param receiver: connection id; ``None`` sends such events to nobody.
    :param to: the target, if the connection is an app's; or whoever is on call when the message is sent.
    :param at: people to mention.
    :param on_call: rotations, of which whoever is on call when the message is sent is mentioned as well.
    :param language: ``zh`` or ``en``.
    :param severity: replaces that of the event.
    :param group_by: labels by which a digest is divided.
    :param repeat_interval_seconds: how long a failure that was sent is only counted when it happens again, in seconds.
    :param mute_time_intervals: in these times alerts wait.
    :param active_time_intervals: outside of these times alerts wait; none means always active.
    :param goes_on: whether later rules apply as well (``continue`` in the file).
    :param escalation: what happens if nobody answers; ``None`` for nothing.
    :param line: where it begins in the file, from 1.
    """

    name: str
    match: Match = _EVERYTHING
    receiver: str | None = None
    to: Target | OnCall | None = None
    at: At | None = None
    on_call: tuple[str, ...] = ()
    language: str | None = None
    severity: Urgency | None = None
    group_by: tuple[str, ...] | None = None
    repeat_interval_seconds: float | None = None
    mute_time_intervals: tuple[NamedInterval, ...] = ()
    active_time_intervals: tuple[NamedInterval, ...] = ()
    goes_on: bool = False
    escalation: Escalation | None = None
    line: int = 0

    @property
    def reading_claims(self) -> bool:
        """Whether whoever has read the alert itself has claimed the failure: it goes to people, each named."""
        if self.escalation is None or not self.escalation.ack_read:
            return False
        if isinstance(self.to, WorkNotification):
            return not self.to.everyone and not self.to.department_ids
        return isinstance(self.to, (Users, OnCall))

    @property
    def sends_what_is_read(self) -> bool:
        """Whether DingTalk tells who has read the alert, or what one of the steps sends."""
        steps = self.escalation.steps if self.escalation is not None else ()
        return self.reading_claims or any(each.way in (Way.PERSON, Way.APP) for each in steps)

    def urgency_of(self, labels: Labels) -> Urgency:
        """How urgent an event is under this rule."""
        return self.severity or Urgency(labels.severity[0])

    def muted_until(self, urgency: Urgency, moment: datetime) -> datetime | None:
        """Until when an alert waits; ``None`` if it is sent now. P1 never waits.

        For an interval that goes on for more than 400 days, the result is the end of time.

        :param moment: a time with its zone.
        """
        if urgency is Urgency.P1:
            return None
        until, now = None, moment
        # The end of one may lie in the other.
        for _ in range(_MOST_STEPS):
            if any(each.contains(now) for each in self.mute_time_intervals):
                until = end_of(self.mute_time_intervals, now)
            elif self.active_time_intervals and not any(each.contains(now) for each in self.active_time_intervals):
                until = start_of(self.active_time_intervals, now)
            else:
                return until
            if until is None:
                break
            now = until
        return datetime.max.replace(tzinfo=moment.tzinfo)

    def muted_by(self, moment: datetime) -> str:
        """The name of the interval that mutes it at this time, with ``!`` in front if it is an active one that isn't.

        :param moment: a time with its zone, at which alerts wait.
        """
        muting = [each.name for each in self.mute_time_intervals if each.contains(moment)]
        return ", ".join(muting or (f"!{each.name}" for each in self.active_time_intervals))


_MOST_STEPS = 1_000


class Applies(Enum):
    """Whether a rule applies to an event."""

    YES = "yes"
    MISMATCH = "mismatch"
    NOT_REACHED = "not_reached"
    """An earlier rule applies, without ``continue``."""


class Verdict(NamedTuple):
    """Whether one rule applies to an event, and why not.

    :param rule: the rule.
    :param applies: whether it does.
    :param label: the first label that doesn't match, if that is the reason.
    """

    rule: Rule
    applies: Applies
    label: str | None = None


@dataclass(frozen=True)
class RuleSet:
    """All rules of a file, in its order.

    :param rules: the rules.
    :param intervals: all time intervals that the file names, also those that no rule refers to.
    :param duty: its people, and who of them is on call when.
    :param call_limits: of the phone calls of all rules together.
    :param baselines: in its order; each has a name of its own.
    """

    rules: tuple[Rule, ...] = ()
    intervals: tuple[NamedInterval, ...] = ()
    duty: DutyTable = field(default_factory=DutyTable)
    call_limits: CallLimits = field(default_factory=CallLimits)
    baselines: tuple[Baseline, ...] = ()

    @cached_property
    def dags_of_baselines(self) -> Mapping[str, frozenset[str]]:
        """The DAGs whose runs baselines need, and the tasks among their outputs."""
        found: dict[str, set[str]] = {}
        for baseline in self.baselines:
            for dag_id in (*baseline.dag_ids, *baseline.upstream):
                found.setdefault(dag_id, set())
            for output in baseline.outputs:
                if output.task_id is not None:
                    found[output.dag_id].add(output.task_id)
        return {dag_id: frozenset(tasks) for dag_id, tasks in found.items()}

    @cached_property
    def assets_of_baselines(self) -> frozenset[str]:
        """The assets whose updates baselines need."""
        return frozenset(name for each in self.baselines for name in each.asset_names)

    def applying_to(self, labels: Labels) -> tuple[Rule, ...]:
        """The rules that apply: the first one that matches, and after one with ``continue`` the next."""
        applying = []
        for rule in self.rules:
            if rule.match.matches(labels):
                applying.append(rule)
                if not rule.goes_on:
                    break
        return tuple(applying)

    def explain(self, labels: Labels) -> tuple[Verdict, ...]:
        """Of each rule, whether it applies and why not."""
        verdicts, ended = [], False
        for rule in self.rules:
            if ended:
                verdicts.append(Verdict(rule, Applies.NOT_REACHED))
            elif (label := rule.match.first_mismatch(labels)) is not None:
                verdicts.append(Verdict(rule, Applies.MISMATCH, label))
            else:
                verdicts.append(Verdict(rule, Applies.YES))
                ended = not rule.goes_on
        return tuple(verdicts)
