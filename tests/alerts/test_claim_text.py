"""What messages say about who takes care of a failure, and how it is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.claim_text import claim_remarks, claims_shown, how_to_claim
from airflow_provider_dingpush.alerts.digest_notes import ClaimNote
from airflow_provider_dingpush.alerts.mailboxes import short_id
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.events import Event

ALERT = Alert("k", Mailbox("a"), Event.TASK_FAILED, 10.0, dag_id="etl", task_id="load", rule={"escalates": True})
OTHER = replace(ALERT, key="o", task_id="clean")


def claim(alert: Alert, at: float = 5.0) -> ClaimNote:
    return ClaimNote(alert.incident, "etl · load", "zhang*san", at)


@pytest.mark.parametrize(
    ("claims", "alerts", "last_sent_at", "shown"),
    [
        ([claim(ALERT)], [ALERT], 9.0, 1),
        ([claim(ALERT)], [OTHER], 9.0, 0),
        ([claim(ALERT)], [OTHER], 4.0, 1),
        ([claim(ALERT)], [OTHER], None, 0),
        ([claim(ALERT)], [replace(ALERT, resolved=True)], 4.0, 0),
    ],
)
def test_which_claims_a_message_reports(
    claims: list[ClaimNote], alerts: list[Alert], last_sent_at: float | None, shown: int
) -> None:
    """Those of its failures, and those made since the last message; none of what it reports as recovered."""
    assert len(claims_shown(claims, alerts, last_sent_at)) == shown


@pytest.mark.parametrize(
    ("language", "line", "more"),
    [
        ("en", "etl · load: claimed by zhang\\*san at 03:14", "2 more failures are claimed"),
        ("zh", "etl · load 由 zhang\\*san 认领于 03:14", "另有 2 个故障已被认领"),
    ],
)
def test_the_lines(language: str, line: str, more: str) -> None:
    words = words_in(language)
    lines = list(claim_remarks([claim(ALERT)] * 7, words, lambda _: "03:14"))
    assert lines == [line] * 5 + [more]
    [noted] = claim_remarks([replace(claim(ALERT), note="on *it*")], words, lambda _: "03:14")
    assert "on \\*it\\*" in noted


@pytest.mark.parametrize(
    ("language", "reading"), [("en", "Reading this message claims it"), ("zh", "阅读本消息即视为认领")]
)
def test_a_message_that_is_claimed_by_reading_says_so(language: str, reading: str) -> None:
    """If that is so for everything in it."""
    words = words_in(language)
    read = replace(ALERT, rule={"escalates": True, "reading_claims": True})
    assert how_to_claim([read], [], words).startswith(reading)
    assert f"dingpush ack {short_id(read.incident)}" in how_to_claim([read], [], words)
    assert reading not in how_to_claim([read, OTHER], [], words)
    assert how_to_claim([read], [claim(read)], words) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_how_to_claim_what_climbs(language: str) -> None:
    words = words_in(language)
    both = how_to_claim([ALERT, OTHER, ALERT], [], words)
    assert f"dingpush ack {short_id(ALERT.incident)} {short_id(OTHER.incident)}" in both
    assert short_id(ALERT.incident) not in how_to_claim([ALERT, OTHER], [claim(ALERT)], words)
    for silent in (
        replace(ALERT, rule={}),
        replace(ALERT, resolved=True, event=Event.TASK_SUCCEEDED),
        replace(ALERT, event=Event.TASK_RETRYING),
    ):
        assert how_to_claim([silent], [], words) == ""
