"""An event has its words, its mark and its severity, in an alert and in a digest, in both languages."""

from __future__ import annotations

import ast
import pickle
from datetime import timezone
from pathlib import Path

import pytest

import airflow_provider_dingpush
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.digest import digest
from airflow_provider_dingpush.alerts.kinds import MARKS, Kind, kind_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.events import Event, Severity, Subject

HOME = Path(airflow_provider_dingpush.__file__).parent
UNKNOWN = "task_deferred_for_good"


def written(event: Event, language: str) -> str:
    """A digest of one alert about this event."""
    task_id = None if event.subject in (Subject.RUN, Subject.DEADLINE, Subject.FILE, Subject.BASELINE) else "t"
    alert = Alert("k", Mailbox("c"), event, 0.0, dag_id="d", run_id="r", task_id=task_id)
    return digest([alert], language=language, zone=timezone.utc, at_most_bytes=9_000).text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("event", Event)
def test_an_event_has_all_that_others_need_of_it(event: Event, language: str) -> None:
    """A mark, a severity, words of its own in a title and in a line, and no name out of the code."""
    words = words_in(language).events
    assert event.is_known, f"events.py: _TRAITS needs an entry for {event}"
    assert all(words.get(event, [""])), f"alerts/words_{language}.py: EVENTS needs one for {event}"
    assert event.mark == event.severity.value
    facts = RunFacts(event, "d", dag_name="d")
    alert = built_in_alert(facts, language=language)
    titles = {built_in_alert(RunFacts(each, "d", dag_name="d"), language=language).title for each in words}
    assert len(titles) == len(words)
    assert alert.text.startswith(f"### {event.mark} ")
    text = written(event, language)
    assert event.mark in text
    assert event.value not in text.replace("\\", "")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_counted_in_both_languages(kind: Kind) -> None:
    assert MARKS[kind]
    assert words_in("zh")(kind.value, 3) != words_in("en")(kind.value, 3)


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_has_its_kind(severity: Severity) -> None:
    event = next(each for each in Event if each.severity is severity)
    assert isinstance(kind_of(Alert("k", Mailbox("c"), event, 0.0)), Kind)


def test_no_other_module_compares_events() -> None:
    """Whoever wants to know something about an event asks the event."""
    values, found = {event.value for event in Event}, []
    for module in sorted(HOME.rglob("*.py")):
        for each in ast.walk(ast.parse(module.read_text("utf-8")) if module.stem != "events" else ast.Module([], [])):
            is_name = isinstance(each, ast.Constant) and each.value in values
            if is_name or (isinstance(each, ast.Compare) and "Event." in ast.unparse(each)):
                found.append(f"{module.relative_to(HOME)}: {ast.unparse(each)}")
    assert found == []


def test_what_events_are() -> None:
    assert {each for each in Event if each.is_failure} == {
        Event.TASK_FAILED,
        Event.DAG_FAILED,
        Event.DEADLINE_MISSED,
        Event.AIRFLOW_UNHEALTHY,
        Event.DAG_IMPORT_ERROR,
        Event.RULES_FILE_ERROR,
        Event.BASELINE_AT_RISK,
        Event.BASELINE_BREACHED,
    }
    assert {each for each in Event if each.opens_incident} == {
        Event.TASK_FAILED,
        Event.TASK_RETRYING,
        Event.DAG_FAILED,
        Event.AIRFLOW_UNHEALTHY,
        Event.DAG_IMPORT_ERROR,
        Event.RULES_FILE_ERROR,
        Event.BASELINE_AT_RISK,
        Event.BASELINE_BREACHED,
    }
    assert {each for each in Event if each.resolves_incident} == {
        Event.TASK_SUCCEEDED,
        Event.DAG_SUCCEEDED,
        Event.AIRFLOW_HEALTHY,
        Event.DAG_IMPORT_FIXED,
        Event.RULES_FILE_FIXED,
        Event.BASELINE_MET,
    }
    assert {each for each in Event if each.in_progress} == {
        Event.TASK_STARTED,
        Event.ANSWER_NEEDED,
        Event.TASK_WARNED,
    }
    assert {each for each in Event if not each.repeated_by_airflow} == {
        Event.TASK_STARTED,
        Event.ANSWER_NEEDED,
        Event.TASK_WARNED,
    }
    assert {each for each in Event if each.is_warning} == {Event.TASK_WARNED}


@pytest.mark.parametrize(
    ("state", "event"),
    [
        ("failed", Event.TASK_FAILED),
        ("upstream_failed", Event.TASK_FAILED),
        ("up_for_retry", Event.TASK_RETRYING),
        ("success", Event.TASK_SUCCEEDED),
        ("skipped", Event.TASK_SKIPPED),
        ("running", None),
        (None, None),
    ],
)
def test_states_of_a_task_have_their_event(state: str | None, event: Event | None) -> None:
    assert Event.of_task_state(state) is event


def test_an_event_of_a_newer_version_keeps_its_name() -> None:
    """Its alert isn't lost: it can be read, written again and sent."""
    event = Event(UNKNOWN)
    assert not event.is_known
    assert (event, f"{event}", event.severity) == (UNKNOWN, UNKNOWN, Severity.INFO)
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own
    assert UNKNOWN not in list(Event)
    line = Alert("k", Mailbox("c"), event, 0.0, dag_id="d", task_id="t").to_json()
    assert Alert.from_json(line).to_json() == line
    assert UNKNOWN in built_in_alert(RunFacts(event, "d", dag_name="d"), language="zh").title
    assert UNKNOWN in written(event, "en").replace("\\", "")


@pytest.mark.parametrize("name", [None, 5, ["task_failed"]])
def test_what_is_no_name_is_no_event(name: object) -> None:
    with pytest.raises(ValueError, match="is not a valid Event"):
        Event(name)
