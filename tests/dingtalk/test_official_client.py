"""DingTalk's own client, which nobody here wrote, sends the same to the sandbox as ours.

It knows the v1.0 API only: there is no work notification and no upload in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.ding import Dings
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.dingtalk.on_call_options import DingOptions
from airflow_provider_dingpush.dingtalk.todos import Todos
from airflow_provider_dingpush.messages import (
    ActionCard,
    Audio,
    Button,
    File,
    Image,
    Link,
    Markdown,
    Message,
    Text,
    Video,
)
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt, TodoReceipt
from airflow_provider_dingpush.sandbox import App, ReceivedRequest, Sandbox
from airflow_provider_dingpush.targets import Users
from tests.dingtalk.app_channels import RobotChannels


def official_module(name: str) -> Any:
    """A module of DingTalk's own client; the reason to skip names how to install it."""
    return pytest.importorskip(name, reason="needs DingTalk's own client: pip install alibabacloud_dingtalk")


oauth2 = official_module("alibabacloud_dingtalk.oauth2_1_0.models")
OAuth2 = official_module("alibabacloud_dingtalk.oauth2_1_0.client").Client
robot_models = official_module("alibabacloud_dingtalk.robot_1_0.models")
todo_models = official_module("alibabacloud_dingtalk.todo_1_0.models")
TodoClient = official_module("alibabacloud_dingtalk.todo_1_0.client").Client
RobotClient = official_module("alibabacloud_dingtalk.robot_1_0.client").Client
Config = official_module("alibabacloud_tea_openapi.models").Config
RuntimeOptions = official_module("alibabacloud_tea_util.models").RuntimeOptions
TeaException = official_module("Tea.exceptions").TeaException

URL = "https://airflow.example.com/dags/etl_daily"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
AMR = b"#!AMR\n" + bytes(100)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(100)
ZIP = b"PK\x03\x04" + bytes(100)
BUTTONS = tuple(Button(f"按钮{number}", f"{URL}?button={number}") for number in range(1, 6))
VERTICAL = {
    f"action{what}{number}": value
    for number, button in enumerate(BUTTONS, 1)
    for what, value in (("Title", button.title), ("URL", button.url))
}

StartSandbox = Callable[..., Sandbox]
AppClientOf = Callable[..., Any]

# The message, and what DingTalk's page 0699 wants for it, written down from there and not by our encoders. A callable
# means the media id of what was uploaded.
MESSAGES: dict[str, tuple[Message, str, dict[str, Any]]] = {
    "text": (Text('失败 "x"\nsecond line'), "sampleText", {"content": '失败 "x"\nsecond line'}),
    "markdown": (Markdown("标题", "#### x\n\n> y"), "sampleMarkdown", {"title": "标题", "text": "#### x\n\n> y"}),
    "image by URL": (Image(f"{URL}/a.png"), "sampleImageMsg", {"photoURL": f"{URL}/a.png"}),
    "image uploaded": (Image(PNG), "sampleImageMsg", {"photoURL": PNG}),
    "link": (
        Link("标题", "text", URL, f"{URL}/a.png"),
        "sampleLink",
        {"text": "text", "title": "标题", "picUrl": f"{URL}/a.png", "messageUrl": URL},
    ),
    "card with a button": (
        ActionCard("标题", "### x", BUTTONS[:1]),
        "sampleActionCard",
        {"title": "标题", "text": "### x", "singleTitle": "按钮1", "singleURL": f"{URL}?button=1"},
    ),
    **{
        f"card with {count} buttons": (
            ActionCard("标题", "### x", BUTTONS[:count]),
            f"sampleActionCard{count}",
            {"title": "标题", "text": "### x", **{key: VERTICAL[key] for key in VERTICAL if int(key[-1]) <= count}},
        )
        for count in (2, 3, 4, 5)
    },
    "card with buttons side by side": (
        ActionCard("标题", "### x", BUTTONS[:2], horizontal=True),
        "sampleActionCard6",
        {
            "title": "标题",
            "text": "### x",
            "buttonTitle1": "按钮1",
            "buttonUrl1": f"{URL}?button=1",
            "buttonTitle2": "按钮2",
            "buttonUrl2": f"{URL}?button=2",
        },
    ),
    "audio": (Audio(AMR, 4), "sampleAudio", {"mediaId": AMR, "duration": "4000"}),
    "file": (File(ZIP, "日志.zip"), "sampleFile", {"mediaId": ZIP, "fileName": "日志.zip", "fileType": "zip"}),
    "video": (
        Video(MP4, 10, PNG),
        "sampleVideo",
        {"duration": "10", "videoMediaId": MP4, "videoType": "mp4", "picMediaId": PNG},
    ),
}


class Official:
    """DingTalk's client, pointed at a sandbox."""

    def __init__(self, sandbox: Sandbox, app: App) -> None:
        config = Config(protocol="http", endpoint=sandbox.url.removeprefix("http://"), region_id="central")
        self.config = config
        self._app = app
        self._sandbox = sandbox
        self._oauth2 = OAuth2(config)
        self._robot = RobotClient(config)
        self.token = ""

    def fetch_token(self) -> int:
        request = oauth2.GetAccessTokenRequest(app_key=self._app.app_key, app_secret=self._app.app_secret)
        body = self._oauth2.get_access_token(request).body
        self.token = body.access_token
        seconds: int = body.expire_in
        return seconds

    def call(self, name: str, kind: str, **fields: Any) -> Any:
        """One call of the robot's API; ``kind`` is how its models are called."""
        headers = getattr(robot_models, f"{kind}Headers")(x_acs_dingtalk_access_token=self.token)
        request = getattr(robot_models, f"{kind}Request")(robot_code=self._app.robot_code, **fields)
        return getattr(self._robot, name)(request, headers, RuntimeOptions()).body


@pytest.fixture
def official(start_sandbox: StartSandbox) -> tuple[Sandbox, Official]:
    """A sandbox, and the client with a token for its app."""
    sandbox = start_sandbox()
    client = Official(sandbox, sandbox.app)
    client.fetch_token()
    return sandbox, client


def our_robot(sandbox: Sandbox, app_client_of: AppClientOf) -> RobotChannels:
    calls = app_client_of(sandbox).calls
    return RobotChannels(calls, MediaLibrary(calls))


def content_of(request: ReceivedRequest) -> dict[str, Any]:
    """All that a request sends to DingTalk: where, with which token, in which format, and every field."""
    fields = dict(request.json or {})
    if "msgParam" in fields:
        assert isinstance(fields["msgParam"], str)
        fields["msgParam"] = json.loads(fields["msgParam"])
    return {
        "call": f"{request.method} {request.path}",
        "token": request.headers.get("x-acs-dingtalk-access-token"),
        "format": request.content_type if request.method == "POST" else None,
        "query": request.query,
        "fields": fields,
        "outcome": request.outcome,
    }


def with_media_ids(sandbox: Sandbox, param: dict[str, Any]) -> str:
    """The parameters as the official client wants them: a JSON string, written by this test."""
    ids = {medium.content: medium.media_id for medium in sandbox.media}
    return json.dumps({key: ids[value] if isinstance(value, bytes) else value for key, value in param.items()})


def test_both_fetch_a_token_the_same_way(official: tuple[Sandbox, Official], app_client_of: AppClientOf) -> None:
    """The same call with the same fields, and the same token comes back."""
    sandbox, client = official
    ours = app_client_of(sandbox).calls.token()
    theirs, mine = (content_of(each) for each in sandbox.requests)
    assert theirs == mine
    assert theirs["fields"] == {"appKey": sandbox.app.app_key, "appSecret": sandbox.app.app_secret}
    assert ours.revealed == client.token
    assert client.fetch_token() == 7200


def test_every_message_key_is_tried() -> None:
    """There are thirteen on DingTalk's page."""
    numbered = [f"sampleActionCard{number or ''}" for number in (0, 2, 3, 4, 5, 6)]
    others = ["Text", "Markdown", "ImageMsg", "Link", "Audio", "File", "Video"]
    assert {key for _, key, _ in MESSAGES.values()} == {*numbered, *(f"sample{name}" for name in others)}


@pytest.mark.parametrize("name", MESSAGES)
def test_both_send_the_same_to_a_group(
    name: str, official: tuple[Sandbox, Official], app_client_of: AppClientOf
) -> None:
    """Field by field, and the sandbox takes both."""
    sandbox, client = official
    message, key, param = MESSAGES[name]
    group = sandbox.group.open_conversation_id
    handle = our_robot(sandbox, app_client_of).send_to_group(message, group).process_query_keys[0]
    mine = sandbox.requests[-1]
    answer = client.call(
        "org_group_send_with_options",
        "OrgGroupSend",
        open_conversation_id=group,
        msg_key=key,
        msg_param=with_media_ids(sandbox, param),
    )
    theirs = sandbox.requests[-1]
    assert content_of(mine) == content_of(theirs)
    assert content_of(mine)["outcome"] == "accepted"
    assert answer.process_query_key not in ("", handle)
    # What people see is the same too.
    assert sandbox.messages[0].shown == sandbox.messages[1].shown


@pytest.mark.parametrize("name", MESSAGES)
def test_both_send_the_same_to_people(
    name: str, official: tuple[Sandbox, Official], app_client_of: AppClientOf
) -> None:
    """The lists of those who were not reached included."""
    sandbox, client = official
    message, key, param = MESSAGES[name]
    people = ["zhangsan", "lisi", "nobody"]
    sent = our_robot(sandbox, app_client_of).send_to_people(message, people)
    mine = sandbox.requests[-1]
    answer = client.call(
        "batch_send_otowith_options",
        "BatchSendOTO",
        user_ids=people,
        msg_key=key,
        msg_param=with_media_ids(sandbox, param),
    )
    theirs = sandbox.requests[-1]
    assert content_of(mine) == content_of(theirs)
    assert list(sent.invalid_user_ids) == answer.invalid_staff_id_list == ["nobody"]
    assert list(sent.flow_controlled_user_ids) == answer.flow_controlled_staff_id_list == []
    assert len(sandbox.messages) == 4


def test_both_ask_who_has_read_a_message_and_take_it_back(
    official: tuple[Sandbox, Official], app_client_of: AppClientOf
) -> None:
    """With handles that the other one got."""
    sandbox, client = official
    group = sandbox.group.open_conversation_id
    robot = our_robot(sandbox, app_client_of)
    in_group = robot.send_to_group(Text("hello"), group).process_query_keys[0]
    in_chat = client.call(
        "batch_send_otowith_options",
        "BatchSendOTO",
        user_ids=["lisi"],
        msg_key="sampleText",
        msg_param='{"content":"hello"}',
    ).process_query_key
    sandbox.read("lisi")
    before = len(sandbox.requests)

    status = client.call(
        "org_group_query_with_options",
        "OrgGroupQuery",
        open_conversation_id=group,
        process_query_key=in_group,
        max_results=200,
    )
    assert list(robot.read_status_of_group(in_group, group).read_user_ids) == status.read_user_ids == ["lisi"]
    status = client.call("batch_otoquery_with_options", "BatchOTOQuery", process_query_key=in_chat)
    assert [each.user_id for each in status.message_read_info_list] == ["lisi"]
    assert robot.read_status_of_people(in_chat).read_user_ids == ("lisi",)
    done = client.call(
        "org_group_recall_with_options", "OrgGroupRecall", open_conversation_id=group, process_query_keys=[in_group]
    )
    assert tuple(done.success_result) == robot.recall_from_group([in_group], group).recalled == (in_group,)
    done = client.call("batch_recall_otowith_options", "BatchRecallOTO", process_query_keys=[in_chat])
    assert tuple(done.success_result) == robot.recall_from_people([in_chat]).recalled == (in_chat,)

    pairs = [content_of(each) for each in sandbox.requests[before:]]
    assert len(pairs) == 8
    assert pairs[0::2] == pairs[1::2]


@pytest.mark.parametrize(
    ("app", "fields", "code"),
    [
        (App(), {"open_conversation_id": "cidnowhere=="}, "invalid.openConversationId"),
        (App(), {"msg_key": "sampleFeedCard"}, "invalidParameter.msgKey.invalid"),
        (App(permissions=()), {}, "Forbidden.AccessDenied.AccessTokenPermissionDenied"),
        (App(), {"expired": True}, "InvalidAuthentication"),
    ],
    ids=["group", "message key", "permission", "token"],
)
def test_the_official_client_understands_the_sandbox_when_it_refuses(
    start_sandbox: StartSandbox, app: App, fields: dict[str, Any], code: str
) -> None:
    """It reads DingTalk's errors, so ours is no dialect of our own."""
    sandbox = start_sandbox(apps=(app,))
    client = Official(sandbox, app)
    client.fetch_token()
    if fields.pop("expired", False):
        sandbox.expire_tokens()
    whole = {
        "open_conversation_id": sandbox.group.open_conversation_id,
        "msg_key": "sampleText",
        "msg_param": '{"content":"x"}',
    }
    with pytest.raises(TeaException) as caught:
        client.call("org_group_send_with_options", "OrgGroupSend", **{**whole, **fields})
    assert caught.value.code == code
    assert caught.value.message


@pytest.mark.parametrize(("kind", "remind_type"), [("app", 1), ("sms", 2), ("phone", 3)])
def test_both_send_the_same_ding(
    kind: str, remind_type: int, official: tuple[Sandbox, Official], app_client_of: AppClientOf
) -> None:
    """And ask who has read it, and take it back, with handles that the other one got."""
    sandbox, client = official
    dings = Dings(app_client_of(sandbox).calls, DingOptions("Standard_Male_Voice"))
    voice = {"call_voice": "Standard_Male_Voice"} if kind == "phone" else {}
    before = len(sandbox.requests)
    mine = dings.send("hello", Users(["zhangsan", "lisi"]), kind=kind)
    theirs = client.call(
        "robot_send_ding_with_options",
        "RobotSendDing",
        remind_type=remind_type,
        receiver_user_id_list=["zhangsan", "lisi"],
        content="hello",
        **voice,
    )
    assert theirs.failed_list == {}
    sandbox.read("lisi")
    other = DingReceipt(DingKind(kind), DingOutcome.SENT, (theirs.open_ding_id,))
    name = "query_robot_ding_read_status_with_options"
    assert dings.read_status(other).read_user_ids == ("lisi",)
    found = client.call(name, "QueryRobotDingReadStatus", open_ding_id=theirs.open_ding_id)
    assert [each.user_id for each in found.result.robot_ding_read_info_list if each.read_status == "READ"] == ["lisi"]
    dings.recall(other)
    client.call("robot_recall_ding_with_options", "RobotRecallDing", open_ding_id=theirs.open_ding_id)
    requests = [content_of(each) for each in sandbox.requests[before:] if "/ding/" in each.path]
    assert requests[0::2] == requests[1::2]
    assert len(requests) == 6
    assert len(mine.ding_ids) == 1


def test_both_make_the_same_to_do(official: tuple[Sandbox, Official], app_client_of: AppClientOf) -> None:
    """Create it, are refused for the same source id, find it, and mark it as done."""
    sandbox, client = official
    todos, todo_client = Todos(app_client_of(sandbox).calls), TodoClient(client.config)
    zhangsan, lisi = (person.union_id for person in sandbox.people[:2])
    due = datetime.fromtimestamp(1795831920, timezone.utc)
    people = Users(["zhangsan", "lisi"])

    def theirs(call: str, kind: str, *ids: str, **fields: Any) -> Any:
        headers = getattr(todo_models, f"{kind}Headers")(x_acs_dingtalk_access_token=client.token)
        request = (getattr(todo_models, f"{kind}Request")(**fields),) if fields else ()
        return getattr(todo_client, f"{call}_with_options")(zhangsan, *ids, *request, headers, RuntimeOptions()).body

    receipt = todos.create("s", people, source_id="1", url=URL, due=due, description="d", pop_up=True)
    mine = sandbox.requests[-1]
    made = theirs(
        "create_todo_task",
        "CreateTodoTask",
        operator_id=zhangsan,
        source_id="2",
        subject="s",
        description="d",
        due_time=1795831920000,
        detail_url=todo_models.CreateTodoTaskRequestDetailUrl(app_url=URL, pc_url=URL),
        executor_ids=[zhangsan, lisi],
        priority=20,
        is_only_show_executor=True,
        notify_configs=todo_models.CreateTodoTaskRequestNotifyConfigs(ding_notify="1"),
    )
    one, other = content_of(mine), content_of(sandbox.requests[-1])
    assert (one["fields"].pop("sourceId"), other["fields"].pop("sourceId")) == ("1", "2")
    assert one == other
    assert todos.create("s", people, source_id="2", url=URL) == TodoReceipt(made.id, "2", zhangsan, is_new=False)
    found = theirs("get_todo_task_by_source_id", "GetTodoTaskBySourceId", "1")
    assert (found.id, found.subject) == (receipt.task_id, "s")
    todos.complete(receipt)
    mine = sandbox.requests[-1]
    theirs("update_todo_task", "UpdateTodoTask", receipt.task_id, operator_id=zhangsan, done=True)
    assert content_of(mine) == content_of(sandbox.requests[-1])
