"""The sandbox's robot accepts and refuses as DingTalk's does."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import Robot, Sandbox
from airflow_provider_dingpush.sandbox.custom_robot import sign_of

OK = {"errcode": 0, "errmsg": "ok"}
TEXT = {"msgtype": "text", "text": {"content": "hello"}}
TOO_FAST = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
SECRET = "this is secret"
SIGN_VECTORS = [
    ("1577262236757", SECRET, "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="),
    (
        "1767225600009",
        "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "ujyUyImxBI4Imk8OZXD6WzB/oM7z+mWc/DyskRlmELY=",
    ),
]
ENCODED_SIGN = "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"

VALID_MESSAGES = {
    "text": TEXT,
    "text with mentions": {
        **TEXT,
        "at": {"atMobiles": ["138"], "atUserIds": ["u"], "isAtAll": False},
        "msgUuid": "run-1",
    },
    "link": {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://e.com"}},
    "link with picture": {
        "msgtype": "link",
        "link": {"title": "t", "text": "x", "messageUrl": "https://e.com", "picUrl": "https://e.com/a.png"},
    },
    "markdown": {"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}},
    "card, one button": {
        "msgtype": "actionCard",
        "actionCard": {"title": "t", "text": "x", "singleTitle": "go", "singleURL": "https://e.com"},
    },
    "card, several buttons": {
        "msgtype": "actionCard",
        "actionCard": {
            "title": "t",
            "text": "x",
            "btnOrientation": "1",
            "hideAvatar": "0",
            "btns": [{"title": "a", "actionURL": "https://e.com/a"}, {"title": "b", "actionURL": "https://e.com/b"}],
        },
    },
    "card, one button wins over broken ones": {
        "msgtype": "actionCard",
        "actionCard": {"title": "t", "text": "x", "singleTitle": "go", "singleURL": "https://e.com", "btns": [1]},
    },
    "feed": {
        "msgtype": "feedCard",
        "feedCard": {"links": [{"title": "t", "messageURL": "https://e.com", "picURL": "https://e.com/a.png"}]},
    },
    "unknown fields are ignored": {**TEXT, "agentid": 1, "to_user": "u"},
}

CARD = {"title": "t", "text": "x"}
WRONG_FIELDS: dict[str, tuple[Any, str]] = {
    "no object": ([1], "缺少参数 json"),
    "no msgtype": ({"text": {"content": "x"}}, "缺少参数 msgtype"),
    "msgtype a number": ({"msgtype": 1}, "不合法的参数 msgtype"),
    "no sibling": ({"msgtype": "text"}, "缺少参数 text"),
    "sibling a str": ({"msgtype": "text", "text": "x"}, "不合法的参数 text"),
    "no content": ({"msgtype": "text", "text": {}}, "缺少参数 text.content"),
    "empty content": ({"msgtype": "text", "text": {"content": ""}}, "缺少参数 text.content"),
    "content a number": ({"msgtype": "text", "text": {"content": 1}}, "不合法的参数 text.content"),
    "WeCom's markdown.content": (
        {"msgtype": "markdown", "markdown": {"title": "t", "content": "x"}},
        "缺少参数 markdown.text",
    ),
    "markdown without title": ({"msgtype": "markdown", "markdown": {"text": "x"}}, "缺少参数 markdown.title"),
    "link without address": ({"msgtype": "link", "link": {"title": "t", "text": "x"}}, "缺少参数 link.messageUrl"),
    "feed's spelling in link": (
        {"msgtype": "link", "link": {"title": "t", "text": "x", "messageURL": "https://e.com"}},
        "缺少参数 link.messageUrl",
    ),
    "link picture a list": (
        {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "https://e.com", "picUrl": ["x"]}},
        "不合法的参数 link.picUrl",
    ),
    "card without buttons": ({"msgtype": "actionCard", "actionCard": CARD}, "缺少参数 actionCard.btns"),
    "card without title": ({"msgtype": "actionCard", "actionCard": {"text": "x"}}, "缺少参数 actionCard.title"),
    "card without text": ({"msgtype": "actionCard", "actionCard": {"title": "t"}}, "缺少参数 actionCard.text"),
    "card, single without address": (
        {"msgtype": "actionCard", "actionCard": {**CARD, "singleTitle": "go"}},
        "缺少参数 actionCard.singleURL",
    ),
    "card, single without title": (
        {"msgtype": "actionCard", "actionCard": {**CARD, "singleURL": "https://e.com"}},
        "缺少参数 actionCard.singleTitle",
    ),
    "card, buttons an object": (
        {"msgtype": "actionCard", "actionCard": {**CARD, "btns": {"title": "a"}}},
        "不合法的参数 actionCard.btns",
    ),
    "card, second button a str": (
        {"msgtype": "actionCard", "actionCard": {**CARD, "btns": [{"title": "a", "actionURL": "https://e.com"}, "b"]}},
        "不合法的参数 actionCard.btns[1]",
    ),
    "card, button without address": (
        {"msgtype": "actionCard", "actionCard": {**CARD, "btns": [{"title": "a"}]}},
        "缺少参数 actionCard.btns[0].actionURL",
    ),
    "card, orientation a number": (
        {
            "msgtype": "actionCard",
            "actionCard": {**CARD, "btnOrientation": 1, "btns": [{"title": "a", "actionURL": "https://e.com"}]},
        },
        "不合法的参数 actionCard.btnOrientation",
    ),
    "card, orientation a word": (
        {
            "msgtype": "actionCard",
            "actionCard": {**CARD, "btnOrientation": "up", "btns": [{"title": "a", "actionURL": "https://e.com"}]},
        },
        "不合法的参数 actionCard.btnOrientation",
    ),
    "feed without links": ({"msgtype": "feedCard", "feedCard": {"links": []}}, "缺少参数 feedCard.links"),
    "feed without picture": (
        {"msgtype": "feedCard", "feedCard": {"links": [{"title": "t", "messageURL": "https://e.com"}]}},
        "缺少参数 feedCard.links[0].picURL",
    ),
    "link's spelling in feed": (
        {
            "msgtype": "feedCard",
            "feedCard": {"links": [{"title": "t", "messageUrl": "https://e.com", "picUrl": "https://e.com/a"}]},
        },
        "缺少参数 feedCard.links[0].messageURL",
    ),
    "at a list": ({**TEXT, "at": ["138"]}, "不合法的参数 at"),
    "mobiles numbers": ({**TEXT, "at": {"atMobiles": [138]}}, "不合法的参数 at.atMobiles"),
    "user ids a str": ({**TEXT, "at": {"atUserIds": "u"}}, "不合法的参数 at.atUserIds"),
    "everyone a str": ({**TEXT, "at": {"isAtAll": "true"}}, "不合法的参数 at.isAtAll"),
    "everyone a number": ({**TEXT, "at": {"isAtAll": 1}}, "不合法的参数 at.isAtAll"),
    "msgUuid a number": ({**TEXT, "msgUuid": 1}, "不合法的参数 msgUuid"),
}

Post = Callable[..., dict[str, Any]]
StartSandbox = Callable[..., Sandbox]


@pytest.mark.parametrize("payload", VALID_MESSAGES.values(), ids=VALID_MESSAGES.keys())
def test_valid_messages_are_in_the_chat(sandbox: Sandbox, post: Post, payload: dict[str, Any]) -> None:
    """Every documented form is answered with the number 0 and kept whole."""
    assert post(sandbox.webhook_url, payload) == OK
    (message,) = sandbox.messages
    assert message.payload == payload
    assert message.number == 1
    assert message.sender is sandbox.robot


@pytest.mark.parametrize(("payload", "errmsg"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named(sandbox: Sandbox, post: Post, payload: Any, errmsg: str) -> None:
    """A missing or wrong field is 40035 with its path."""
    assert post(sandbox.webhook_url, payload) == {"errcode": 40035, "errmsg": errmsg}
    assert sandbox.messages == ()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b"[" * 15000, b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(sandbox: Sandbox, post: Post, body: bytes) -> None:
    """Broken, foreign and hostile bodies are 40035 json, not a crash."""
    assert post(sandbox.webhook_url, body) == {"errcode": 40035, "errmsg": "缺少参数 json"}


@pytest.mark.parametrize("msgtype", ["image", "file", "oa", "empty", "Text", "\ud800"])
def test_an_unsupported_message_type_is_refused(sandbox: Sandbox, post: Post, msgtype: str) -> None:
    """What a custom robot cannot carry is 400105, whatever else is in the message."""
    assert post(sandbox.webhook_url, {"msgtype": msgtype, msgtype: {"media_id": "@x"}})["errcode"] == 400105


def test_the_size_limit_counts_bytes_of_the_whole_body(sandbox: Sandbox, post: Post) -> None:
    """20,000 bytes pass, one more does not."""
    empty = len(json.dumps({"msgtype": "text", "text": {"content": ""}}))
    fitting = {"msgtype": "text", "text": {"content": "x" * (20_000 - empty)}}
    too_long = {"msgtype": "text", "text": {"content": "x" * (20_001 - empty)}}
    assert post(sandbox.webhook_url, fitting) == OK
    assert post(sandbox.webhook_url, too_long) == {
        "errcode": 460101,
        "errmsg": "message too long, exceed 20000 bytes",
    }


def test_only_posts_are_taken(sandbox: Sandbox, post: Post) -> None:
    """Another method is 43002 in a 200."""
    assert post(sandbox.webhook_url, TEXT, method="GET")["errcode"] == 43002
    assert post(sandbox.webhook_url, TEXT, method="PUT")["errcode"] == 43002


@pytest.mark.parametrize(
    ("content_type", "errcode"),
    [
        ("application/json", 0),
        ("Application/JSON; charset=utf-8", 0),
        ("text/plain", 43004),
        ("application/x-www-form-urlencoded", 43004),
        ("", 43004),
    ],
)
def test_only_json_is_taken(sandbox: Sandbox, post: Post, content_type: str, errcode: int) -> None:
    """A browser's form or a plain text post of another site is 43004."""
    assert post(sandbox.webhook_url, TEXT, content_type=content_type)["errcode"] == errcode


def test_the_token_must_be_a_robots(sandbox: Sandbox, post: Post) -> None:
    """No token is 40035, a strange one 300005."""
    address = f"{sandbox.url}/robot/send"
    assert post(address, TEXT) == {"errcode": 40035, "errmsg": "缺少参数 access_token"}
    assert post(f"{address}?access_token=dingabc", TEXT) == {"errcode": 300005, "errmsg": "token is not exist"}


def test_each_robot_has_its_own_settings_and_limits(start_sandbox: StartSandbox, post: Post) -> None:
    """Two robots of one group share the chat but nothing else."""
    one, other = Robot(messages_per_minute=1), Robot()
    sandbox = start_sandbox(one, other)
    post(sandbox.webhook_url_of(one), TEXT)
    assert post(sandbox.webhook_url_of(one), TEXT)["errcode"] == 130101
    assert post(sandbox.webhook_url_of(other), TEXT) == OK
    assert [message.sender for message in sandbox.messages] == [one, other]


@pytest.mark.parametrize(("timestamp", "secret", "sign"), SIGN_VECTORS)
def test_signs_match_the_published_vectors(timestamp: str, secret: str, sign: str) -> None:
    """The sandbox's own signing agrees with vectors that were computed elsewhere."""
    assert sign_of(timestamp, secret) == sign


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        (f"timestamp=1577262236757&sign={ENCODED_SIGN}", None),
        (f"timestamp=1577262236757&sign={ENCODED_SIGN}&timestamp=1&sign=x", None),
        ("", "签名不匹配"),
        (f"sign={ENCODED_SIGN}", "签名不匹配"),
        ("timestamp=1577262236757", "签名不匹配"),
        (f"timestamp=1577262236757&sign={ENCODED_SIGN.replace('%', '%25')}", "签名不匹配"),
        ("timestamp=1577262236757&sign=hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=", "签名不匹配"),
        (f"timestamp=1577262236758&sign={ENCODED_SIGN}", "签名不匹配"),
        (f"timestamp=1.577e12&sign={ENCODED_SIGN}", "签名不匹配"),
        (f"timestamp=1577262236&sign={ENCODED_SIGN}", "签名过期"),
        (f"timestamp=1&sign=x&timestamp=1577262236757&sign={ENCODED_SIGN}", "签名过期"),
        ("timestamp=1577262236757&sign=%C3%A9", "签名不匹配"),
    ],
    ids=[
        "right",
        "right, stale pair behind it",
        "missing",
        "no timestamp",
        "no sign",
        "encoded twice",
        "not encoded",
        "another timestamp",
        "float timestamp",
        "seconds",
        "stale pair in front",
        "not ASCII",
    ],
)
def test_a_signing_robot_wants_the_right_sign(
    start_sandbox: StartSandbox, post: Post, query: str, cause: str | None
) -> None:
    """Missing and wrong signs are 310000 with DingTalk's present wording."""
    sandbox = start_sandbox(Robot(secret=SECRET))
    reply = post(f"{sandbox.webhook_url}&{query}", TEXT)
    if cause is None:
        assert reply == OK
    else:
        assert reply["errcode"] == 310000
        assert reply["errmsg"].startswith(f"description:机器人发送{cause};solution:")


@pytest.mark.parametrize(("seconds", "errcode"), [(3600, 0), (-3600, 0), (3600.01, 310000), (-3600.01, 310000)])
def test_a_sign_is_good_for_one_hour_both_ways(
    start_sandbox: StartSandbox, post: Post, clock: Any, seconds: float, errcode: int
) -> None:
    """The window is DingTalk's hour even if the robot's minute is shortened."""
    sandbox = start_sandbox(Robot(secret=SECRET), minute_seconds=0.1)
    clock.now += seconds
    reply = post(f"{sandbox.webhook_url}&timestamp=1577262236757&sign={ENCODED_SIGN}", TEXT)
    assert reply["errcode"] == errcode


KEYWORD_CASES = [
    ("text", {"msgtype": "text", "text": {"content": "an alert!"}}, True),
    ("other case", {"msgtype": "text", "text": {"content": "an ALERT!"}}, False),
    ("link title", {"msgtype": "link", "link": {"title": "alert", "text": "x", "messageUrl": "https://e.com"}}, True),
    ("link text", {"msgtype": "link", "link": {"title": "x", "text": "alert", "messageUrl": "https://e.com"}}, True),
    ("link url", {"msgtype": "link", "link": {"title": "x", "text": "x", "messageUrl": "https://e.com/alert"}}, False),
    ("markdown", {"msgtype": "markdown", "markdown": {"title": "x", "text": "alert"}}, True),
    ("markdown title", {"msgtype": "markdown", "markdown": {"title": "alert", "text": "x"}}, False),
    (
        "card button",
        {
            "msgtype": "actionCard",
            "actionCard": {"title": "x", "text": "x", "singleTitle": "alert", "singleURL": "https://e.com"},
        },
        True,
    ),
    (
        "card, second button",
        {
            "msgtype": "actionCard",
            "actionCard": {
                "title": "alert",
                "text": "x",
                "btns": [{"title": t, "actionURL": "https://e.com"} for t in ("x", "alert")],
            },
        },
        True,
    ),
    (
        "card title",
        {
            "msgtype": "actionCard",
            "actionCard": {"title": "alert", "text": "x", "singleTitle": "x", "singleURL": "https://e.com"},
        },
        False,
    ),
    (
        "feed title",
        {
            "msgtype": "feedCard",
            "feedCard": {"links": [{"title": "alert", "messageURL": "https://e.com", "picURL": "https://e.com/a"}]},
        },
        True,
    ),
    ("mention", {**TEXT, "at": {"atUserIds": ["alert"]}}, False),
]


@pytest.mark.parametrize(("payload", "passes"), [case[1:] for case in KEYWORD_CASES], ids=[c[0] for c in KEYWORD_CASES])
def test_a_keyword_must_be_visible(
    start_sandbox: StartSandbox, post: Post, payload: dict[str, Any], passes: bool
) -> None:
    """One of the keywords must be where readers see it; a preview title is not enough."""
    sandbox = start_sandbox(Robot(keywords=("告警", "alert")))
    reply = post(sandbox.webhook_url, payload)
    if passes:
        assert reply == OK
    else:
        assert reply["errcode"] == 310000
        assert reply["errmsg"].startswith("description:关键词不匹配;solution:")


@pytest.mark.parametrize(
    ("allowed_ips", "passes"),
    [
        (("127.0.0.1",), True),
        (("10.0.0.0/8", "127.0.0.0/8"), True),
        (("127.0.0.5/8",), True),
        (("10.0.0.1",), False),
    ],
)
def test_only_allowed_addresses_may_send(
    start_sandbox: StartSandbox, post: Post, allowed_ips: tuple[str, ...], passes: bool
) -> None:
    """The sender's TCP address counts, single or in a range."""
    sandbox = start_sandbox(Robot(allowed_ips=allowed_ips))
    reply = post(sandbox.webhook_url, TEXT)
    if passes:
        assert reply == OK
    else:
        assert reply["errcode"] == 310000
        assert reply["errmsg"].startswith("description:ip 127.0.0.1 不在白名单中;solution:")


def test_the_twenty_first_message_in_a_minute_blocks_the_robot(sandbox: Sandbox, post: Post, clock: Any) -> None:
    """Twenty pass, the next is refused, and so is everything for ten minutes from then."""
    assert [post(sandbox.webhook_url, TEXT) for _ in range(20)] == [OK] * 20
    clock.now += 59
    assert post(sandbox.webhook_url, TEXT) == TOO_FAST
    clock.now += 599.9
    assert post(sandbox.webhook_url, TEXT) == TOO_FAST
    clock.now += 0.1
    assert post(sandbox.webhook_url, TEXT) == OK, "the call in the ban did not prolong it"
    assert len(sandbox.messages) == 21


def test_the_minute_slides(sandbox: Sandbox, post: Post, clock: Any) -> None:
    """A message stops counting sixty seconds after it was sent, not when the wall clock's minute turns."""
    post(sandbox.webhook_url, TEXT)
    clock.now += 30
    for _ in range(19):
        assert post(sandbox.webhook_url, TEXT) == OK
    clock.now += 30
    assert post(sandbox.webhook_url, TEXT) == OK
    assert post(sandbox.webhook_url, TEXT) == TOO_FAST


def test_the_minute_can_be_scaled(start_sandbox: StartSandbox, post: Post, clock: Any) -> None:
    """A minute of half a second makes a ban of five seconds."""
    sandbox = start_sandbox(Robot(messages_per_minute=2), minute_seconds=0.5)
    replies = [post(sandbox.webhook_url, TEXT)["errcode"] for _ in range(3)]
    assert replies == [0, 0, 130101]
    clock.now += 4.9
    assert post(sandbox.webhook_url, TEXT)["errcode"] == 130101
    clock.now += 0.1
    assert post(sandbox.webhook_url, TEXT) == OK


def test_refused_messages_do_not_count_against_the_minute(start_sandbox: StartSandbox, post: Post) -> None:
    """A robot that is refused for its keyword keeps its slots."""
    sandbox = start_sandbox(Robot(keywords=("alert",), messages_per_minute=1))
    for _ in range(3):
        assert post(sandbox.webhook_url, TEXT)["errcode"] == 310000
    assert post(sandbox.webhook_url, {"msgtype": "text", "text": {"content": "alert"}}) == OK


def test_the_limit_holds_for_parallel_senders(start_sandbox: StartSandbox, post: Post) -> None:
    """Of sixty simultaneous messages exactly twenty pass."""
    sandbox = start_sandbox()
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: post(sandbox.webhook_url, TEXT)["errcode"], range(60)))
    assert sorted(replies) == [0] * 20 + [130101] * 40
    assert [message.number for message in sandbox.messages] == list(range(1, 21))


def test_a_known_msg_uuid_is_not_shown_again(start_sandbox: StartSandbox, post: Post) -> None:
    """The resend is answered ok, is recorded as repeated and takes no slot of the minute."""
    sandbox = start_sandbox(Robot(messages_per_minute=2))
    resent = {**TEXT, "msgUuid": "run-1"}
    for _ in range(5):
        assert post(sandbox.webhook_url, resent) == OK
    assert post(sandbox.webhook_url, {**TEXT, "msgUuid": "run-2"}) == OK
    assert [message.payload["msgUuid"] for message in sandbox.messages] == ["run-1", "run-2"]
    assert [request.outcome for request in sandbox.requests] == ["accepted", *["repeated"] * 4, "accepted"]


def test_a_refused_msg_uuid_is_not_remembered(start_sandbox: StartSandbox, post: Post) -> None:
    """The same message may come again after it was refused."""
    sandbox = start_sandbox(Robot(keywords=("alert",)))
    assert post(sandbox.webhook_url, {**TEXT, "msgUuid": "a"})["errcode"] == 310000
    assert post(sandbox.webhook_url, {"msgtype": "text", "text": {"content": "alert"}, "msgUuid": "a"}) == OK


@pytest.mark.parametrize("passed", range(7))
def test_checks_come_in_dingtalks_order(start_sandbox: StartSandbox, post: Post, passed: int) -> None:
    """With everything wrong at once, each fixed fault uncovers the next one."""
    robot = Robot(secret=SECRET, keywords=("alert",), allowed_ips=("10.0.0.1",) if passed < 4 else ("127.0.0.1",))
    sandbox = start_sandbox(robot)
    content_type = "application/json" if passed > 0 else "text/plain"
    url = sandbox.webhook_url if passed > 1 else f"{sandbox.url}/robot/send?access_token=x"
    if passed > 2:
        url += f"&timestamp=1577262236757&sign={ENCODED_SIGN}"
    payload: Any = {"msgtype": "oa"} if passed < 5 else TEXT
    if passed == 6:
        payload = {"msgtype": "text", "text": {"content": "alert"}}
    expected = [43004, 300005, 310000, 310000, 400105, 310000, 0][passed]
    reply = post(url, payload, content_type=content_type)
    assert reply["errcode"] == expected
    cause = {2: "签名", 3: "白名单", 5: "关键词"}.get(passed, "")
    assert cause in reply["errmsg"]


def test_a_blocked_robot_is_refused_before_its_sign_is_looked_at(start_sandbox: StartSandbox, post: Post) -> None:
    """During a ban nothing else is checked."""
    sandbox = start_sandbox(Robot(secret=SECRET, messages_per_minute=1))
    signed = f"{sandbox.webhook_url}&timestamp=1577262236757&sign={ENCODED_SIGN}"
    assert post(signed, TEXT) == OK
    assert post(signed, TEXT)["errcode"] == 130101
    assert post(sandbox.webhook_url, {"msgtype": "oa"})["errcode"] == 130101


def test_two_robots_cannot_share_a_token() -> None:
    """A token names one robot."""
    with pytest.raises(ValueError, match="same access_token"):
        Sandbox(robots=(Robot(access_token="a"), Robot(access_token="a")))
