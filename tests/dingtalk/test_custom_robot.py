"""What arrives at a custom robot: whole payloads, parts, repeated tries, and an error for everything that didn't."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush import errors
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.dingtalk.custom_robot import MAX_BODY_BYTES
from airflow_provider_dingpush.errors import DingTalkError
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
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

GOLDEN = Path(__file__).parents[1] / "golden" / "custom_robot"
URL = "https://airflow.example.com/dags/etl_daily"
PICTURE = "https://example.com/a.png"
KEYWORD = "告警"
SECRET = "SEC0123456789abcdef"

StartSandbox = Callable[..., Sandbox]
ClientOf = Callable[..., Any]

ROWS = (FeedLink("Run 1 失败", URL, PICTURE), FeedLink("Run 2", f"{URL}?run=2&tab=log", "@lADPmedia"))
ONE_BUTTON = ActionCard("etl_daily failed", "### etl_daily\n\n> task `load`", [Button("Open log", URL)])
BUTTONS = (Button("Open log", URL), Button("Runbook 手册", "https://wiki.example.com/runbook#a"))
PEOPLE = At(["13800000000", "13900000000"], "user123")

# name of the golden file -> keyword, message, mentions
PAYLOADS: dict[str, tuple[str | None, Message, At | None]] = {
    "text": (None, Text('etl_daily "failed" \\ 失败\n第二行 👍🏽'), None),
    "text_at_people": (None, Text("etl_daily failed, @13900000000 please look"), PEOPLE),
    "text_at_everyone": (None, Text("etl_daily failed"), At(everyone=True)),
    "text_keyword_added": (KEYWORD, Text("etl_daily failed"), At("13800000000")),
    "text_keyword_there": (KEYWORD, Text("告警: etl_daily failed"), None),
    "markdown": (None, Markdown("etl_daily failed", "#### etl_daily\n\n> task `load` **failed**"), None),
    "markdown_at_people": (None, Markdown("etl_daily failed", "#### etl_daily"), PEOPLE),
    "markdown_keyword_added": (KEYWORD, Markdown("告警 in the title only", "#### etl_daily"), PEOPLE),
    "markdown_keyword_there": (KEYWORD, Markdown("etl_daily", "#### 告警\n\netl_daily"), At(everyone=True)),
    "link": (None, Link("Run finished", "etl_daily 2026-01-01", URL), None),
    "link_picture": (None, Link("Run finished", "etl_daily 2026-01-01", URL, PICTURE), None),
    "link_keyword_added": (KEYWORD, Link("Run finished", "etl_daily 2026-01-01", URL), None),
    "action_card_one_button": (None, ONE_BUTTON, None),
    "action_card_at_user": (None, ONE_BUTTON, At(user_ids=["user123", "user456"])),
    "action_card_vertical": (None, ActionCard("Approve?", "### Deploy?", BUTTONS), None),
    "action_card_horizontal": (None, ActionCard("Approve?", "### Deploy?", BUTTONS, horizontal=True), None),
    "action_card_keyword_added": (KEYWORD, ActionCard("Approve?", "### Deploy?", BUTTONS), None),
    "feed_card": (None, FeedCard(ROWS), None),
    "feed_card_keyword_added": (KEYWORD, FeedCard(ROWS), None),
    "feed_card_keyword_there": ("Run 2", FeedCard(ROWS), None),
    "image_url": (None, Image("https://example.com/a_(1).png?x=1&y=2"), None),
    "image_url_at_people": (KEYWORD, Image(PICTURE), PEOPLE),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_on_the_wire(name: str, start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """The whole body is as in the golden file, and a robot with that keyword takes it."""
    keyword, message, at = PAYLOADS[name]
    sandbox = start_sandbox(Robot(secret=SECRET, keywords=(keyword,) if keyword else ()))
    assert client_of(sandbox, keyword=keyword).robot.send(message, at) == 1
    (request,) = sandbox.requests
    assert request.outcome == "accepted"
    body = request.json
    assert re.fullmatch(r"[0-9a-f]{32}", body["msgUuid"])
    body["msgUuid"] = "<32 hex digits>"
    assert body == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    # Readable on the wire, and short: Chinese characters aren't escaped.
    assert b"\\u" not in request.body
    assert b'": ' not in request.body


def test_every_golden_file_is_used() -> None:
    """A file that no test reads proves nothing."""
    assert sorted(each.stem for each in GOLDEN.glob("*")) == sorted(PAYLOADS)


@pytest.mark.parametrize(
    ("message", "at", "can"),
    [
        (Link("t", "x", URL), At("13800000000"), "no one"),
        (Link("t", "x", URL), At(user_ids="user123"), "no one"),
        (Link("t", "x", URL), At(everyone=True), "no one"),
        (FeedCard(ROWS), At(user_ids="user123"), "no one"),
        (FeedCard(ROWS), At(everyone=True), "no one"),
        (ONE_BUTTON, At("13800000000"), "people by user id only"),
        (ONE_BUTTON, At("13800000000", "user123"), "people by user id only"),
        (ONE_BUTTON, At(user_ids="user123", everyone=True), "people by user id only"),
    ],
    ids=lambda value: repr(value) if isinstance(value, At) else None,
)
def test_mentions_that_a_kind_cannot_carry_are_refused(
    start_sandbox: StartSandbox, client_of: ClientOf, message: Message, at: At, can: str
) -> None:
    """The error names the kind, what it can mention and the kinds that can more; nothing is sent."""
    sandbox = start_sandbox()
    with pytest.raises(errors.UnsupportedMessageError) as caught:
        client_of(sandbox).robot.send(message, at)
    assert caught.value.problem == f"A custom robot's {type(message).__name__} can mention {can}."
    assert "Text or Markdown" in caught.value.advice
    assert sandbox.requests == ()


def test_an_alert_leaves_out_mentions_that_its_kind_cannot_carry(
    start_sandbox: StartSandbox, client_of: ClientOf
) -> None:
    """An alert without its mention is worth more than none."""
    sandbox = start_sandbox()
    robot = client_of(sandbox).robot
    robot.send_cut(Link("t", "x", URL), PEOPLE, language="zh")
    robot.send_cut(ONE_BUTTON, PEOPLE, language="zh")
    robot.send_cut(Text("x"), PEOPLE, language="zh")
    link, card, text = (each.payload for each in sandbox.messages)
    assert "at" not in link
    assert card["at"] == {"atMobiles": [], "atUserIds": ["user123"], "isAtAll": False}
    assert card["actionCard"]["text"].endswith("\n\n@user123")
    assert text["at"] == {"atMobiles": ["13800000000", "13900000000"], "atUserIds": ["user123"], "isAtAll": False}


def test_nobody_is_no_mention(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """An empty list of people changes nothing, also for kinds that can mention nobody."""
    sandbox = start_sandbox()
    robot = client_of(sandbox).robot
    robot.send(Text("x"), At())
    robot.send(FeedCard(ROWS), At())
    assert ["at" in each.payload for each in sandbox.messages] == [False, False]


@pytest.mark.parametrize(
    ("message", "problem", "target"),
    [
        (Image("chart.png"), "A custom robot can't carry Image that has no URL.", "to=Group(…) or to=Users(…)"),
        (Image(b"PNG"), "A custom robot can't carry Image that has no URL.", "to=Group(…) or to=Users(…)"),
        (Image("@lADPmedia"), "A custom robot can't carry Image that has no URL.", "to=Group(…) or to=Users(…)"),
        (File("a.zip"), "A custom robot can't carry File.", "to=Group(…) or to=Users(…)"),
        (Audio("a.amr", 3), "A custom robot can't carry Audio.", "to=Group(…) or to=Users(…)"),
        (Video("a.mp4", 3, "a.png"), "A custom robot can't carry Video.", "to=Group(…) or to=Users(…)"),
        (OA("t", URL), "A custom robot can't carry OA.", "to=WorkNotification(user_ids=…)"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_only_an_app_can_send_is_refused_with_the_way_that_can(
    start_sandbox: StartSandbox, client_of: ClientOf, message: Message, problem: str, target: str
) -> None:
    """The error names the connection and the target to write; nothing is sent, neither whole nor cut."""
    sandbox = start_sandbox()
    robot = client_of(sandbox).robot
    for send in (robot.send, lambda message: robot.send_cut(message, language="zh")):
        with pytest.raises(errors.UnsupportedMessageError) as caught:
            send(message)
        assert caught.value.problem == problem
        assert f"'dingtalk_app', with {target}. " in caught.value.advice
    assert sandbox.requests == ()


def test_other_objects_are_refused(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """A kind that another way of sending may carry has a name in the error."""
    with pytest.raises(errors.UnsupportedMessageError, match="A custom robot can't carry Button"):
        client_of(start_sandbox()).robot.send(Button("go", URL))


@pytest.mark.parametrize(
    ("message", "at"),
    [
        (Link("t", "x", "{{ url }}"), None),
        (Text("hello"), At("{{ owner }}")),
        (Text("hello"), At(user_ids=["user123", "{{ owner }}"])),
        (Image("https://{{ host }}/a.png"), None),
    ],
    ids=["URL", "mobile", "user id", "picture"],
)
def test_templates_that_nobody_rendered_are_refused_by_the_channel(
    start_sandbox: StartSandbox, client_of: ClientOf, message: Message, at: At | None
) -> None:
    """Braces are no URL and nobody's number, and what was built may never have been rendered."""
    sandbox = start_sandbox()
    with pytest.raises(errors.InvalidMessageError, match=r"must be|wasn't rendered"):
        client_of(sandbox).robot.send(message, at)
    assert sandbox.requests == ()


@pytest.mark.parametrize("keyword", [None, KEYWORD, "x", "1"])
@pytest.mark.parametrize("kind", [Text, Markdown], ids=["text", "markdown"])
def test_a_long_message_is_split_into_parts_of_their_own(
    start_sandbox: StartSandbox, client_of: ClientOf, kind: Any, keyword: str | None
) -> None:
    """Each part fits, is numbered, has its own msgUuid and the keyword; mentions are where they are named."""
    sandbox = start_sandbox(Robot(keywords=(keyword,) if keyword else ()))
    words = "\n".join(f"行 {number:05} abc" for number in range(3000)) + "\nask @user123"
    message = Text(words) if kind is Text else Markdown("title", words)
    count = client_of(sandbox, keyword=keyword).robot.send(message, At("13800000000", "user123", everyone=True))
    payloads = [each.payload for each in sandbox.messages]
    assert count == len(payloads) == 3
    assert all(len(each.body) <= MAX_BODY_BYTES for each in sandbox.requests)
    assert len({each["msgUuid"] for each in payloads}) == 3
    texts = [each["text"]["content"] if kind is Text else each["markdown"]["text"] for each in payloads]
    assert [text[:5] for text in texts] == ["(1/3)", "(2/3)", "(3/3)"]
    if kind is Markdown:
        assert [each["markdown"]["title"] for each in payloads] == ["title (1/3)", "title (2/3)", "title (3/3)"]
    assert re.findall(r"行 \d{5} abc", "".join(texts)) == words.splitlines()[:-1]
    assert [each.get("at") for each in payloads] == [
        {"atMobiles": ["13800000000"], "atUserIds": ["user123"], "isAtAll": True},
        None,
        {"atMobiles": [], "atUserIds": ["user123"], "isAtAll": False},
    ]
    assert [text.count("@13800000000") for text in texts] == [1, 0, 0]
    assert [text.count("@user123") for text in texts] == [1, 0, 1]
    if keyword:
        assert all(keyword in text for text in texts)


@pytest.mark.parametrize("keyword", [None, KEYWORD, "x", "y" * 500])
@pytest.mark.parametrize("size", range(19_880, 20_010, 7))
def test_the_size_limit_holds_to_the_byte(
    start_sandbox: StartSandbox, client_of: ClientOf, keyword: str | None, size: int
) -> None:
    """With mentions and keyword counted in, DingTalk never sees a body that is too long."""
    sandbox = start_sandbox()
    client = client_of(sandbox, keyword=keyword).robot
    client.send(Text("a" * size), PEOPLE)
    client.send_cut(Markdown("t", "中" * (size // 3) + "\n" * 9), PEOPLE, language="zh")
    assert all(len(each.body) <= MAX_BODY_BYTES for each in sandbox.requests)
    assert all(each.outcome == "accepted" for each in sandbox.requests)


def test_the_error_of_a_part_names_those_that_arrived(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """The reader of the log knows what is in the group already, and no later part is sent."""
    sandbox = start_sandbox(Robot(messages_per_minute=1))
    with pytest.raises(errors.ThrottledError) as caught:
        client_of(sandbox).robot.send(Text("word " * 12_000))
    assert caught.value.problem.startswith("Part 2 of 4 failed, those before it were sent: DingTalk blocks the robot")
    assert len(sandbox.messages) == 1
    assert len(sandbox.requests) == 2


def test_what_is_too_long_is_refused_before_anything_is_sent(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """Also when it could be split, but into too many parts; an alert is cut instead."""
    sandbox = start_sandbox()
    robot = client_of(sandbox).robot
    for message in (Text("a" * 100_000), Link("t", "a" * 20_000, URL), FeedCard(ROWS * 200)):
        with pytest.raises(errors.MessageTooLongError):
            robot.send(message)
    assert sandbox.requests == ()
    robot.send_cut(Text("a" * 100_000), At("13800000000"), language="en")
    (payload,) = (each.payload for each in sandbox.messages)
    assert re.search(
        r"\n… \(too long: 8\d{4} of 100000 characters left out\)\n@13800000000$", payload["text"]["content"]
    )


# once-only fault -> the error, if one is raised, and how often the message is in the group afterwards
ONCE: dict[Fault, type[DingTalkError] | None] = {
    Fault.HTTP_500: None,
    Fault.HTTP_503: None,
    Fault.HTTP_504: None,
    Fault.UNKNOWN_RESULT: None,
    Fault.RESET_BEFORE_BODY: None,
    Fault.RESET_AFTER_BODY_ACCEPTED: None,
    Fault.RESET_AFTER_BODY_NOT_ACCEPTED: None,
    Fault.SLOW: None,
    Fault.HANG: None,
    Fault.DRIP: None,
    Fault.BUSY: None,
    Fault.EMPTY_BODY: None,
    Fault.NO_ERRCODE: None,
    Fault.GARBAGE: None,
    Fault.STRING_ERRCODE: None,
    Fault.HTML_PAGE: errors.UnknownOutcomeError,
    Fault.REDIRECT: errors.ThrottledError,
    Fault.GATEWAY_BAN: errors.ThrottledError,
    Fault.THROTTLED: errors.ThrottledError,
    Fault.THROTTLED_LONG: errors.ThrottledError,
    Fault.QUOTA_USED_UP: errors.QuotaExhaustedError,
    Fault.TOKEN_REFUSED: errors.TokenError,
}


@pytest.mark.parametrize("fault", Fault)
def test_one_fault_on_the_way_never_loses_or_doubles_a_message(
    start_sandbox: StartSandbox, client_of: ClientOf, fault: Fault
) -> None:
    """The message arrives once, or the class of an error means that it didn't; no try changes body or msgUuid."""
    sandbox = start_sandbox(Robot(secret=SECRET))
    sandbox.fail_next(fault, seconds=3.0 if fault.takes_seconds else None)
    client = client_of(sandbox, timeout_seconds=0.7)
    expected = ONCE[fault]
    if expected is None:
        assert client.robot.send(Text("hello"), At("13800000000")) == 1
        assert len(sandbox.messages) == 1
        # Nothing goes on behind the caller's back: the tries that were seen are all there were.
        assert len(sandbox.requests) == 1 + len(client.waits)
    else:
        with pytest.raises(expected) as caught:
            client.robot.send(Text("hello"), At("13800000000"))
        assert (caught.value.tries, client.waits) == (1, [])
        silent = expected in (errors.ThrottledError, errors.UnknownOutcomeError)
        assert bool(caught.value.retry_after_seconds) == silent
        assert sandbox.messages == ()
        assert len(sandbox.requests) == 1
    # A reset before the body leaves the sandbox without one.
    assert len({each.body for each in sandbox.requests if each.body}) == 1
    sandbox.stop()


@pytest.mark.parametrize(
    ("fault", "kind", "arrived"),
    [
        (Fault.HTTP_500, errors.UnknownOutcomeError, 0),
        (Fault.RESET_BEFORE_BODY, errors.UnknownOutcomeError, 0),
        (Fault.RESET_AFTER_BODY_ACCEPTED, errors.UnknownOutcomeError, 1),
        (Fault.DRIP, errors.UnknownOutcomeError, 1),
        (Fault.HANG, errors.UnknownOutcomeError, 0),
        (Fault.BUSY, errors.UnavailableError, 0),
        (Fault.EMPTY_BODY, errors.UnknownOutcomeError, 0),
        (Fault.NO_ERRCODE, errors.UnknownOutcomeError, 0),
        (Fault.GARBAGE, errors.UnknownOutcomeError, 0),
    ],
    ids=str,
)
def test_a_fault_that_stays_ends_after_three_tries(
    start_sandbox: StartSandbox, client_of: ClientOf, fault: Fault, kind: type[DingTalkError], arrived: int
) -> None:
    """The error explains whether the message may have arrived, which is at most once."""
    sandbox = start_sandbox()
    sandbox.fail_next(fault, times=9, seconds=3.0 if fault.takes_seconds else None)
    client = client_of(sandbox, timeout_seconds=0.4)
    with pytest.raises(kind) as caught:
        client.robot.send(Text("hello"))
    assert type(caught.value) is kind
    assert caught.value.tries == len(sandbox.requests) == 3
    assert client.waits == [0.5, 1.0]
    assert caught.value.retryable
    assert len(sandbox.messages) == arrived
    sandbox.stop()


def test_tries_end_with_their_budget(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """With no time for a second try there is none."""
    sandbox = start_sandbox()
    sandbox.fail_next(Fault.BUSY, times=9)
    client = client_of(sandbox, timeout_seconds=5, plan=AttemptPlan(budget_seconds=5.4))
    with pytest.raises(errors.UnavailableError):
        client.robot.send(Text("hello"))
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    ("robot", "ours", "kind"),
    [
        (Robot(), {"access_token": "nobody"}, errors.TokenError),
        (Robot(secret=SECRET), {"secret": "SECwrong"}, errors.SignError),
        (Robot(secret=SECRET), {"secret": ""}, errors.SignError),
        (Robot(secret=SECRET), {"clock": lambda: 1_000_000_000.0}, errors.SignError),
        (Robot(keywords=("告警",)), {}, errors.KeywordError),
        (Robot(allowed_ips=("203.0.113.0/24",)), {}, errors.IpNotAllowedError),
    ],
    ids=["token", "secret", "no secret", "clock", "keyword", "address"],
)
def test_settings_that_a_person_must_change_are_distinguished(
    start_sandbox: StartSandbox, client_of: ClientOf, robot: Robot, ours: dict[str, Any], kind: type[DingTalkError]
) -> None:
    """They are not tried again, and neither error nor traceback shows token or secret."""
    sandbox = start_sandbox(robot)
    with pytest.raises(kind) as caught:
        client_of(sandbox, **ours).robot.send(Text("hello"))
    assert type(caught.value) is kind
    assert not caught.value.retryable
    assert len(sandbox.requests) == 1
    assert sandbox.messages == ()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert robot.access_token not in shown
    assert robot.secret is None or robot.secret not in shown


@pytest.mark.parametrize(
    "fault", [Fault.RESET_BEFORE_BODY, Fault.RESET_AFTER_BODY_NOT_ACCEPTED, Fault.HANG, None], ids=str
)
def test_no_error_carries_the_address_with_the_token(
    start_sandbox: StartSandbox, client_of: ClientOf, fault: Fault | None
) -> None:
    """The text of a requests exception holds the URL: neither it nor its context is passed on."""
    sandbox = start_sandbox()
    if fault:
        sandbox.fail_next(fault, times=3)
    client = client_of(sandbox, timeout_seconds=0.4)
    if not fault:
        sandbox.stop()
    with pytest.raises(DingTalkError) as caught:
        client.robot.send(Text("hello"))
    error: BaseException | None = caught.value
    while error is not None:
        assert isinstance(error, DingTalkError)
        assert sandbox.robot.access_token not in f"{error}{error!r}{error.__dict__}"
        error = error.__cause__ or error.__context__
    sandbox.stop()


@pytest.mark.parametrize(
    ("robot", "ours", "kind"),
    [
        (Robot(secret=SECRET), {}, None),
        (Robot(secret=SECRET, keywords=("告警",)), {"keyword": "告警"}, None),
        (Robot(), {"access_token": "nobody"}, errors.TokenError),
        (Robot(secret=SECRET), {"secret": "SECwrong"}, errors.SignError),
        (Robot(secret=SECRET), {"clock": lambda: 1_000_000_000.0}, errors.SignError),
        (Robot(allowed_ips=("203.0.113.0/24",)), {}, errors.IpNotAllowedError),
    ],
    ids=["right", "right with keyword", "token", "secret", "clock", "address"],
)
def test_a_probe_distinguishes_settings_and_posts_nothing(
    start_sandbox: StartSandbox,
    client_of: ClientOf,
    robot: Robot,
    ours: dict[str, Any],
    kind: type[DingTalkError] | None,
) -> None:
    """One request, no message in the group, and the problem as a value."""
    sandbox = start_sandbox(robot)
    problem = client_of(sandbox, **ours).robot.probe()
    assert (problem and type(problem)) is kind
    assert len(sandbox.requests) == 1
    assert sandbox.messages == ()
    if "clock" in ours:
        assert "clock" in problem.advice


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        ({"errcode": 310000, "errmsg": "description:关键词不匹配;"}, errors.KeywordError),
        ({"errcode": 400105, "errmsg": "不支持的消息类型"}, type(None)),
        ({"errcode": 40035, "errmsg": "缺少参数"}, type(None)),
        ({"errcode": 130101, "errmsg": "send too fast"}, errors.ThrottledError),
        ({"errcode": -1, "errmsg": "系统繁忙"}, errors.UnavailableError),
    ],
    ids=["keyword", "type", "parameter", "throttled", "busy"],
)
def test_a_probe_understands_servers_that_check_in_another_order(
    raw_server: Callable[..., Any],
    answer: Callable[..., Any],
    client_of: ClientOf,
    answered: dict[str, Any],
    kind: type,
) -> None:
    """Which check comes first isn't documented; a complaint about the message alone means that the rest is right."""
    server = raw_server(answer(json.dumps(answered).encode()))
    assert type(client_of(server.url, keyword="告警").robot.probe()) is kind
    assert len(server.requests) == 1
    assert "告警" in server.requests[0].decode()


def test_a_probe_of_nothing_is_unavailable(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """A server that isn't there is no configuration that DingTalk refused."""
    sandbox = start_sandbox()
    client = client_of(sandbox)
    sandbox.stop()
    assert isinstance(client.robot.probe(), errors.UnavailableError)


def test_a_forgotten_secret_is_not_blamed_on_the_clock(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    """The robot has 加签, the connection has no secret: both sending and the connection test report it."""
    client = client_of(start_sandbox(Robot(secret=SECRET)), secret="")
    with pytest.raises(errors.SignError) as caught:
        client.robot.send(Text("hello"))
    for error in (caught.value, client.robot.probe()):
        assert isinstance(error, errors.SignError)
        assert "This robot requires a signature (加签), and the connection has no secret." in str(error)
        assert "clock" not in str(error)


def test_a_wrong_secret_and_a_wrong_clock_are_distinguished(start_sandbox: StartSandbox, client_of: ClientOf) -> None:
    sandbox = start_sandbox(Robot(secret=SECRET))
    wrong = client_of(sandbox, secret="SECwrong").robot.probe()
    late = client_of(sandbox, clock=lambda: 1_000_000_000.0).robot.probe()
    assert "has no secret" not in str(wrong)
    assert "clock" not in str(wrong)
    assert "clock" in str(late)
