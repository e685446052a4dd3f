"""Alerts on their way through the outbox: safe first, merged then, sent once; and what flushes what is pending."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.delivery.drain_result import DrainResult, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.errors import AlertsWaitingError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator, create_flush_dag
from airflow_provider_dingpush.pipeline import callback_limits, dispatching
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import success_context, task_context
from tests.conftest import SECRET
from tests.default_robot import CONNECTION, connect, titles


def waiting_files(home: Path) -> list[Path]:
    """Alerts that nobody has taken in."""
    return list(home.glob("mail/*/new/*.json"))


def test_an_alert_is_safe_before_its_connection_is_looked_up(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A secrets backend that is down costs no alert: the next flush sends it."""
    monkeypatch.delenv(CONNECTION, raising=False)
    DingTalkNotifier()(task_context())
    assert len(waiting_files(outbox_home)) == 1
    assert "waits to be sent" in caplog.text
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 0
    assert titles(sandbox) == ["失败：etl_daily · load_orders"]
    assert waiting_files(outbox_home) == []


def test_the_first_is_sent_at_once_and_the_rest_is_merged(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """What waited while nobody could send comes as one digest, after a message that was on its way already."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    DingTalkNotifier(language="en")(task_context("first"))
    assert titles(sandbox) == ["Failed: etl_daily · first"]
    sandbox.stop()
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 1.0)
    for number in range(4):
        DingTalkNotifier(language="en")(task_context(f"task_{number}"))
    sandbox.start()
    assert main(["flush"]) == 0
    rest = [message.payload["markdown"]["text"].replace("\\", "") for message in sandbox.messages[1:]]
    assert len(rest) <= 2
    assert [sum(f"task_{number}" in text for text in rest) for number in range(4)] == [1, 1, 1, 1]


def test_airflow_may_call_back_twice(connected: Sandbox) -> None:
    """The same failure is sent once."""
    for _ in range(3):
        DingTalkNotifier()(task_context())
    assert len(connected.messages) == 1


def test_two_notifiers_may_send_two_messages_about_one_failure(connected: Sandbox) -> None:
    """They are no repetition of each other."""
    DingTalkNotifier()(task_context())
    DingTalkNotifier(message="runbook: https://wiki.example.com/etl")(task_context())
    assert len(connected.messages) == 2


def test_a_success_without_a_failure_does_nothing(connected: Sandbox, outbox_home: Path) -> None:
    """It writes nothing, sends nothing and looks nothing up."""
    DingTalkNotifier()(success_context())
    assert connected.requests == ()
    assert not outbox_home.exists() or list(outbox_home.rglob("*.json")) == []


def test_a_recovery_is_sent_once(connected: Sandbox) -> None:
    """With what failed before."""
    DingTalkNotifier(language="en")(task_context())
    for _ in range(3):
        DingTalkNotifier(language="en")(success_context())
    first, second = titles(connected)
    assert first == "Failed: etl_daily · load_orders"
    assert "recovered" in second.lower() or "Succeeded" in second
    assert len(connected.messages) == 2


def test_the_recovery_of_one_task_is_not_of_another(connected: Sandbox) -> None:
    """Each failure has its own end."""
    DingTalkNotifier()(task_context("a"))
    DingTalkNotifier()(success_context("b"))
    assert len(connected.messages) == 1


def test_who_wants_no_recoveries_gets_none(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """With send_resolved of the connection."""
    connect(sandbox, monkeypatch, send_resolved="false", group_interval_seconds=0)
    DingTalkNotifier()(task_context())
    DingTalkNotifier()(success_context())
    assert len(sandbox.messages) == 1


def test_a_message_of_ones_own_is_sent_of_every_success(connected: Sandbox) -> None:
    """It was asked for, whatever happened before."""
    DingTalkNotifier(message="loaded {{ ti.task_id }}")(success_context())
    assert connected.messages[0].payload["text"]["content"] == "loaded load_orders"


def test_pending_alerts_of_a_throttled_robot_are_warned_of(
    connected: Sandbox, caplog: pytest.LogCaptureFixture, outbox_home: Path
) -> None:
    """With the two lines to paste, unless a flusher was seen."""
    connected.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context())
    assert "flush_dag = create_flush_dag()" in caplog.text
    caplog.clear()
    main(["flush", "--within", "1"])
    DingTalkNotifier()(task_context("another"))
    assert "create_flush_dag" not in caplog.text
    assert len(connected.requests) == 1


def test_while_a_robot_is_throttled_callbacks_write_and_leave(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They lead nobody and look nothing up: the alert is safe, and the flusher knows when the hold is over."""
    connect(sandbox, monkeypatch)
    sandbox.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context())
    monkeypatch.delenv(CONNECTION)
    caplog.clear()
    with pytest.raises(AlertsWaitingError, match="DingTalk throttles the receiver"):
        DingTalkNotifier(raise_on_failure=True)(task_context("another"))
    assert len(waiting_files(outbox_home)) == 1
    assert "1 alert(s) are pending (DingTalk throttles the receiver" in caplog.text
    connect(sandbox, monkeypatch)
    assert main(["flush", "--now", "--within", "1"]) == 1  # what DingTalk asked for lasts, whoever is in a hurry
    assert len(sandbox.requests) == 1


def test_in_a_storm_a_flusher_that_lives_is_left_what_comes_next(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first messages come quickly; then they are fewer, and nobody waits. A person can have them at once."""
    connect(sandbox, monkeypatch, group_interval_seconds=2)
    main(["flush"])
    for number in range(9):
        DingTalkNotifier(language="en")(task_context(f"task_{number}"))
    assert len(sandbox.messages) == 3
    capsys.readouterr()
    assert main(["flush", "--within", "1", "--language", "en"]) == 1
    assert ", 6 alerts left" in capsys.readouterr().out
    assert main(["flush", "--now"]) == 0
    assert titles(sandbox)[3:] == ["6 failures: etl_daily"]


def test_a_robot_that_was_fixed_can_be_tried_at_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has just corrected the secret doesn't want to wait for the next probe."""
    monkeypatch.setenv(CONNECTION, f"{sandbox.webhook_url}&secret=SECwrong")
    DingTalkNotifier()(task_context())
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 1
    assert sandbox.messages == ()
    assert main(["flush", "--now"]) == 0
    assert titles(sandbox) == ["失败：etl_daily · load_orders"]


def test_the_flush_operator_sends_pending_alerts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """It returns how many; it doesn't fail because a connection is wrong."""
    monkeypatch.delenv(CONNECTION, raising=False)
    for number in range(3):
        DingTalkNotifier()(task_context(f"task_{number}"))
    operator = DingTalkFlushOperator(task_id="flush", within_seconds=5)
    context: Any = {}
    assert operator.execute(context) == {"sent": 0, "left": 3}
    connect(sandbox, monkeypatch)
    assert operator.execute(context) == {"sent": 3, "left": 0}
    (title,) = titles(sandbox)
    assert title.endswith("3 个失败：etl_daily")


def test_the_flush_operator_logs_in_words_why_alerts_wait(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the name of a constant."""
    monkeypatch.setenv(CONNECTION, f"{sandbox.webhook_url}&secret=SECwrong")
    DingTalkNotifier()(task_context())
    caplog.clear()
    context: Any = {}
    assert DingTalkFlushOperator(task_id="flush", within_seconds=5).execute(context) == {"sent": 0, "left": 1}
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("operators")]
    assert "pending alert(s) of connection" in line
    assert "the receiver is misconfigured: " in line


def test_the_flush_dag_is_two_lines() -> None:
    """Every minute, one run at a time."""
    dag = create_flush_dag()
    assert (dag.dag_id, dag.max_active_runs, dag.catchup) == ("dingpush_flush", 1, False)
    assert dag.task_ids == ["flush"]


@pytest.mark.parametrize("somebody_waits", [False, True])
def test_a_leader_sees_that_somebody_goes_on_before_it_relies_on_that(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, somebody_waits: bool
) -> None:
    """A successor may have given up in the moment in which the leader left."""
    DingTalkNotifier()(task_context("before"))
    receiver_id = receiver_of_mailbox(Mailbox("dingtalk_default")).receiver_id
    with outbox().leadership(receiver_id) as book:
        assert book is not None
        book.ask_for_successor(True)
    handed_over = DrainResult(0, 0, 1, Reason.COLLECTING, handed_over=True)
    leads = iter([lambda *_: (handed_over, receiver_id), dispatching._serve_once])

    def lead_once(*given: Any) -> Any:
        return next(leads)(*given)

    monkeypatch.setattr(dispatching, "_serve_once", lead_once)
    monkeypatch.setattr(
        dispatching, "_successor_slot_taken", partial(_wanted_later, [None], dispatching._successor_slot_taken)
    )
    with outbox().successor_slot(receiver_id) if somebody_waits else nullcontext():
        DingTalkNotifier()(task_context("now"))
    assert len(connected.messages) == (1 if somebody_waits else 2)


def _wanted_later(first: list[None], real: Callable[..., bool | None], *given: Any) -> bool | None:
    """At first nobody was wanted, so that this process led."""
    return first.pop() if first else real(*given)


def test_another_robot_of_the_group_sends_while_one_is_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the one that could not."""
    robots = (Robot(secret=SECRET), Robot(secret=SECRET, name="fallback"))
    with Sandbox(robots=robots) as sandbox:
        connect(sandbox, monkeypatch, fallback_conn_ids="dingtalk_fallback", group_interval_seconds=0)
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_FALLBACK", f"{sandbox.webhook_url_of(robots[1])}&secret={SECRET}")
        sandbox.fail_next(Fault.THROTTLED)
        DingTalkNotifier(language="en")(task_context("first"))
        DingTalkNotifier(language="en")(task_context("second"))
        assert {getattr(message.sender, "name", "") for message in sandbox.messages} == {"fallback"}
        assert "dingtalk_default" in sandbox.messages[-1].payload["markdown"]["text"].replace("\\", "")


@pytest.mark.parametrize(("reason", "messages"), [("collecting ", 1), ("throttled 130101", 0)])
def test_p1_waits_for_no_pause_that_dingtalk_did_not_ask_for(
    connected: Sandbox, make_alert: Callable[..., Alert], reason: str, messages: int
) -> None:
    """In a storm the others are left to the flusher; and flushers send it first."""
    here = Mailbox("dingtalk_default")
    outbox().put(make_alert("p1", mailbox=here, facts={"severity": "P1"}))
    receiver_id = receiver_of_mailbox(here).receiver_id
    outbox().note_pause_of(here, receiver_id, LeadPause(time.time() + 600, reason))
    result = dispatching.serve(outbox(), here, Deadline.after(60), LeaderRole.CALLBACK, urgent=True)
    assert result is not None
    assert result.messages == len(connected.messages) == messages
    assert not messages or "🚨" in str(connected.messages[0])
