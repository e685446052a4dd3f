"""Which alerts a message covers can be read from the log, in any language."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.message_log import log_covered, log_reported
from airflow_provider_dingpush.events import Event
from tests.conftest import MakeAlert
from tests.covered_alerts import LOG, covered_alerts, reported_alerts, write_covered_to


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    """A file to which the lines go for one test."""
    before = LOG.handlers[:], LOG.level, LOG.propagate
    write_covered_to(tmp_path / "covered")
    yield tmp_path / "covered"
    LOG.handlers[:], LOG.propagate = before[0], before[2]
    LOG.setLevel(before[1])


def test_alerts_are_counted_by_key(lines: Path) -> None:
    log_covered("m1", ["a", "b"])
    log_covered("m2", ["c"])
    log_covered("m3", ["b"])
    assert covered_alerts(lines.read_text("ascii"), ["m1", "m3"]) == {"a": 1, "b": 2}


def test_a_key_may_have_a_dot(lines: Path) -> None:
    """As that of a failure that was over before it arrived has."""
    log_covered("m1", ["a.over", "b"])
    log_covered("m2", ["c"])
    assert covered_alerts(lines.read_text("ascii"), ["m1", "m2"]) == {"a.over": 1, "b": 1, "c": 1}


def test_a_message_that_is_posted_twice_counts_twice(lines: Path) -> None:
    log_covered("m1", ["a"])
    assert covered_alerts(lines.read_text("ascii"), ["m1", "m1"]) == {"a": 2}


def test_a_message_that_was_not_logged_is_an_error() -> None:
    with pytest.raises(KeyError):
        covered_alerts("", ["m1"])


def test_no_message_is_no_alert() -> None:
    assert not covered_alerts("", [])


def test_what_a_message_reports_is_named(lines: Path, make_alert: MakeAlert) -> None:
    """By event, DAG, task and map index; twice, if it is posted twice."""
    failed = make_alert(event=Event.TASK_FAILED, dag_id="每日 [1].", task_id="load", map_index=3)
    run = make_alert(event=Event.DAG_FAILED, dag_id="etl", task_id=None)
    log_reported("m1", [failed, run])
    log_reported("m2", [failed])
    reported = reported_alerts(lines.read_text("ascii"), ["m1", "m1"])
    assert reported == {("task_failed", "每日 [1].", "load", 3): 2, ("dag_failed", "etl", None, None): 2}


def test_it_is_no_line_of_a_normal_log(caplog: pytest.LogCaptureFixture, make_alert: MakeAlert) -> None:
    with caplog.at_level(logging.INFO):
        log_covered("m1", ["a"])
        log_reported("m1", [make_alert()])
    assert not caplog.records
