"""Whatever comes back as an answer, through whichever channel: it is read, or it is one of our own errors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.access_tokens import AccessTokens, Grant
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_probes import examine
from airflow_provider_dingpush.dingtalk.credentials import App, Robot
from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot
from airflow_provider_dingpush.dingtalk.ding import Dings
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, NoReply, NoReplyReason, Reply
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.dingtalk.people import user_ids_of
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.dingtalk.todos import Todos
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.messages import Text
from airflow_provider_dingpush.pipeline.receivers import result_of
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt, TodoReceipt
from airflow_provider_dingpush.targets import Users
from tests.dingtalk.app_channels import NotificationChannels, RobotChannels

REPLIES = 20_000
_TOKEN = "t0ken-of-the-app"
_SECRET = "SECret-of-the-robot"

# What each channel's answers look like when all is well.
ANSWERS: dict[str, dict[str, Any]] = {
    "robot": {"errcode": 0, "errmsg": "ok"},
    "token": {"accessToken": "abc", "expireIn": 7200},
    "group": {"processQueryKey": "k1"},
    "people": {
        "processQueryKey": "k1",
        "invalidStaffIdList": ["u1"],
        "flowControlledStaffIdList": [],
        "filteredStaffIdList": [],
    },
    "recall": {"successResult": ["k1"], "failedResult": {"k2": "too late"}},
    "group status": {"sendStatus": "SUCCESS", "readUserIds": ["u1"], "hasMore": True, "nextToken": "n"},
    "people status": {"sendStatus": "SUCESS", "messageReadInfoList": [{"userId": "u1", "readStatus": "READ"}]},
    "work notification": {"errcode": 0, "errmsg": "ok", "task_id": 7, "request_id": "r"},
    "progress": {"errcode": 0, "progress": {"progress_in_percent": 100, "status": 2}},
    "result": {
        "errcode": 0,
        "send_result": {
            "invalid_user_id_list": ["u1"],
            "forbidden_list": [{"code": 143106, "userid": "u2"}],
            "forbidden_user_id_list": ["u2"],
            "failed_user_id_list": [],
            "read_user_id_list": ["u3"],
            "unread_user_id_list": [],
            "invalid_dept_id_list": [1],
        },
    },
    "recall of a work notification": {"errcode": 0},
    "mobile": {"errcode": "0", "result": {"userid": "u1"}},
    "media": {"errcode": 0, "media_id": "@m1", "type": "image"},
    "ding": {"openDingId": "d1", "failedList": {"no": ["u1"]}},
    "ding status": {
        "success": True,
        "result": {"robotDingReadInfoList": [{"userId": "u1", "readStatus": "READ"}]},
    },
    "ding recall": {"openDingId": "d1"},
    "to-do": {"id": "t1", "errcode": 0, "result": {"unionid": "uU"}},
    "to-do done": {"result": True},
    "probes": {"code": "invalidParameter.userIds.empty", "message": "…", "requestid": "r"},
}
NAMES = sorted({name for answer in ANSWERS.values() for name in answer} | {
    "errcode", "errmsg", "sub_code", "sub_msg", "code", "Code", "message", "Message", "requestid", "punish",
    "accessdenieddetail", "status",
})  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, "0", -1, 5, 88, 310000, 300001, 60011, 42001, 1e308, float("inf"), float("nan"), 10**40, "",
    " ", "abc", "系统繁忙", "参数", "token", _TOKEN, _SECRET, "half \ud83d", "\x00\x1b[31m\r\n", "x" * 5000, "9" * 5000,
    [], {}, [5], [None], [[]], [{}], {"a": 5}, {"": None}, {"requiredScopes": 5}, {"userid": []},
)  # fmt: skip
BODIES: tuple[bytes, ...] = (
    b"",
    b" \r\n",
    b"<html>blocked</html>",
    b"\xff\xfe\x00garbage",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"errcode":' + b"9" * 6000 + b"}",
    b"\xef\xbb\xbf{}",
    b'{"errcode":0}{"errcode":0}',
    b"null",
    b"0",
    b'"0"',
)
TYPES = ("application/json", "application/json; charset=gbk", "text/html", "text/plain", "", "\x00", "HTML")
STATUSES = (200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 407, 413, 429, 500, 503, 504, 599)


def any_json(chance: random.Random, depth: int = 0) -> Any:
    """Anything that JSON can hold."""
    kind = chance.random()
    if depth > 4 or kind < 0.6:
        return chance.choice(ODD)
    if kind < 0.75:
        return [any_json(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind < 0.77:
        nested: Any = 5
        for _ in range(chance.randrange(900)):
            nested = [nested] if chance.random() < 0.5 else {"a": nested}
        return nested
    return {chance.choice(NAMES): any_json(chance, depth + 1) for _ in range(chance.randrange(6))}


def damaged(chance: random.Random, answer: Any) -> Any:
    """A right answer with some of its fields, at any depth, replaced by anything."""
    if chance.random() < 0.25:
        return any_json(chance)
    if isinstance(answer, dict):
        return {name: damaged(chance, each) for name, each in answer.items() if chance.random() > 0.05}
    return [damaged(chance, each) for each in answer] if isinstance(answer, list) else answer


def any_reply(chance: random.Random, answer: dict[str, Any]) -> Reply | NoReply:
    """Anything that may come back."""
    kind = chance.random()
    if kind < 0.02:
        return NoReply(chance.choice(list(NoReplyReason)))
    if kind < 0.15:
        body = chance.choice(BODIES)
    elif kind < 0.2:
        body = chance.randbytes(chance.randrange(200))
    else:
        shape = any_json(chance) if kind < 0.35 else damaged(chance, answer)
        if isinstance(shape, dict) and chance.random() < 0.3:
            shape = {**shape, chance.choice(NAMES): any_json(chance)}
        body = json.dumps(shape).encode(chance.choice(["utf-8"] * 8 + ["utf-16", "utf-32"]))
        if chance.random() < 0.1:
            body = body[: chance.randrange(len(body) + 1)]
    return Reply(chance.choice(STATUSES), body, chance.choice(TYPES))


class Answering(HttpClient):
    """A way to DingTalk on which anything comes back."""

    def __init__(self, replies: Callable[[], Reply | NoReply]) -> None:
        super().__init__("https://oapi.dingtalk.example")
        self._replies = replies

    def post(self, path: str, **_: Any) -> Reply | NoReply:
        return self._replies()

    def put(self, path: str, **_: Any) -> Reply | NoReply:
        return self._replies()

    def get(self, path: str, **_: Any) -> Reply | NoReply:
        return self._replies()


def channels(http: HttpClient, number: int) -> dict[str, Callable[[], object]]:
    """Every call whose answer is read."""
    ticks = iter(range(10**9))
    options: dict[str, Any] = {"sleep": lambda _: None, "chance": lambda: 0.0, "ticks": lambda: next(ticks) / 1000}
    app = App(f"key{number}", Secret("s"), robot_code="r", agent_id="7")
    tokens = AccessTokens()
    tokens.token(app, http.base_url, lambda: Grant(Secret(_TOKEN), 7200.0), wait_seconds=1.0)
    calls = AppCalls(app, api=http, oapi=http, tokens=tokens, **options)
    unknown = AppCalls(app, api=http, oapi=http, tokens=AccessTokens(), **options)
    robot, notifications = RobotChannels(calls), NotificationChannels(calls)
    custom = CustomRobot(
        Robot(Secret(_TOKEN), Secret(_SECRET) if number % 2 else None), http, sleep=lambda _: None, chance=lambda: 0.0
    )
    dings, todos = Dings(calls), Todos(calls)
    ding = DingReceipt(DingKind.APP, DingOutcome.SENT, ("d1",))
    return {
        "robot": lambda: custom.send(Text("hello")),
        "token": unknown.token,
        "group": lambda: robot.send_to_group(Text("hello"), "cid"),
        "people": lambda: robot.send_to_people(Text("hello"), ["u1", "u2"]),
        "recall": lambda: (robot.recall_from_group(["k1", "k2"], "cid"), robot.recall_from_people(["k1"])),
        "group status": lambda: robot.read_status_of_group("k1", "cid"),
        "people status": lambda: robot.read_status_of_people("k1"),
        "work notification": lambda: notifications.send(Text("hello"), user_ids=["u1"]),
        "progress": lambda: notifications.progress("7"),
        "result": lambda: notifications.result("7").problems,
        "recall of a work notification": lambda: notifications.recall("7"),
        "mobile": lambda: user_ids_of(calls, ["13800000000"]),
        "media": lambda: MediaLibrary(calls).media_id(b"BM" + str(number).encode(), kind="image"),
        "ding": lambda: dings.send("x", Users(["u1", "u2"]), kind="phone"),
        "ding status": lambda: dings.read_status(ding),
        "ding recall": lambda: dings.recall(ding),
        "to-do": lambda: todos.create("x", Users([f"u{number}"]), source_id="s", url="https://x"),
        "to-do done": lambda: todos.complete(TodoReceipt("t1", "s", "uU")),
        "probes": lambda: [str(each) for each in examine(calls, app, "cid")],
    }


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_comes_back_only_our_own_errors_come_out(name: str) -> None:
    """Each error can be printed, written down and judged, and quotes no secret."""
    chance = random.Random(f"{name} 1")  # noqa: S311 - it must be the same every time
    seen = 0

    def replies() -> Iterator[Reply | NoReply]:
        nonlocal seen
        while True:
            seen += 1
            yield any_reply(chance, ANSWERS[name])

    coming = replies()
    http = Answering(lambda: next(coming))
    number, outcomes = 0, set()
    while seen < REPLIES / len(ANSWERS):
        number += 1
        error = error_of(channels(http, number)[name])
        outcomes.add(type(error).__name__)
        if error is not None:
            shown = f"{error} {error!r} {error.errmsg} {error.errcode} {error.request_id}"
            shown.encode()
            assert len(str(error)) < 6000
            # Whoever asks for a token has sent none.
            assert _TOKEN not in shown or name == "token"
            assert _SECRET not in shown or number % 2 == 0 or name != "robot"
            outcome = result_of(error)
            json.dumps([outcome.problem, outcome.unknown_code]).encode()
    assert "NoneType" in outcomes
    assert len(outcomes) > 3 or name == "probes"


def error_of(call: Callable[[], object]) -> DingTalkError | None:
    """What a call raises, if that is one of our own errors; what it returns can be printed."""
    try:
        str(call()).encode()
    except DingTalkError as error:
        return error
    return None
