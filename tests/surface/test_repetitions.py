"""What is one occurrence and what is another: nothing new is taken for a repetition, and no repetition for news."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import ActionCard, At, Button, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import failure_details
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import START, run_context, task_context
from tests.conftest import SECRET
from tests.default_robot import texts

pytestmark = pytest.mark.usefixtures("unhurried")

CONNECTION = "AIRFLOW_CONN_DINGTALK_DEFAULT"
LATER = START + datetime.timedelta(hours=1)
FIRST_ID, SECOND_ID = (UUID(f"019a0000-0000-7000-8000-00000000000{number}") for number in (1, 2))

Context = dict[str, Any]


@pytest.fixture
def disconnected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Alerts wait until this is called: then one flush sends them."""
    monkeypatch.delenv(CONNECTION, raising=False)

    def flush() -> None:
        monkeypatch.setenv(CONNECTION, f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0")
        assert main(["flush", "--now"]) == 0

    return flush


def ended(context: Context, **run: Any) -> Context:
    """The context with what is known of its run."""
    context["dag_run"] = SimpleNamespace(**{**vars(context["dag_run"]), **run})
    return context


def with_ti(context: Context, **changes: Any) -> Context:
    context["ti"] = context["task_instance"] = SimpleNamespace(**{**vars(context["ti"]), **changes})
    return context


def in_dag_processor(context: Context) -> Context:
    """The same occurrence as the DAG processor of Airflow 3 passes it: no state, no times, no exception."""
    context = with_ti(context, state=None, end_date=None)
    del context["ti"].start_date
    context.pop("exception", None)
    return context


def succeeded(context: Context) -> Context:
    context.pop("exception", None)
    if "reason" in context:
        return {**context, "reason": "success"}
    return with_ti(context, state="success")


def deadline(**changes: Any) -> Context:
    run = {"dag_id": "etl_daily", "dag_run_id": "manual__1", "state": "running"}
    return {"dag_run": run, "deadline": {"deadline_time": START, **changes}}


NEWS = {
    "a run that was cleared": (
        lambda: ended(run_context(), start_date=START),
        lambda: ended(run_context(), start_date=LATER),
    ),
    "a run that was deleted and created again": (
        lambda: ended(task_context(), start_date=START),
        lambda: ended(task_context(), start_date=LATER),
    ),
    "a task with another id of the same try": (
        lambda: with_ti(task_context(), id=FIRST_ID),
        lambda: with_ti(task_context(), id=SECOND_ID),
    ),
    "an iteration of a loop": (
        lambda: with_ti(task_context(), region_id=FIRST_ID, region_index=0),
        lambda: with_ti(task_context(), region_id=FIRST_ID, region_index=1),
    ),
    "airflow dags test": (
        lambda: ended(task_context(), start_date=START, logical_date=START),
        lambda: with_ti(ended(task_context(), start_date=START, logical_date=START), end_date=LATER),
    ),
    "airflow dags test of a DAG": (
        lambda: ended(run_context(), start_date=START, logical_date=START, end_date=START),
        lambda: ended(run_context(), start_date=START, logical_date=START, end_date=LATER),
    ),
    "airflow dags test of a DAG on Airflow 2": (
        lambda: ended(run_context(), start_date=START, logical_date=START, end_date=None),
        lambda: with_ti(ended(run_context(), start_date=START, logical_date=START, end_date=None), end_date=LATER),
    ),
    "the second deadline of a run": (
        lambda: deadline(id="019a-1"),
        lambda: deadline(id="019a-2", deadline_time=LATER),
    ),
    "a deadline of the same time": (lambda: deadline(id="019a-1"), lambda: deadline(id="019a-2")),
    "a deadline without an id": (deadline, lambda: deadline(deadline_time=LATER)),
}


@pytest.mark.parametrize(("first", "second"), NEWS.values(), ids=NEWS.keys())
def test_another_occurrence_is_news(
    connected: Sandbox, first: Callable[[], Context], second: Callable[[], Context]
) -> None:
    DingTalkNotifier()(first())
    DingTalkNotifier()(second())
    assert len(connected.messages) == 2


REPETITIONS = {
    "by the task and by the DAG processor": (
        lambda: with_ti(ended(task_context(), start_date=START), id=FIRST_ID, max_tries=1),
        lambda: in_dag_processor(with_ti(ended(task_context(), start_date=START), id=FIRST_ID, max_tries=1)),
    ),
    "by the DAG processor without the run": (
        lambda: with_ti(ended(task_context(), start_date=START), id=FIRST_ID, max_tries=1),
        lambda: in_dag_processor(with_ti(task_context(dag_run=None), id=str(FIRST_ID), max_tries=1)),
    ),
    "of a run": (
        lambda: ended(run_context(), start_date=START),
        lambda: ended(run_context(), start_date=START.isoformat()),
    ),
    "of a deadline": (
        lambda: deadline(id="019a-1"),
        lambda: deadline(id="019a-1", deadline_time=START.isoformat()),
    ),
    "of nothing but names": (run_context, run_context),
}


@pytest.mark.parametrize(("first", "second"), REPETITIONS.values(), ids=REPETITIONS.keys())
def test_airflow_calling_back_twice_is_one_alert_and_one_line(
    connected: Sandbox,
    first: Callable[[], Context],
    second: Callable[[], Context],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first_context, second_context = first(), second()
    for context in (first_context, second_context):
        if context.get("task") is not None:
            context["task"].retries = 1
    caplog.set_level(logging.INFO)
    DingTalkNotifier()(first_context)
    assert repetitions(caplog) == []
    DingTalkNotifier()(second_context)
    assert len(connected.messages) == 1
    (line,) = repetitions(caplog)
    for words in ("DAG etl_daily", "run manual__1"):
        assert words in line


def repetitions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "repetition" in each.getMessage()]


def test_a_repetition_that_still_waits_leaves_one_line_too(
    sandbox: Sandbox, disconnected: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    DingTalkNotifier()(task_context())
    DingTalkNotifier()(task_context())
    assert repetitions(caplog) == [
        "A repetition isn't sent again: task_failed, DAG etl_daily, run manual__1, task load_orders, try 2."
    ]
    disconnected()
    assert len(sandbox.messages) == 1
    assert len(repetitions(caplog)) == 1


@pytest.mark.parametrize("context", [task_context, run_context], ids=["task", "DAG"])
def test_what_fails_again_after_its_recovery_is_sent(connected: Sandbox, context: Callable[[], Context]) -> None:
    """Failed, cleared, succeeded, cleared, failed: also where nothing distinguishes one run from the other."""
    for _ in range(3):
        DingTalkNotifier(language="en")(context())
        DingTalkNotifier(language="en")(succeeded(context()))
    titles = [message.payload["markdown"]["title"].lower() for message in connected.messages]
    assert ["fail" in each and "recover" not in each for each in titles] == [True, False] * 3


# ---------------------------------------------------------------------------------------------------- several notifiers


def mentioned(sandbox: Sandbox) -> list[str]:
    return [mobile for message in sandbox.messages for mobile in message.payload.get("at", {}).get("atMobiles", ())]


PLAIN, MENTIONS, WORDS = (
    DingTalkNotifier(language="en"),
    DingTalkNotifier(language="en", at=At("13800000000")),
    DingTalkNotifier(message="runbook: *etl*", language="en"),
)


@pytest.mark.parametrize("notifiers", [(PLAIN, MENTIONS), (MENTIONS, PLAIN)], ids=["second mentions", "first mentions"])
def test_whoever_one_of_two_notifiers_mentions_is_mentioned(
    connected: Sandbox, notifiers: tuple[DingTalkNotifier, ...]
) -> None:
    for each in notifiers:
        each(task_context())
    assert mentioned(connected) == ["13800000000"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_what_waits_of_one_failure_is_one_message(
    sandbox: Sandbox, disconnected: Callable[[], None], order: tuple[int, ...]
) -> None:
    """The built-in text, the words of one notifier, and whom another one mentions."""
    for number in order:
        (PLAIN, MENTIONS, WORDS)[number](task_context())
    disconnected()
    (message,) = sandbox.messages
    assert message.payload["markdown"]["title"] == "Failed: etl_daily · load_orders"
    for words in ("no such table", "runbook: \\*etl\\*"):
        assert words in message.payload["markdown"]["text"]
    assert mentioned(sandbox) == ["13800000000"]


def test_own_texts_of_two_notifiers_are_both_sent(sandbox: Sandbox, disconnected: Callable[[], None]) -> None:
    """Also those of a card, with its buttons."""
    card = ActionCard("Runbook", "**steps**", [Button("open it", "https://wiki.example.com/etl")])
    DingTalkNotifier(message=Markdown("Load", "the load failed"), at=At("13800000000"))(task_context())
    DingTalkNotifier(message=card)(task_context())
    disconnected()
    (message,) = sandbox.messages
    assert message.payload["markdown"]["title"] == "Load"
    for words in ("the load failed", "**steps**", "[open it](https://wiki.example.com/etl)"):
        assert words in message.payload["markdown"]["text"]


def test_a_digest_has_one_line_for_one_failure(sandbox: Sandbox, disconnected: Callable[[], None]) -> None:
    """With the words of all its notifiers, and whom they mention."""
    for task_id in ("a", "b"):
        for notifier in (PLAIN, MENTIONS, WORDS, DingTalkNotifier(message="call the team", language="en")):
            notifier(task_context(task_id))
    disconnected()
    (message,) = sandbox.messages
    assert message.payload["markdown"]["title"].startswith("2 failures: ")
    for words in ("no such table", "runbook", "call the team"):
        assert words in message.payload["markdown"]["text"]
    assert mentioned(sandbox) == ["13800000000"]


def test_a_task_may_send_the_same_text_again_and_again(connected: Sandbox) -> None:
    """Here the task itself calls the notifier."""
    context = with_ti(task_context(), state="running")
    del context["exception"]
    for _ in range(3):
        DingTalkNotifier(message="a batch is loaded")(context)
    assert texts(connected) == ["a batch is loaded"] * 3
    for _ in range(2):
        DingTalkNotifier()(context)
    assert len(connected.messages) == 4


def test_two_deadlines_and_a_failure_are_sent_within_the_repeat_interval(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second deadline escalates; another run that misses its first one is only counted."""
    url = f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0&repeat_interval_seconds=3600"
    monkeypatch.setenv(CONNECTION, url)
    DingTalkNotifier()(deadline(id="019a-1"))
    DingTalkNotifier(at=At("13800000000"))(deadline(id="019a-2", deadline_time=LATER))
    assert mentioned(sandbox) == ["13800000000"]
    another = deadline(id="019a-3")
    another["dag_run"]["dag_run_id"] = "manual__2"
    DingTalkNotifier()(another)
    assert len(sandbox.messages) == 2


def test_a_run_that_fails_again_is_sent_though_its_tasks_were_sent_before(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time its task was killed, and nobody called back for that."""
    monkeypatch.setattr(failure_details, "failed_task_ids", lambda _, seconds: [("load_orders", -1)])
    DingTalkNotifier()(ended(task_context(), start_date=START))
    DingTalkNotifier()(ended(run_context(), start_date=START))
    assert len(connected.messages) == 1
    DingTalkNotifier()(ended(run_context(), start_date=LATER))
    assert len(connected.messages) == 2
