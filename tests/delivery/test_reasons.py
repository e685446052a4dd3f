"""Reasons have a text in both languages, and can be noted for other processes."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.delivery.drain_result import DrainResult, Handover, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason, from_text, to_text, words


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_text_in_both_languages(reason: Reason) -> None:
    zh, en = words(reason, "zh"), words(reason, "en")
    assert any("\u4e00" <= character <= "\u9fff" for character in zh)
    assert en.isascii()
    assert words(reason, "en", "130101") == f"{en}: 130101"


@pytest.mark.parametrize("reason", Reason)
def test_a_noted_reason_is_read_with_its_detail(reason: Reason) -> None:
    assert from_text(to_text(reason, "130101 发送过快")) == (reason, "130101 发送过快")
    assert DrainResult.of_pause(3, to_text(reason, ""), 9.0) == DrainResult(0, 0, 3, reason, again_at=9.0)


def test_an_unknown_note_is_shown_as_it_is() -> None:
    assert from_text("an unknown note") == (Reason.PAUSED, "an unknown note")


@pytest.mark.parametrize(
    ("role", "with_flusher", "without"),
    [
        (LeaderRole.CALLBACK, Handover.FLUSHER, Handover.SUCCESSOR),
        (LeaderRole.DAG_PROCESSOR, Handover.FLUSHER, Handover.NONE),
        (LeaderRole.FLUSHER, Handover.FLUSHER, Handover.NONE),
        (LeaderRole.PERSON, Handover.NONE, Handover.NONE),
    ],
)
def test_who_sends_in_a_storm_instead_of_a_leader(role: LeaderRole, with_flusher: Handover, without: Handover) -> None:
    assert role.rules.handover(flusher_runs=True) is with_flusher
    assert role.rules.handover(flusher_runs=False) is without
