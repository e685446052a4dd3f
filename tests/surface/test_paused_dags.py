"""A DAG that Airflow pauses, with a notifier of its own besides the plugin: the pause is said, in whichever order."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import START, run_context
from tests.default_robot import chat

pytestmark = pytest.mark.usefixtures("unhurried")
PAUSES = "Failure 3 of 3 in a row: Airflow pauses this DAG now."


def failed_run() -> dict[str, Any]:
    """The context of a DAG's callback; another attempt of the run would have another start."""
    context = run_context()
    context["dag_run"].start_date = START
    return context


def the_scheduler_writes(at: float = 1.0) -> None:
    """What only the scheduler knows: the DAG processor, in which a DAG's notifier runs, can't ask for other runs."""
    facts = facts_of(failed_run())._replace(pausing_after=3)
    mailbox = Mailbox("dingtalk_default")
    write_alert(alert_of(facts, mailbox, at=at, message=None, mentions=None, language="en"))


@pytest.mark.parametrize("message", [None, "my own words"])
@pytest.mark.parametrize("at", [1.0, 9e9], ids=["older", "newer"])
def test_one_message_says_it_if_both_wait(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, message: str | None, at: float
) -> None:
    the_scheduler_writes(at)
    DingTalkNotifier(language="en", message=message)(failed_run())
    assert main(["flush", "--now"]) == 0
    assert len(connected.messages) == 1
    assert PAUSES in chat(connected)


def test_a_second_message_says_it_if_the_notifier_was_first(connected: Sandbox) -> None:
    """The scheduler's alert may wait for that of a killed task."""
    DingTalkNotifier(language="en")(failed_run())
    assert PAUSES not in chat(connected)
    the_scheduler_writes()
    assert main(["flush", "--now"]) == 0
    assert len(connected.messages) == 2
    assert PAUSES in chat(connected)


def test_the_notifier_is_a_repetition_if_the_scheduler_was_first(connected: Sandbox) -> None:
    the_scheduler_writes()
    assert main(["flush", "--now"]) == 0
    DingTalkNotifier(language="en")(failed_run())
    assert main(["flush", "--now"]) == 0
    assert len(connected.messages) == 1
