"""The texts of escalations: short, safe as Markdown, in both languages, and good for a voice."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.oncall.escalation import Outcome
from airflow_provider_dingpush.pipeline.escalation_text import call_text, ding_text, message_about, todo_subject
from airflow_provider_dingpush.pipeline.incidents import Incident
from airflow_provider_dingpush.rules.escalations import Way

NOW = 1_790_000_000.0
FAILURE = OpenFailure(
    "task_failed",
    NOW - 300,
    NOW - 300,
    dag_id="etl_orders",
    task_id="load",
    severity="P1",
    summary="no such table *orders*",
    log_link="https://airflow.example.com/log?a=1",
)
ONE = [Incident("7f3ac2" + "0" * 18, FAILURE)]
MANY = [Incident(f"{number:024x}", FAILURE) for number in range(12)]
BECAUSE = ((Way.PHONE, Outcome.NO_CREDIT), (Way.SMS, Outcome.NO_CREDIT))


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("en", "Nobody has claimed: etl_orders · load", "Phone call not possible: no DING credit left"),
        ("zh", "无人认领：etl_orders · load", "电话 DING 未发出：DING 权益不足"),
    ],
)
def test_a_message(language: str, title: str, words: str) -> None:
    message = message_about(ONE, BECAUSE, NOW, language, reading_claims=True)
    assert message.title == title
    assert "[P1] etl\\_orders · load" in message.text
    assert "(https://airflow.example.com/log?a=1)" in message.text
    assert "\\*orders\\*" in message.text
    assert "dingpush ack i-7f3ac2" in message.text
    assert words in message.text
    assert ("Reading this message claims it." in message.text) is (language == "en")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "[Claim in Airflow](https://a.example/p)"), ("zh", "[在 Airflow 中认领](https://a.example/p)")],
)
def test_a_message_leads_to_the_page(language: str, text: str) -> None:
    assert text in message_about(ONE, (), NOW, language, claim_link="https://a.example/p").text
    assert "认领](" not in message_about(ONE, (), NOW, language).text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_of_many_only_some_are_listed(language: str) -> None:
    message = message_about(MANY, (), NOW, language)
    assert message.text.count("- [P1]") == 10
    assert "12" in message.title
    assert "2" in message.text.splitlines()[-3]
    assert "11" in ding_text(MANY, (), NOW, language)
    assert "11" in call_text(MANY, language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_plain_texts_have_no_markdown(language: str) -> None:
    for text in (ding_text(ONE, BECAUSE, NOW, language), todo_subject(ONE[0], language), call_text(ONE, language)):
        assert "\\" not in text
        assert "**" not in text
    assert len(call_text(ONE, language)) < 80
    assert "P1" in call_text(ONE, language)


@pytest.mark.parametrize(
    ("language", "of_two", "heard"),
    [
        ("en", "1 more failure is open.", "P1. 1 more failure is open"),
        ("zh", "另有 1 个故障。", "P1。另有 1 个故障"),
    ],
)
def test_what_else_is_open_is_a_sentence_of_its_own(language: str, of_two: str, heard: str) -> None:
    assert of_two in ding_text(MANY[:2], (), NOW, language)
    assert call_text(MANY[:2], language).endswith(heard)
