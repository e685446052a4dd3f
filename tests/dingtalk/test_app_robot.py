"""What an app's robot sends to groups and people: whole payloads, parts, people in pieces, and the results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush import errors
from airflow_provider_dingpush.dingtalk.app_content import Sent, refuse_mentions
from airflow_provider_dingpush.dingtalk.app_robot import MAX_PARAM_BYTES
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.dingtalk.sent_by_robot import ReadStatus
from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    At,
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
from airflow_provider_dingpush.sandbox import App, Fault, GroupChat, Person, Quotas, Robot, Sandbox
from tests.dingtalk.app_channels import RobotChannels

GOLDEN = Path(__file__).parents[1] / "golden" / "app_robot"
URL = "https://airflow.example.com/dags/etl_daily"
PICTURE = "https://example.com/a.png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
AMR = b"#!AMR\n" + bytes(100)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(100)
GROUP_SEND = "/v1.0/robot/groupMessages/send"
PEOPLE_SEND = "/v1.0/robot/oToMessages/batchSend"

StartSandbox = Callable[..., Sandbox]
AppClientOf = Callable[..., Any]


def buttons(count: int) -> tuple[Button, ...]:
    return tuple(Button(f"按钮 {number}", f"{URL}?n={number}&x=y") for number in range(1, count + 1))


# name of the golden file -> message
PAYLOADS: dict[str, Message] = {
    "text": Text('etl_daily "failed" \\ 失败\n第二行 👍🏽'),
    "markdown": Markdown("etl_daily failed", "#### etl_daily\n\n> task `load` **failed**"),
    "image_url": Image(PICTURE),
    "image_uploaded": Image(PNG),
    "link": Link("Run finished", "etl_daily 2026-01-01", URL),
    "link_picture": Link("Run finished", "etl_daily 2026-01-01", URL, PICTURE),
    "action_card_1": ActionCard("Approve?", "### Deploy?", buttons(1)),
    "action_card_2": ActionCard("Approve?", "### Deploy?", buttons(2)),
    "action_card_3": ActionCard("Approve?", "### Deploy?", buttons(3)),
    "action_card_4": ActionCard("Approve?", "### Deploy?", buttons(4)),
    "action_card_5": ActionCard("Approve?", "### Deploy?", buttons(5)),
    "action_card_6": ActionCard("Approve?", "### Deploy?", buttons(2), horizontal=True),
    "audio": Audio(AMR, 4),
    "audio_part_of_a_second": Audio(AMR, "1.2345"),  # type: ignore[arg-type]
    "file": File(b"PK\x03\x04", "日报.xlsx"),
    "video": Video(MP4, 9.2, PNG),
}


@pytest.fixture
def receiver_of(app_client_of: AppClientOf) -> Callable[..., RobotChannels]:
    """Make the robot of a sandbox's first app, or of the app that is given."""

    def make(sandbox: Sandbox, *, app: App | None = None, people_per_call: int = 20, **options: Any) -> RobotChannels:
        calls = app_client_of(sandbox, app=app, **options).calls
        return RobotChannels(calls, MediaLibrary(calls), {"people_per_call": people_per_call})

    return make


RobotOf = Callable[..., RobotChannels]


def sends(sandbox: Sandbox) -> list[Any]:
    """The bodies of all requests that tried to send something."""
    return [each.json for each in sandbox.requests if each.path in (GROUP_SEND, PEOPLE_SEND)]


@pytest.mark.parametrize("target", ["group", "people"])
@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_on_the_wire(name: str, target: str, start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Message key and parameters are as in the golden file, to a group and to people alike."""
    sandbox = start_sandbox()
    robot = receiver_of(sandbox)
    if target == "group":
        sent = robot.send_to_group(PAYLOADS[name], sandbox.group.open_conversation_id)
        to: dict[str, Any] = {"openConversationId": sandbox.group.open_conversation_id}
    else:
        sent = robot.send_to_people(PAYLOADS[name], ["zhangsan", "lisi"])
        to = {"userIds": ["zhangsan", "lisi"]}
    request = sandbox.requests[-1]
    assert request.outcome == "accepted"
    assert sent == Sent(1, (request.reply["processQueryKey"],))  # type: ignore[index]
    body = dict(request.json)
    param = body.pop("msgParam")
    for number, medium in enumerate(sandbox.media, 1):
        param = param.replace(medium.media_id, f"<media id {number}>")
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert body == {"robotCode": sandbox.app.robot_code, "msgKey": golden["msgKey"], **to}
    # A JSON string within JSON, readable on the wire, and all of its values are strings.
    assert json.loads(param) == golden["msgParam"]
    assert all(isinstance(each, str) for each in json.loads(param).values())
    assert "\\u" not in param


def test_every_golden_file_is_used() -> None:
    """A file that no test reads proves nothing."""
    assert sorted(each.stem for each in GOLDEN.glob("*")) == sorted(PAYLOADS)


@pytest.mark.parametrize(
    ("message", "problem", "remedy"),
    [
        (FeedCard([FeedLink("r", URL, PICTURE)]), "An app robot can't carry FeedCard.", "'dingtalk_robot'"),
        (OA("t", URL), "An app robot can't carry OA.", "to=WorkNotification(user_ids=…)"),
        (ActionCard("t", "x", buttons(6)), "An app robot's ActionCard can't have 6 buttons.", "five below each other"),
        (
            ActionCard("t", "x", buttons(3), horizontal=True),
            "An app robot's ActionCard can't have 3 buttons side by side.",
            "two side by side",
        ),
        (File(b"a,b", "report.csv"), "An app robot can't carry the file 'report.csv'", "zip"),
        (File("deck.pptx"), "An app robot can't carry the file 'deck.pptx'", "zip"),
        (File("README"), "An app robot can't carry the file 'README'", "zip"),
        (Audio("alarm.mp3", 3), "An app robot can't play 'alarm.mp3': it accepts amr.", "ffmpeg"),
        (Audio(b"ID3" + bytes(9), 3), "An app robot can't play these bytes: it accepts amr.", "ffmpeg"),
        (Button("go", URL), "An app robot can't carry Button.", ""),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_it_cannot_carry_is_refused_with_the_way_that_can(
    start_sandbox: StartSandbox, receiver_of: RobotOf, message: Message, problem: str, remedy: str
) -> None:
    """Before anything is asked of DingTalk, a token or an upload included."""
    sandbox = start_sandbox()
    with pytest.raises(errors.UnsupportedMessageError) as caught:
        receiver_of(sandbox).send_to_group(message, sandbox.group.open_conversation_id)
    assert caught.value.problem.startswith(problem)
    assert remedy in caught.value.advice
    assert sandbox.requests == ()


def test_a_file_that_is_in_dingtalk_already_needs_a_name(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """People see it, and DingTalk takes the type from its ending."""
    sandbox = start_sandbox()
    robot = receiver_of(sandbox)
    robot.send_to_people(File(b"PK\x03\x04", "a.zip"), ["lisi"])
    (medium,) = sandbox.media
    robot.send_to_people(File(medium.media_id, "b.zip"), ["lisi"])
    assert json.loads(sends(sandbox)[-1]["msgParam"]) == {
        "mediaId": medium.media_id,
        "fileName": "b.zip",
        "fileType": "zip",
    }
    assert len(sandbox.media) == 1
    with pytest.raises(errors.InvalidMessageError, match=r"^File\.name is missing"):
        robot.send_to_people(File(medium.media_id), ["lisi"])


def test_a_robot_without_a_library_takes_what_is_uploaded_already(
    start_sandbox: StartSandbox, app_client_of: AppClientOf
) -> None:
    """And lists the rest."""
    sandbox = start_sandbox()
    calls = app_client_of(sandbox).calls
    with pytest.raises(errors.InvalidMessageError, match=r"^Image\.source is <108 bytes>, and nothing can be uploaded"):
        RobotChannels(calls).send_to_people(Image(PNG), ["lisi"])


def test_templates_that_nobody_rendered_are_refused(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Braces are no URL, and what was built may never have been rendered."""
    sandbox = start_sandbox()
    with pytest.raises(errors.InvalidMessageError, match=r"^Link\.message_url must be"):
        receiver_of(sandbox).send_to_people(Link("t", "x", "{{ url }}"), ["lisi"])
    with pytest.raises(errors.InvalidMessageError, match="template that wasn't rendered"):
        receiver_of(sandbox).send_cut_to_people(Image("{{ path }}"), ["lisi"], language="zh")
    assert sandbox.requests == ()


def test_mentions_are_refused_with_the_channel_that_has_them() -> None:
    """Nobody is no mention."""
    refuse_mentions(None)
    refuse_mentions(At())
    with pytest.raises(errors.UnsupportedMessageError, match=r"can't mention people.*'dingtalk_robot'"):
        refuse_mentions(At("13800000000"))


@pytest.mark.parametrize("kind", [Text, Markdown], ids=["text", "markdown"])
def test_a_long_message_is_split_into_numbered_parts(
    start_sandbox: StartSandbox, receiver_of: RobotOf, kind: Any
) -> None:
    """Each fits and has a handle of its own; nothing is lost."""
    sandbox = start_sandbox()
    words = "\n".join(f'行 {number:05} "abc"' for number in range(2000))
    message = Text(words) if kind is Text else Markdown("title", words)
    sent = receiver_of(sandbox).send_to_group(message, sandbox.group.open_conversation_id)
    bodies = sends(sandbox)
    assert sent.parts == len(bodies) == len(set(sent.process_query_keys)) == 3
    params = [json.loads(each["msgParam"]) for each in bodies]
    assert all(len(each["msgParam"].encode()) <= MAX_PARAM_BYTES for each in bodies)
    texts = [each["content" if kind is Text else "text"] for each in params]
    assert [text[:5] for text in texts] == ["(1/3)", "(2/3)", "(3/3)"]
    assert re.findall(r'行 \d{5} "abc"', "".join(texts)) == words.splitlines()
    if kind is Markdown:
        assert [each["title"] for each in params] == [f"title ({n}/3)" for n in range(1, 4)]


@pytest.mark.parametrize("size", range(14_930, 15_010, 7))
def test_the_size_limit_holds_to_the_byte(start_sandbox: StartSandbox, receiver_of: RobotOf, size: int) -> None:
    """DingTalk never sees parameters that are too long, and what just fits is left alone."""
    sandbox = start_sandbox()
    robot = receiver_of(sandbox)
    robot.send_to_people(Text("a" * size), ["lisi"])
    robot.send_cut_to_people(Markdown("t", "中" * (size // 3) + '"' * 9), ["lisi"], language="zh")
    assert all(each.outcome in ("accepted", "answered") for each in sandbox.requests)
    assert len(sends(sandbox)) == (2 if size + len('{"content":""}') <= MAX_PARAM_BYTES else 3)


def test_what_is_too_long_is_refused_before_anything_is_sent(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Also when it could be split, but into too many parts; an alert is cut instead."""
    sandbox = start_sandbox()
    robot = receiver_of(sandbox)
    group = sandbox.group.open_conversation_id
    for message in (Text("a" * 80_000), Link("t", "a" * 15_000, URL), ActionCard("t", "a" * 15_000, buttons(2))):
        with pytest.raises(errors.MessageTooLongError):
            robot.send_to_group(message, group)
    assert sandbox.requests == ()
    assert robot.send_cut_to_group(Text("a" * 80_000), group, language="en").parts == 1
    assert robot.send_cut_to_group(ActionCard("t", "字" * 15_000, buttons(2)), group, language="zh").parts == 1
    text, card = (json.loads(each["msgParam"]) for each in sends(sandbox))
    assert re.search(r"\n… \(too long: 6\d{4} of 80000 characters left out\)$", text["content"])
    assert re.search(r"……（内容过长：共 15000 字，此处省略 \d+ 字）$", card["text"])
    assert card["actionTitle2"] == "按钮 2"


def test_people_are_sent_to_in_pieces(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Of twenty, each person once, in the order that was given."""
    people = tuple(Person(user_id=f"user{number}", name="人", mobile=f"139{number:08}") for number in range(45))
    sandbox = start_sandbox(people=people)
    ids = [each.user_id for each in people]
    sent = receiver_of(sandbox).send_to_people(Text("hello"), [*ids, *ids])
    assert [each["userIds"] for each in sends(sandbox)] == [ids[:20], ids[20:40], ids[40:]]
    assert sent.parts == 1
    assert len(sent.process_query_keys) == 3
    assert len(sandbox.messages) == 45
    assert [len(each["userIds"]) for each in sends(sandbox)] == [20, 20, 5]
    # Both readings of DingTalk's page work where the organisation has the other one.
    generous = start_sandbox(people=people, quotas=Quotas(people_per_robot_call=100))
    receiver_of(generous, people_per_call=100).send_to_people(Text("hello"), ids)
    assert [each["userIds"] for each in sends(generous)] == [ids]


def test_people_who_were_not_reached_are_listed(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Unknown, out of sight, or unwilling ones; the others get the message."""
    people = (
        Person(user_id="zhangsan", name="张三", mobile="13800000001"),
        Person(user_id="lisi", name="李四", mobile="13800000002", refuses=True),
        Person(user_id="boss", name="老板", mobile="13800000003"),
    )
    app = App(visible_user_ids=("zhangsan", "lisi"))
    sandbox = start_sandbox(people=people, apps=(app,))
    sent = receiver_of(sandbox).send_to_people(Text("hello"), ["zhangsan", "lisi", "boss", "nobody"])
    assert set(sent.invalid_user_ids) == {"lisi", "boss", "nobody"}
    assert [each.conversation.key for each in sandbox.messages] == ["private:zhangsan"]
    assert sandbox.messages[0].payload["msgKey"] == "sampleText"


def test_people_who_get_too_much_are_listed(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """DingTalk holds the message back from them and sends it to the others."""
    sandbox = start_sandbox(quotas=Quotas(robot_messages_per_person_a_minute=1))
    robot = receiver_of(sandbox)
    robot.send_to_people(Text("hello"), ["lisi"])
    sent = robot.send_to_people(Text("hello again"), ["zhangsan", "lisi"])
    assert sent.flow_controlled_user_ids == ("lisi",)
    assert sent.invalid_user_ids == ()
    with pytest.raises(errors.TargetError, match=r"reached no one; flow-controlled.*: lisi, zhangsan") as caught:
        robot.send_to_people(Text("hello"), ["lisi", "zhangsan"])
    assert caught.value.retryable
    assert caught.value.retry_after_seconds == 60
    assert "fewer messages" in caught.value.advice


def test_the_beginning_of_a_message_is_not_the_message(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Whom a part didn't reach gets no later one; with nobody left it failed, and a retry would double the first."""
    sandbox = start_sandbox(quotas=Quotas(robot_messages_per_person_a_minute=1))
    robot = receiver_of(sandbox)
    with pytest.raises(errors.TargetError, match=r"flow-controlled.*: wangwu; only its first part arrived") as caught:
        robot.send_to_people(Text("a" * 40_000), ["wangwu", "nobody"])
    assert not caught.value.retryable
    assert [each["userIds"] for each in sends(sandbox)] == [["wangwu", "nobody"], ["wangwu"]]
    assert len(sandbox.messages) == 1


def test_a_message_that_reached_nobody_is_an_error(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """DingTalk calls it a success."""
    sandbox = start_sandbox()
    with pytest.raises(errors.TargetError) as caught:
        receiver_of(sandbox).send_to_people(Text("hello"), ["13800000001", "张三"])
    assert caught.value.problem == (
        "The message reached no one; unknown or out of the app's visible scope: 13800000001, 张三."
    )
    assert "userid" in caught.value.advice
    assert not caught.value.retryable
    with pytest.raises(errors.InvalidMessageError, match="is empty"):
        receiver_of(sandbox).send_to_people(Text("hello"), [])


@pytest.mark.parametrize(
    ("options", "group", "kind"),
    [
        ({"apps": (App(published=False),)}, None, errors.DingTalkError),
        ({"groups": (GroupChat(app_keys=()),)}, None, errors.DingTalkError),
        ({}, "cidnowhere==", errors.DingTalkError),
        ({"apps": (App(permissions=()),)}, None, errors.PermissionMissingError),
    ],
    ids=["not published", "robot not in the group", "unknown group", "no permission"],
)
def test_the_error_of_a_robot_that_may_not_send_explains_why(
    start_sandbox: StartSandbox, receiver_of: RobotOf, options: dict[str, Any], group: str | None, kind: Any
) -> None:
    """With advice, and nothing is in the group."""
    sandbox = start_sandbox(**options)
    with pytest.raises(kind) as caught:
        receiver_of(sandbox).send_to_group(Text("hello"), group or sandbox.group.open_conversation_id)
    assert not caught.value.retryable
    assert caught.value.advice
    assert caught.value.request_id
    assert sandbox.messages == ()


def test_an_unpublished_robot_reaches_no_person(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """DingTalk's own reason comes out, not a list of ids that are all right."""
    sandbox = start_sandbox(apps=(App(published=False),))
    with pytest.raises(errors.DingTalkError) as caught:
        receiver_of(sandbox).send_to_people(Text("hello"), ["zhangsan"])
    assert caught.value.errcode == "robot.oto.notExist"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [(Fault.RESET_AFTER_BODY_ACCEPTED, 1), (Fault.HTTP_504, 1), (Fault.UNKNOWN_RESULT, 1), (Fault.HTTP_500, 0)],
    ids=str,
)
def test_what_may_have_arrived_is_not_sent_again(
    start_sandbox: StartSandbox, receiver_of: RobotOf, fault: Fault, arrived: int
) -> None:
    """DingTalk could not recognise the second one; the error explains it and no retry is advised."""
    sandbox = start_sandbox()
    sandbox.fail_next(fault, path=GROUP_SEND)
    with pytest.raises(errors.UnknownOutcomeError) as caught:
        receiver_of(sandbox).send_to_group(Text("hello"), sandbox.group.open_conversation_id)
    assert not caught.value.retryable
    assert len(sends(sandbox)) == 1
    assert len(sandbox.messages) == arrived


def test_people_after_those_in_doubt_still_get_the_message(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """The error names who may have it and who has it."""
    sandbox = start_sandbox()
    sandbox.fail_next(Fault.HTTP_504, path=PEOPLE_SEND)
    with pytest.raises(errors.UnknownOutcomeError) as caught:
        receiver_of(sandbox, people_per_call=1).send_to_people(Text("hello"), ["zhangsan", "lisi", "wangwu"])
    assert caught.value.problem.startswith("It may or may not have arrived at zhangsan; sent to lisi, wangwu: ")
    assert not caught.value.retryable
    assert [each["userIds"] for each in sends(sandbox)] == [["zhangsan"], ["lisi"], ["wangwu"]]


def test_the_error_of_a_failure_in_the_middle_names_who_has_it(
    start_sandbox: StartSandbox, receiver_of: RobotOf
) -> None:
    """And no retry is advised: it would send to the first ones again."""
    sandbox = start_sandbox()
    robot = receiver_of(sandbox, people_per_call=1)
    robot.send_to_people(Text("hello"), ["zhangsan"])
    sandbox.fail_next(Fault.STRING_ERRCODE, path=PEOPLE_SEND)  # the usual answer, before the next one
    sandbox.fail_next(Fault.QUOTA_USED_UP, path=PEOPLE_SEND)
    with pytest.raises(errors.QuotaExhaustedError) as caught:
        robot.send_to_people(Text("again"), ["zhangsan", "lisi", "wangwu"])
    assert caught.value.problem.startswith("Sending to lisi failed, after it was sent to others: ")
    assert len(sends(sandbox)) == 3


def test_the_error_of_a_part_names_those_that_arrived(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """The reader of the log knows what is in the group already, and no later part is sent."""
    sandbox = start_sandbox()
    sandbox.fail_next(Fault.STRING_ERRCODE, path=GROUP_SEND)
    sandbox.fail_next(Fault.THROTTLED_LONG, times=5, path=GROUP_SEND)
    with pytest.raises(errors.ThrottledError) as caught:
        receiver_of(sandbox).send_to_group(Text("word " * 8_000), sandbox.group.open_conversation_id)
    assert caught.value.problem.startswith("Part 2 of 3 failed, those before it were sent: ")
    assert not caught.value.retryable
    assert len(sandbox.messages) == 1


def test_messages_are_taken_back(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """From a group and from people, twenty handles a call; what can't be taken back has a reason."""
    sandbox = start_sandbox()
    robot, group = receiver_of(sandbox), sandbox.group.open_conversation_id
    keys = [robot.send_to_group(Text(f"{number}"), group).process_query_keys[0] for number in range(23)]
    own = robot.send_to_people(Text("hello"), ["zhangsan"]).process_query_keys[0]
    done = robot.recall_from_group([*keys, own], group)
    assert done.recalled == tuple(keys)
    assert list(done.failed) == [own]
    assert done.failed[own]
    assert robot.recall_from_people([own]).recalled == (own,)
    recalls = [each for each in sandbox.requests if "ecall" in each.path]
    assert [len(each.json["processQueryKeys"]) for each in recalls] == [20, 4, 1]
    assert recalls[-1].path == "/v1.0/robot/otoMessages/batchRecall"
    assert robot.read_status_of_group(keys[0], group).state == "recalled"


def test_who_has_read_a_message(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """Keys hold characters that mean something in a URL; groups are asked page by page."""
    people = tuple(Person(user_id=f"user{number}", name="人", mobile=f"139{number:08}") for number in range(450))
    sandbox = start_sandbox(people=people)
    robot, group = receiver_of(sandbox), sandbox.group.open_conversation_id
    in_group = robot.send_to_group(Text("hello"), group).process_query_keys[0]
    in_chats = robot.send_to_people(Text("hello"), ["user0", "user1"]).process_query_keys[0]
    assert {"/", "+", "="} <= set(in_chats)
    assert robot.read_status_of_people(in_chats) == ReadStatus("sent", (), ("user0", "user1"))
    assert robot.read_status_of_group(in_group, group) == ReadStatus("sent")
    for person in people[1:]:
        sandbox.read(person.user_id)
    assert robot.read_status_of_people(in_chats) == ReadStatus("sent", ("user1",), ("user0",))
    status = robot.read_status_of_group(in_group, group)
    assert len(status.read_user_ids) == 449
    assert len([each for each in sandbox.requests if each.path.endswith("groupMessages/query")]) == 4


def test_the_status_of_a_fresh_message_may_not_be_known_yet(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """DingTalk has one code for too early and too late."""
    sandbox = start_sandbox(status_seconds=60.0)
    robot = receiver_of(sandbox)
    key = robot.send_to_people(Text("hello"), ["zhangsan"]).process_query_keys[0]
    with pytest.raises(errors.DingTalkError) as caught:
        robot.read_status_of_people(key)
    assert caught.value.errcode == "processQueryKey.expireTime"


@pytest.mark.parametrize(
    ("word", "state"), [("SUCESS", "sent"), ("PROCESSING", "processing"), ("RECALLED", "recalled"), ("New", "new")]
)
def test_states_are_read_leniently(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, word: str, state: str
) -> None:
    """DingTalk's own sample misspells one; a page with the same cursor ends the reading."""
    token = answer(b'{"accessToken":"t","expireIn":7200}')
    page = answer(json.dumps({"sendStatus": word, "hasMore": True, "nextToken": "7", "readUserIds": ["a"]}).encode())
    server = raw_server([token, page, page])
    calls = app_client_of(server.url).calls
    assert RobotChannels(calls).read_status_of_group("k", "cid") == ReadStatus(state, ("a",))


def test_an_answer_without_a_word_about_a_handle_is_no_recall(
    raw_server: Any, answer: Any, app_client_of: AppClientOf
) -> None:
    """What DingTalk doesn't confirm may still be in the chat."""
    server = raw_server([answer(b'{"accessToken":"t","expireIn":7200}'), answer(b'{"successResult":["a"]}')])
    done = RobotChannels(app_client_of(server.url).calls).recall_from_people(["a", "b"])
    assert done.recalled == ("a",)
    assert done.failed == {"b": "DingTalk gives no result."}


TOKEN = b'{"accessToken":"t","expireIn":7200}'
ODD = [5, "x", None, True, {"a": 1}, [None, [], {}], [5]]


@pytest.mark.parametrize("field", ["invalidStaffIdList", "flowControlledStaffIdList", "filteredStaffIdList"])
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_damaged_list_does_not_undo_what_was_sent(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, field: str, odd: object
) -> None:
    """The message has arrived; a bare TypeError would have it sent again."""
    server = raw_server([answer(TOKEN), answer(json.dumps({"processQueryKey": "k", field: odd}).encode())])
    sent = RobotChannels(app_client_of(server.url).calls).send_to_people(Text("hello"), ["u1", "u2"])
    assert sent.process_query_keys == ("k",)
    assert {*sent.invalid_user_ids, *sent.flow_controlled_user_ids} == ({"5"} if odd == [5] else set())


@pytest.mark.parametrize("odd", [None, [], ["k"], True, ""], ids=ascii)
def test_an_answer_whose_handle_is_damaged_is_of_unknown_outcome(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, odd: object
) -> None:
    server = raw_server([answer(TOKEN), answer(json.dumps({"processQueryKey": odd}).encode())])
    with pytest.raises(errors.UnknownOutcomeError):
        RobotChannels(app_client_of(server.url).calls).send_to_group(Text("hello"), "cid")


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_damaged_answers_about_a_message_are_read_as_far_as_they_go(
    raw_server: Any, answer: Any, app_client_of: AppClientOf, odd: object
) -> None:
    """Read status and recall, each with lists and pages that are none."""
    status = {"sendStatus": "SUCCESS", "readUserIds": odd, "messageReadInfoList": odd, "hasMore": 1, "nextToken": odd}
    recall = {"successResult": odd, "failedResult": odd}
    bodies = [json.dumps(each).encode() for each in (status, status, recall)]
    # A page token that is a text or a number is asked for, and comes again.
    pages = 2 if odd in (5, "x") and odd is not True else 1
    server = raw_server([answer(TOKEN), *[answer(bodies[0])] * pages, answer(bodies[1]), answer(bodies[2])])
    robot = RobotChannels(app_client_of(server.url).calls)
    assert robot.read_status_of_group("k", "cid") == ReadStatus("sent", ("5",) if odd == [5] else ())
    assert robot.read_status_of_people("k") == ReadStatus("sent")
    done = robot.recall_from_people(["k"])
    assert done.recalled == (("5",) if odd == [5] else ())
    assert "k" in done.failed


def test_custom_robots_of_the_group_are_not_asked(start_sandbox: StartSandbox, receiver_of: RobotOf) -> None:
    """The app's robot has a name and a token of its own."""
    sandbox = start_sandbox(Robot())
    receiver_of(sandbox).send_to_group(Text("hello"), sandbox.group.open_conversation_id)
    (message,) = sandbox.messages
    assert message.sender == sandbox.app
