"""Rules that no event of the known DAGs comes to."""

from __future__ import annotations

import random

from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.rules.labels import EVENTS, Labels, labels_of
from airflow_provider_dingpush.rules.matching import Match, Patterns
from airflow_provider_dingpush.rules.rule_set import Applies, Rule, RuleSet
from airflow_provider_dingpush.rules.unused_rules import Why, unused_rules

NAMES = [each.value for each in EVENTS]
POSSIBLE = [
    labels_of(event, dag_id, task_id=task_id, tags=(tag,), owners=(owner,))
    for dag_id, tag, owner in (("ods_a", "core", "lisi"), ("ads_b", "report", "zhangsan"))
    for event in EVENTS
    for task_id in ("load", "check")
]


def rule(name: str, *, goes_on: bool = False, **wanted: str) -> Rule:
    match = Match(tuple((label, Patterns(tuple(text.split()))) for label, text in wanted.items()))
    return Rule(name, match, receiver="r", goes_on=goes_on)


def found(*rules: Rule, possible: list[Labels] = POSSIBLE, has_teams: bool = True) -> dict[str, Why]:
    unused = unused_rules(rules, events=NAMES, possible=possible, has_teams=has_teams)
    return {each.rule.name: each.why for each in unused}


def test_each_reason() -> None:
    assert found(
        rule("late", event="deadline_missed"),
        rule("tasks", task_id="lo*", owner="lisi"),
        rule("gone", dag_id="dwd_*"),
        rule("ods", dag_id="ods_*"),
        rule("hidden", dag_id="ods_a", task_id="check"),
        rule("rest"),
        rule("after", tags="report"),
    ) == {"late": Why.NO_EVENT, "gone": Why.NO_DAG, "hidden": Why.NEVER_REACHED, "after": Why.NEVER_REACHED}


def test_a_rule_for_some_runs_hides_none() -> None:
    """Which runs a DAG will have isn't known."""
    assert found(rule("by hand", run_type="manual"), rule("ods", dag_id="ods_*")) == {}
    assert found(rule("both", goes_on=True), rule("ods", dag_id="ods_*")) == {}


def test_a_rule_for_a_team_needs_teams() -> None:
    rules = rule("team", team="warehouse"), rule("others", team="!warehouse"), rule("rest")
    assert found(*rules) == {}
    unused = {"team": Why.NO_TEAM, "others": Why.NO_TEAM}
    assert found(*rules, has_teams=False) == found(*rules, has_teams=False, possible=[]) == unused


def test_without_dags_only_events_are_looked_at() -> None:
    assert found(rule("gone", dag_id="dwd_*"), rule("q", event="answer_needed"), possible=[]) == {"q": Why.NO_EVENT}


def test_it_agrees_with_the_decision() -> None:
    """A rule is unused exactly if it applies to no possible event, for rules that don't look at runs."""
    chosen = random.Random(7)  # noqa: S311
    values = {
        "dag_id": ["ods_*", "ads_b", "!ods_a", "x"],
        "task_id": ["load", "!load", "c*"],
        "tags": ["core", "report"],
        "owner": ["lisi", "*"],
        "event": [*NAMES, "*"],
        "severity": ["P2", "P4"],
    }
    for _ in range(300):
        rules = []
        for number in range(chosen.randint(1, 6)):
            labels = chosen.sample(sorted(values), chosen.randint(0, 2))
            wanted = {label: chosen.choice(values[label]) for label in labels}
            rules.append(rule(f"r{number}", goes_on=chosen.random() < 0.2, **wanted))
        applying = {
            verdict.rule.name
            for labels in POSSIBLE
            for verdict in RuleSet(tuple(rules)).explain(labels)
            if verdict.applies is Applies.YES
        }
        assert {each.name for each in rules} - applying == set(found(*rules))


def test_the_events_are_those_that_are_routed() -> None:
    assert Event.DEADLINE_MISSED not in EVENTS
