"""Work notifications are accepted and refused as DingTalk does; their results, recalls, and their status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_provider_dingpush.sandbox import App, Person, Quotas, Sandbox

ROOT = "/topapi/message/corpconversation"
SEND = f"{ROOT}/asyncsend_v2"
URL = "https://airflow.example.com"
TEXT = {"msgtype": "text", "text": {"content": "hello"}}
CARD = {"title": "t", "markdown": "### x"}
ONE_BUTTON = {**CARD, "single_title": "go", "single_url": URL}
OA = {
    "message_url": URL,
    "head": {"bgcolor": "FFBBBBBB", "text": "Airflow"},
    "body": {"title": "etl_daily", "form": [{"key": "task:", "value": "load"}]},
}
STATUS = {"status_value": "failed", "status_bg": "0xFFF65E5E"}
PNG = b"\x89PNG\r\n\x1a\n picture"

EMPTY_RESULT: dict[str, Any] = {
    "invalid_user_id_list": [],
    "forbidden_user_id_list": [],
    "failed_user_id_list": [],
    "read_user_id_list": [],
    "unread_user_id_list": [],
    "invalid_dept_id_list": [],
    "forbidden_list": [],
}

StartSandbox = Callable[..., Sandbox]


def notification(sandbox: Sandbox, msg: Any = TEXT, **fields: Any) -> dict[str, Any]:
    """Return the body of a notification, to one person if nobody else is named; a field that is None is left out."""
    if not fields.keys() & {"userid_list", "dept_id_list", "to_all_user"}:
        fields["userid_list"] = "zhangsan"
    body = {"agent_id": sandbox.app.agent_id, "msg": msg, **fields}
    return {name: value for name, value in body.items() if value is not None}


def without_number(reply: dict[str, Any]) -> dict[str, Any]:
    """Leave the number of the request out of a reply, which must have one."""
    assert reply.pop("request_id")
    return reply


def refused(reply: dict[str, Any]) -> tuple[int, str]:
    """Return number and text of a refusal."""
    assert set(reply) == {"errcode", "errmsg", "request_id"}
    assert reply["errcode"] != 0
    return reply["errcode"], reply["errmsg"]


def task(sandbox: Sandbox, client: Any, *, name: str = "task_id", **fields: Any) -> dict[str, Any]:
    """Send a notification and return the fields that name its task."""
    return {"agent_id": sandbox.app.agent_id, name: client.oapi(SEND, notification(sandbox, **fields))["task_id"]}


def result(client: Any, question: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a task."""
    reply = without_number(client.oapi(f"{ROOT}/getsendresult", question))
    assert reply == {"errcode": 0, "errmsg": "ok", "send_result": reply["send_result"]}
    return dict(reply["send_result"])


def readers(sandbox: Sandbox) -> list[str]:
    """Return whose notifications there are, in order."""
    return [message.conversation.key for message in sandbox.messages]


def test_a_notification_to_people(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """It is in the work notifications of each, under the app's name; who is named twice has it once."""
    reply = client.oapi(SEND, notification(sandbox, userid_list="zhangsan,lisi,zhangsan"))
    number = int(sandbox.messages[0].handle)
    assert without_number(reply) == {"errcode": 0, "errmsg": "ok", "task_id": number}
    assert [message.conversation.to_dict() for message in sandbox.messages] == [
        {"key": "notification:zhangsan", "kind": "notification", "name": "张三"},
        {"key": "notification:lisi", "kind": "notification", "name": "李四"},
    ]
    message = sandbox.messages[0]
    assert (message.payload, message.shown) == (TEXT, TEXT)
    assert (message.sender, message.received_at, message.handle) == (sandbox.app, clock.now, str(number))
    assert (sandbox.requests[-1].outcome, sandbox.requests[-1].app) == ("accepted", sandbox.app)
    assert client.oapi(SEND, notification(sandbox, userid_list="wangwu"))["task_id"] != number


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"dept_id_list": "1001"}, ["zhangsan", "lisi"]),
        ({"dept_id_list": "1001,1002"}, ["zhangsan", "lisi", "wangwu"]),
        ({"dept_id_list": "1"}, ["zhangsan", "lisi", "wangwu"]),
        ({"to_all_user": True}, ["zhangsan", "lisi", "wangwu"]),
        ({"to_all_user": False, "userid_list": "lisi"}, ["lisi"]),
        ({"userid_list": "wangwu", "dept_id_list": "1002"}, ["wangwu"]),
        ({"userid_list": "wangwu", "dept_id_list": "1001"}, ["wangwu", "zhangsan", "lisi"]),
    ],
)
def test_departments_and_everybody(sandbox: Sandbox, client: Any, fields: dict[str, Any], names: list[str]) -> None:
    """The root holds all, and nobody has a notification twice."""
    assert client.oapi(SEND, notification(sandbox, **fields))["errcode"] == 0
    assert readers(sandbox) == [f"notification:{name}" for name in names]


def test_a_form_is_taken_too(sandbox: Sandbox, client: Any) -> None:
    """As old SDKs send it: all values are text, the message is JSON in it."""
    fields = {"agent_id": sandbox.app.agent_id, "to_all_user": "true", "msg": json.dumps(TEXT)}
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    target = f"{SEND}?access_token={client.token()}"
    assert client.request("POST", target, urlencode(fields).encode(), headers)[1]["errcode"] == 0
    assert len(sandbox.messages) == 3
    assert sandbox.messages[0].payload == TEXT
    broken = urlencode({**fields, "msg": "{"}).encode()
    assert refused(client.request("POST", target, broken, headers)[1]) == (40035, "不合法的参数 msg")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"agent_id": None}, (41011, "缺少agentid")),
        ({"agent_id": 7}, (40056, "不合法的agentid")),
        ({"agent_id": "x"}, (40056, "不合法的agentid")),
        ({"userid_list": ["zhangsan"]}, (40035, "不合法的参数 userid_list")),
        ({"dept_id_list": [1]}, (40035, "不合法的参数 dept_id_list")),
        ({"dept_id_list": "sales"}, (40009, "不合法的部门id")),
        ({"dept_id_list": "0"}, (40009, "不合法的部门id")),
        ({"to_all_user": "true"}, (40035, "不合法的参数 to_all_user")),
        ({"to_all_user": False}, (40035, "缺少参数 userid_list, dept_id_list, to_all_user")),
        ({"userid_list": ""}, (40035, "缺少参数 userid_list, dept_id_list, to_all_user")),
        (
            {"userid_list": ",".join(f"u{number}" for number in range(101))},
            (41029, "超过消息接收者人数上限: userid_list, 100"),
        ),
        (
            {"dept_id_list": ",".join(str(number) for number in range(1, 22))},
            (41029, "超过消息接收者人数上限: dept_id_list, 20"),
        ),
    ],
)
def test_what_is_wrong_around_a_notification(
    sandbox: Sandbox, client: Any, fields: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """Agent and recipients have numbers of their own."""
    assert refused(client.oapi(SEND, notification(sandbox, **fields))) == refusal
    assert sandbox.messages == ()


def test_the_agent_must_be_that_of_the_token(start_sandbox: StartSandbox, client_of: Any) -> None:
    """As text or as a number."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    words = (41020, "agentid与access_token对应的应用不一致")
    assert refused(client_of(sandbox, apps[1]).oapi(SEND, notification(sandbox))) == words
    body = notification(sandbox, agent_id=str(apps[0].agent_id))
    assert client_of(sandbox, apps[0]).oapi(SEND, body)["errcode"] == 0


def test_older_limits_can_be_set(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Pages of the docs disagree about the number of recipients."""
    sandbox = start_sandbox(quotas=Quotas(people_per_notification=5000, departments_per_notification=500))
    body = notification(sandbox, userid_list=",".join(f"u{number}" for number in range(5000)))
    assert client_of(sandbox).oapi(SEND, body)["errcode"] == 0


@pytest.mark.parametrize(
    ("msg", "shown"),
    [
        (
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}},
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}},
        ),
        (
            {"msgtype": "action_card", "action_card": ONE_BUTTON},
            {
                "msgtype": "actionCard",
                "actionCard": {"title": "t", "text": "### x", "singleTitle": "go", "singleURL": URL},
            },
        ),
        (
            {
                "msgtype": "action_card",
                "action_card": {
                    "markdown": "### x",
                    "btn_orientation": "1",
                    "btn_json_list": [{"title": "a", "action_url": URL}, {"title": "b", "action_url": URL}],
                },
            },
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "",
                    "text": "### x",
                    "btnOrientation": "1",
                    "btns": [{"title": "a", "actionURL": URL}, {"title": "b", "actionURL": URL}],
                },
            },
        ),
        (
            {"msgtype": "oa", "oa": {**OA, "status_bar": STATUS}},
            {
                "msgtype": "oa",
                "oa": {
                    "title": "etl_daily",
                    "messageUrl": URL,
                    "form": [{"key": "task:", "value": "load"}],
                    "content": None,
                    "author": None,
                    "status": {"value": "failed", "color": "#F65E5E"},
                    "image": None,
                },
            },
        ),
        (
            {
                "msgtype": "oa",
                "oa": {
                    **OA,
                    "body": {
                        "form": [{"key": f"{number}", "value": "v"} for number in range(8)],
                        "rich": {"num": "15.6", "unit": "GB"},
                        "content": "c",
                        "author": "a",
                        "file_count": "3",
                    },
                },
            },
            {
                "msgtype": "oa",
                "oa": {
                    "title": "",
                    "messageUrl": URL,
                    "form": [{"key": f"{number}", "value": "v"} for number in range(6)],
                    "content": "c",
                    "author": "a",
                    "status": None,
                    "image": None,
                },
            },
        ),
    ],
)
def test_notifications_without_media(sandbox: Sandbox, client: Any, msg: dict[str, Any], shown: dict[str, Any]) -> None:
    """Each is kept as it came, and shown in the page's form."""
    assert client.oapi(SEND, notification(sandbox, msg))["errcode"] == 0
    (message,) = sandbox.messages
    assert message.payload == msg
    assert message.shown == shown


def test_notifications_with_media(sandbox: Sandbox, client: Any) -> None:
    """Media ids become paths of the page."""
    picture = client.media_id("image", "a.png", PNG)
    voice = client.media_id("voice", "a.mp3", b"ID3")
    file = client.media_id("file", "日报.xlsx", b"PK..")
    link = {"messageUrl": URL, "title": "t", "text": "x"}
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            {"msgtype": "image", "image": {"media_id": picture}},
            {"msgtype": "image", "image": {"url": f"/media/{picture[1:]}"}},
        ),
        (
            {"msgtype": "voice", "voice": {"media_id": voice, "duration": "10"}},
            {"msgtype": "audio", "audio": {"url": f"/media/{voice[1:]}", "seconds": 10}},
        ),
        (
            {"msgtype": "file", "file": {"media_id": file}},
            {"msgtype": "file", "file": {"url": f"/media/{file[1:]}", "name": "日报.xlsx", "bytes": 4}},
        ),
        (
            {"msgtype": "link", "link": {**link, "picUrl": picture}},
            {"msgtype": "link", "link": {**link, "picUrl": f"/media/{picture[1:]}"}},
        ),
    ]
    for msg, shown in cases:
        reply = client.oapi(SEND, notification(sandbox, msg))
        assert reply["errcode"] == 0, reply
        assert sandbox.messages[-1].shown == shown
    body = {"title": "t", "image": picture}
    client.oapi(SEND, notification(sandbox, {"msgtype": "oa", "oa": {**OA, "body": body}}))
    assert sandbox.messages[-1].shown["oa"]["image"] == f"/media/{picture[1:]}"


WRONG_MESSAGES: dict[str, tuple[Any, int, str]] = {
    "none": (None, 40035, "缺少参数 msg"),
    "text in JSON": (json.dumps(TEXT), 40035, "不合法的参数 msg"),
    "no type": ({"text": {"content": "x"}}, 40035, "缺少参数 msg.msgtype"),
    "a webhook's type": ({"msgtype": "actionCard", "actionCard": {}}, 40008, "不合法的消息类型"),
    "a feed": ({"msgtype": "feedCard", "feedCard": {}}, 40008, "不合法的消息类型"),
    "a video": ({"msgtype": "video", "video": {}}, 40008, "不合法的消息类型"),
    "two types": ({**TEXT, "image": {"media_id": "@x"}}, 40035, "不合法的参数 msg.image"),
    "no sibling": ({"msgtype": "text"}, 40035, "缺少参数 msg.text"),
    "no content": ({"msgtype": "text", "text": {"content": ""}}, 44004, "文本消息内容为空"),
    "content a number": ({"msgtype": "text", "text": {"content": 1}}, 40035, "不合法的参数 msg.text.content"),
    "markdown without title": (
        {"msgtype": "markdown", "markdown": {"text": "x"}},
        40035,
        "缺少参数 msg.markdown.title",
    ),
    "a long title": (
        {"msgtype": "markdown", "markdown": {"title": "t" * 65, "text": "x"}},
        34016,
        "会话消息的内容超长: msg.markdown.title, 65 > 64",
    ),
    "a URL as picture": (
        {"msgtype": "image", "image": {"media_id": f"{URL}/a.png"}},
        40007,
        "不合法的媒体文件id",
    ),
    "an unknown medium": ({"msgtype": "image", "image": {"media_id": "@lADPx"}}, 40007, "不合法的媒体文件id"),
    "link without picture": (
        {"msgtype": "link", "link": {"messageUrl": URL, "title": "t", "text": "x"}},
        40035,
        "缺少参数 msg.link.picUrl",
    ),
    "link with a URL as picture": (
        {"msgtype": "link", "link": {"messageUrl": URL, "title": "t", "text": "x", "picUrl": f"{URL}/a.png"}},
        40007,
        "不合法的媒体文件id",
    ),
    "a webhook's card": (
        {"msgtype": "action_card", "action_card": {"title": "t", "text": "x"}},
        40035,
        "缺少参数 msg.action_card.markdown",
    ),
    "a card with half a button": (
        {"msgtype": "action_card", "action_card": {**CARD, "single_title": "go"}},
        40035,
        "缺少参数 msg.action_card.single_url",
    ),
    "a long single_title": (
        {"msgtype": "action_card", "action_card": {**ONE_BUTTON, "single_title": "t" * 21}},
        34016,
        "会话消息的内容超长: msg.action_card.single_title, 21 > 20",
    ),
    "a long single_url": (
        {"msgtype": "action_card", "action_card": {**ONE_BUTTON, "single_url": URL + "x" * 500}},
        34016,
        f"会话消息的内容超长: msg.action_card.single_url, {len(URL) + 500} > 500",
    ),
    "buttons without orientation": (
        {"msgtype": "action_card", "action_card": {**CARD, "btn_json_list": [{"title": "a", "action_url": URL}]}},
        40035,
        "缺少参数 msg.action_card.btn_orientation",
    ),
    "another orientation": (
        {"msgtype": "action_card", "action_card": {**CARD, "btn_orientation": "2"}},
        40035,
        "不合法的参数 msg.action_card.btn_orientation",
    ),
    "no buttons": (
        {"msgtype": "action_card", "action_card": {**CARD, "btn_orientation": "0", "btn_json_list": []}},
        40035,
        "缺少参数 msg.action_card.btn_json_list",
    ),
    "a webhook's button": (
        {
            "msgtype": "action_card",
            "action_card": {**CARD, "btn_orientation": "0", "btn_json_list": [{"title": "a", "actionURL": URL}]},
        },
        40035,
        "缺少参数 msg.action_card.btn_json_list[0].action_url",
    ),
    "a long list of buttons": (
        {
            "msgtype": "action_card",
            "action_card": {
                **CARD,
                "btn_orientation": "0",
                "btn_json_list": [{"title": "a", "action_url": "x" * 484}, {"title": "b", "action_url": "x" * 456}],
            },
        },
        34016,
        "会话消息的内容超长: msg.action_card.btn_json_list, 1001 > 1000",
    ),
    "oa without head": ({"msgtype": "oa", "oa": {"message_url": URL, "body": {}}}, 40035, "缺少参数 msg.oa.head"),
    "oa with 0x in head": (
        {"msgtype": "oa", "oa": {**OA, "head": {"bgcolor": "0xFFBBBB", "text": "x"}}},
        40035,
        "不合法的参数 msg.oa.head.bgcolor",
    ),
    "oa without 0x in status": (
        {"msgtype": "oa", "oa": {**OA, "status_bar": {**STATUS, "status_bg": "FFF65E5E"}}},
        40035,
        "不合法的参数 msg.oa.status_bar.status_bg",
    ),
    "oa with a form of pairs": (
        {"msgtype": "oa", "oa": {**OA, "body": {"form": [["key", "value"]]}}},
        40035,
        "不合法的参数 msg.oa.body.form[0]",
    ),
    "oa with a number": (
        {"msgtype": "oa", "oa": {**OA, "body": {"form": [{"key": "a", "value": 1}]}}},
        40035,
        "不合法的参数 msg.oa.body.form[0].value",
    ),
    "oa without address": (
        {"msgtype": "oa", "oa": {"head": OA["head"], "body": {}}},
        40035,
        "缺少参数 msg.oa.message_url",
    ),
}


@pytest.mark.parametrize(("msg", "errcode", "errmsg"), WRONG_MESSAGES.values(), ids=WRONG_MESSAGES.keys())
def test_what_is_wrong_in_a_notification(sandbox: Sandbox, client: Any, msg: Any, errcode: int, errmsg: str) -> None:
    """Types, fields, lengths and media have numbers of their own."""
    assert refused(client.oapi(SEND, notification(sandbox, msg))) == (errcode, errmsg)
    assert sandbox.messages == ()


@pytest.mark.parametrize(("duration", "is_good"), [("1", True), ("59", True), ("0", False), ("60", False), (5, False)])
def test_a_voice_is_shorter_than_a_minute(sandbox: Sandbox, client: Any, duration: Any, is_good: bool) -> None:
    """In seconds, as text."""
    voice = {"media_id": client.media_id("voice", "a.amr", b"#!AMR\n"), "duration": duration}
    reply = client.oapi(SEND, notification(sandbox, {"msgtype": "voice", "voice": voice}))
    assert (reply["errcode"] == 0) is is_good
    if not is_good:
        assert refused(reply) == (40035, "不合法的参数 msg.voice.duration")


def test_a_file_is_smaller_than_its_upload_may_be(sandbox: Sandbox, client: Any) -> None:
    """10 MB where uploads have 20."""
    for size, errcode in [(10 * 1024 * 1024, 0), (10 * 1024 * 1024 + 1, 40006)]:
        media_id = client.media_id("file", "a.zip", b"x" * size)
        msg = {"msgtype": "file", "file": {"media_id": media_id}}
        assert client.oapi(SEND, notification(sandbox, msg))["errcode"] == errcode


def test_the_size_limit_counts_bytes_of_the_message(sandbox: Sandbox, client: Any) -> None:
    """2,048 bytes of UTF-8 without blanks pass, one more does not."""
    empty = len('{"msgtype":"text","text":{"content":""}}')
    rest = 2048 - empty
    content = "好" * (rest // 3) + "x" * (rest % 3)
    assert client.oapi(SEND, notification(sandbox, {"msgtype": "text", "text": {"content": content}}))["errcode"] == 0
    too_long = {"msgtype": "text", "text": {"content": f"{content}x"}}
    assert refused(client.oapi(SEND, notification(sandbox, too_long))) == (
        34016,
        "会话消息的内容超长: msg, 2049 > 2048",
    )


def test_whom_a_notification_does_not_reach(start_sandbox: StartSandbox, client_of: Any) -> None:
    """The send returns ok; the result shows it."""
    people = (
        Person(user_id="a", name="A", mobile="1"),
        Person(user_id="b", name="B", mobile="2", refuses=True),
        Person(user_id="c", name="C", mobile="3"),
    )
    sandbox = start_sandbox(people=people, apps=(App(visible_user_ids=("a", "b")),))
    client = client_of(sandbox)
    question = task(sandbox, client, userid_list="nobody,a,b,c", dept_id_list="77")
    assert result(client, question) == {
        **EMPTY_RESULT,
        "invalid_user_id_list": ["nobody", "c"],
        "failed_user_id_list": ["b"],
        "unread_user_id_list": ["a"],
        "invalid_dept_id_list": [77],
    }
    assert readers(sandbox) == ["notification:a"]
    assert client.oapi(SEND, notification(sandbox, userid_list="nobody"))["errcode"] == 0
    assert len(sandbox.messages) == 1


def test_nobody_gets_the_same_twice_a_day(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """The send returns ok all the same; the day is Beijing's, and each person counts alone."""
    # 16:23 in Beijing.
    task(sandbox, client)
    question = task(sandbox, client, userid_list="zhangsan,lisi")
    assert result(client, question) == {
        **EMPTY_RESULT,
        "forbidden_user_id_list": ["zhangsan"],
        "unread_user_id_list": ["lisi"],
        "forbidden_list": [{"code": "143106", "count": 1, "userid": "zhangsan"}],
    }
    assert readers(sandbox) == ["notification:zhangsan", "notification:lisi"]
    # Other words are another notification, the same in another order are not.
    task(sandbox, client, msg={"msgtype": "text", "text": {"content": "hello again"}})
    task(sandbox, client, msg=dict(reversed(TEXT.items())))
    assert len(sandbox.messages) == 3
    clock.now += 7.5 * 3600
    task(sandbox, client)
    assert len(sandbox.messages) == 3
    clock.now += 0.5 * 3600
    task(sandbox, client)
    assert len(sandbox.messages) == 4
    sandbox.clear()
    task(sandbox, client)
    assert len(sandbox.messages) == 1


def test_a_person_has_so_many_notifications_a_day(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """500 in DingTalk; the rule against repetition can be switched off."""
    sandbox = start_sandbox(quotas=Quotas(notifications_per_person_a_day=2, same_notification_once_a_day=False))
    client = client_of(sandbox)
    for _ in range(2):
        assert result(client, task(sandbox, client))["forbidden_list"] == []
    assert result(client, task(sandbox, client))["forbidden_list"] == [
        {"code": "143105", "count": 2, "userid": "zhangsan"}
    ]
    assert len(sandbox.messages) == 2
    clock.now += 86_400
    assert result(client, task(sandbox, client))["forbidden_list"] == []


def test_so_many_people_get_one_in_a_minute(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """The others never do, and the send returns ok."""
    sandbox = start_sandbox(quotas=Quotas(notification_recipients_a_minute=2), minute_seconds=10)
    client = client_of(sandbox)
    question = task(sandbox, client, to_all_user=True)
    assert result(client, question)["forbidden_list"] == [{"code": "143103", "count": 2, "userid": "wangwu"}]
    clock.now += 10
    assert result(client, task(sandbox, client, userid_list="wangwu"))["unread_user_id_list"] == ["wangwu"]


def test_everybody_is_notified_so_many_times_a_day(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Three times in DingTalk, here once; single people are no matter."""
    sandbox = start_sandbox(quotas=Quotas(notifications_to_everyone_a_day=1))
    client = client_of(sandbox)
    task(sandbox, client, to_all_user=True)
    again = {"msgtype": "text", "text": {"content": "again"}}
    question = task(sandbox, client, msg=again, to_all_user=True)
    assert [each["code"] for each in result(client, question)["forbidden_list"]] == ["143103"] * 3
    assert result(client, task(sandbox, client, msg=again))["unread_user_id_list"] == ["zhangsan"]


def test_progress_and_result(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """Not begun, running, done; the result is empty until then."""
    sandbox = start_sandbox(notification_seconds=4)
    client = client_of(sandbox)
    question = task(sandbox, client, userid_list="zhangsan,lisi,nobody")
    seen = []
    for _ in range(4):
        reply = without_number(client.oapi(f"{ROOT}/getsendprogress", question))
        seen.append(reply.pop("progress"))
        assert reply == {"errcode": 0, "errmsg": "ok"}
        if seen[-1]["status"] < 2:
            assert result(client, question) == EMPTY_RESULT
        clock.now += 1.5
    assert seen == [
        {"progress_in_percent": 0, "status": 0},
        {"progress_in_percent": 37, "status": 1},
        {"progress_in_percent": 75, "status": 1},
        {"progress_in_percent": 100, "status": 2},
    ]
    sandbox.read("lisi")
    done = {
        **EMPTY_RESULT,
        "invalid_user_id_list": ["nobody"],
        "read_user_id_list": ["lisi"],
        "unread_user_id_list": ["zhangsan"],
    }
    assert result(client, question) == done
    assert result(client, {name: str(value) for name, value in question.items()}) == done


def test_questions_end_after_a_day(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """And an unknown task is the same; a recall has its own number."""
    question = task(sandbox, client)
    recall = {"agent_id": question["agent_id"], "msg_task_id": question["task_id"]}
    clock.now += 86_401
    for name, body, refusal in [
        ("getsendprogress", question, (40035, "不合法的参数 task_id")),
        ("getsendresult", question, (40035, "不合法的参数 task_id")),
        ("getsendresult", {**question, "task_id": "x"}, (40035, "不合法的参数 task_id")),
        ("getsendresult", {"agent_id": question["agent_id"]}, (40035, "缺少参数 task_id")),
        ("getsendresult", {"task_id": question["task_id"]}, (41011, "缺少agentid")),
        ("status_bar/update", {**question, **STATUS}, (40035, "不合法的参数 task_id")),
        ("recall", recall, (400002, "agentId不合法或taskId不合法")),
    ]:
        assert refused(client.oapi(f"{ROOT}/{name}", body)) == refusal
    assert len(sandbox.messages) == 1


def test_recall(sandbox: Sandbox, client: Any) -> None:
    """From all, by a field of another name than elsewhere, and a second time changes nothing."""
    question = task(sandbox, client, userid_list="zhangsan,lisi", name="msg_task_id")
    kept = task(sandbox, client, userid_list="wangwu")
    wrong = {"agent_id": question["agent_id"], "task_id": question["msg_task_id"]}
    assert refused(client.oapi(f"{ROOT}/recall", wrong)) == (40035, "缺少参数 msg_task_id")
    for _ in range(2):
        assert without_number(client.oapi(f"{ROOT}/recall", question)) == {"errcode": 0, "errmsg": "ok"}
        assert [message.handle for message in sandbox.messages] == [str(kept["task_id"])]


def test_a_task_of_another_app_is_unknown(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Also with that app's own agent id."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    question = task(sandbox, client_of(sandbox))
    other = {**question, "agent_id": apps[1].agent_id}
    reply = client_of(sandbox, apps[1]).oapi(f"{ROOT}/getsendresult", other)
    assert refused(reply) == (40035, "不合法的参数 task_id")
    reply = client_of(sandbox, apps[1]).oapi(f"{ROOT}/recall", {**other, "msg_task_id": question["task_id"]})
    assert refused(reply)[0] == 400002


def test_the_status_of_an_oa_message(sandbox: Sandbox, client: Any) -> None:
    """It changes in place; the text is required, the colour is not."""
    msg = {"msgtype": "oa", "oa": {**OA, "status_bar": STATUS}}
    question = task(sandbox, client, msg=msg, userid_list="zhangsan,lisi")
    update = f"{ROOT}/status_bar/update"
    reply = client.oapi(update, {**question, "status_value": "recovered", "status_bg": "0xFF78C06E"})
    assert without_number(reply) == {"errcode": 0, "errmsg": "ok"}
    statuses = [message.shown["oa"]["status"] for message in sandbox.messages]
    assert statuses == [{"value": "recovered", "color": "#78C06E"}] * 2
    assert sandbox.messages[0].payload == msg
    assert client.oapi(update, {**question, "status_value": "closed"})["errcode"] == 0
    assert sandbox.messages[0].shown["oa"]["status"]["value"] == "closed"
    assert refused(client.oapi(update, question)) == (40035, "缺少参数 status_value")
    assert refused(client.oapi(update, {**question, "status_value": "x", "status_bg": "red"})) == (
        40035,
        "不合法的参数 status_bg",
    )
    plain = task(sandbox, client)
    assert refused(client.oapi(update, {**plain, **STATUS})) == (40035, "不合法的参数 task_id")


def test_a_status_is_for_few(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """At most five people, no department, not everybody, and only once the notification is sent."""
    sandbox = start_sandbox(notification_seconds=1)
    client = client_of(sandbox)
    msg = {"msgtype": "oa", "oa": {**OA, "status_bar": STATUS}}
    words = (41052, "本次发送人数过多,不再返回发送结果")
    for fields in ({"userid_list": "a,b,c,d,e,f"}, {"dept_id_list": "1002"}, {"to_all_user": True}):
        assert refused(client.oapi(SEND, notification(sandbox, msg, **fields))) == words
    question = task(sandbox, client, msg=msg)
    update = {**question, "status_value": "ok"}
    assert refused(client.oapi(f"{ROOT}/status_bar/update", update)) == words
    clock.now += 1
    assert client.oapi(f"{ROOT}/status_bar/update", update)["errcode"] == 0
