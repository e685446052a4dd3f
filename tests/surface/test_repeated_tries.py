"""A task that is tried again: what the group sees of a message whose first answer came late."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import AirflowFailException
from airflow_provider_dingpush.errors import DingTalkError, UnknownOutcomeError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.targets import WorkNotification

START = datetime(2026, 11, 22, 6, 0, 7, 123456, tzinfo=timezone.utc)
GROUP_PATH, NOTICE_PATH = "/v1.0/robot/groupMessages/send", "/topapi/message/corpconversation/asyncsend_v2"
Change = Callable[[SimpleNamespace, SimpleNamespace], None]


def context_of(
    try_number: int = 1, *, change: Change = lambda ti, run: None, max_tries: int = 1, run: Any = None
) -> Any:
    """What a task of a real run is given, as far as it matters here."""
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=try_number, max_tries=max_tries)
    run = run or SimpleNamespace(start_date=START, run_after=START, logical_date=None)
    change(ti, run)
    return {"ti": ti, "dag_run": run, "ds": "2026-11-22"}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the tries of one send."""
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.attempts.AttemptPlan.first_wait_seconds", 0.0)


@pytest.fixture
def hurried(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A group whose connection waits for an answer for a moment only."""
    url = f"{connected.webhook_url}&secret={connected.robot.secret}&timeout_seconds=1"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    return connected


def task(message: Any = "hello", **arguments: Any) -> DingTalkOperator:
    """One that Airflow tries twice."""
    return DingTalkOperator(task_id="t", message=message, retries=1, **arguments)


def texts(sandbox: Sandbox) -> list[str]:
    """What the group sees."""
    return [message.payload["text"]["content"] for message in sandbox.messages]


def uuids(sandbox: Sandbox) -> set[str]:
    """By which DingTalk knows the messages."""
    return {request.json["msgUuid"] for request in sandbox.requests}


def test_three_late_answers_and_a_retry_are_one_message(hurried: Sandbox) -> None:
    """Each of them was accepted, and no reply came in time."""
    hurried.fail_next(Fault.SLOW, times=3, seconds=3)
    with pytest.raises(UnknownOutcomeError):
        task().execute(context_of(1))
    assert task().execute(context_of(2))["outcome"] == "sent"
    assert texts(hurried) == ["hello"]
    assert (len(hurried.requests), len(uuids(hurried))) == (4, 1)


def test_the_first_part_of_a_long_text_does_not_come_again(connected: Sandbox) -> None:
    """Only what is missing arrives with the retry."""
    long = "\n\n".join(f"{number} " + "x" * 900 for number in range(30))
    connected.fail_next(Fault.SLOW, seconds=0.0)
    connected.fail_next(Fault.HTTP_503, times=3)
    with pytest.raises(UnknownOutcomeError, match="Part 2 of 2"):
        task(long).execute(context_of(1))
    assert task(long).execute(context_of(2))["parts"] == 2
    assert [text[:5] for text in texts(connected)] == ["(1/2)", "(2/2)"]
    assert len(texts(connected)) == len(uuids(connected)) == 2


def test_a_text_that_names_its_try_is_still_one_message(connected: Sandbox) -> None:
    """The sender decides, not the text."""
    for number in (1, 2):
        task(f"try {number}").execute(context_of(number))
    assert texts(connected) == ["try 1"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ti, _: setattr(ti, "max_tries", 3), id="the task was cleared"),
        pytest.param(lambda _, run: setattr(run, "start_date", START + timedelta(1)), id="the run was cleared"),
        pytest.param(lambda ti, _: setattr(ti, "map_index", 1), id="another index"),
        pytest.param(lambda ti, _: setattr(ti, "task_id", "other"), id="another task"),
        pytest.param(lambda ti, _: setattr(ti, "run_id", "other"), id="another run"),
        pytest.param(lambda ti, _: setattr(ti, "dag_id", "other"), id="another DAG"),
        pytest.param(lambda ti, _: setattr(ti, "region_index", 1), id="another iteration of a loop"),
        pytest.param(lambda _, run: setattr(run, "run_after", START + timedelta(1)), id="dags test once more"),
    ],
)
def test_what_is_meant_to_be_sent_again_is_sent_again(connected: Sandbox, change: Change) -> None:
    """Though it is the same text."""
    task().execute(context_of())
    task().execute(context_of(change=change))
    assert texts(connected) == ["hello", "hello"]


def test_another_robot_gets_it_too(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has not got the message."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f"{connected.webhook_url}&secret={connected.robot.secret}")
    task().execute(context_of(1))
    task(dingtalk_conn_id="other").execute(context_of(2))
    assert len(texts(connected)) == 2


def test_a_task_that_goes_on_after_the_wait_sends_the_same_message(connected: Sandbox) -> None:
    """Giving the worker slot back in between changes nothing."""
    task().execute(context_of(1))
    task(deferrable=True).execute_after_wait(context_of(2), {"moment": 0.0})
    assert texts(connected) == ["hello"]


def test_the_option_makes_each_try_a_message(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever wants to see each."""
    url = f"{connected.webhook_url}&secret={connected.robot.secret}&msg_uuid_lifetime_seconds=0"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", url)
    for number in (1, 2):
        task().execute(context_of(number))
    assert texts(connected) == ["hello", "hello"]


def test_a_hook_sends_each_time_what_it_is_given(connected: Sandbox) -> None:
    """Unless its caller gives the message a key."""
    hook = DingTalkRobotHook()
    for key in (None, None, "order 17", "order 17", "order 18"):
        hook.send("hello", message_key=key)
    assert texts(connected) == ["hello"] * 4


def test_an_app_takes_a_key_and_makes_nothing_of_it(app_connected: Sandbox) -> None:
    """So that both hooks can be called alike."""
    for _ in range(2):
        DingTalkAppHook().send("hello", message_key="order 17")
    assert len(app_connected.messages) == 2


@pytest.mark.parametrize(
    ("retry_delay", "lifetime", "words"),
    [
        (timedelta(minutes=5), "", "which DingTalk shows once as long as it remembers it (expected for 600 s)"),
        (timedelta(minutes=15), "", "after 900 s or more, sends it again, and it may then arrive twice"),
        (timedelta(minutes=15), "&msg_uuid_lifetime_seconds=3600", "shows once"),
        (timedelta(minutes=5), "&msg_uuid_lifetime_seconds=0", "it may then arrive twice"),
    ],
    ids=["soon", "late", "late, with the option", "without"],
)
def test_the_error_explains_what_the_next_try_does(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, retry_delay: timedelta, lifetime: str, words: str
) -> None:
    """So that nobody need wonder whether it comes twice."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.webhook_url}&secret={connected.robot.secret}{lifetime}"
    )
    connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, times=6)
    with pytest.raises(UnknownOutcomeError) as caught:
        task(retry_delay=retry_delay).execute(context_of(1))
    assert words in str(caught.value)
    with pytest.raises(UnknownOutcomeError) as last:
        task(retry_delay=retry_delay).execute(context_of(2))
    assert "next try" not in str(last.value)
    assert "Check in the chat" in str(last.value)


def test_the_error_of_an_app_explains_why_it_is_not_tried_again(app_connected: Sandbox) -> None:
    """And what to set for the opposite."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path=GROUP_PATH)
    with pytest.raises(AirflowFailException, match=r"It isn't sent again automatically.*'resend_unknown' to true"):
        task(dingtalk_conn_id="dingtalk_app_default").execute(context_of(1))


def connect_resending(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set ``resend_unknown`` of the app's connection."""
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"]["resend_unknown"] = True
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))


@pytest.mark.parametrize(
    ("to", "path", "words"),
    [
        (None, GROUP_PATH, "because the connection has 'resend_unknown', and it may then arrive twice"),
        (WorkNotification("lisi"), NOTICE_PATH, "the same content to a person once a day"),
    ],
    ids=["group", "work notification"],
)
def test_the_error_of_an_app_that_is_tried_again_explains_it(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, to: Any, path: str, words: str
) -> None:
    """Each channel in its own way."""
    connect_resending(app_connected, monkeypatch)
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, times=3, path=path)
    with pytest.raises(DingTalkError) as caught:
        task(dingtalk_conn_id="dingtalk_app_default", to=to).execute(context_of(1))
    assert caught.value.retryable
    assert words in str(caught.value)


def work_notification(**arguments: Any) -> DingTalkOperator:
    """A work notification whose delivery is waited for."""
    return task(
        dingtalk_conn_id="dingtalk_app_default",
        to=WorkNotification("lisi"),
        wait_for_delivery=True,
        deferrable=False,
        **arguments,
    )


def test_a_work_notification_that_came_with_an_earlier_attempt_has_come(app_connected: Sandbox) -> None:
    """DingTalk keeps the second from the person, who has the first: nobody was missed."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path=NOTICE_PATH)
    receipt = work_notification().execute(context_of(1))
    assert receipt["resent"] is True
    assert len(app_connected.messages) == 1


def test_a_work_notification_that_came_with_an_earlier_try_of_the_task_has_come(app_connected: Sandbox) -> None:
    """Also for a triggerer, which knows only the receipt."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, times=3, path=NOTICE_PATH)
    with pytest.raises(UnknownOutcomeError):
        work_notification().execute(context_of(1))
    receipt = work_notification().execute(context_of(2))
    delivered = DingTalkAppHook().delivery(json.loads(json.dumps(receipt)))
    assert delivered is not None
    assert [each.problems for each in delivered] == [()]


def test_a_work_notification_that_another_task_sent_is_still_missed(app_connected: Sandbox) -> None:
    """The person didn't get the message of this task."""
    work_notification().execute(context_of(1))
    with pytest.raises(AirflowFailException, match="143106"):
        work_notification().execute(context_of(1, change=lambda ti, _: setattr(ti, "task_id", "other")))


def test_a_callback_that_calls_an_operator_sends_a_message_each_time(connected: Sandbox) -> None:
    """Its message about one try isn't that about the next, and the operator isn't the task that is tried."""
    for number in (1, 2):
        DingTalkOperator(task_id="send", message=f"try {number} of t failed").execute(context_of(number))
    assert texts(connected) == ["try 1 of t failed", "try 2 of t failed"]


def test_a_task_that_calls_an_operator_more_than_once_sends_all_messages(connected: Sandbox) -> None:
    """In a loop, by an operator made for each, all of one name."""
    for city in ("上海", "北京"):
        DingTalkOperator(task_id="send", message=city).execute(context_of(1))
    assert texts(connected) == ["上海", "北京"]


class Cities(DingTalkOperator):
    """Sends one message after the other."""

    def execute(self, context: Any) -> Any:
        """Each of them as the operator does."""
        for self.message in ("上海", "北京", "北京"):
            super().execute(context)


def test_an_operator_made_of_this_one_may_send_several_messages(connected: Sandbox) -> None:
    """Each of them is one, and its next try repeats none."""
    for number in (1, 2):
        Cities(task_id="t", message="", retries=1).execute(context_of(number))
    again = Cities(task_id="t", message="", retries=1)
    for number in (3, 4):
        again.execute(context_of(number, max_tries=3))
    assert texts(connected) == ["上海", "北京", "北京"] * 2
    assert len(uuids(connected)) == 6
