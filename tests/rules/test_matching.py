"""What rules match, beside a plain reference of the same."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.events import KNOWN_EVENTS, Event, Urgency
from airflow_provider_dingpush.rules.labels import Labels, labels_of
from airflow_provider_dingpush.rules.matching import Match, Patterns
from airflow_provider_dingpush.rules.rule_set import Applies, Rule, RuleSet

_NAMES = st.sampled_from(["etl", "etl_a", "etl_ab", "ods_a", "x", "数据", "a.b", "A", "["])
_PATTERNS = st.lists(
    st.sampled_from(["etl", "etl_*", "*", "!etl_a", "!*b", "?", "数*", "a.b", "[xa]", "!x"]), min_size=1
)


def plainly(patterns: list[str], values: list[str]) -> bool:
    """The same in as few words as possible."""
    excluded = [each[1:] for each in patterns if each.startswith("!")]
    included = [each for each in patterns if not each.startswith("!")] or ["*"]
    if any(fnmatch.fnmatchcase(value, each) for value in values for each in excluded):
        return False
    return any(fnmatch.fnmatchcase(value, each) for value in values for each in included)


@settings(deadline=None)
@given(_PATTERNS, st.lists(_NAMES))
def test_patterns_match_as_the_plain_reference(patterns: list[str], values: list[str]) -> None:
    assert Patterns(tuple(patterns)).match(values) is plainly(patterns, values)


_FIELDS = st.dictionaries(st.sampled_from(["dag_id", "task_id", "tags", "owner"]), _PATTERNS, max_size=3)
_RULES = st.lists(st.tuples(_FIELDS, st.booleans()), max_size=6)
_EVENTS = st.builds(
    labels_of,
    st.sampled_from(KNOWN_EVENTS),
    _NAMES,
    task_id=st.none() | _NAMES,
    tags=st.lists(_NAMES, max_size=2).map(tuple),
    owners=st.lists(_NAMES, max_size=2).map(tuple),
)


@settings(deadline=None)
@given(_RULES, _EVENTS)
def test_the_first_rule_that_matches_applies_and_continue_goes_on(
    written: list[tuple[dict[str, list[str]], bool]], labels: Labels
) -> None:
    rules = RuleSet(
        tuple(
            Rule(str(number), Match(tuple((k, Patterns(tuple(v))) for k, v in wanted.items())), goes_on=goes_on)
            for number, (wanted, goes_on) in enumerate(written)
        )
    )
    expected = []
    for number, (wanted, goes_on) in enumerate(written):
        if all(plainly(patterns, list(getattr(labels, name))) for name, patterns in wanted.items()):
            expected.append(str(number))
            if not goes_on:
                break
    assert [rule.name for rule in rules.applying_to(labels)] == expected
    verdicts = rules.explain(labels)
    assert [each.rule.name for each in verdicts if each.applies is Applies.YES] == expected
    assert len(verdicts) == len(written)
    for each in verdicts:
        assert (each.label is not None) is (each.applies is Applies.MISMATCH)


def test_a_rule_with_a_task_does_not_match_events_of_whole_runs() -> None:
    any_task = Match((("task_id", Patterns(("*",))),))
    assert any_task.matches(labels_of(Event.TASK_FAILED, "etl", task_id="load"))
    assert any_task.first_mismatch(labels_of(Event.DAG_FAILED, "etl")) == "task_id"


@pytest.mark.parametrize(
    ("event", "tags", "expected"),
    [
        (Event.TASK_FAILED, (), Urgency.P2),
        (Event.TASK_RETRYING, (), Urgency.P4),
        (Event.TASK_FAILED, ("core", "severity:P1"), Urgency.P1),
        (Event.TASK_FAILED, ("Severity:p3",), Urgency.P3),
        (Event.TASK_FAILED, ("severity:P4", "severity:P1"), Urgency.P1),
        (Event.TASK_FAILED, ("severity:high",), Urgency.P2),
        (Event("of_a_newer_version"), (), Urgency.P4),
    ],
)
def test_the_severity_of_an_event_is_that_of_a_tag_or_its_own(
    event: Event, tags: tuple[str, ...], expected: Urgency
) -> None:
    assert labels_of(event, "etl", tags=tags).severity == (expected.value,)
