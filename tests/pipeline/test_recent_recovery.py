"""All notifiers of one callback report the same recovery, which the process remembers for a minute."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.pipeline.recent_recovery import RecentRecovery
from tests.conftest import MakeAlert

SUBJECT = ("sales", "load", None)


class Ticks:
    """A clock that goes forward when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def recent(ticks: Ticks) -> RecentRecovery:
    return RecentRecovery(ticks=ticks)


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


def test_it_is_forgotten_after_a_minute(recent: RecentRecovery, make_alert: MakeAlert, ticks: Ticks) -> None:
    recent.note(recovery(make_alert))
    ticks.now += 59.9
    assert recent.is_about(SUBJECT)
    ticks.now += 0.1
    assert not recent.is_about(SUBJECT)
