"""Connections are looked up once per flush and within a time limit; one that is wrong is an error of this package."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from airflow_provider_dingpush import airflow_compat
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.errors import DingTalkError, UnavailableError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import callback, callback_limits
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.look_ups import LookUps, look_up_within
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import task_context

HERE, NOWHERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_nowhere")


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that is set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_what_is_found_in_time_is_returned() -> None:
    assert look_up_within(lambda: "found", 30) == "found"


def test_a_look_up_that_takes_too_long_is_an_error(never: threading.Event) -> None:
    with pytest.raises(UnavailableError, match="took too long"):
        look_up_within(never.wait, 0.05)


def test_a_connection_is_looked_up_once(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    look_ups = LookUps(Deadline.after(60))
    found = look_ups.receiver(HERE)
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    assert look_ups.receiver(HERE) is found


def test_the_error_of_a_connection_is_remembered(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    look_ups = LookUps(Deadline.after(60))
    for _ in range(2):
        with pytest.raises(DingTalkError, match="dingtalk_nowhere"):
            look_ups.receiver(NOWHERE)
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_NOWHERE", connected.webhook_url)


def test_an_unknown_error_of_a_look_up_is_one_of_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(cls: type, conn_id: str) -> None:
        raise ZeroDivisionError("in a secrets backend")

    monkeypatch.setattr(airflow_compat.BaseHook, "get_connection", classmethod(broken))
    with pytest.raises(DingTalkError, match="in a secrets backend"):
        LookUps(Deadline.after(60)).receiver(HERE)


def test_nothing_is_looked_up_when_no_time_is_left(connected: Sandbox) -> None:
    with pytest.raises(UnavailableError, match="No time is left"):
        LookUps(Deadline.after(0.3)).receiver(HERE)


def test_a_secrets_backend_that_hangs_is_left_when_the_time_is_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is looked up within the same time."""
    for_ever = threading.Event()
    monkeypatch.setattr(airflow_compat.BaseHook, "get_connection", classmethod(lambda cls, conn_id: for_ever.wait()))
    monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=lambda: 0.0))
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 0.3)
    DingTalkNotifier()(task_context())
    for_ever.set()
    assert "Looking up the Airflow connection took too long" in caplog.text
