"""The hook of an enterprise app: from a connection id to groups, people and work notifications."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import mask_secret, redact
from airflow_provider_dingpush.errors import (
    ConnectionSettingsError,
    InvalidMessageError,
    PermissionMissingError,
    TargetError,
    UnknownOutcomeError,
    UnsupportedMessageError,
)
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages import At, Image, Link, Markdown, Text
from airflow_provider_dingpush.receipts import Receipt
from airflow_provider_dingpush.sandbox import App, Fault, Sandbox
from airflow_provider_dingpush.targets import Group, Users, WorkNotification

CONN_ID = "dingtalk_app_default"
TOKEN_PATH = "/v1.0/oauth2/accessToken"
GROUP_PATH = "/v1.0/robot/groupMessages/send"
PEOPLE_PATH = "/v1.0/robot/oToMessages/batchSend"
NOTICE_PATH = "/topapi/message/corpconversation/asyncsend_v2"
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def conversations(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The conversation of each message, and its kind there."""
    return [(each.conversation.key, each.shown["msgtype"]) for each in sandbox.messages]


def paths(sandbox: Sandbox) -> Counter[str]:
    """How often each path was asked."""
    return Counter(request.path for request in sandbox.requests)


def test_the_example_of_the_contract(app_connected: Sandbox, tmp_path: Path) -> None:
    """A picture to a person, uploaded on the way."""
    chart = tmp_path / "chart.png"
    chart.write_bytes(PIXEL)
    receipt = DingTalkAppHook("dingtalk_app_default").send(Image(str(chart)), to=Users(["zhangsan"]))
    assert conversations(app_connected) == [("private:zhangsan", "image")]
    (key,) = receipt.process_query_keys
    assert receipt == Receipt(channel="app_robot_users", conn_id=CONN_ID, process_query_keys=(key,))


def test_a_message_without_a_target_goes_to_the_connections_group(app_connected: Sandbox) -> None:
    """And its receipt names the group."""
    receipt = DingTalkAppHook().send("hello")
    assert conversations(app_connected) == [("group:1", "text")]
    assert receipt.open_conversation_id == app_connected.group.open_conversation_id
    assert receipt.channel == "app_robot_group"


@pytest.mark.parametrize(
    "to",
    [Users("lisi"), {"user_ids": ["lisi"]}, Users(mobiles="13800000002"), {"mobiles": "13800000002"}],
    ids=repr,
)
def test_a_person_can_be_named_in_many_ways(app_connected: Sandbox, to: Any) -> None:
    """By user id or mobile number, as a value or as plain data."""
    DingTalkAppHook().send(Text("hello"), to=to)
    assert conversations(app_connected) == [("private:lisi", "text")]


def test_a_mobile_is_looked_up_once(app_connected: Sandbox) -> None:
    """Also by another hook of the same process."""
    for _ in range(3):
        DingTalkAppHook().send("hello", to=Users(mobiles=["13800000001"]))
    assert paths(app_connected)["/topapi/v2/user/getbymobile"] == 1


def test_an_unknown_mobile_does_not_keep_it_from_the_others(
    app_connected: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the log names it, with the number shortened."""
    DingTalkAppHook().send("hello", to=Users(user_ids="wangwu", mobiles=["13900000009"]))
    assert conversations(app_connected) == [("private:wangwu", "text")]
    assert "139****0009" in caplog.text
    assert "13900000009" not in caplog.text


def test_nothing_is_uploaded_for_nobody(app_connected: Sandbox) -> None:
    """A large file takes a while, and people are looked up in a moment."""
    with pytest.raises(TargetError):
        DingTalkAppHook().send(Image(b"\x89PNG\r\n\x1a\n" + bytes(50)), to=Users(mobiles=["13900000009"]))
    assert paths(app_connected)["/topapi/v2/user/getbymobile"] == 1
    assert paths(app_connected)["/media/upload"] == 0


def test_people_whom_dingtalk_does_not_know_are_in_the_receipt(app_connected: Sandbox) -> None:
    """The others got it."""
    receipt = DingTalkAppHook().send("hello", to=Users(["zhangsan", "nobody"]))
    assert receipt.invalid_user_ids == ("nobody",)
    assert conversations(app_connected) == [("private:zhangsan", "text")]


def test_nobody_reached_is_an_error(app_connected: Sandbox) -> None:
    """DingTalk itself calls it a success."""
    with pytest.raises(TargetError) as caught:
        DingTalkAppHook().send("hello", to=Users(["nobody"]))
    assert "nobody" in str(caught.value)
    assert app_connected.messages == ()


def test_a_work_notification_is_queued_then_delivered_then_read(app_connected: Sandbox) -> None:
    """The handle in the receipt answers for it."""
    hook = DingTalkAppHook()
    receipt = hook.send(
        Markdown("t", "x {{ no jinja here }}".replace("{{", "<").replace("}}", ">")), to=WorkNotification("lisi")
    )
    assert conversations(app_connected) == [("notification:lisi", "markdown")]
    assert (receipt.channel, receipt.outcome) == ("work_notification", "queued")
    (delivery,) = hook.delivery(receipt.to_dict()) or ()
    assert delivery.problems == ()
    assert delivery.unread_user_ids == ("lisi",)
    app_connected.read("lisi")
    (status,) = hook.read_status(receipt)
    assert status.read_user_ids == ("lisi",)


def test_a_department_gets_a_work_notification(app_connected: Sandbox) -> None:
    """Everybody in it, each in their own conversation."""
    DingTalkAppHook().send("hello", to=WorkNotification(department_ids=[1001]))
    assert conversations(app_connected) == [("notification:zhangsan", "text"), ("notification:lisi", "text")]


def test_a_work_notification_to_somebody_unknown_is_an_error_when_asked_for(app_connected: Sandbox) -> None:
    """DingTalk queues it without an error."""
    hook = DingTalkAppHook()
    receipt = hook.send("hello", to=WorkNotification(["zhangsan", "nobody"]))
    (delivery,) = hook.delivery(receipt) or ()
    assert delivery.invalid_user_ids == ("nobody",)
    assert "nobody" in delivery.problems[0]


@pytest.mark.parametrize("to", [None, Users(["zhangsan"]), WorkNotification(["zhangsan"])], ids=repr)
def test_a_message_can_be_taken_back(app_connected: Sandbox, to: Any) -> None:
    """Also from another process, which has only the receipt's plain form."""
    plain = json.loads(json.dumps(DingTalkAppHook().send("hello", to=to).to_dict()))
    DingTalkAppHook().recall(plain)
    request = app_connected.requests[-1]
    assert request.path.rpartition("/")[2].lower().endswith("recall")
    assert request.reply is not None
    assert request.reply.get("failedResult", {}) == {}
    assert request.reply.get("errcode", 0) == 0


def test_who_has_read_a_message_can_be_asked(app_connected: Sandbox) -> None:
    """Of people and of the group."""
    hook = DingTalkAppHook()
    to_people, to_group = hook.send("one", to=Users(["zhangsan", "lisi"])), hook.send("two")
    app_connected.read("zhangsan")
    (of_people,), (of_group,) = hook.read_status(to_people), hook.read_status(to_group)
    assert (of_people.read_user_ids, of_people.unread_user_ids) == (("zhangsan",), ("lisi",))
    assert of_group.read_user_ids == ("zhangsan",)


def test_what_is_no_receipt_is_refused(app_connected: Sandbox) -> None:
    """With where to get one."""
    with pytest.raises(InvalidMessageError, match="not the receipt of a message"):
        DingTalkAppHook().recall({"task_id": "1"})


def test_an_app_can_not_mention(app_connected: Sandbox) -> None:
    """The error names what can."""
    with pytest.raises(UnsupportedMessageError, match="can't mention"):
        DingTalkAppHook().send("hello", at=At(mobiles="13800000001"))
    assert app_connected.requests == ()


def test_no_target_and_no_group_is_refused(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the three things to write."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    del connection["extra"]["open_conversation_id"]
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    with pytest.raises(TargetError) as caught:
        DingTalkAppHook().send("hello")
    for remedy in ("to=Group(", "to=Users(", "to=WorkNotification(", "'open_conversation_id'"):
        assert remedy in str(caught.value)


def test_a_robot_takes_no_target(connected: Sandbox) -> None:
    """With the connection type that does."""
    with pytest.raises(TargetError, match=r"doesn't accept to=.*'DingTalk App'"):
        DingTalkRobotHook().send("hello", to=Users(["zhangsan"]))
    assert connected.requests == ()


def test_each_hook_names_the_other(connected: Sandbox, app_connected: Sandbox) -> None:
    """For a connection id of the other type."""
    with pytest.raises(ConnectionSettingsError, match="is a custom robot's, not an app's"):
        DingTalkAppHook("dingtalk_default").send("hello", to=Users("zhangsan"))
    with pytest.raises(ConnectionSettingsError, match=r"is an app's .*DingTalkAppHook"):
        DingTalkRobotHook(CONN_ID).send("hello")


def test_the_fitting_hook_is_found(connected: Sandbox, app_connected: Sandbox) -> None:
    """By the connection's type."""
    assert isinstance(hook_of("dingtalk_default"), DingTalkRobotHook)
    assert isinstance(hook_of(CONN_ID), DingTalkAppHook)


def test_what_airflow_masks_is_not_sent(app_connected: Sandbox, tmp_path: Path) -> None:
    """But a path is left as it is: with stars in it, it would lead nowhere."""
    mask_secret("s3cret-of-the-database")
    chart = tmp_path / "s3cret-of-the-database.png"
    chart.write_bytes(PIXEL)
    DingTalkAppHook().send("login s3cret-of-the-database")
    DingTalkAppHook().send(Image(str(chart)))
    assert app_connected.messages[0].shown["text"] == {"content": "login ***"}
    assert app_connected.messages[1].shown["msgtype"] == "image"


def test_fifty_threads_fetch_one_token(app_connected: Sandbox) -> None:
    """Each with a hook of its own."""
    barrier = threading.Barrier(50)

    def send(number: int) -> None:
        barrier.wait()
        DingTalkAppHook().send(f"message {number}")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths(app_connected) == {TOKEN_PATH: 1, GROUP_PATH: 50}
    assert {each.shown["text"]["content"] for each in app_connected.messages} == {
        f"message {number}" for number in range(50)
    }


def test_a_token_that_ends_in_the_middle_costs_one_refresh_and_no_message(app_connected: Sandbox) -> None:
    """In both generations of the API."""
    hook = DingTalkAppHook()
    hook.send("one")
    app_connected.expire_tokens()
    hook.send("two")
    app_connected.expire_tokens()
    hook.send("three", to=WorkNotification("zhangsan"))
    assert len(app_connected.messages) == 3
    assert paths(app_connected)[TOKEN_PATH] == 3


@pytest.mark.parametrize(
    "fault", [Fault.HTTP_500, Fault.RESET_AFTER_BODY_ACCEPTED, Fault.RESET_AFTER_BODY_NOT_ACCEPTED]
)
def test_what_may_have_arrived_is_not_sent_again(app_connected: Sandbox, fault: Fault) -> None:
    """DingTalk has no means to recognise an app robot's message that it got twice."""
    app_connected.fail_next(fault, path=GROUP_PATH)
    with pytest.raises(UnknownOutcomeError) as caught:
        DingTalkAppHook().send("hello")
    assert not caught.value.retryable
    assert paths(app_connected)[GROUP_PATH] == 1


def test_who_wants_it_can_have_it_sent_again(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the connection's resend_unknown."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    connection["extra"]["resend_unknown"] = True
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    app_connected.fail_next(Fault.RESET_AFTER_BODY_NOT_ACCEPTED, path=GROUP_PATH)
    DingTalkAppHook().send("hello")
    assert paths(app_connected)[GROUP_PATH] == 2
    assert len(app_connected.messages) == 1


def test_a_work_notification_is_sent_again_because_dingtalk_recognises_it(app_connected: Sandbox) -> None:
    """The same content reaches a person once a day."""
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path=NOTICE_PATH)
    DingTalkAppHook().send("hello", to=WorkNotification("zhangsan"))
    assert paths(app_connected)[NOTICE_PATH] == 2
    assert conversations(app_connected) == [("notification:zhangsan", "text")]


def test_the_connection_test_lists_what_works(app_connected: Sandbox) -> None:
    """Token, permissions, robot, group, AgentId, DINGs and to-dos; nothing is sent."""
    works, shown = DingTalkAppHook().test_connection()
    assert works, shown
    assert shown.count("[ok]") == 7
    assert app_connected.messages == ()


def test_the_connection_test_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission that was not granted is named, with where to grant it."""
    app = App(permissions=("qyapi_base",))
    with Sandbox(apps=(app,)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(app))
        works, shown = DingTalkAppHook().test_connection()
        assert not works
        assert "[NOT OK] robot" in shown
        assert "qyapi_robot_sendmsg" in shown
        assert "[ok] AgentId" in shown
        with pytest.raises(PermissionMissingError) as caught:
            DingTalkAppHook().send("hello")
        assert caught.value.missing_permissions == ("qyapi_robot_sendmsg",)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"password": "wrong"}, "[NOT OK] access token"),
        ({"extra": {"agent_id": "1"}}, "[NOT OK] AgentId"),
        ({"extra": {"agent_id": ""}}, "[?] AgentId"),
        ({"extra": {"open_conversation_id": "cidnowhere=="}}, "[NOT OK] default group"),
        ({"extra": {"open_conversation_id": ""}}, "[?] default group"),
        ({"extra": {"robot_code": "dingother"}}, "[NOT OK] robot"),
    ],
    ids=repr,
)
def test_the_connection_test_finds_what_is_wrong(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], found: str
) -> None:
    """Each setting by itself."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    connection["extra"].update(change.pop("extra", {}))
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps({**connection, **change}))
    works, shown = DingTalkAppHook().test_connection()
    assert found in shown
    assert works is ("NOT OK" not in found)


def test_the_access_token_is_masked(app_connected: Sandbox) -> None:
    """Whatever else in the process logs it, Airflow prints ``***``; the AppSecret as well."""
    DingTalkAppHook().send("hello")
    (reply,) = [request.reply for request in app_connected.requests if request.path == TOKEN_PATH]
    assert reply is not None
    for secret in (reply["accessToken"], app_connected.app.app_secret):
        assert redact(f"here: {secret}") == "here: ***"


def test_what_to_do_with_a_link_without_a_picture(app_connected: Sandbox) -> None:
    """A group, a person and a work notification get it, each in the form that its channel takes."""
    hook, link = DingTalkAppHook(), Link("Report", "of the day", "https://example.com/r")
    for to in (Group(app_connected.group.open_conversation_id), Users("lisi"), WorkNotification("lisi")):
        hook.send(link, to=to)
    assert [where for where, _ in conversations(app_connected)] == ["group:1", "private:lisi", "notification:lisi"]
    assert all("https://example.com/r" in json.dumps(each.payload) for each in app_connected.messages)


def test_dings_take_the_connections_options(app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Voice, length and whoever creates to-dos; and a typing error in a voice is found at once."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    extra = {**connection["extra"], "ding_voice": "standard_male_voice", "ding_max_characters": "12"}
    extra["todo_creator"] = "wangwu"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps({**connection, "extra": extra}))
    hook = DingTalkAppHook()
    hook.dings.send("0123456789 and more", Users("zhangsan"), kind="phone")
    (ding,) = app_connected.dings
    assert (ding.voice, ding.content) == ("Standard_Male_Voice", "0123456789…")
    hook.todos.create("x", Users("zhangsan"), source_id="s", url="https://x")
    assert app_connected.todos[0].creator.user_id == "wangwu"
    extra["ding_voice"] = "Male"
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps({**connection, "extra": extra}))
    with pytest.raises(ConnectionSettingsError, match=r"'ding_voice'.*must be one of Standard_Female_Voice"):
        DingTalkAppHook().dings.send("x", Users("zhangsan"))


def test_dings_and_to_dos_are_redacted(app_connected: Sandbox) -> None:
    """What Airflow masks in logs is read to nobody on the phone."""
    mask_secret("hunter2hunter2")
    hook = DingTalkAppHook()
    hook.dings.send("password=hunter2hunter2", Users("zhangsan"))
    hook.todos.create(
        "x hunter2hunter2", Users("zhangsan"), source_id="s", url="https://x", description="y hunter2hunter2"
    )
    assert app_connected.dings[0].content == "password=***"
    assert (app_connected.todos[0].subject, app_connected.todos[0].description) == ("x ***", "y ***")


def test_a_ding_of_an_unknown_outcome_is_not_repeated_where_messages_are(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection's option is about messages."""
    connection = json.loads(app_connected.connection_of(app_connected.app))
    connection["extra"]["resend_unknown"] = True
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    app_connected.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, path="/v1.0/robot/ding/send")
    with pytest.raises(UnknownOutcomeError) as caught:
        DingTalkAppHook().dings.send("x", Users("zhangsan"), kind="phone")
    assert not caught.value.retryable
    assert len(app_connected.dings) == 1


def test_a_missing_permission_for_dings_is_no_fault_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most apps need none."""
    app = App(permissions=tuple(each for each in App().permissions if not each.startswith(("Premium", "Todo"))))
    with Sandbox(apps=(app,)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(app))
        passed, text = DingTalkAppHook().test_connection()
        assert passed
        assert "[?] DING: pop-ups, SMS, phone calls" in text
        assert "Premium.Ding.Write" in text
        assert "[?] to-dos" in text
        assert "Todo.Todo.Write" in text
        assert sandbox.dings == ()
        assert sandbox.todos == ()
