"""From a callback to an alert that is safe: what goes wrong is logged, and what Airflow has to answer is waited for."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from airflow_provider_dingpush import airflow_database
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.errors import AlertsWaitingError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import call_within
from tests.callback_contexts import run_context, task_context
from tests.default_robot import texts


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        pytest.param(
            lambda sandbox, env: env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", "{}"),
            "has no access token",
            id="no token",
        ),
        pytest.param(
            lambda sandbox, env: env.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT"),
            "no Airflow connection",
            id="no connection",
        ),
        pytest.param(
            lambda sandbox, env: env.setenv(
                "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.url}/robot/send?access_token=bad"
            ),
            "doesn't know this access token",
            id="wrong token",
        ),
    ],
)
def test_it_logs_what_goes_wrong_and_raises_only_when_asked_to(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    break_it: Any,
    error: str,
) -> None:
    """A broken DingTalk never breaks a DAG, and the alert waits until it is fixed."""
    break_it(connected, monkeypatch)
    DingTalkNotifier()(task_context())
    about = "(task_failed etl_daily manual__1 load_orders, connection 'dingtalk_default')"
    assert f"The DingTalk notification waits to be sent {about}" in caplog.text
    with pytest.raises(AlertsWaitingError, match=error):
        DingTalkNotifier(raise_on_failure=True)(task_context("another"))


def test_a_request_that_is_never_answered_does_not_delay_the_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor that doesn't know a question never answers; the alert then says that the list isn't available."""
    for_ever = threading.Event()
    monkeypatch.setattr(airflow_database, "_task_states", lambda context: call_within(0.05, for_ever.wait))
    DingTalkNotifier(language="en")(run_context())
    for_ever.set()
    # It is safe, and on a machine that isn't busy sent by now.
    assert main(["flush", "--now"]) == 0
    assert "The list of failed tasks isn't available" in texts(connected)[0]


def test_a_failed_run_names_the_tasks_that_failed(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to Airflow 3.1 the context's own task is a wrong one."""
    states = {"boom": "failed", "m_1": "success", "m_2": "failed", "zz_ok": "success"}
    monkeypatch.setattr(airflow_database, "_task_states", lambda context: states)
    DingTalkNotifier(language="en")(run_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "Run failed: etl_daily"
    text = message.payload["markdown"]["text"]
    assert "Failed tasks (2)" in text
    assert "boom" in text
    assert "zz" not in text


def test_a_request_that_takes_a_cold_start_is_waited_for(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAG processor answers the first one only when it has loaded what answers."""
    loading = threading.Event()

    def states(context: Any) -> dict[str, str]:
        assert not loading.wait(3.5)
        return {"boom": "failed"}

    monkeypatch.setattr(airflow_database, "_task_states", states)
    DingTalkNotifier(language="en")(run_context())
    assert "Failed tasks (1)" in texts(connected)[0]


def test_a_request_leaves_half_of_the_time_for_the_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However long it may take."""
    for_ever = threading.Event()
    monkeypatch.setattr(callback_limits, "DAG_PROCESSOR_SECONDS", 4.0)
    monkeypatch.setattr(airflow_database, "_task_states", lambda context: for_ever.wait())
    with caplog.at_level(logging.INFO):
        DingTalkNotifier(language="en")(run_context())
    for_ever.set()
    # It is safe, and on a machine that isn't busy sent by now.
    assert main(["flush", "--now"]) == 0
    assert "The list of failed tasks isn't available" in texts(connected)[0]
    assert "The failed tasks of the run can't be listed" in caplog.text


def test_all_failed_tasks_are_counted(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some of them are named."""
    monkeypatch.setattr(airflow_database, "_task_states", lambda _: {f"m_{number}": "failed" for number in range(1500)})
    DingTalkNotifier(language="en")(run_context())
    assert "Failed tasks (1500)" in texts(connected)[0]


@pytest.mark.parametrize("states", [{"boom": "failed", None: "failed"}, {5: "failed"}, ["failed"], "failed", 7])
def test_an_odd_answer_about_the_failed_tasks_costs_no_alert(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, states: Any
) -> None:
    monkeypatch.setattr(airflow_database, "_task_states", lambda _: states)
    DingTalkNotifier(language="en")(run_context())
    assert len(connected.messages) == 1


def test_a_dag_whose_tasks_are_not_known_costs_no_alert(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_database, "_task_states", lambda _: {"boom": "failed"})
    context = run_context()
    del context["dag"].task_ids
    DingTalkNotifier(language="en")(context)
    assert len(connected.messages) == 1
