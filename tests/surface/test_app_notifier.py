"""The notifier with a connection of an app: alerts to people, groups and work notifications."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import mailbox_of
from airflow_provider_dingpush.delivery.channel import SendStatus
from airflow_provider_dingpush.errors import AlertsWaitingError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.targets import Group, Users, WorkNotification
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import task_context

pytestmark = pytest.mark.usefixtures("unhurried")

CONN_ID = "dingtalk_app_default"


def notifier(**arguments: Any) -> DingTalkNotifier:
    """One whose connection is an app's."""
    return DingTalkNotifier(dingtalk_conn_id=CONN_ID, **arguments)


def alerts(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The conversations and titles of the alerts."""
    return [(each.conversation.key, each.shown["markdown"]["title"]) for each in sandbox.messages]


@pytest.mark.parametrize(
    ("to", "places"),
    [
        (None, ["group:1"]),
        (Users(["zhangsan", "lisi"]), ["private:zhangsan", "private:lisi"]),
        (WorkNotification("wangwu"), ["notification:wangwu"]),
        ({"work_notification": {"department_ids": [1001]}}, ["notification:zhangsan", "notification:lisi"]),
        (Users("{{ task.owner }}"), ["private:zhangsan"]),
        ({"user_ids": "{{ task.owner }}"}, ["private:zhangsan"]),
    ],
    ids=repr,
)
def test_the_right_people_get_the_alert(app_connected: Sandbox, to: Any, places: list[str]) -> None:
    """The owner too, by a template."""
    notifier(to=to)(task_context())
    assert alerts(app_connected) == [(place, "失败：etl_daily · load_orders") for place in places]


def test_two_alerts_of_one_task_to_one_person_differ(app_connected: Sandbox) -> None:
    """DingTalk drops a work notification with the content of an earlier one of the day; run, try, times are in it."""
    for number in (1, 2):
        context = task_context()
        context["ti"].try_number = number
        notifier(to=WorkNotification("lisi"))(context)
    assert len(app_connected.messages) == 2


@pytest.mark.parametrize("base_url", ["https://airflow.example.com", f"https://{'long.' * 30}example.com/prefix"])
def test_a_work_notification_keeps_its_links(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    """It has 2,048 bytes; the exception's text gives way."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", base_url)
    notifier(to=WorkNotification("lisi"), language="en")(task_context(exception=ValueError("数据 " * 3000)))
    (message,) = app_connected.messages
    text = message.shown["markdown"]["text"]
    assert len(json.dumps(message.payload, ensure_ascii=False).encode()) <= 2048
    assert "数据" in text
    assert "[View log](" in text
    assert "[View run](" in text
    assert text.endswith("- Owner: zhangsan")


def test_a_robot_with_a_target_alerts_its_own_group_with_a_note(connected: Sandbox) -> None:
    """A mistake in the DAG file must not cost the alert."""
    DingTalkNotifier(to=Users("lisi"), language="en")(task_context())
    (message,) = connected.messages
    assert "A custom robot doesn't accept to=" in message.payload["markdown"]["text"]
    assert "'DingTalk App'" in message.payload["markdown"]["text"]


@pytest.mark.parametrize(
    "to", [Users("nobody"), Group("cidnowhere=="), {"user_id": "lisi"}, Users("{{ 1/0 }}")], ids=repr
)
def test_an_alert_that_can_not_go_there_goes_to_the_connections_group(app_connected: Sandbox, to: Any) -> None:
    """Whoever reads it there is better than nobody."""
    notifier(to=to)(task_context())
    assert alerts(app_connected) == [("group:1", "失败：etl_daily · load_orders")]


def test_an_alert_for_nobody_is_an_error_in_the_log(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to write; and raised for those who want that."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    del connection["extra"]["open_conversation_id"]
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    notifier()(task_context())
    assert "to=WorkNotification(" in caplog.text
    with pytest.raises(AlertsWaitingError, match="reached no one"):
        notifier(raise_on_failure=True, to=Users("nobody"))(task_context())


def test_what_may_have_arrived_is_repeated_with_a_note(app_connected: Sandbox) -> None:
    """DingTalk can't recognise it, and no alert may be lost: its note says that people may see it twice."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path="/v1.0/robot/groupMessages/send")
    notifier(language="en")(task_context())
    first, second = (each.shown["markdown"]["text"] for each in app_connected.messages)
    assert "may repeat" not in first
    assert "may repeat" in second


def test_mentions_are_left_out_where_nobody_can_be_mentioned(app_connected: Sandbox) -> None:
    """The alert comes all the same."""
    notifier(at={"mobiles": "13800000001"})(task_context())
    assert len(app_connected.messages) == 1


def test_it_works_from_an_event_loop(app_connected: Sandbox) -> None:
    """As in the triggerer."""
    asyncio.run(notifier(to=Users("lisi")).async_notify(task_context()))  # type: ignore[arg-type]
    assert alerts(app_connected)[0][0] == "private:lisi"


def test_one_with_a_target_can_be_copied_and_pickled(app_connected: Sandbox) -> None:
    """As default_args and mapped tasks do."""
    made = notifier(to=Users("lisi"))
    for number, each in enumerate((copy.deepcopy(made), pickle.loads(pickle.dumps(made)))):  # noqa: S301 - our own
        each(task_context(f"task_{number}"))
    assert len(app_connected.messages) == 2


@pytest.mark.parametrize("to", [None, Users("lisi"), WorkNotification("lisi")], ids=["group", "users", "notification"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"message": {}, "language": "zh"}', b'{"message": "t"}'])
def test_a_prepared_body_that_can_not_be_read_is_refused(app_connected: Sandbox, to: Any, body: bytes) -> None:
    """Written by another version, or damaged: the alert is put into words anew, and the leader goes on."""
    receiver = receiver_of_mailbox(mailbox_of("dingtalk_app_default", to))
    assert receiver.post(body, Deadline.after(10.0)).status is SendStatus.REJECTED
    assert app_connected.messages == ()
