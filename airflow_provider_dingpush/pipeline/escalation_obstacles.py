"""What of the escalations of a rules file would reach nobody, found out before the first night: nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.dingtalk.people import union_id_of, user_ids_of
from airflow_provider_dingpush.errors import DingTalkError, PermissionMissingError, TargetError
from airflow_provider_dingpush.pipeline.escalation_sends import app_of
from airflow_provider_dingpush.rules.duty_table import ON_CALL
from airflow_provider_dingpush.rules.escalation_reading import OWNER
from airflow_provider_dingpush.rules.escalations import Escalation, Way

if TYPE_CHECKING:
    from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
    from airflow_provider_dingpush.dingtalk.app_probes import Finding
    from airflow_provider_dingpush.hooks import DingTalkAppHook
    from airflow_provider_dingpush.rules.duty_table import DutyTable
    from airflow_provider_dingpush.rules.labels import Labels
    from airflow_provider_dingpush.rules.people import Person
    from airflow_provider_dingpush.rules.rotations import Rotation
    from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet

AHEAD = timedelta(days=1)
"""How far ahead it is looked for times in which nobody is on call."""
MOST_PEOPLE = 50
"""The most people that DingTalk is asked about."""

# What each way needs, by the name of its probe.
_NEEDS = {
    Way.PERSON: "robot",
    Way.TODO: "to_dos",
    **dict.fromkeys((each for each in Way if each.is_ding), "ding"),
}
_TOKEN, _CONTACTS = "access_token", "contacts"


class Kind(Enum):
    """What is in the way."""

    NO_APP = "no_app"
    """There is no app that could reach people."""
    NOT_ALLOWED = "not_allowed"
    """The app lacks what a way needs, such as a permission."""
    PERSON_UNKNOWN = "person_unknown"
    """DingTalk doesn't know a person."""
    OWNERS_UNKNOWN = "owners_unknown"
    """The file doesn't know owners of DAGs whom a step is for."""
    NOBODY_ON_CALL = "nobody_on_call"
    """Nobody is on call for a part of the next day."""
    NO_LIMIT = "no_limit"
    """There may be any number of phone calls."""


class Obstacle(NamedTuple):
    """Something that is in the way.

    :param kind: what it is.
    :param rules: names of the rules that it is about.
    :param ways: that are concerned.
    :param names: of people, owners or rotations.
    :param problem: what DingTalk or Airflow says about it.
    :param since: when it begins, if it isn't now.
    """

    kind: Kind
    rules: tuple[str, ...]
    ways: tuple[Way, ...] = ()
    names: tuple[str, ...] = ()
    problem: DingTalkError | Finding | None = None
    since: datetime | None = None


def escalating(rules: RuleSet) -> list[Rule]:
    """The rules that escalate to more than their own receiver."""
    return [each for each in rules.rules if each.receiver and _ways([each])]


def obstacles(rules: RuleSet, now: datetime, labels: Iterable[Labels]) -> Iterator[Obstacle]:
    """What is in the way of the steps of a rules file, app by app; asks DingTalk.

    :param now: a time with its zone.
    :param labels: of failures that may happen, for the owners.
    """
    some = escalating(rules)
    hooks: dict[str, tuple[DingTalkAppHook, list[Rule]]] = {}
    for rule in some:
        try:
            hook = app_of(rule.escalation or Escalation(), rule.receiver or "")
        except DingTalkError as problem:
            yield Obstacle(Kind.NO_APP, (rule.name,), _ways([rule]), problem=problem)
        else:
            hooks.setdefault(hook.dingtalk_conn_id, (hook, []))[1].append(rule)
    for hook, its_rules in hooks.values():
        yield from _of_app(hook, its_rules, rules.duty)
    yield from _unknown_owners(rules, some, labels)
    yield from _gaps(some, rules.duty, now)
    yield from _unlimited(rules, some)


def _ways(rules: Iterable[Rule]) -> tuple[Way, ...]:
    """The ways to people, without messages to the group."""
    found = (step.way for each in rules if each.escalation for step in each.escalation.steps)
    return tuple(dict.fromkeys(each for each in found if each is not Way.GROUP))


def _of_app(hook: DingTalkAppHook, rules: Sequence[Rule], duty: DutyTable) -> Iterator[Obstacle]:
    names, ways = tuple(each.name for each in rules), _ways(rules)
    findings = {each.name: each for each in hook.findings()}
    token = findings.get(_TOKEN)
    if token is not None and not token.ok:
        yield Obstacle(Kind.NOT_ALLOWED, names, ways, problem=token)
        return
    people = _people(rules, duty)
    needed: dict[str, list[Way]] = {}
    for way in ways:
        needed.setdefault(_NEEDS[way], []).append(way)
    if any(each.user_id is None for each in people):
        needed[_CONTACTS] = list(ways)
    for name, concerned in needed.items():
        if name in findings and not findings[name].ok:
            yield Obstacle(Kind.NOT_ALLOWED, names, tuple(concerned), problem=findings[name])
    yield from _unknown_people(hook.get_conn(), people, names)


def _unknown_people(calls: AppCalls, people: Sequence[Person], rules: tuple[str, ...]) -> Iterator[Obstacle]:
    for each in people[:MOST_PEOPLE]:
        try:
            if each.user_id is not None:
                union_id_of(calls, each.user_id)
            else:
                user_ids_of(calls, [each.mobile or ""])
        except TargetError as problem:
            yield Obstacle(Kind.PERSON_UNKNOWN, rules, names=(each.name,), problem=problem)
        except PermissionMissingError:  # of the contacts: found by a probe, or it isn't needed
            return


def _people(rules: Iterable[Rule], duty: DutyTable) -> list[Person]:
    """All who may be meant by a step, but for owners."""
    found: dict[str, Person] = {}
    for word in _words(rules):
        rotation = _rotation(word, duty)
        named = duty.people.named(word)
        of_word = _members(rotation) if rotation is not None else [named] if named is not None else []
        found.update({each.name: each for each in of_word})
    return list(found.values())


def _members(rotation: Rotation) -> list[Person]:
    of_layers = [person for layer in rotation.layers for person in layer.people]
    return [*of_layers, *(each.person for each in rotation.overrides)]


def _words(rules: Iterable[Rule]) -> list[str]:
    found = (word for each in rules if each.escalation for step in each.escalation.steps for word in step.who)
    return [each for each in dict.fromkeys(found) if each != OWNER]


def _rotation(word: str, duty: DutyTable) -> Rotation | None:
    return duty.rotation(None if word == ON_CALL else word)


def _unknown_owners(rules: RuleSet, some: Sequence[Rule], labels: Iterable[Labels]) -> Iterator[Obstacle]:
    asking = {
        each.name: each for each in some if each.escalation and any(OWNER in step.who for step in each.escalation.steps)
    }
    unknown: dict[str, dict[str, None]] = {}
    for each in labels if asking else ():
        missing = [owner for owner in each.owner if rules.duty.people.named(owner) is None]
        for rule in rules.applying_to(each) if missing else ():
            if rule.name in asking:
                unknown.setdefault(rule.name, {}).update(dict.fromkeys(missing))
    for name, owners in unknown.items():
        yield Obstacle(Kind.OWNERS_UNKNOWN, (name,), names=tuple(owners))


def _gaps(some: Sequence[Rule], duty: DutyTable, now: datetime) -> Iterator[Obstacle]:
    by_rotation: dict[str, tuple[Rotation, list[str]]] = {}
    for rule in some:
        for rotation in filter(None, (_rotation(word, duty) for word in _words([rule]))):
            by_rotation.setdefault(rotation.name, (rotation, []))[1].append(rule.name)
    for rotation, names in by_rotation.values():
        gap = next(rotation.gaps(now, now + AHEAD), None)
        if gap is not None:
            rules = tuple(dict.fromkeys(names))
            yield Obstacle(Kind.NOBODY_ON_CALL, rules, names=(rotation.name,), since=max(gap.start, now))


def _unlimited(rules: RuleSet, some: Sequence[Rule]) -> Iterator[Obstacle]:
    def is_limited(rule: Rule) -> bool:
        limits = (rules.call_limits, *([rule.escalation.limits] if rule.escalation else ()))
        return any(each.per_night is not None or each.per_month is not None for each in limits)

    names = tuple(each.name for each in some if Way.PHONE in _ways([each]) and not is_limited(each))
    if names:
        yield Obstacle(Kind.NO_LIMIT, names, (Way.PHONE,))
