"""The robots of apps accept and refuse as DingTalk's do; read status and recalls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import App, GroupChat, Person, Quotas, Sandbox

GROUP_SEND = "/v1.0/robot/groupMessages/send"
GROUP_QUERY = "/v1.0/robot/groupMessages/query"
GROUP_RECALL = "/v1.0/robot/groupMessages/recall"
PEOPLE_SEND = "/v1.0/robot/oToMessages/batchSend"
READ_STATUS = "/v1.0/robot/oToMessages/readStatus"
PEOPLE_RECALL = "/v1.0/robot/otoMessages/batchRecall"
PNG = b"\x89PNG\r\n\x1a\n picture"
URL = "https://airflow.example.com"

TEXT = {"msgKey": "sampleText", "msgParam": '{"content": "hello"}'}

StartSandbox = Callable[..., Sandbox]


def to_group(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    """Return a text to the first group; a field that is None is left out."""
    group = sandbox.group.open_conversation_id
    body = {"robotCode": sandbox.app.robot_code, "openConversationId": group, **TEXT, **fields}
    return {name: value for name, value in body.items() if value is not None}


def to_people(sandbox: Sandbox, *user_ids: Any, **fields: Any) -> dict[str, Any]:
    """Return a text to people; a field that is None is left out."""
    body = {"robotCode": sandbox.app.robot_code, "userIds": list(user_ids), **TEXT, **fields}
    return {name: value for name, value in body.items() if value is not None}


def refused(answer: tuple[int, dict[str, Any]]) -> tuple[str, str]:
    """Return code and message of a refusal, which is HTTP 400 with a number and nothing else."""
    status, reply = answer
    assert status == 400
    assert set(reply) == {"code", "message", "requestid"}
    return reply["code"], reply["message"]


def test_a_message_to_a_group(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """It is in the group under the app's name, and the sender has a handle for it."""
    status, reply = client.v1(GROUP_SEND, to_group(sandbox))
    (message,) = sandbox.messages
    assert (status, reply) == (200, {"processQueryKey": message.handle})
    assert message.payload == TEXT
    assert message.shown == {"msgtype": "text", "text": {"content": "hello"}}
    assert (message.number, message.sender, message.received_at) == (1, sandbox.app, clock.now)
    assert message.conversation.to_dict() == {"key": "group:1", "kind": "group", "name": sandbox.group.name}
    assert (sandbox.requests[-1].outcome, sandbox.requests[-1].app) == ("accepted", sandbox.app)


def test_a_handle_needs_encoding_in_a_url(sandbox: Sandbox, client: Any) -> None:
    """So that a client that forgets it is caught."""
    key = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    assert {"/", "+", "="} <= set(key)


def test_a_message_to_people(sandbox: Sandbox, client: Any) -> None:
    """Each has it in the chat with the robot; who gets two of one call gets one."""
    status, reply = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan", "lisi", "zhangsan"))
    key = sandbox.messages[0].handle
    assert (status, reply) == (
        200,
        {"processQueryKey": key, "invalidStaffIdList": [], "flowControlledStaffIdList": []},
    )
    assert [message.conversation.to_dict() for message in sandbox.messages] == [
        {"key": "private:zhangsan", "kind": "private", "name": "张三"},
        {"key": "private:lisi", "kind": "private", "name": "李四"},
    ]
    assert {message.handle for message in sandbox.messages} == {key}


def test_whom_a_message_does_not_reach(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Unknown, out of scope and refusing people are in the lists of a success."""
    people = (
        Person(user_id="a", name="A", mobile="1"),
        Person(user_id="b", name="B", mobile="2", refuses=True),
        Person(user_id="c", name="C", mobile="3"),
    )
    sandbox = start_sandbox(people=people, apps=(App(visible_user_ids=("a", "b")),))
    status, reply = client_of(sandbox).v1(PEOPLE_SEND, to_people(sandbox, "nobody", "a", "b", "c"))
    assert (status, reply) == (
        200,
        {
            "processQueryKey": sandbox.messages[0].handle,
            "invalidStaffIdList": ["nobody", "c"],
            "flowControlledStaffIdList": [],
            "filteredStaffIdList": ["b"],
        },
    )
    assert [message.conversation.key for message in sandbox.messages] == ["private:a"]
    reply = client_of(sandbox).v1(PEOPLE_SEND, to_people(sandbox, "nobody"))[1]
    assert reply["invalidStaffIdList"] == ["nobody"]
    assert len(sandbox.messages) == 1


def test_flow_control_of_one_person(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """It can be switched on; the others still get theirs."""
    sandbox = start_sandbox(quotas=Quotas(robot_messages_per_person_a_minute=1), minute_seconds=10)
    client = client_of(sandbox)
    client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan"))
    reply = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan", "lisi"))[1]
    assert (reply["invalidStaffIdList"], reply["flowControlledStaffIdList"]) == ([], ["zhangsan"])
    assert [message.conversation.key for message in sandbox.messages] == ["private:zhangsan", "private:lisi"]
    clock.now += 10
    reply = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan"))[1]
    assert reply["flowControlledStaffIdList"] == []


@pytest.mark.parametrize("most", [20, 100])
def test_how_many_people_a_call_may_name(start_sandbox: StartSandbox, client_of: Any, most: int) -> None:
    """Two pages of the docs disagree, so it can be set."""
    sandbox = start_sandbox(quotas=Quotas(people_per_robot_call=most))
    names = [f"u{number}" for number in range(most + 1)]
    client = client_of(sandbox)
    assert client.v1(PEOPLE_SEND, to_people(sandbox, *names[:-1]))[0] == 200
    assert refused(client.v1(PEOPLE_SEND, to_people(sandbox, *names))) == (
        "invalidParameter.userIds.overMax",
        f"用户userId列表超过最大限制{most},请将userId拆分成多个长度不超过{most}的数组，分批次调用此接口",
    )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"robotCode": None}, "invalidParameter.robotCode.empty", "机器人robotCode为空"),
        ({"robotCode": "x"}, "invalidParameter.robotCode.notExsit", "机器人不存在"),
        ({"openConversationId": None}, "miss.openConversationId", "缺少openConversationId"),
        ({"openConversationId": "cidx=="}, "invalid.openConversationId", "无效的openConversationId"),
        ({"openConversationId": ["x"]}, "invalid.openConversationId", "无效的openConversationId"),
        ({"msgKey": None}, "invalidParameter.msgKey.empty", "msgKey为空"),
        ({"msgKey": "text"}, "invalidParameter.msgKey.invalid", "msgKey无效，请传入正确的msgKey"),
        ({"msgKey": ["sampleText"]}, "invalidParameter.msgKey.invalid", "msgKey无效，请传入正确的msgKey"),
        ({"msgKey": "sampleActionCard1"}, "invalidParameter.msgKey.invalid", "msgKey无效，请传入正确的msgKey"),
        ({"msgKey": "sampleActionCard7"}, "invalidParameter.msgKey.invalid", "msgKey无效，请传入正确的msgKey"),
    ],
)
def test_what_is_wrong_around_a_message(
    sandbox: Sandbox, client: Any, fields: dict[str, Any], code: str, message: str
) -> None:
    """Robot, group and key have codes of their own."""
    assert refused(client.v1(GROUP_SEND, to_group(sandbox, **fields))) == (code, message)
    assert sandbox.messages == ()
    assert sandbox.requests[-1].outcome == "refused"


@pytest.mark.parametrize("msg_param", [None, {"content": "hello"}, "", "hello", "[]", "null", "[" * 14_000])
def test_a_msg_param_is_the_text_of_an_object(sandbox: Sandbox, client: Any, msg_param: Any) -> None:
    """JSON inside of JSON."""
    assert refused(client.v1(GROUP_SEND, to_group(sandbox, msgParam=msg_param))) == (
        "invalidParameter.msgParam.invalid",
        "msgParam格式非法，必须是json格式",
    )


def test_the_size_limit_counts_bytes_of_the_msg_param(sandbox: Sandbox, client: Any) -> None:
    """15,000 bytes pass, one more does not."""

    def param(size: int) -> str:
        rest = size - len('{"content":""}')
        return json.dumps({"content": "好" * (rest // 3) + "x" * (rest % 3)}, ensure_ascii=False, separators=(",", ":"))

    assert len(param(15_000).encode()) == 15_000
    assert client.v1(GROUP_SEND, to_group(sandbox, msgParam=param(15_000)))[0] == 200
    assert refused(client.v1(GROUP_SEND, to_group(sandbox, msgParam=param(15_001)))) == (
        "invalidParameter.msgParam.tooLong",
        "消息内容太长，请缩减内容长度",
    )


@pytest.mark.parametrize(
    ("user_ids", "code"),
    [
        (None, "invalidParameter.userIds.empty"),
        ([], "invalidParameter.userIds.empty"),
        # The comma-separated text of work notifications.
        ("zhangsan,lisi", "illegal.receivers"),
        ([1], "illegal.receivers"),
        ([""], "illegal.receivers"),
    ],
)
def test_user_ids_are_an_array(sandbox: Sandbox, client: Any, user_ids: Any, code: str) -> None:
    """Missing and empty are one, any other form is another."""
    assert refused(client.v1(PEOPLE_SEND, to_people(sandbox, userIds=user_ids)))[0] == code


def test_the_robot_of_another_app(start_sandbox: StartSandbox, client_of: Any) -> None:
    """The token must be of the app whose robot sends."""
    apps = (App(robot_code="robot1"), App(robot_code="robot2"))
    sandbox = start_sandbox(apps=apps)
    body = to_group(sandbox)
    assert body["robotCode"] == "robot1"
    assert refused(client_of(sandbox, apps[1]).v1(GROUP_SEND, body)) == (
        "invalidParameter.robotCode.auth",
        "此应用appkey和机器人robotCode不匹配，请使用机器人应用的appkey",
    )
    assert client_of(sandbox, apps[0]).v1(GROUP_SEND, body)[0] == 200


def test_a_robot_that_is_not_there_yet(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Not published, or not in the group."""
    hidden = start_sandbox(apps=(App(published=False),))
    assert refused(client_of(hidden).v1(GROUP_SEND, to_group(hidden))) == ("resource.not.found", "机器人不存在")
    assert refused(client_of(hidden).v1(PEOPLE_SEND, to_people(hidden, "lisi"))) == (
        "robot.oto.notExist",
        "没有有效的机器人单聊会话",
    )
    outside = start_sandbox(groups=(GroupChat(app_keys=()),))
    assert refused(client_of(outside).v1(GROUP_SEND, to_group(outside))) == ("resource.not.found", "机器人不存在")
    assert client_of(outside).v1(PEOPLE_SEND, to_people(outside, "lisi"))[0] == 200


@pytest.mark.parametrize(
    ("msg_key", "param", "shown"),
    [
        (
            "sampleMarkdown",
            {"title": "t", "text": "# x"},
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}},
        ),
        ("sampleImageMsg", {"photoURL": URL}, {"msgtype": "image", "image": {"url": URL}}),
        (
            "sampleLink",
            {"title": "t", "text": "x", "messageUrl": URL, "picUrl": f"{URL}/a.png"},
            {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": URL, "picUrl": f"{URL}/a.png"}},
        ),
        (
            "sampleLink",
            {"title": "t", "text": "x", "messageUrl": URL},
            {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": URL}},
        ),
        (
            "sampleActionCard",
            {"title": "t", "text": "x", "singleTitle": "go", "singleURL": URL},
            {
                "msgtype": "actionCard",
                "actionCard": {"title": "t", "text": "x", "singleTitle": "go", "singleURL": URL},
            },
        ),
        (
            "sampleActionCard3",
            {"title": "t", "text": "x"}
            | {f"actionTitle{n}": f"{n}" for n in (1, 2, 3)}
            # A fourth pair is of no use here.
            | {f"actionURL{n}": f"{URL}/{n}" for n in (1, 2, 3, 4)},
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "t",
                    "text": "x",
                    "btnOrientation": "0",
                    "btns": [{"title": f"{n}", "actionURL": f"{URL}/{n}"} for n in (1, 2, 3)],
                },
            },
        ),
        (
            "sampleActionCard6",
            {
                "title": "t",
                "text": "x",
                "buttonTitle1": "a",
                "buttonUrl1": URL,
                "buttonTitle2": "b",
                "buttonUrl2": URL,
            },
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "t",
                    "text": "x",
                    "btnOrientation": "1",
                    "btns": [{"title": "a", "actionURL": URL}, {"title": "b", "actionURL": URL}],
                },
            },
        ),
    ],
)
def test_messages_without_media(
    sandbox: Sandbox, client: Any, msg_key: str, param: dict[str, str], shown: dict[str, Any]
) -> None:
    """Each is kept as it came, and shown as a webhook's would be."""
    msg_param = json.dumps(param)
    assert client.v1(GROUP_SEND, to_group(sandbox, msgKey=msg_key, msgParam=msg_param))[0] == 200
    (message,) = sandbox.messages
    assert message.payload == {"msgKey": msg_key, "msgParam": msg_param}
    assert message.shown == shown


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_every_button_of_a_card_is_wanted(sandbox: Sandbox, client: Any, number: int) -> None:
    """Title and address of each, and the missing one is named."""
    param = {"title": "t", "text": "x"}
    for index in range(1, number + 1):
        param |= {f"actionTitle{index}": "a", f"actionURL{index}": URL}
    key = f"sampleActionCard{number}"
    assert client.v1(GROUP_SEND, to_group(sandbox, msgKey=key, msgParam=json.dumps(param)))[0] == 200
    for missing in param:
        fewer = {name: value for name, value in param.items() if name != missing}
        assert refused(client.v1(GROUP_SEND, to_group(sandbox, msgKey=key, msgParam=json.dumps(fewer)))) == (
            f"miss.param.{missing}",
            f"消息内容不合法，需要{missing}属性",
        )


def media_of(client: Any) -> dict[str, str]:
    """Upload one of each kind."""
    return {
        "image": client.media_id("image", "a.png", PNG),
        "amr": client.media_id("voice", "a.amr", b"#!AMR\n"),
        "mp3": client.media_id("voice", "a.mp3", b"ID3"),
        "video": client.media_id("video", "a.mp4", b"....ftypmp42"),
        "file": client.media_id("file", "日报.xlsx", b"PK.."),
    }


def test_messages_with_media(sandbox: Sandbox, client: Any) -> None:
    """Media ids become paths of the page, and sizes and seconds are there to be shown."""
    media = media_of(client)
    paths = {kind: f"/media/{media_id[1:]}" for kind, media_id in media.items()}
    video = {"duration": "10", "videoMediaId": media["video"], "videoType": "mp4", "picMediaId": media["image"]}
    cases: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("sampleImageMsg", {"photoURL": media["image"]}, {"msgtype": "image", "image": {"url": paths["image"]}}),
        (
            "sampleLink",
            {"title": "t", "text": "x", "messageUrl": URL, "picUrl": media["image"]},
            {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": URL, "picUrl": paths["image"]}},
        ),
        (
            "sampleMarkdown",
            {"title": "t", "text": f"![]({media['image']}) ![a]({URL}/a.png)"},
            {"msgtype": "markdown", "markdown": {"title": "t", "text": f"![]({paths['image']}) ![a]({URL}/a.png)"}},
        ),
        (
            "sampleAudio",
            {"mediaId": media["amr"], "duration": "4500"},
            {"msgtype": "audio", "audio": {"url": paths["amr"], "seconds": 4.5}},
        ),
        (
            "sampleFile",
            {"mediaId": media["file"], "fileName": "report.xlsx", "fileType": "xlsx"},
            {"msgtype": "file", "file": {"url": paths["file"], "name": "report.xlsx", "bytes": 4}},
        ),
        (
            "sampleVideo",
            {**video, "height": "400", "width": "300"},
            {"msgtype": "video", "video": {"url": paths["video"], "coverUrl": paths["image"], "seconds": 10}},
        ),
    ]
    for msg_key, param, shown in cases:
        answer = client.v1(GROUP_SEND, to_group(sandbox, msgKey=msg_key, msgParam=json.dumps(param)))
        assert answer[0] == 200, answer
        assert sandbox.messages[-1].shown == shown


@pytest.mark.parametrize(
    ("msg_key", "param", "wrong"),
    [
        ("sampleText", {"content": 1}, "content"),
        ("sampleImageMsg", {"photoURL": "@lADPunknown"}, "photoURL"),
        ("sampleImageMsg", {"photoURL": "chart.png"}, "photoURL"),
        ("sampleImageMsg", {"photoURL": "<file>"}, "photoURL"),
        ("sampleLink", {"title": "t", "text": "x", "messageUrl": URL, "picUrl": "chart.png"}, "picUrl"),
        ("sampleAudio", {"mediaId": "<mp3>", "duration": "1"}, "mediaId"),
        ("sampleAudio", {"mediaId": "<amr>", "duration": 4000}, "duration"),
        ("sampleAudio", {"mediaId": "<amr>", "duration": "0"}, "duration"),
        ("sampleAudio", {"mediaId": "<amr>", "duration": "4.5"}, "duration"),
        ("sampleFile", {"mediaId": "<image>", "fileName": "a.xlsx", "fileType": "xlsx"}, "mediaId"),
        ("sampleFile", {"mediaId": URL, "fileName": "a.xlsx", "fileType": "xlsx"}, "mediaId"),
        ("sampleFile", {"mediaId": "<file>", "fileName": "a.csv", "fileType": "csv"}, "fileType"),
        (
            "sampleVideo",
            {"duration": "1", "videoMediaId": "<video>", "videoType": "avi", "picMediaId": "<image>"},
            "videoType",
        ),
        (
            "sampleVideo",
            {"duration": "1", "videoMediaId": "<video>", "videoType": "mp4", "picMediaId": "<video>"},
            "picMediaId",
        ),
        (
            "sampleVideo",
            {
                "duration": "1",
                "videoMediaId": "<video>",
                "videoType": "mp4",
                "picMediaId": "<image>",
                "height": "tall",
            },
            "height",
        ),
    ],
)
def test_a_wrong_value_is_named(sandbox: Sandbox, client: Any, msg_key: str, param: dict[str, Any], wrong: str) -> None:
    """All values are text, media must be of the right kind, and durations count from 1."""
    text = json.dumps(param)
    for name, media_id in media_of(client).items():
        text = text.replace(f"<{name}>", media_id)
    assert refused(client.v1(GROUP_SEND, to_group(sandbox, msgKey=msg_key, msgParam=text))) == (
        "invalidParameter.param.invalid",
        f"参数不合法: {wrong}",
    )


@pytest.mark.parametrize(
    ("msg_key", "param", "missing"),
    [
        ("sampleText", {}, "content"),
        ("sampleText", {"content": ""}, "content"),
        ("sampleMarkdown", {"text": "x"}, "title"),
        ("sampleImageMsg", {"picURL": URL}, "photoURL"),
        ("sampleLink", {"title": "t", "text": "x", "messageURL": URL}, "messageUrl"),
        ("sampleActionCard", {"title": "t", "text": "x", "singleTitle": "go"}, "singleURL"),
        ("sampleActionCard6", {"title": "t", "text": "x", "buttonTitle1": "a", "buttonURL1": URL}, "buttonUrl1"),
        ("sampleAudio", {"duration": "1"}, "mediaId"),
        ("sampleFile", {"fileName": "a.zip"}, "mediaId"),
        ("sampleVideo", {"duration": "1"}, "videoMediaId"),
    ],
)
def test_a_missing_value_is_named(
    sandbox: Sandbox, client: Any, msg_key: str, param: dict[str, Any], missing: str
) -> None:
    """The code itself ends with its name."""
    answer = client.v1(GROUP_SEND, to_group(sandbox, msgKey=msg_key, msgParam=json.dumps(param)))
    assert refused(answer) == (f"miss.param.{missing}", f"消息内容不合法，需要{missing}属性")


def test_media_of_another_app_are_unknown(start_sandbox: StartSandbox, client_of: Any) -> None:
    """They were uploaded with another token."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    media_id = client_of(sandbox, apps[1]).media_id("image", "a.png", PNG)
    body = to_group(sandbox, msgKey="sampleImageMsg", msgParam=json.dumps({"photoURL": media_id}))
    assert refused(client_of(sandbox).v1(GROUP_SEND, body))[0] == "invalidParameter.param.invalid"


def test_who_of_a_group_has_read(sandbox: Sandbox, client: Any) -> None:
    """Nobody at first; in pages; only the key is required."""
    key = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    assert client.v1(GROUP_QUERY, {"processQueryKey": key}) == (
        200,
        {"sendStatus": "SUCCESS", "readUserIds": [], "hasMore": False},
    )
    for user_id in ("wangwu", "zhangsan", "lisi"):
        sandbox.read(user_id)
    body = {
        "processQueryKey": key,
        "openConversationId": sandbox.group.open_conversation_id,
        "robotCode": sandbox.app.robot_code,
        "maxResults": 2,
    }
    reply = client.v1(GROUP_QUERY, body)[1]
    assert reply == {
        "sendStatus": "SUCCESS",
        "readUserIds": ["zhangsan", "lisi"],
        "hasMore": True,
        "nextToken": reply["nextToken"],
    }
    assert client.v1(GROUP_QUERY, {**body, "nextToken": reply["nextToken"]}) == (
        200,
        {"sendStatus": "SUCCESS", "readUserIds": ["wangwu"], "hasMore": False},
    )
    # Only what stood there when they looked.
    newer = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    assert client.v1(GROUP_QUERY, {"processQueryKey": newer})[1]["readUserIds"] == []
    with pytest.raises(ValueError, match="nobody"):
        sandbox.read("nobody")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"processQueryKey": None}, "invalidParameter.processQueryKey.missing"),
        ({"processQueryKey": "x"}, "invalid.processQueryKey"),
        ({"openConversationId": "cidx=="}, "invalid.openConversationId"),
        ({"robotCode": "x"}, "invalidParameter.robotCode.notExsit"),
        ({"maxResults": 201}, "invalidParameter.pageSize.invalid"),
        ({"maxResults": "50"}, "invalidParameter.pageSize.invalid"),
        ({"nextToken": "x"}, "invalidParameter.cursor.invalid"),
    ],
)
def test_wrong_questions_about_readers_of_a_group(
    sandbox: Sandbox, client: Any, fields: dict[str, Any], code: str
) -> None:
    """Each has its code."""
    key = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    assert refused(client.v1(GROUP_QUERY, {"processQueryKey": key, **fields}))[0] == code


def test_which_people_have_read(sandbox: Sandbox, client: Any) -> None:
    """By GET, each of those whom it reached."""
    key = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan", "nobody", "lisi"))[1]["processQueryKey"]
    sandbox.read("lisi")
    question = {"robotCode": sandbox.app.robot_code, "processQueryKey": key}
    assert client.v1(READ_STATUS, question, method="GET") == (
        200,
        {
            "sendStatus": "SUCCESS",
            "messageReadInfoList": [
                {"name": "张三", "userId": "zhangsan", "readStatus": "UNREAD"},
                {"name": "李四", "userId": "lisi", "readStatus": "READ"},
            ],
        },
    )
    # The plus in a key that is not encoded is a blank.
    token = client.token()
    target = f"{READ_STATUS}?robotCode={sandbox.app.robot_code}&processQueryKey={key}"
    answer = client.request("GET", target, None, {"x-acs-dingtalk-access-token": token})
    assert refused(answer)[0] == "invalid.processQueryKey"
    question.pop("robotCode")
    assert refused(client.v1(READ_STATUS, question, method="GET"))[0] == "invalidParameter.robotCode.empty"


def test_keys_of_groups_and_people_are_not_mixed(sandbox: Sandbox, client: Any) -> None:
    """Each question knows its own."""
    group = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    people = client.v1(PEOPLE_SEND, to_people(sandbox, "lisi"))[1]["processQueryKey"]
    question = {"robotCode": sandbox.app.robot_code, "processQueryKey": group}
    assert refused(client.v1(READ_STATUS, question, method="GET"))[0] == "invalid.processQueryKey"
    assert refused(client.v1(GROUP_QUERY, {"processQueryKey": people}))[0] == "invalid.processQueryKey"
    wrong = "无效的processQueryKey，请检查processQueryKey是否正确"
    body = {"robotCode": sandbox.app.robot_code, "processQueryKeys": [group]}
    assert client.v1(PEOPLE_RECALL, body)[1] == {"successResult": [], "failedResult": {group: wrong}}
    body = {**body, "openConversationId": sandbox.group.open_conversation_id, "processQueryKeys": [people]}
    assert client.v1(GROUP_RECALL, body)[1] == {"successResult": [], "failedResult": {people: wrong}}


def test_read_status_comes_late_and_ends(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """Not ready yet and over after a day have the same code."""
    sandbox = start_sandbox(status_seconds=5)
    client = client_of(sandbox)
    key = client.v1(PEOPLE_SEND, to_people(sandbox, "lisi"))[1]["processQueryKey"]
    question = {"robotCode": sandbox.app.robot_code, "processQueryKey": key}
    late = ("processQueryKey.expireTime", "processQueryKey还未生成消息查询数据或已过期，无法查询消息")
    assert refused(client.v1(READ_STATUS, question, method="GET")) == late
    clock.now += 5
    assert client.v1(READ_STATUS, question, method="GET")[0] == 200
    clock.now += 86_400
    assert refused(client.v1(READ_STATUS, question, method="GET")) == late


def test_recall_from_a_group(sandbox: Sandbox, client: Any) -> None:
    """The message is gone, as its status shows, and unknown keys fail alone."""
    keys = [client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"] for _ in range(3)]
    body = {
        "robotCode": sandbox.app.robot_code,
        "openConversationId": sandbox.group.open_conversation_id,
        "processQueryKeys": [keys[1], "x"],
    }
    assert client.v1(GROUP_RECALL, body) == (
        200,
        {
            "successResult": [keys[1]],
            "failedResult": {"x": "无效的processQueryKey，请检查processQueryKey是否正确"},
        },
    )
    assert [message.handle for message in sandbox.messages] == [keys[0], keys[2]]
    assert [message.number for message in sandbox.messages] == [1, 3]
    assert client.v1(GROUP_QUERY, {"processQueryKey": keys[1]})[1]["sendStatus"] == "RECALLED"
    # A second time changes nothing.
    assert client.v1(GROUP_RECALL, body)[1]["successResult"] == [keys[1]]
    assert len(sandbox.messages) == 2


def test_recall_from_people(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """From all of them at once, within a day."""
    sent = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan", "lisi"))[1]["processQueryKey"]
    late = client.v1(PEOPLE_SEND, to_people(sandbox, "zhangsan"))[1]["processQueryKey"]
    body = {"robotCode": sandbox.app.robot_code, "processQueryKeys": [sent]}
    assert client.v1(PEOPLE_RECALL, body) == (200, {"successResult": [sent], "failedResult": {}})
    assert [message.handle for message in sandbox.messages] == [late]
    clock.now += 86_401
    assert client.v1(PEOPLE_RECALL, {**body, "processQueryKeys": [late]})[1] == {
        "successResult": [],
        "failedResult": {late: "processQueryKey已过期，无法撤回消息"},
    }


def test_recall_what_another_robot_sent(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Only the sender may."""
    apps = (App(), App())
    sandbox = start_sandbox(apps=apps)
    key = client_of(sandbox).v1(PEOPLE_SEND, to_people(sandbox, "lisi"))[1]["processQueryKey"]
    body = {"robotCode": apps[1].robot_code, "processQueryKeys": [key]}
    words = "待撤回的消息不是robotCode对应的机器人发出的，无权限撤回消息，请传入正确的robotCode"
    other = client_of(sandbox, apps[1])
    assert other.v1(PEOPLE_RECALL, body)[1] == {"successResult": [], "failedResult": {key: words}}
    question = {"robotCode": apps[1].robot_code, "processQueryKey": key}
    assert refused(other.v1(READ_STATUS, question, method="GET"))[0] == "invalid.processQueryKey"
    assert len(sandbox.messages) == 1


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (None, "invalidParameter.processQueryKey.missing"),
        ("x", "invalidParameter.param.invalid"),
        ([1], "invalidParameter.param.invalid"),
        (["x"] * 21, "invalidParameter.processQueryKeys.overMax"),
    ],
)
def test_wrong_lists_of_keys(sandbox: Sandbox, client: Any, keys: Any, code: str) -> None:
    """One to twenty, in an array."""
    body = {"robotCode": sandbox.app.robot_code, "processQueryKeys": keys}
    assert refused(client.v1(PEOPLE_RECALL, body))[0] == code


def test_clear_forgets_what_was_sent(sandbox: Sandbox, client: Any) -> None:
    """And numbers begin anew."""
    key = client.v1(GROUP_SEND, to_group(sandbox))[1]["processQueryKey"]
    sandbox.clear()
    assert refused(client.v1(GROUP_QUERY, {"processQueryKey": key}))[0] == "invalid.processQueryKey"
    client.v1(GROUP_SEND, to_group(sandbox))
    assert [message.number for message in sandbox.messages] == [1]
