"""What a work notification carries and to whom: whole payloads, limits, people in pieces, and whom it reached."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush import errors
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.dingtalk.sent_work_notifications import Delivery, Progress
from airflow_provider_dingpush.dingtalk.work_notification import MAX_MESSAGE_BYTES
from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    Audio,
    Button,
    FeedCard,
    FeedLink,
    File,
    Image,
    Link,
    Markdown,
    Message,
    Text,
    Video,
)
from airflow_provider_dingpush.sandbox import App, Fault, Person, Quotas, Sandbox
from tests.dingtalk.app_channels import NotificationChannels

GOLDEN = Path(__file__).parents[1] / "golden" / "work_notification"
URL = "https://airflow.example.com/dags/etl_daily"
PICTURE = "https://example.com/a_(1).png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
AMR = b"#!AMR\n" + bytes(100)
SEND = "/topapi/message/corpconversation/asyncsend_v2"
BUTTONS = (Button("Open log", URL), Button("Runbook 手册", "https://wiki.example.com/runbook#a"))

StartSandbox = Callable[..., Sandbox]
AppClientOf = Callable[..., Any]

# name of the golden file -> message
PAYLOADS: dict[str, Message] = {
    "text": Text('etl_daily "failed" \\ 失败\n第二行 👍🏽'),
    "markdown": Markdown("etl_daily failed", "#### etl_daily\n\n> task `load` **failed**"),
    "image_uploaded": Image(PNG),
    "image_url": Image(PICTURE),
    "voice": Audio(AMR, "4.2"),  # type: ignore[arg-type]
    "file": File(b"PK\x03\x04", "日报.xlsx"),
    "link": Link("Run finished", "etl_daily 2026-01-01", URL),
    "action_card_one_button": ActionCard("Approve?", "### Deploy?", BUTTONS[:1]),
    "action_card_vertical": ActionCard("Approve?", "### Deploy?", BUTTONS),
    "action_card_horizontal": ActionCard("Approve?", "### Deploy?", BUTTONS, horizontal=True),
    "oa": OA("etl_daily", URL),
    "oa_full": OA(
        "etl_daily",
        URL,
        {"task:": "load", "rows:": 1200},
        "第 3 次失败",
        "Airflow",
        ("failed", "red"),
    ),
    "oa_status_without_color": OA("etl_daily", URL, status="running"),
}


@pytest.fixture
def notifications_of(app_client_of: AppClientOf) -> Callable[..., NotificationChannels]:
    """Make the work notifications of a sandbox's first app, or of the app that is given."""

    def make(sandbox: Sandbox, *, app: App | None = None, **options: Any) -> NotificationChannels:
        calls = app_client_of(sandbox, app=app).calls
        return NotificationChannels(calls, MediaLibrary(calls), options)

    return make


NotificationsOf = Callable[..., NotificationChannels]


def sends(sandbox: Sandbox) -> list[Any]:
    """The bodies of all requests that tried to send something."""
    return [each.json for each in sandbox.requests if each.path == SEND]


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_on_the_wire(name: str, start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """The message is as in the golden file; agent and people are as DingTalk wants them."""
    sandbox = start_sandbox()
    (task_id,) = notifications_of(sandbox).send(PAYLOADS[name], user_ids=["zhangsan", "lisi"])
    request = sandbox.requests[-1]
    assert request.outcome == "accepted"
    assert task_id == str(request.reply["task_id"])  # type: ignore[index]
    text = request.body.decode()
    for number, medium in enumerate(sandbox.media, 1):
        text = text.replace(medium.media_id, f"<media id {number}>")
    # An agent id that is a number, and people in one str.
    assert json.loads(text) == {
        "agent_id": sandbox.app.agent_id,
        "userid_list": "zhangsan,lisi",
        "msg": json.loads((GOLDEN / f"{name}.json").read_text("utf-8")),
    }
    assert "\\u" not in text
    assert [each.conversation.key for each in sandbox.messages] == ["notification:zhangsan", "notification:lisi"]


def test_every_golden_file_is_used() -> None:
    """A file that no test reads proves nothing."""
    assert sorted(each.stem for each in GOLDEN.glob("*")) == sorted(PAYLOADS)


def test_a_link_with_an_uploaded_picture_is_a_link(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf
) -> None:
    """One without is an OA message, which opens a page as well: DingTalk demands the picture."""
    sandbox = start_sandbox()
    notifications = notifications_of(sandbox)
    notifications.send(Image(PNG), user_ids=["lisi"])
    media_id = sandbox.media[0].media_id
    notifications.send(Link("Run", "details", URL, media_id), user_ids=["lisi"])
    assert sends(sandbox)[-1]["msg"] == {
        "msgtype": "link",
        "link": {"messageUrl": URL, "picUrl": media_id, "title": "Run", "text": "details"},
    }


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ({"user_ids": ["lisi"]}, {"userid_list": "lisi"}),
        ({"department_ids": [1001, "1002", 1001]}, {"dept_id_list": "1001,1002"}),
        ({"user_ids": ["lisi"], "department_ids": ["1002"]}, {"userid_list": "lisi", "dept_id_list": "1002"}),
        ({"everyone": True}, {"to_all_user": True}),
    ],
    ids=str,
)
def test_recipients_on_the_wire(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf, target: dict[str, Any], sent: dict[str, Any]
) -> None:
    """Lists are text with commas, and what isn't meant is left out."""
    sandbox = start_sandbox()
    notifications_of(sandbox).send(Text("hello"), **target)
    (body,) = sends(sandbox)
    assert {key: value for key, value in body.items() if key not in ("agent_id", "msg")} == sent
    assert sandbox.messages


def test_nobody_is_refused(start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """Before anything is asked of DingTalk."""
    sandbox = start_sandbox()
    with pytest.raises(errors.InvalidMessageError, match="is empty"):
        notifications_of(sandbox).send(Text("hello"))
    assert sandbox.requests == ()


def test_many_recipients_are_sent_to_in_pieces(start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """A hundred people and twenty departments a call; each call has a task of its own."""
    people = tuple(
        Person(user_id=f"user{n}", name="人", mobile=f"139{n:08}", department_ids=(1000 + n % 50,)) for n in range(230)
    )
    sandbox = start_sandbox(people=people)
    ids = [each.user_id for each in people]
    tasks = notifications_of(sandbox).send(Text("hello"), user_ids=ids, department_ids=range(1000, 1050))
    bodies = sends(sandbox)
    assert len(set(tasks)) == len(bodies) == 3
    assert [each["userid_list"].count(",") + 1 for each in bodies] == [100, 100, 30]
    assert [each["dept_id_list"].count(",") + 1 for each in bodies] == [20, 20, 10]
    # Whoever is named as a person and by a department gets it once.
    assert len(sandbox.messages) == 230
    smaller = start_sandbox(people=people, quotas=Quotas(people_per_notification=2, departments_per_notification=1))
    made = notifications_of(smaller, people_per_call=2, departments_per_call=1)
    assert len(made.send(Text("hello"), user_ids=ids[:3], department_ids=[1000])) == 2


@pytest.mark.parametrize(
    ("message", "kind", "problem", "remedy"),
    [
        (
            FeedCard([FeedLink("r", URL, PICTURE)]),
            errors.UnsupportedMessageError,
            "can't carry FeedCard",
            "dingtalk_robot",
        ),
        (Video("a.mp4", 3, PNG), errors.UnsupportedMessageError, "can't carry Video", "to=Users(…)"),
        (Button("go", URL), errors.UnsupportedMessageError, "can't carry Button", ""),
        (Link("t", "x", URL, PICTURE), errors.UnsupportedMessageError, "can't show an image by its URL", "pic_url"),
        (Audio(AMR, 59.5), errors.UnsupportedMessageError, "must be shorter than 60 seconds, not 59.5", "to=Users(…)"),
        (Text("字" * 700), errors.MessageTooLongError, "This Text has 2,140 bytes", "15,000"),
        (Markdown("t" * 65, "x"), errors.MessageTooLongError, "Markdown.title has 65 characters", "Shorten"),
        (ActionCard("t" * 65, "x", BUTTONS), errors.MessageTooLongError, "ActionCard.title has 65 characters", ""),
        (
            ActionCard("t", "x", [Button("b" * 21, URL)]),
            errors.MessageTooLongError,
            "Button.title has 21 characters; the limit of work notifications is 20.",
            "",
        ),
        (
            ActionCard("t", "x", [Button("b", f"{URL}?{'x' * 500}")]),
            errors.MessageTooLongError,
            "Button.url has 543 characters; the limit of work notifications is 500.",
            "",
        ),
        (
            ActionCard("t", "x", [Button("b", f"{URL}?{'x' * 500}"), Button("c", f"{URL}?{'x' * 500}")]),
            errors.MessageTooLongError,
            "The buttons of this ActionCard have more than the 1000 characters",
            "",
        ),
        (OA("t", URL, {"k": "v" * 2000}), errors.MessageTooLongError, "This OA has 2,", ""),
        (
            File(bytes(10 * 1024 * 1024 + 1), "a.zip"),
            errors.InvalidMessageError,
            "File.source has more than the 10 MB",
            "",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, (str, type)) else "",
)
def test_what_it_cannot_carry_is_refused_with_the_way_that_can(
    start_sandbox: StartSandbox,
    notifications_of: NotificationsOf,
    message: Message,
    kind: Any,
    problem: str,
    remedy: str,
) -> None:
    """Before anything is asked of DingTalk."""
    sandbox = start_sandbox()
    with pytest.raises(kind) as caught:
        notifications_of(sandbox).send(message, user_ids=["lisi"])
    assert problem in caught.value.problem
    assert remedy in caught.value.advice
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    "target",
    [{"user_ids": list("abcdef")}, {"user_ids": ["lisi"], "department_ids": [1001]}, {"everyone": True}],
    ids=str,
)
def test_a_status_bar_goes_to_few_people_only(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf, target: dict[str, Any]
) -> None:
    """DingTalk takes five; the same form without one goes to anybody."""
    sandbox = start_sandbox()
    notifications = notifications_of(sandbox)
    for send in (notifications.send, lambda message, **to: notifications.send_cut(message, language="zh", **to)):
        with pytest.raises(errors.UnsupportedMessageError, match="at most 5 people"):
            send(OA("t", URL, status="failed"), **target)
    assert sandbox.requests == ()
    notifications.send(OA("t", URL), **target)
    notifications.send(OA("t", URL, status="failed"), user_ids=["zhangsan", "lisi", "wangwu", "d", "e"])


@pytest.mark.parametrize("size", range(1_980, 2_070, 7))
def test_the_size_limit_holds_to_the_byte(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf, size: int
) -> None:
    """DingTalk never sees one that is too long, and what just fits is left alone."""
    sandbox = start_sandbox(quotas=Quotas(same_notification_once_a_day=False))
    notifications = notifications_of(sandbox)
    whole = Text("a" * size)
    if size + len('{"msgtype":"text","text":{"content":""}}') <= MAX_MESSAGE_BYTES:
        notifications.send(whole, user_ids=["lisi"])
    else:
        with pytest.raises(errors.MessageTooLongError):
            notifications.send(whole, user_ids=["lisi"])
    notifications.send_cut(whole, user_ids=["lisi"], language="zh")
    notifications.send_cut(Markdown("t", "中" * (size // 3) + '"' * 9), user_ids=["lisi"], language="zh")
    assert all(each.outcome in ("accepted", "answered") for each in sandbox.requests)


def test_an_alert_is_cut_instead_of_refused(start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """Its text by bytes, with a note, and its title by characters."""
    sandbox = start_sandbox()
    notifications = notifications_of(sandbox)
    notifications.send_cut(Markdown("标" * 100, "字" * 3_000), user_ids=["lisi"], language="zh")
    notifications.send_cut(ActionCard("t" * 100, "x" * 3_000, BUTTONS), user_ids=["lisi"], language="en")
    notifications.send_cut(Link("t", "x" * 3_000, URL), user_ids=["lisi"], language="en")
    markdown, card, link = (each["msg"] for each in sends(sandbox))
    assert markdown["markdown"]["title"] == "标" * 63 + "…"
    assert re.search(r"……（内容过长：共 3000 字，此处省略 \d+ 字）$", markdown["markdown"]["text"])
    assert len(card["action_card"]["title"]) == 64
    assert len(card["action_card"]["btn_json_list"]) == 2
    assert link["oa"]["body"]["content"].endswith("of 3000 characters left out)")
    for msg in (markdown, card, link):
        assert 2_000 < len(json.dumps(msg, ensure_ascii=False, separators=(",", ":")).encode()) <= MAX_MESSAGE_BYTES


def test_progress_and_result_of_a_work_notification(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf
) -> None:
    """Who got it and read it, and who didn't and why."""
    now = [1_767_225_600.0]
    people = (
        Person(user_id="zhangsan", name="张三", mobile="13800000001"),
        Person(user_id="lisi", name="李四", mobile="13800000002"),
        Person(user_id="off", name="关", mobile="13800000003", refuses=True),
        Person(user_id="boss", name="老板", mobile="13800000004"),
    )
    app = App(visible_user_ids=("zhangsan", "lisi", "off"))
    sandbox = start_sandbox(people=people, apps=(app,), notification_seconds=10.0, clock=lambda: now[0])
    notifications = notifications_of(sandbox)
    (first,) = notifications.send(Text("hello"), user_ids=["lisi"])
    (task,) = notifications.send(Text("hello"), user_ids=["zhangsan", "lisi", "off", "boss"], department_ids=[1, 77])
    assert notifications.progress(task) == Progress(0, done=False)
    now[0] += 5
    assert notifications.progress(task) == Progress(50, done=False)
    assert notifications.result(task) == Delivery()
    now[0] += 5
    assert notifications.progress(task) == Progress(100, done=True)
    sandbox.read("zhangsan")
    result = notifications.result(task)
    assert result.read_user_ids == ("zhangsan",)
    assert result.unread_user_ids == ()
    assert result.invalid_user_ids == ("boss",)
    assert result.failed_user_ids == ("off",)
    assert result.invalid_department_ids == ("77",)
    assert list(result.forbidden) == ["lisi"]
    assert re.search(r"same content .*相同内容 \(143106\)$", result.forbidden["lisi"])
    assert [each.partition(":")[0] for each in result.problems] == ["boss", "lisi", "off", "Departments 77"]
    assert notifications.result(first).problems == ()


@pytest.mark.parametrize(
    ("answered", "forbidden"),
    [
        ({}, {}),
        ({"forbidden_user_id_list": ["a"]}, {"a": "DingTalk gives no reason 钉钉未说明原因"}),
        (
            {"forbidden_user_id_list": ["a"], "forbidden_list": [{"code": "999", "count": 1, "userid": "a"}]},
            {"a": "blocked by DingTalk 被钉钉拦截 (999)"},
        ),
        (
            {"forbidden_list": [{"code": 143105, "count": 500, "userid": "a"}]},
            {"a": "this person's daily number of work notifications is used up 该员工当日接收数已达上限 (143105)"},
        ),
    ],
    ids=str,
)
def test_reasons_for_what_was_kept_back(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, answered: dict[str, Any], forbidden: dict[str, str]
) -> None:
    """Also where DingTalk gives a code that nobody has written down, or none."""
    token = answer(b'{"accessToken":"t","expireIn":7200}')
    server = raw_server([token, answer(json.dumps({"errcode": "0", "send_result": answered}).encode())])
    notifications = NotificationChannels(app_client_of(server.url).calls, None, {"agent_id": 7})
    assert notifications.result("12").forbidden == forbidden


@pytest.mark.parametrize("odd", [5, "x", None, True, {"a": 1}, [None, [], {}], [[5]]], ids=ascii)
def test_a_damaged_result_is_read_as_far_as_it_goes(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, odd: object
) -> None:
    """It was sent; a bare TypeError would have the task send it again."""
    names = ("invalid_user_id_list", "forbidden_user_id_list", "forbidden_list", "failed_user_id_list")
    more = ("read_user_id_list", "unread_user_id_list", "invalid_dept_id_list")
    progress = {"errcode": 0, "progress": {"progress_in_percent": odd, "status": odd}}
    result = {"errcode": 0, "send_result": dict.fromkeys([*names, *more], odd)}
    token = answer(b'{"accessToken":"t","expireIn":7200}')
    server = raw_server([token, *(answer(json.dumps(each).encode()) for each in (progress, result))])
    notifications = NotificationChannels(app_client_of(server.url).calls, None, {"agent_id": 7})
    assert not notifications.progress("12").done
    assert notifications.result("12").problems == ()


def test_a_work_notification_is_taken_back(start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """By the same number, under another name of the field."""
    sandbox = start_sandbox()
    notifications = notifications_of(sandbox)
    (task,) = notifications.send(Text("hello"), user_ids=["lisi"])
    notifications.recall(task)
    assert sandbox.requests[-1].json == {"agent_id": sandbox.app.agent_id, "msg_task_id": int(task)}
    with pytest.raises(errors.DingTalkError) as caught:
        notifications.recall("12")
    assert caught.value.errcode == "400002"
    with pytest.raises(errors.InvalidMessageError, match="must be a number"):
        notifications.recall("process query key")


@pytest.mark.parametrize("agent_id", [None, "", "airflow", "-1"], ids=repr)
def test_an_agent_id_that_is_none_is_a_setting_to_correct(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf, agent_id: str | None
) -> None:
    """The error names where to find it."""
    sandbox = start_sandbox()
    with pytest.raises(errors.ConnectionSettingsError, match=r"agent_?id.*请在开发者后台") as caught:
        notifications_of(sandbox, agent_id=agent_id).send(Text("hello"), user_ids=["lisi"])
    assert "AgentId" in caught.value.advice
    assert sandbox.requests == ()


def test_an_agent_id_of_another_app_is_refused(start_sandbox: StartSandbox, notifications_of: NotificationsOf) -> None:
    """DingTalk's reason comes out with advice."""
    sandbox = start_sandbox(apps=(App(), App()))
    with pytest.raises(errors.ConfigurationError) as caught:
        notifications_of(sandbox, agent_id=sandbox.apps[1].agent_id).send(Text("hello"), user_ids=["lisi"])
    assert caught.value.errcode == "41020"


@pytest.mark.parametrize("fault", [Fault.HTTP_504, Fault.RESET_AFTER_BODY_ACCEPTED, Fault.UNKNOWN_RESULT], ids=str)
def test_a_work_notification_is_sent_again_if_no_answer_came(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf, fault: Fault
) -> None:
    """DingTalk drops what it has shown a person today already, so that nobody gets it twice."""
    sandbox = start_sandbox()
    sandbox.fail_next(fault, path=SEND)
    notifications = notifications_of(sandbox)
    (task,) = notifications.send(Text("hello"), user_ids=["lisi"])
    assert len(sends(sandbox)) == 2
    assert len(sandbox.messages) == 1
    assert "perhaps by an earlier try" in notifications.result(task).forbidden["lisi"]


def test_the_error_of_a_call_names_those_that_were_taken(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf
) -> None:
    """With their task ids, by which they can be taken back."""
    sandbox = start_sandbox()
    sandbox.fail_next(Fault.STRING_ERRCODE, path=SEND)
    sandbox.fail_next(Fault.QUOTA_USED_UP, path=SEND)
    with pytest.raises(errors.QuotaExhaustedError) as caught:
        notifications_of(sandbox, people_per_call=1).send(Text("hello"), user_ids=["zhangsan", "lisi", "wangwu"])
    assert re.match(r"Call 2 of 3 failed, those before it were accepted \(task_id \d+\): ", caught.value.problem)


def test_templates_that_nobody_rendered_are_refused(
    start_sandbox: StartSandbox, notifications_of: NotificationsOf
) -> None:
    """Braces are no URL, and what was built may never have been rendered."""
    sandbox = start_sandbox()
    with pytest.raises(errors.InvalidMessageError, match=r"^OA\.message_url must be"):
        notifications_of(sandbox).send(OA("t", "{{ url }}"), user_ids=["lisi"])
    assert sandbox.requests == ()
