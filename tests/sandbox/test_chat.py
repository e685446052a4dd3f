"""The lines that the chat page draws: where each message is, who sent it, and why others are not there."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import App, Fault, GroupChat, Robot, Sandbox

TEXT = {"msgtype": "text", "text": {"content": "hello"}}
SAMPLE = {"msgKey": "sampleText", "msgParam": '{"content": "hello"}'}
GROUP_SEND = "/v1.0/robot/groupMessages/send"
PEOPLE_SEND = "/v1.0/robot/oToMessages/batchSend"
NOTIFICATION = "/topapi/message/corpconversation/asyncsend_v2"
RECALL = "/topapi/message/corpconversation/recall"
STATUS = "/topapi/message/corpconversation/status_bar/update"
ZHANGSAN = {"key": "private:zhangsan", "kind": "private", "name": "张三"}
LISI = {"key": "private:lisi", "kind": "private", "name": "李四"}
NOTIFICATIONS = {"key": "notification:zhangsan", "kind": "notification", "name": "张三"}

StartSandbox = Callable[..., Sandbox]


def chat_of(sandbox: Sandbox) -> dict[str, Any]:
    """Return the chat as the page gets it."""
    address = urlsplit(sandbox.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request("GET", "/messages.json")
        chat: dict[str, Any] = json.loads(connection.getresponse().read())
    return chat


def lines_of(sandbox: Sandbox, clock: Any) -> list[dict[str, Any]]:
    """Return the lines without what all have in common: numbers from 1 and the hand clock's time."""
    lines: list[dict[str, Any]] = chat_of(sandbox)["lines"]
    assert [line.pop("number") for line in lines] == list(range(1, len(lines) + 1))
    assert {line.pop("at") for line in lines} <= {clock.now}
    return lines


def group_of(sandbox: Sandbox, number: int = 1) -> dict[str, str]:
    """Return how lines name a group."""
    return {"key": f"group:{number}", "kind": "group", "name": sandbox.groups[number - 1].name}


def to_group(sandbox: Sandbox, group: GroupChat | None = None) -> dict[str, Any]:
    """Return the body of a text to a group."""
    group_id = (group or sandbox.group).open_conversation_id
    return {"robotCode": sandbox.app.robot_code, "openConversationId": group_id, **SAMPLE}


def test_messages_of_all_apis(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """Each names its conversation and its sender, and holds both what was sent and what is shown."""
    apps = (App(name="one"), App(name="two"))
    groups = (GroupChat(name="first"), GroupChat(name="second"))
    sandbox = start_sandbox(Robot(name="a"), Robot(name="b"), apps=apps, groups=groups)
    client = client_of(sandbox, apps[1])
    client.oapi("/robot/send", TEXT, token=sandbox.robots[1].access_token)
    body = {**to_group(sandbox, groups[1]), "robotCode": apps[1].robot_code}
    assert client.v1(GROUP_SEND, body)[0] == 200
    body = {"robotCode": apps[1].robot_code, "userIds": ["zhangsan", "lisi"], **SAMPLE}
    assert client.v1(PEOPLE_SEND, body)[0] == 200
    body = {"agent_id": apps[1].agent_id, "userid_list": "zhangsan", "msg": TEXT}
    assert client.oapi(NOTIFICATION, body)["errcode"] == 0
    by_app = {"kind": "message", "sender": {"kind": "app", "name": "two", "number": 2}, "shown": TEXT}
    assert lines_of(sandbox, clock) == [
        {
            "kind": "message",
            "conversation": group_of(sandbox),
            "sender": {"kind": "robot", "name": "b", "number": 2},
            "payload": TEXT,
            "shown": TEXT,
        },
        {**by_app, "conversation": group_of(sandbox, 2), "payload": SAMPLE},
        {**by_app, "conversation": ZHANGSAN, "payload": SAMPLE},
        {**by_app, "conversation": LISI, "payload": SAMPLE},
        {**by_app, "conversation": NOTIFICATIONS, "payload": TEXT},
    ]


def test_what_the_page_knows_from_the_start(start_sandbox: StartSandbox) -> None:
    """All groups, and the apps without their secrets."""
    app = App(app_key="dingkey", agent_id=7, robot_code="robot", name="etl")
    outside = App(agent_id=8)
    groups = (GroupChat(name="first", app_keys=("dingkey",)), GroupChat(name="second", app_keys=()))
    sandbox = start_sandbox(apps=(app, outside), groups=groups)
    chat = chat_of(sandbox)
    assert chat["conversations"] == [group_of(sandbox, 1), group_of(sandbox, 2)]
    assert chat["apps"] == [
        {
            "number": 1,
            "name": "etl",
            "app_key": "dingkey",
            "agent_id": 7,
            "robot_code": "robot",
            "group": groups[0].open_conversation_id,
        },
        {
            "number": 2,
            "name": "Airflow",
            "app_key": outside.app_key,
            "agent_id": 8,
            "robot_code": outside.app_key,
            "group": None,
        },
    ]
    assert app.app_secret not in json.dumps(chat)


def test_refusals_name_their_conversation(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """As far as the request shows, in the words of either dialect."""
    token = client.token()
    wrong = {"msgKey": "x"}
    client.v1(GROUP_SEND, {**to_group(sandbox), **wrong}, token=token)
    client.v1(PEOPLE_SEND, {"robotCode": sandbox.app.robot_code, "userIds": ["lisi"], **wrong}, token=token)
    client.v1(PEOPLE_SEND, {"robotCode": sandbox.app.robot_code, "userIds": ["lisi", "x"], **wrong}, token=token)
    client.oapi(NOTIFICATION, {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan"}, token=token)
    client.oapi(NOTIFICATION, {}, token="junk")
    lines = lines_of(sandbox, clock)
    for line in lines:
        assert line.pop("requestid", "") or line.pop("request_id", "")
    refused = {"kind": "refused"}
    key = {"code": "invalidParameter.msgKey.invalid", "message": "msgKey无效，请传入正确的msgKey"}
    assert lines == [
        {**refused, **key, "path": GROUP_SEND, "conversation": group_of(sandbox)},
        {**refused, **key, "path": PEOPLE_SEND, "conversation": LISI},
        {**refused, **key, "path": PEOPLE_SEND},
        {**refused, "errcode": 40035, "errmsg": "缺少参数 msg", "path": NOTIFICATION, "conversation": NOTIFICATIONS},
        {
            **refused,
            "errcode": 88,
            "sub_code": "40014",
            "sub_msg": "不合法的access_token",
            "errmsg": "ding talk error[subcode=40014,submsg=不合法的access_token]",
            "path": NOTIFICATION,
        },
    ]


def test_faults_name_their_conversation(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """Also before the API has looked at the message."""
    token = client.token()
    sandbox.fail_next(Fault.BUSY, times=4)
    client.oapi("/robot/send", TEXT, token=sandbox.robot.access_token)
    client.v1(GROUP_SEND, to_group(sandbox), token=token)
    client.oapi(NOTIFICATION, {"userid_list": "zhangsan"}, token=token)
    client.oapi("/media/upload", {}, token=token)
    fault = {"kind": "fault", "fault": "busy"}
    assert lines_of(sandbox, clock) == [
        {**fault, "path": "/robot/send", "conversation": group_of(sandbox)},
        {**fault, "path": GROUP_SEND, "conversation": group_of(sandbox)},
        {**fault, "path": NOTIFICATION, "conversation": NOTIFICATIONS},
        {**fault, "path": "/media/upload"},
    ]


def test_repetitions_name_their_conversation(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """A webhook's by its msgUuid, a notification's by its words."""
    notification = {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan", "msg": TEXT}
    for _ in range(2):
        client.oapi("/robot/send", {**TEXT, "msgUuid": "a"}, token=sandbox.robot.access_token)
        client.oapi(NOTIFICATION, notification)
    assert lines_of(sandbox, clock)[2:] == [
        {"kind": "repeated", "conversation": group_of(sandbox), "path": "/robot/send", "msgUuid": "a"},
        {"kind": "repeated", "conversation": NOTIFICATIONS, "path": NOTIFICATION},
    ]


def test_what_is_taken_back_or_changed_names_its_line(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """Each message of a handle has a line of its own, and it is the line's number that counts."""
    client.oapi("/robot/send", {"msgtype": "oa"}, token=sandbox.robot.access_token)
    key = client.v1(PEOPLE_SEND, {"robotCode": sandbox.app.robot_code, "userIds": ["zhangsan", "lisi"], **SAMPLE})[1]
    oa = {"message_url": "https://e.com", "head": {"bgcolor": "FFBBBBBB", "text": "x"}, "body": {"title": "t"}}
    notification = {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan", "msg": {"msgtype": "oa", "oa": oa}}
    task_id = client.oapi(NOTIFICATION, notification)["task_id"]
    client.oapi(STATUS, {"agent_id": sandbox.app.agent_id, "task_id": task_id, "status_value": "ok"})
    body = {"robotCode": sandbox.app.robot_code, "processQueryKeys": [key["processQueryKey"]]}
    client.v1("/v1.0/robot/otoMessages/batchRecall", body)
    client.oapi(RECALL, {"agent_id": sandbox.app.agent_id, "msg_task_id": task_id})
    lines = lines_of(sandbox, clock)
    assert [line["kind"] for line in lines[:4]] == ["refused", "message", "message", "message"]
    assert lines[4:] == [
        {
            "kind": "changed",
            "message": 4,
            "conversation": NOTIFICATIONS,
            "shown": {
                "msgtype": "oa",
                "oa": {**lines[3]["shown"]["oa"], "status": {"value": "ok", "color": "#78C06E"}},
            },
        },
        {"kind": "recalled", "message": 2, "conversation": ZHANGSAN},
        {"kind": "recalled", "message": 3, "conversation": LISI},
        {"kind": "recalled", "message": 4, "conversation": NOTIFICATIONS},
    ]
    assert sandbox.messages == ()


def test_waiting_in_vain_lists_what_came_in_both_dialects(sandbox: Sandbox, client: Any) -> None:
    """The error of waiting names APIs, kinds and codes."""
    client.v1(GROUP_SEND, {**to_group(sandbox), "robotCode": "x"})
    with pytest.raises(TimeoutError) as caught:
        sandbox.wait_for_messages(1, timeout_seconds=0)
    words = "invalidParameter.robotCode.notExsit 机器人不存在"
    assert "answered: POST /v1.0/oauth2/accessToken\n" in str(caught.value)
    assert f"refused: POST {GROUP_SEND}, sampleText, {words}" in str(caught.value)


def test_a_connection_test_is_no_refusal(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """What is refused only because it can't succeed is marked as a test; other problems are named with it."""
    sandbox = start_sandbox(Robot(), Robot(secret="SEC1"))
    client = client_of(sandbox, sandbox.app)
    kind = "dingpush_connection_test"
    client.oapi("/robot/send", {"msgtype": kind, kind: {"content": "test"}}, token=sandbox.robots[0].access_token)
    client.oapi("/robot/send", {"msgtype": kind, kind: {"content": "test"}}, token=sandbox.robots[1].access_token)
    client.oapi("/robot/send", {"msgtype": "strange", "strange": {}}, token=sandbox.robots[0].access_token)
    client.v1(GROUP_SEND, {**to_group(sandbox), "msgKey": kind, "msgParam": "{}"})
    to_nobody = {"robotCode": sandbox.app.robot_code, "userIds": [], **SAMPLE}
    client.v1(PEOPLE_SEND, {**to_nobody, "msgParam": json.dumps({"content": kind})})
    client.v1(PEOPLE_SEND, to_nobody)
    client.oapi("/topapi/message/corpconversation/getsendprogress", {"agent_id": sandbox.app.agent_id, "task_id": 1})
    client.oapi("/topapi/v2/user/getbymobile", {"mobile": "10000000000"})
    client.oapi("/topapi/v2/user/getbymobile", {"mobile": "13900000000"})
    found = [(line["kind"], line.get("passed"), "conversation" in line) for line in lines_of(sandbox, clock)]
    assert found == [
        ("tested", True, True),
        ("tested", False, True),
        ("refused", None, True),
        ("tested", True, True),
        ("tested", True, False),
        ("refused", None, False),
        ("tested", True, False),
        ("tested", True, False),
        ("refused", None, False),
    ]
    assert sandbox.messages == ()
    assert {each.outcome for each in sandbox.requests} <= {"refused", "answered"}
