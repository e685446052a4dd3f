"""All notifiers of one callback report the same recovery, which the process remembers for a minute."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.pipeline.recent_recovery import RecentRecovery
from tests.conftest import MakeAlert

SUBJECT = ("sales", "load", None)


@pytest.fixture
def recent() -> RecentRecovery:
    return RecentRecovery()


def recovery(make_alert: MakeAlert, **given: Any) -> Alert:
    values: dict[str, Any] = {"event": "task_succeeded", "task_id": "load", "resolved": True, "occurrence": "o1"}
    return make_alert("recovery", **{**values, **given})


def test_nothing_is_remembered_at_first(recent: RecentRecovery, make_alert: MakeAlert) -> None:
    alert = recovery(make_alert)
    assert not recent.is_about(SUBJECT)
    assert not recent.includes(alert)
    assert recent.timed(alert) is alert


def test_another_notifier_of_the_same_success_gets_its_time(recent: RecentRecovery, make_alert: MakeAlert) -> None:
    first = recovery(make_alert)
    recent.note(first)
    later = recovery(make_alert, at=first.at + 3)
    assert recent.is_about(SUBJECT)
    assert recent.includes(later)
    assert recent.timed(later).at == first.at


def test_another_success_keeps_its_own_time(recent: RecentRecovery, make_alert: MakeAlert) -> None:
    first = recovery(make_alert)
    recent.note(first)
    other = recovery(make_alert, occurrence="o2", at=first.at + 3)
    assert not recent.includes(other)
    assert recent.timed(other) is other
    assert not recent.is_about(("sales", "another", None))


def test_a_new_failure_of_the_task_ends_it(recent: RecentRecovery, make_alert: MakeAlert) -> None:
    recent.note(recovery(make_alert))
    recent.note(make_alert("of another task", task_id="another"))
    assert recent.is_about(SUBJECT)
    recent.note(make_alert("failure", task_id="load"))
    assert not recent.is_about(SUBJECT)


def test_it_is_forgotten_after_a_minute(make_alert: MakeAlert) -> None:
    seconds = iter([0.0, 59.9, 60.0])
    recent = RecentRecovery(ticks=lambda: next(seconds))
    recent.note(recovery(make_alert))
    assert recent.is_about(SUBJECT)
    assert not recent.is_about(SUBJECT)
