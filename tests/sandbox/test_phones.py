"""What is on a person's phone, and reading it: as data, without a browser."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Sandbox

SEND_DING = "/v1.0/robot/ding/send"
SEND_MESSAGE = "/v1.0/robot/oToMessages/batchSend"


def ask(sandbox: Sandbox, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Ask the page; return status and JSON, or text."""
    address = urlsplit(sandbox.url)
    headers = {"Content-Type": "application/json", **{name.replace("_", "-"): each for name, each in headers.items()}}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request(method, target, content, headers)
        response = connection.getresponse()
        answer = response.read().decode()
    return response.status, json.loads(answer) if "json" in (response.getheader("Content-Type") or "") else answer


def phone(sandbox: Sandbox, user_id: str = "zhangsan") -> dict[str, Any]:
    status, state = ask(sandbox, "GET", f"/phone.json?user={user_id}")
    assert status == 200
    return dict(state)


@pytest.fixture
def busy(sandbox: Sandbox, client: Any) -> Sandbox:
    """A sandbox in which one person has a message, a notification, three DINGs and a to-do."""
    robot = {"robotCode": sandbox.app.robot_code}
    text = {"msgKey": "sampleText", "msgParam": '{"content": "hello"}'}
    people = ["zhangsan", "lisi"]
    assert client.v1(SEND_MESSAGE, {**robot, **text, "userIds": people})[0] == 200
    msg = {"msgtype": "text", "text": {"content": "hello"}}
    notification = {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan", "msg": msg}
    assert client.oapi("/topapi/message/corpconversation/asyncsend_v2", notification)["errcode"] == 0
    for number in (1, 2, 3):
        body = {**robot, "remindType": number, "receiverUserIdList": people, "content": "wake up"}
        assert client.v1(SEND_DING, body)[0] == 200
    union_ids = [person.union_id for person in sandbox.people[:2]]
    todo = {"subject": "fix", "detailUrl": {"appUrl": "https://x", "pcUrl": "https://x"}, "executorIds": union_ids}
    assert client.v1(f"/v1.0/todo/users/{union_ids[0]}/tasks", todo)[0] == 200
    return sandbox


def shown(state: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(item.get("way") or item["kind"], item["read"]) for item in state["items"]]


def test_everything_is_on_it(busy: Sandbox) -> None:
    """In order, with who has how much to read, and the credit that is left."""
    state = phone(busy)
    kinds = ["message", "message", "app", "sms", "phone", "todo"]
    assert shown(state) == [(kind, False) for kind in kinds]
    assert [item.get("is_notification") for item in state["items"][:2]] == [False, True]
    assert {each["user_id"]: each["unread"] for each in state["people"]} == {"zhangsan": 6, "lisi": 5, "wangwu": 0}
    assert state["person"] == {"user_id": "zhangsan", "name": "张三", "mobile": "13800000001"}
    assert state["credit"] == {"sms": 98, "phone": 98}
    assert phone(busy, "wangwu")["items"] == []


def test_one_item_is_read(busy: Sandbox) -> None:
    """And nothing else, by nobody else."""
    for item in phone(busy)["items"]:
        before = shown(phone(busy))
        body = {"user": "zhangsan", "kind": item["kind"], "number": item["number"]}
        assert ask(busy, "POST", "/phone/read", body) == (200, {"read": True})
        after = shown(phone(busy))
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert all(read for _, read in shown(phone(busy)))
    assert not any(read for _, read in shown(phone(busy, "lisi")))
    assert not busy.todos[0].is_done
    ask(busy, "POST", "/phone/read", {"user": "lisi", "kind": "todo", "number": busy.todos[0].number})
    assert busy.todos[0].is_done


def test_all_is_read_but_to_dos(busy: Sandbox) -> None:
    """As by the method for tests."""
    assert ask(busy, "POST", "/phone/read", {"user": "zhangsan"})[0] == 200
    assert shown(phone(busy))[-2:] == [("phone", True), ("todo", False)]
    busy.read("lisi")
    assert [read for _, read in shown(phone(busy, "lisi"))] == [True, True, True, True, False]


def test_reading_is_seen_by_the_app(busy: Sandbox, client: Any) -> None:
    """As the read status of messages and of DINGs."""
    message, ding = busy.messages[0], busy.dings[0]
    ask(busy, "POST", "/phone/read", {"user": "zhangsan", "kind": "message", "number": message.number})
    query = {"robotCode": busy.app.robot_code, "processQueryKey": message.handle}
    _, reply = client.v1("/v1.0/robot/oToMessages/readStatus", query, method="GET")
    states = {each["userId"]: each["readStatus"] for each in reply["messageReadInfoList"]}
    assert states == {"zhangsan": "READ", "lisi": "UNREAD"}
    assert not busy.dings[0].is_read
    ask(busy, "POST", "/phone/read", {"user": "zhangsan", "kind": "ding", "number": ding.number})
    assert busy.dings[0].is_read


@pytest.mark.parametrize(
    "body",
    [
        {"user": "nobody"},
        {"user": "zhangsan", "kind": "call", "number": 1},
        {"user": "zhangsan", "kind": "ding"},
        {"user": "zhangsan", "kind": 5, "number": 1},
        {"user": "zhangsan", "kind": "ding", "number": "1"},
        {},
        [],
        b"{",
    ],
    ids=str,
)
def test_what_nobody_can_read(busy: Sandbox, body: Any) -> None:
    """It changes nothing."""
    assert ask(busy, "POST", "/phone/read", body)[0] == 400
    assert not any(read for _, read in shown(phone(busy)))


def test_a_foreign_page_reads_nothing(busy: Sandbox) -> None:
    """Neither by a form, nor through a name that points here."""
    body = {"user": "zhangsan"}
    assert ask(busy, "POST", "/phone/read", body, Content_Type="text/plain")[0] == 400
    assert ask(busy, "POST", "/phone/read", body, Host="evil.example")[0] == 403
    assert ask(busy, "GET", "/phone.json?user=zhangsan", Host="evil.example")[0] == 403
    assert not any(read for _, read in shown(phone(busy)))
    assert ask(busy, "GET", "/phone/read")[0] == 404
    assert ask(busy, "GET", "/phone.json?user=nobody") == (404, None)


def test_the_chat_page_has_a_line_for_each(busy: Sandbox) -> None:
    """In the person's chat with the robot; reading is a line as well, so that open pages follow."""
    _, chat = ask(busy, "GET", "/messages.json")
    lines = [(line["kind"], line.get("conversation", {}).get("key")) for line in chat["lines"]]
    assert lines.count(("ding", "private:zhangsan")) == 3
    assert lines.count(("todo", "private:lisi")) == 1
    assert ("phone", None) not in lines
    busy.read("lisi")
    assert ask(busy, "GET", "/messages.json")[1]["lines"][-1]["kind"] == "phone"
    assert [each["user_id"] for each in chat["people"]] == ["zhangsan", "lisi", "wangwu"]


def test_the_address_of_a_phone(busy: Sandbox) -> None:
    """A user id may hold what an address can't."""
    assert busy.phone_url_of(busy.people[0]) == f"{busy.url}/phone.html?user=zhangsan"
    assert ask(busy, "GET", "/phone.html")[0] == 200
