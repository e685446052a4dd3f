"""How an incident that nobody answers escalates: from the group to a person, a DING and a phone call. Pure decisions.

Each step is written down before it is done, and done once at most. What surely reached nobody falls back to the next
lower way. What may have reached somebody is never repeated, because a phone must not ring twice: the group is told so
instead. Only a to-do is repeated, which DingTalk recognises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from airflow_provider_dingpush.rules.escalations import CallLimits, Escalation, Step, Way

GRACE_SECONDS = 120.0
"""A step that is later than this, because no flush ran, delays those after it: people keep the time to answer."""
TRY_SECONDS = 6 * 3_600.0
"""How long the last step is tried while DingTalk can't be reached, in seconds."""
_NOON = 12


class Outcome(Enum):
    """The outcome of an attempt."""

    STARTED = "started"
    """It was begun. If nothing else was written, the process was killed: it may have reached somebody."""
    DONE = "done"
    UNKNOWN = "unknown"
    NO_CREDIT = "no_credit"
    NO_PERMISSION = "no_permission"
    EDITION = "edition"
    REFUSED = "refused"
    NOBODY = "nobody"
    """Nobody is on call, or the person isn't known."""
    UNAVAILABLE = "unavailable"
    """DingTalk was not reached: it surely reached nobody, and is tried again."""
    LIMIT = "limit"
    """There were as many phone calls as there may be."""

    @property
    def falls_back(self) -> bool:
        """Whether it surely reached nobody, and the same way would reach nobody again."""
        return self in _FALLS_BACK

    @property
    def reached_nobody(self) -> bool:
        """Whether it surely reached nobody."""
        return self in _FALLS_BACK or self is Outcome.UNAVAILABLE

    def words(self, language: str) -> str:
        """The outcome as a text.

        :param language: ``zh`` or ``en``.
        """
        return _OUTCOME_WORDS[self][language == "zh"]


_FALLS_BACK = {
    *(Outcome.NO_CREDIT, Outcome.NO_PERMISSION, Outcome.EDITION, Outcome.REFUSED, Outcome.NOBODY, Outcome.LIMIT),
}
# Reasons for which no other DING works either.
_OF_EVERY_DING = {Outcome.NO_PERMISSION, Outcome.EDITION, Outcome.NOBODY}
_LOWER = {
    Way.PHONE: Way.SMS,
    Way.SMS: Way.APP,
    Way.APP: Way.GROUP,
    Way.TODO: Way.GROUP,
    Way.PERSON: Way.GROUP,
}
_OUTCOME_WORDS = {
    Outcome.STARTED: ("begun", "已开始"),
    Outcome.DONE: ("done", "已完成"),
    Outcome.UNKNOWN: ("unknown whether it arrived", "不清楚是否送达"),
    Outcome.NO_CREDIT: ("no DING credit left", "DING 权益不足"),
    Outcome.NO_PERMISSION: ("the app lacks the permission", "应用缺少权限"),
    Outcome.EDITION: ("this edition of DingTalk has no DING for apps", "企业的钉钉版本不支持应用发 DING"),
    Outcome.REFUSED: ("refused by DingTalk", "被钉钉拒绝"),
    Outcome.NOBODY: ("nobody to reach", "没有可通知的人"),
    Outcome.UNAVAILABLE: ("DingTalk not reached, or busy", "未能连上钉钉，或钉钉繁忙"),
    Outcome.LIMIT: ("the limit of phone calls is reached", "已达电话次数上限"),
}


class Call(NamedTuple):
    """A phone call that was begun.

    :param at: when, in seconds since 1970.
    :param people: how many people were called.
    :param rule: whose escalation it is part of.
    """

    at: float
    people: int = 1
    rule: str = ""


def calls_left(limits: CallLimits, calls: Iterable[Call], now: datetime) -> int | None:
    """How many phone calls are left; ``None`` if there is no limit.

    :param limits: of a rule, or of all of them.
    :param calls: those that were begun.
    :param now: a time with the zone in which nights and months begin.
    """
    if limits.per_night is None and limits.per_month is None:
        return None
    noon = now.replace(hour=_NOON, minute=0, second=0, microsecond=0)
    night = (noon if now >= noon else noon - timedelta(days=1)).timestamp()
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    every = list(calls)
    most_since = ((limits.per_night, night), (limits.per_month, month))
    left = [
        most - sum(each.people for each in every if each.at >= since) for most, since in most_since if most is not None
    ]
    return max(0, min(left))


@dataclass(frozen=True)
class Attempt:
    """One attempt of a step.

    :param way: how.
    :param at: when it began, in seconds since 1970.
    :param outcome: its outcome.
    :param people: user ids that it was for.
    :param receipt: what DingTalk needs to say who has read it, or to mark a to-do as done; plain data.
    :param detail: what DingTalk answered.
    """

    way: Way
    at: float
    outcome: Outcome = Outcome.STARTED
    people: tuple[str, ...] = ()
    receipt: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """How far an incident has escalated.

    :param began: when the clock of the steps started, in seconds since 1970.
    :param attempts: key of a step -> its attempts.
    :param shift: for how long it was paused, in seconds.
    :param paused_since: since when it is claimed or silenced; ``None`` if it goes on.
    :param rerun_at: when the failed task was seen to run again, which ends it.
    """

    began: float
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    shift: float = 0.0
    paused_since: float | None = None
    rerun_at: float | None = None

    def with_attempt(self, step: Step, attempt: Attempt) -> Progress:
        """With one more attempt, or with the outcome of the one that was begun last."""
        known = self.attempts.get(step.key, ())
        if known and known[-1].outcome is Outcome.STARTED and known[-1].at == attempt.at:
            known = known[:-1]
        elif len(known) > 1 and {(each.way, each.outcome) for each in known[-2:]} == {
            (attempt.way, Outcome.UNAVAILABLE)
        }:
            known = known[:-1]  # tried in vain once more: the first and the last time will do
        changed = (*known, attempt)
        return Progress(self.began, {**self.attempts, step.key: changed}, self.shift, self.paused_since, self.rerun_at)

    def paused(self, now: float) -> Progress:
        """Paused since now, unless it is already."""
        if self.paused_since is not None:
            return self
        return Progress(self.began, self.attempts, self.shift, now, self.rerun_at)

    def resumed(self, now: float) -> Progress:
        """Going on: the time of the pause doesn't count."""
        if self.paused_since is None:
            return self
        pause = max(0.0, now - max(self.paused_since, self.began))
        return Progress(self.began, self.attempts, self.shift + pause, None, self.rerun_at)

    def ended_by_rerun(self, now: float) -> Progress:
        """Ended, because the task runs again."""
        return Progress(self.began, self.attempts, self.shift, self.paused_since, now)

    @property
    def every_attempt(self) -> list[Attempt]:
        """All attempts, the oldest first."""
        return sorted((each for some in self.attempts.values() for each in some), key=lambda each: each.at)


def progress_of(known: Progress | None, *, opened: float, failed_at: float) -> Progress:
    """The progress of an incident; one that recovered, or whose task ran again and failed again, begins anew.

    :param known: what was noted.
    :param opened: since when the incident is open under its rule, in seconds since 1970.
    :param failed_at: when it last failed, in seconds since 1970.
    """
    if known is None or known.began < opened:
        return Progress(opened)
    if known.rerun_at is not None and failed_at > known.rerun_at:
        return Progress(failed_at)
    return known


class Verdict(Enum):
    """What is to be done about an incident."""

    RECOVERED = "recovered"
    RERUN = "rerun"
    CLAIMED = "claimed"
    WITHHELD = "withheld"
    """It is silenced, in quiet hours, or follows from another failure."""
    WAIT = "wait"
    """No step is due."""
    DO = "do"
    FINISHED = "finished"
    """All steps are done."""


class Decision(NamedTuple):
    """What is to be done.

    :param verdict: whether something is.
    :param step: which one, or which one next.
    :param way: how; lower than that of the step if that reached nobody.
    :param because: why a higher way isn't taken, the highest first.
    :param due: when the step is due, in seconds since 1970.
    """

    verdict: Verdict
    step: Step | None = None
    way: Way | None = None
    because: tuple[tuple[Way, Outcome], ...] = ()
    due: float = 0.0


class Situation(NamedTuple):
    """What is known about an incident now.

    :param recovered: whether it has recovered.
    :param rerun: whether its task runs again.
    :param claimed: whether somebody takes care of it.
    :param withheld: whether its alerts aren't sent now.
    :param calls_left: how many phone calls are left; ``None`` without a limit.
    """

    recovered: bool = False
    rerun: bool = False
    claimed: bool = False
    withheld: bool = False
    calls_left: int | None = None


def next_step(escalation: Escalation, progress: Progress, situation: Situation, now: float) -> Decision:
    """What is to be done about an open incident.

    :param escalation: the steps of its rule.
    :param progress: the steps that were begun, with their outcomes.
    :param situation: what stops it.
    :param now: in seconds since 1970.
    """
    stops = (
        (situation.recovered, Verdict.RECOVERED),
        (situation.rerun or progress.rerun_at is not None, Verdict.RERUN),
        (situation.claimed, Verdict.CLAIMED),
        (situation.withheld, Verdict.WITHHELD),
    )
    stop = next((verdict for applies, verdict in stops if applies), None)
    if stop is not None:
        return Decision(stop)
    dues = due_times(escalation, progress)
    for number, (step, due) in enumerate(zip(escalation.steps, dues, strict=True)):
        following = dues[number + 1] if number + 1 < len(dues) else due + TRY_SECONDS
        attempts = progress.attempts.get(step.key, ())
        way, because = _next_way(step, attempts, situation.calls_left, gives_up=now >= following)
        if way is not None:
            return (
                Decision(Verdict.DO, step, way, because, due) if now >= due else Decision(Verdict.WAIT, step, due=due)
            )
    return Decision(Verdict.FINISHED)


def due_times(escalation: Escalation, progress: Progress) -> list[float]:
    """When each step is due, in seconds since 1970."""
    late, found = 0.0, []
    for step in escalation.steps:
        due = progress.began + step.after_seconds + progress.shift + late
        found.append(due)
        attempts = progress.attempts.get(step.key, ())
        delay = attempts[0].at - due if attempts else 0.0
        late += delay if delay > GRACE_SECONDS else 0.0
    return found


def _next_way(
    step: Step, attempts: tuple[Attempt, ...], calls_left: int | None, *, gives_up: bool
) -> tuple[Way | None, tuple[tuple[Way, Outcome], ...]]:
    """How a step is tried next, and why not higher; ``None`` if nothing of it is left to be done.

    :param gives_up: whether it is too late to try the same once more.
    """
    way = None if step.is_the_alert else _after(attempts[-1], gives_up=gives_up) if attempts else step.way
    because = [
        (each.way, Outcome.UNKNOWN if each.outcome is Outcome.STARTED else each.outcome)
        for each in attempts
        if each.way is not way
    ]
    if way is Way.PHONE and calls_left is not None and calls_left <= 0:
        because.append((Way.PHONE, Outcome.LIMIT))
        way = _lower(Way.PHONE, Outcome.LIMIT)
    elif step.way is Way.PHONE and attempts and attempts[0].way is not Way.PHONE:
        because.insert(0, (Way.PHONE, Outcome.LIMIT))
    return way, tuple(dict.fromkeys(because))


def _after(last: Attempt, *, gives_up: bool) -> Way | None:
    """What follows an attempt."""
    if last.outcome is Outcome.DONE:
        return None
    if last.outcome.falls_back:
        return _lower(last.way, last.outcome)
    if not gives_up and (last.outcome is Outcome.UNAVAILABLE or last.way is Way.TODO):
        return last.way
    return None if last.way is Way.GROUP else Way.GROUP


def _lower(way: Way, outcome: Outcome) -> Way | None:
    lower = _LOWER.get(way)
    if lower is not None and lower.is_ding and outcome in _OF_EVERY_DING:
        return Way.GROUP
    return lower
