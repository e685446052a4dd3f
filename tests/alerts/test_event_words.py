"""Every event has its words and its marks, in an alert and in a digest, in both languages."""

from __future__ import annotations

from datetime import timezone

import pytest

from airflow_provider_dingpush.alerts import Event, RunFacts, built_in_alert, escape_markdown
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.alert_texts import _MARKS as MARKS_OF_EVENTS
from airflow_provider_dingpush.alerts.digest import digest
from airflow_provider_dingpush.alerts.digest_rows import MARKS as MARKS_OF_KINDS
from airflow_provider_dingpush.alerts.digest_rows import Kind, kind_of
from airflow_provider_dingpush.alerts.digest_words import Words


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("event", Event)
def test_an_alert_says_what_happened(event: Event, language: str) -> None:
    """A title that isn't that of another event, and a mark."""
    facts = RunFacts(event, "d", dag_name="d")
    alert = built_in_alert(facts, language=language)
    others = {built_in_alert(RunFacts(each, "d", dag_name="d"), language=language).title for each in Event} - {""}
    assert len(others) == len(Event)
    assert alert.text.startswith(f"### {MARKS_OF_EVENTS[event]} ")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("event", Event)
def test_a_digest_says_what_happened(event: Event, language: str) -> None:
    """In words, and not by the event's name in the code."""
    task_id = "t" if event.value.startswith(("task", "answer")) else None
    alert = Alert("k", Mailbox("c"), event.value, 0.0, dag_id="d", run_id="r", task_id=task_id)
    page = digest([alert], language=language, zone=timezone.utc, at_most_bytes=9_000, escape=escape_markdown)
    assert MARKS_OF_KINDS[kind_of(alert)] in page.text
    assert event.value not in page.text.replace("\\", "")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_counted_in_both_languages(kind: Kind) -> None:
    assert MARKS_OF_KINDS[kind]
    assert Words("zh")(kind.value, 3) != Words("en")(kind.value, 3)
