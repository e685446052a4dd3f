"""Silences as notes of an outbox: kept, found by every machine, and gone when they end."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.pipeline import silences
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.silences import SILENCES, add_silence, expire_silence, silences_in
from airflow_provider_dingpush.storage.notes import Note


def test_a_silence_is_found_until_it_ends() -> None:
    assert silences_in(outbox()) == ()
    later = add_silence(outbox(), {"dag_id": ("etl_*",)}, seconds=600, why="x", by="lisi")
    first = add_silence(outbox(), {"tags": ("core",), "severity": ("P4",)}, seconds=60, why="", by="wangwu")
    assert [each.id for each in silences_in(outbox())] == [first.id, later.id]
    assert silences_in(outbox())[0].what == "tags=core, severity=P4"
    expire_silence(outbox(), later)
    assert [each.id for each in silences_in(outbox())] == [first.id]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 7 * 86_400.0 + 1])
def test_a_silence_has_an_end(seconds: float) -> None:
    with pytest.raises(InvalidMessageError, match="at most 7 days"):
        add_silence(outbox(), {"dag_id": ("a",)}, seconds=seconds, why="", by="")


def test_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "MOST_SILENCES", 1)
    add_silence(outbox(), {"dag_id": ("a",)}, seconds=60, why="", by="")
    with pytest.raises(InvalidMessageError, match="already"):
        add_silence(outbox(), {"dag_id": ("b",)}, seconds=60, why="", by="")


def test_a_damaged_one_silences_nothing(caplog: pytest.LogCaptureFixture) -> None:
    values = (b"{}", b"\xff", b'{"matchers": {"dag": ["a"]}, "why": "", "by": "", "since": 1}')
    outbox().store.set_notes(Note(SILENCES, f"s{number}", value) for number, value in enumerate(values))
    with caplog.at_level(logging.ERROR):
        assert silences_in(outbox()) == ()
    assert len(caplog.records) == len(values)
