"""Rules that no event of the known DAGs comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match
from airflow_provider_dingpush.rules.rule_set import Rule

# Labels that depend on a run rather than on its DAG.
_OF_A_RUN = {"run_type", "team"}


class Why(Enum):
    """Why a rule is unused."""

    NO_EVENT = "no_event"
    """Its events are none that rules decide about."""
    NO_DAG = "no_dag"
    """No DAG, or no task of one, matches."""
    NEVER_REACHED = "never_reached"
    """Whatever matches, matches an earlier rule without ``continue`` as well."""


class UnusedRule(NamedTuple):
    """A rule that is unused.

    :param rule: the rule.
    :param why: the reason.
    """

    rule: Rule
    why: Why


def unused_rules(rules: Sequence[Rule], *, events: Sequence[str], possible: Iterable[Labels]) -> list[UnusedRule]:
    """The unused rules, in their order.

    :param events: the names of the events that rules decide about.
    :param possible: the labels of every event of every task and DAG; none if the DAGs aren't known.
    """
    demanded = {name for rule in rules for name, _ in rule.match.wanted}
    # Without the labels that no rule looks at, most events are the same.
    distinct = {
        Labels(*(values if name in demanded else () for name, values in zip(Labels._fields, labels, strict=True)))
        for labels in possible
    }
    left, found = set(distinct), []
    for rule in rules:
        if not _has_event(rule, events):
            found.append(UnusedRule(rule, Why.NO_EVENT))
            continue
        match = Match(tuple(each for each in rule.match.wanted if each[0] not in _OF_A_RUN))
        taken = {each for each in left if match.matches(each)}
        if distinct and not taken:
            is_hidden = any(match.matches(each) for each in distinct)
            found.append(UnusedRule(rule, Why.NEVER_REACHED if is_hidden else Why.NO_DAG))
        elif match == rule.match and not rule.goes_on:
            left -= taken
    return found


def _has_event(rule: Rule, events: Sequence[str]) -> bool:
    patterns = dict(rule.match.wanted).get("event")
    return patterns is None or any(patterns.match((each,)) for each in events)
