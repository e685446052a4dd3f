"""Rules that no event of the known DAGs comes to."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match
from airflow_provider_dingpush.rules.rule_set import Rule

# Labels that depend on a run, or on a file, rather than on a DAG.
_OF_A_RUN = {"run_type", "team", "file"}
_OF_A_DAG = {"dag_id", "tags"}


class Why(Enum):
    """Why a rule is unused."""

    NO_EVENT = "no_event"
    """Its events are none that rules decide about."""
    NO_TEAM = "no_team"
    """It is about a team, and this Airflow has none, or doesn't tell."""
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


def unused_rules(
    rules: Sequence[Rule], *, events: Sequence[str], possible: Collection[Labels], has_teams: bool
) -> list[UnusedRule]:
    """The unused rules, in their order.

    :param events: the names of the events that rules decide about.
    :param possible: the labels of every event of every task and DAG; none if the DAGs aren't known.
    :param has_teams: whether events have a team.
    """
    demanded = {name for rule in rules for name, _ in rule.match.wanted}
    everything = _Possible(possible, demanded)
    left = copy.deepcopy(everything)
    found = []
    for rule in rules:
        if not _has_event(rule, events):
            found.append(UnusedRule(rule, Why.NO_EVENT))
            continue
        if not has_teams and any(label == "team" for label, _ in rule.match.wanted):
            found.append(UnusedRule(rule, Why.NO_TEAM))
            continue
        match = Match(tuple(each for each in rule.match.wanted if each[0] not in _OF_A_RUN))
        taken = left.matching(match)
        if everything.is_known and not taken:
            is_hidden = bool(everything.matching(match))
            found.append(UnusedRule(rule, Why.NEVER_REACHED if is_hidden else Why.NO_DAG))
        elif match == rule.match and not rule.goes_on:
            left.remove(taken)
    return found


class _Possible:
    """The labels of events that can happen, by DAG: most rules need to be compared with few DAGs.

    :param possible: the labels.
    :param demanded: names of the labels that rules look at; without the others most events are the same.
    """

    def __init__(self, possible: Collection[Labels], demanded: Collection[str]) -> None:
        self._by_dag: dict[Labels, set[Labels]] = {}
        for labels in possible:
            seen = _only(labels, demanded)
            self._by_dag.setdefault(_only(seen, _OF_A_DAG), set()).add(seen)
        self.is_known = bool(self._by_dag)

    def matching(self, match: Match) -> dict[Labels, set[Labels]]:
        """Those that match, by DAG."""
        of_dag, of_event = (
            Match(tuple(each for each in match.wanted if (each[0] in _OF_A_DAG) is is_of_dag))
            for is_of_dag in (True, False)
        )
        found = {}
        for dag, events in self._by_dag.items():
            if of_dag.matches(dag) and (matching := {each for each in events if of_event.matches(each)}):
                found[dag] = matching
        return found

    def remove(self, taken: Mapping[Labels, set[Labels]]) -> None:
        """Leave these out from now on."""
        for dag, events in taken.items():
            self._by_dag[dag] -= events


def _only(labels: Labels, names: Collection[str]) -> Labels:
    return Labels(*(values if name in names else () for name, values in zip(Labels._fields, labels, strict=True)))


def _has_event(rule: Rule, events: Sequence[str]) -> bool:
    patterns = dict(rule.match.wanted).get("event")
    return patterns is None or any(patterns.match((each,)) for each in events)
