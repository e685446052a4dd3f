"""Notifiers of one callback share the time that Airflow grants its process, and end before it is over."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush import airflow_compat
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import callback, callback_context, callback_limits, failure_details, look_ups
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from tests.callback_contexts import START, run_context, task_context
from tests.default_robot import texts


def test_notifiers_of_one_callback_share_their_time(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow 3 kills a process that dawdles in callbacks, and may run its task again."""
    passed = [0.0]
    monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=lambda: passed[0]))
    # The clock of this test stands still while the connection is looked up, however busy the machine is.
    monkeypatch.setattr(look_ups, "look_up_within", lambda find, seconds: find())

    def slow_rendering(seconds: float) -> str:
        passed[0] += seconds
        return "late"

    notifier = DingTalkNotifier(message="{{ slow(5) }}")
    for _ in range(3):
        notifier(task_context(slow=slow_rendering))
    assert texts(connected) == ["late"]
    assert caplog.text.count("The time that all notifiers of one callback share is used up") == 2
    notifier(task_context("another_task", slow=slow_rendering))
    assert texts(connected) == ["late", "late"]


def test_a_robot_that_hangs_is_left_when_the_time_is_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The notifier comes back although the server never answers; the alert waits for the next one."""
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 2.0)
    connected.fail_next(Fault.HANG, times=3)
    DingTalkNotifier()(task_context())
    assert "The DingTalk notification waits to be sent" in caplog.text
    assert "it took too long" in caplog.text
    assert len(connected.requests) == 1


def test_a_callback_takes_at_most_half_of_what_airflow_grants(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Airflow is set to kill a task's process sooner, its callbacks have less time."""
    shared: list[float] = []
    share = CallbackBudget.share

    def note(self: CallbackBudget, budget_key: Any, seconds: float) -> Any:
        shared.append(seconds)
        return share(self, budget_key, seconds)

    monkeypatch.setattr(CallbackBudget, "share", note)
    DingTalkNotifier()(task_context("usual"))
    for overtime in ("6", "soon"):
        monkeypatch.setenv("AIRFLOW__CORE__TASK_SUCCESS_OVERTIME", overtime)
        DingTalkNotifier()(task_context(f"overtime_{overtime}"))
    assert shared == [8.0, 3.0, 8.0]


@pytest.mark.parametrize(
    ("timeout", "age", "most"),
    [
        (None, 30.0, 12.0),
        (None, 2.0, 32.0),
        (None, 300.0, 10.0),
        (None, None, 10.0),
        ("600", 2.0, 32.0),
        ("10", 2.0, 4.0),
        ("nonsense", 300.0, 10.0),
    ],
)
def test_the_alert_is_safe_long_before_the_dag_processor_is_killed(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, timeout: str | None, age: float | None, most: float
) -> None:
    """Reading the file may have taken half of its 50 seconds, and Airflow may be set to grant less.

    The failed tasks are asked for as long as that allows, and storing and sending need eight seconds.
    """
    section = "DAG_PROCESSOR" if airflow_compat.is_airflow_3() else "CORE"
    if timeout:
        monkeypatch.setenv(f"AIRFLOW__{section}__DAG_FILE_PROCESSOR_TIMEOUT", timeout)
    asked: list[float] = []
    monkeypatch.setattr(failure_details, "failed_task_ids", lambda _, seconds: asked.append(seconds))
    monkeypatch.setattr(callback_limits, "seconds_since_start", lambda: age)
    DingTalkNotifier()(run_context())
    assert len(connected.messages) == 1
    assert most / 2 < asked[0] <= most


def test_an_sla_of_airflow_2_shares_the_time_of_the_dag_processor() -> None:
    """It is called there, and not in the triggerer, which nobody kills."""
    sla = callback_context.context_of([task_context()["dag"], "load_orders", "", [], []])
    missed = {"dag_run": {"dag_id": "etl_daily"}, "deadline": {"deadline_time": START}}
    budgets = [callback_limits.budget_of(callback_context.facts_of(each)) for each in (sla, missed, run_context())]
    assert budgets[0] == budgets[2] == (callback_limits.Process.DAG_PROCESSOR, callback_limits.DAG_PROCESSOR_SECONDS)
    assert budgets[1][1] == callback_limits.DEADLINE_SECONDS
