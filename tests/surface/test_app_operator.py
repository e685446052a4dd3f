"""The operator with a connection of an app: targets, templates, and waiting for work notifications."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush import operators
from airflow_provider_dingpush.airflow_compat import AirflowFailException
from airflow_provider_dingpush.errors import InvalidMessageError, UnavailableError
from airflow_provider_dingpush.messages import Audio, Image, Link, Markdown, Text
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.targets import Group, Users, WorkNotification
from airflow_provider_dingpush.triggers import WorkNotificationTrigger

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow.models.dag import DAG  # type: ignore[no-redef]
try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[no-redef,attr-defined,unused-ignore]

CONN_ID = "dingtalk_app_default"
CONTEXT: Any = {"ds": "2026-11-22", "who": ["zhangsan", "lisi"], "owner_id": "wangwu"}
PROGRESS_PATH = "/topapi/message/corpconversation/getsendprogress"


def operator(message: Any = "day {{ ds }}", **arguments: Any) -> DingTalkOperator:
    """One whose connection is an app's."""
    return DingTalkOperator(task_id="t", message=message, dingtalk_conn_id=CONN_ID, **arguments)


def run(task: DingTalkOperator, *, env: jinja2.Environment | None = None) -> dict[str, Any]:
    """Render and run it as a task would."""
    task.render_template_fields(CONTEXT, env or jinja2.Environment(undefined=jinja2.StrictUndefined))
    return task.execute(CONTEXT)


def places(sandbox: Sandbox) -> list[str]:
    """The conversations of the messages."""
    return [message.conversation.key for message in sandbox.messages]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (None, ["group:1"]),
        (Users(["{{ owner_id }}"]), ["private:wangwu"]),
        ({"user_ids": ["{{ owner_id }}"]}, ["private:wangwu"]),
        ({"mobiles": "13800000003"}, ["private:wangwu"]),
        (WorkNotification("{{ owner_id }}"), ["notification:wangwu"]),
        ({"work_notification": {"user_ids": "{{ owner_id }}"}}, ["notification:wangwu"]),
        ({"department_ids": [1002]}, ["notification:wangwu"]),
        (WorkNotification(everyone=True), ["notification:zhangsan", "notification:lisi", "notification:wangwu"]),
    ],
    ids=repr,
)
def test_targets_are_templates_and_have_plain_forms(app_connected: Sandbox, to: Any, expected: list[str]) -> None:
    """As messages are and have."""
    run(operator(to=to))
    assert places(app_connected) == expected
    assert app_connected.messages[0].shown["text"]["content"] == "day 2026-11-22"


def test_a_group_can_be_named_by_its_id_alone(app_connected: Sandbox) -> None:
    """A str counts as one."""
    run(operator(to=app_connected.group.open_conversation_id))
    assert places(app_connected) == ["group:1"]


def test_native_rendering_can_make_the_list_of_people(app_connected: Sandbox) -> None:
    """A template that renders to a list is that list."""
    with DAG("native", schedule=None, render_template_as_native_obj=True):
        task = operator(to=Users("{{ who }}"))
    run(task, env=task.get_template_env())
    assert places(app_connected) == ["private:zhangsan", "private:lisi"]


def test_a_shared_target_is_rendered_anew_for_each_task(app_connected: Sandbox) -> None:
    """Rendering leaves that of the DAG file as it was."""
    shared = Users("{{ owner_id }}")
    run(operator(to=shared))
    assert shared == Users("{{ owner_id }}")


def test_the_receipt_is_plain_data(app_connected: Sandbox) -> None:
    """For XCom, and good for a recall later."""
    receipt = run(operator(to=Users("lisi")))
    assert json.loads(json.dumps(receipt)) == receipt
    assert (receipt["channel"], receipt["conn_id"]) == ("app_robot_users", CONN_ID)
    assert len(receipt["process_query_keys"]) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"to": Users("nobody")}, "nobody"),
        ({"to": Group("cidnowhere==")}, "errcode"),
        ({"to": {"user_id": "zhangsan"}}, "to"),
        ({"to": "zhangsan"}, "to"),
        ({"at": {"mobiles": "13800000001"}}, "can't mention"),
        ({"message": Audio("@media", 61), "to": WorkNotification("lisi")}, "60"),
        ({"message": Image("nowhere.png")}, "nowhere.png"),
        ({"wait_for_delivery": True}, "wait_for_delivery="),
        ({"wait_for_delivery": True, "to": Users("lisi")}, "wait_for_delivery="),
    ],
    ids=repr,
)
def test_what_a_retry_can_not_fix_fails_at_once(
    app_connected: Sandbox, arguments: dict[str, Any], problem: str
) -> None:
    """Whoever is on call sees what to change."""
    with pytest.raises(AirflowFailException, match=problem):
        run(operator(**{"message": "x", **arguments}))
    assert app_connected.messages == ()


def test_a_robot_with_a_target_fails_at_once(connected: Sandbox) -> None:
    """With the connection type that takes one."""
    with pytest.raises(AirflowFailException, match="'DingTalk App'"):
        run(DingTalkOperator(task_id="t", message="x", to=Users("lisi")))


def test_what_may_have_arrived_is_not_left_to_a_blind_retry(app_connected: Sandbox) -> None:
    """The task fails at once, and its error asks to look first."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path="/v1.0/robot/groupMessages/send")
    with pytest.raises(AirflowFailException, match="Check in"):
        run(operator())


def test_what_did_not_arrive_is_left_to_a_retry(app_connected: Sandbox) -> None:
    """As Airflow's retries are for."""
    app_connected.stop()
    with pytest.raises(UnavailableError):
        run(operator())


@pytest.mark.parametrize(
    ("message", "warned"),
    [
        ("done", True),
        (Markdown("t", "x"), True),
        ({"msgtype": "text", "text": {"content": "done"}}, True),
        ("done {{ ds }}", False),
        (Markdown("t", "{{ ds }}"), False),
        ({"msgtype": "text", "text": {"content": "{{ ds }}"}}, False),
    ],
    ids=repr,
)
def test_a_work_notification_of_constant_content_is_warned_of(
    app_connected: Sandbox, caplog: pytest.LogCaptureFixture, message: Any, warned: bool
) -> None:
    """DingTalk would drop all but the first of a day, without an error."""
    with caplog.at_level(logging.WARNING):
        run(operator(message, to=WorkNotification("lisi")))
    assert ("is always the same" in caplog.text) is warned


def test_waiting_ends_when_the_work_notification_is_delivered(app_connected: Sandbox) -> None:
    """In the worker, if not deferrable."""
    receipt = run(operator(to=WorkNotification(["lisi"]), wait_for_delivery=True, deferrable=False))
    assert receipt["task_id"]
    assert app_connected.requests[-1].path.endswith("getsendresult")


def test_waiting_asks_again_while_dingtalk_is_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on when it is done; each request to the sandbox takes a second of its clock."""
    monkeypatch.setattr(operators, "_POLL_SECONDS", 0.02)
    seconds = itertools.count(time.time())
    with Sandbox(notification_seconds=2.5, clock=lambda: next(seconds)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(sandbox.app))
        run(operator(to=WorkNotification(["lisi"]), wait_for_delivery=True, deferrable=False))
        assert [request.path for request in sandbox.requests].count(PROGRESS_PATH) > 1


def test_waiting_fails_if_somebody_was_not_reached(app_connected: Sandbox) -> None:
    """DingTalk itself calls it a success."""
    with pytest.raises(AirflowFailException, match=r"did not reach everyone.*nobody"):
        run(operator(to=WorkNotification(["lisi", "nobody"]), wait_for_delivery=True, deferrable=False))


def test_the_same_work_notification_twice_a_day_fails_the_wait(app_connected: Sandbox) -> None:
    """With DingTalk's reason."""
    run(operator(to=WorkNotification("lisi")))
    with pytest.raises(AirflowFailException, match="143106"):
        run(operator(to=WorkNotification("lisi"), wait_for_delivery=True, deferrable=False))


def deferred(task: DingTalkOperator) -> Any:
    """What the task gives to the triggerer."""
    with pytest.raises(TaskDeferred) as caught:
        run(task)
    return caught.value


async def event_of(trigger: WorkNotificationTrigger) -> Any:
    """The event that the task gets."""
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger ended without an event")


def test_a_deferrable_wait_holds_no_worker_slot(app_connected: Sandbox) -> None:
    """The trigger knows the connection's id, not its secret, and the task goes on with its event."""
    task = operator(to=WorkNotification(["lisi"]), wait_for_delivery=True, deferrable=True)
    waiting = deferred(task)
    path, arguments = waiting.trigger.serialize()
    assert path == "airflow_provider_dingpush.triggers.WorkNotificationTrigger"
    assert app_connected.app.app_secret not in json.dumps(arguments)
    event = asyncio.run(event_of(WorkNotificationTrigger(**json.loads(json.dumps(arguments)))))
    assert event["problems"] == []
    assert waiting.method_name == "execute_complete"
    assert task.execute_complete(CONTEXT, event)["task_id"]


def test_a_deferrable_wait_fails_if_somebody_was_not_reached(app_connected: Sandbox) -> None:
    """As the other does."""
    task = operator(to=WorkNotification(["lisi", "nobody"]), wait_for_delivery=True, deferrable=True)
    waiting = deferred(task)
    event = asyncio.run(event_of(waiting.trigger))
    with pytest.raises(AirflowFailException, match="nobody"):
        task.execute_complete(CONTEXT, event)


def test_a_trigger_that_can_not_ask_fails_the_task_with_the_reason(app_connected: Sandbox) -> None:
    """It was sent, so the task must not send it again."""
    task = operator(to=WorkNotification(["lisi"]), wait_for_delivery=True, deferrable=True)
    waiting = deferred(task)
    app_connected.stop()
    event = asyncio.run(event_of(waiting.trigger))
    with pytest.raises(AirflowFailException, match="was sent, but it is unknown whom"):
        task.execute_complete(CONTEXT, event)


def test_deferrable_follows_airflows_setting(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all deferrable operators do."""
    assert not operator().deferrable
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert operator().deferrable


@pytest.mark.parametrize(("target", "ids"), [(Users, ()), (WorkNotification, ()), (Group, "chat123"), (Users, "a,b")])
def test_a_wrong_target_is_found_when_the_dag_is_read(target: Any, ids: Any) -> None:
    """Before anything runs."""
    with pytest.raises(InvalidMessageError):
        target(ids)


@pytest.mark.parametrize("message", [Text("hello {{ ds }}"), Image("@lADPxxxx"), Link("t", "x", "https://example.com")])
def test_operators_with_targets_can_be_serialized(message: Any) -> None:
    """Their reprs land in the serialized DAG and hold no addresses."""
    assert " at 0x" not in repr(message) + repr(Users("lisi")) + repr(operator(message, to=Users("lisi")))
