"""What the chat page is served: files, security headers, the chat as JSON and the live stream."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.sandbox.chat_page import ChatPage

TEXT = {"msgtype": "text", "text": {"content": "hello"}}
PAGE_PATHS = {
    "/": "text/html; charset=utf-8",
    "/chat.css": "text/css; charset=utf-8",
    "/chat.js": "text/javascript; charset=utf-8",
    "/bubbles.js": "text/javascript; charset=utf-8",
    "/markdown.js": "text/javascript; charset=utf-8",
    "/links.js": "text/javascript; charset=utf-8",
    "/words.js": "text/javascript; charset=utf-8",
    "/favicon.ico": "image/svg+xml",
    "/robot.svg": "image/svg+xml",
    "/messages.json": "application/json",
    "/events": "text/event-stream",
}

Post = Callable[..., dict[str, Any]]
StartSandbox = Callable[..., Sandbox]


@contextmanager
def get(sandbox: Sandbox, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    """Ask for a path of the page; names of headers have dashes for underscores."""
    address = urlsplit(sandbox.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        with closing(connection.getresponse()) as response:
            yield response


class EventReader:
    """Reads Server-Sent Events one by one from a response that does not end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def next(self) -> tuple[str, str | None, dict[str, Any]]:
        """Return the next event's name, id and data."""
        fields: dict[str, str] = {}
        while True:
            line = self._response.readline().decode()
            assert line, "the stream ended"
            if line == "\n" and "data" in fields:
                return fields["event"], fields.get("id"), json.loads(fields["data"])
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value


@pytest.mark.parametrize(("path", "content_type"), PAGE_PATHS.items())
def test_every_path_of_the_page_is_guarded(sandbox: Sandbox, path: str, content_type: str) -> None:
    """Type, policy and the other guards are there, and nothing is kept in a cache."""
    with get(sandbox, path) as response:
        assert response.status == 200
        headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["content-type"] == content_type
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in directive for directive in policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/chat.js", "/messages.json", "/events"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", ""])
def test_another_host_name_sees_nothing(sandbox: Sandbox, path: str, host: str) -> None:
    """A foreign name that points at this server (DNS rebinding) gets 403 for all of the page."""
    with get(sandbox, path, Host=host) as response:
        assert response.status == 403
        assert sandbox.robot.access_token.encode() not in response.read()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:80", "[::1]"])
def test_this_machines_names_see_the_page(sandbox: Sandbox, host: str) -> None:
    """Any port will do: it may be forwarded."""
    with get(sandbox, "/", Host=host) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("bound_host", "host", "status"),
    [
        ("::", "192.168.7.7:8080", 200),
        ("::", "[fe80::1]:8080", 200),
        ("", "192.168.7.7", 200),
        ("::", "evil.example", 403),
        ("sandbox.local", "sandbox.local:8080", 200),
        ("127.0.0.1", "192.168.7.7", 403),
    ],
)
def test_the_bound_host_decides_about_other_names(bound_host: str, host: str, status: int) -> None:
    """Bound to all addresses, any address is ours, but no name is."""
    page = ChatPage(None, bound_host=bound_host, describe_robots=list, is_over=bool)  # type: ignore[arg-type]
    assert page._is_host_ours(host) is (status == 200)


def test_the_page_loads_nothing_from_elsewhere(sandbox: Sandbox) -> None:
    """No file of the page names another host, sets markup from strings or evaluates code."""
    for path in PAGE_PATHS:
        if path in ("/events", "/messages.json"):
            continue
        with get(sandbox, path) as response:
            text = response.read().decode()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert forbidden not in text, path
        assert "//cdn" not in text
        assert "https://" not in text.replace("http://www.w3.org/2000/svg", ""), path


def test_the_pages_own_requests_are_not_written_down(sandbox: Sandbox) -> None:
    """Someone looking on does not disturb a test's view of what was sent."""
    for path in ("/", "/messages.json", "/favicon.ico"):
        with get(sandbox, path) as response:
            assert response.status == 200
    assert sandbox.requests == ()


def test_the_chat_as_json(sandbox: Sandbox, post: Post, clock: Any) -> None:
    """Messages and reasons in order, without tokens in the lines."""
    post(sandbox.webhook_url, {**TEXT, "msgUuid": "a"})
    post(sandbox.webhook_url, {**TEXT, "msgUuid": "a"})
    post(f"{sandbox.url}/robot/send?access_token=x", TEXT)
    sandbox.fail_next(Fault.HTTP_500)
    with pytest.raises(AssertionError):
        post(sandbox.webhook_url, TEXT)
    with get(sandbox, "/messages.json") as response:
        chat = json.loads(response.read())
    assert chat["lines"] == [
        {
            "number": 1,
            "kind": "message",
            "at": clock.now,
            "robot": {"name": "Airflow", "number": 1},
            "payload": {**TEXT, "msgUuid": "a"},
        },
        {"number": 2, "kind": "repeated", "at": clock.now, "msgUuid": "a"},
        {"number": 3, "kind": "refused", "at": clock.now, "errcode": 300005, "errmsg": "token is not exist"},
        {"number": 4, "kind": "fault", "at": clock.now, "fault": "http_500"},
    ]
    assert chat["robots"] == [{"number": 1, "name": "Airflow", "webhook_url": sandbox.webhook_url, "keyword": None}]


def test_the_pages_first_command_works_as_it_is(start_sandbox: StartSandbox, post: Post) -> None:
    """The URL that the page shows is signed, and its keyword is named."""
    sandbox = start_sandbox(Robot(secret="SECx", keywords=("告警",)))
    with get(sandbox, "/messages.json") as response:
        (robot,) = json.loads(response.read())["robots"]
    message = {"msgtype": "text", "text": {"content": robot["keyword"]}}
    assert post(robot["webhook_url"], message)["errcode"] == 0


def test_lines_arrive_live(sandbox: Sandbox, post: Post) -> None:
    """The stream says hello, replays what is there and goes on with what comes."""
    post(sandbox.webhook_url, TEXT)
    with get(sandbox, "/events") as response:
        events = EventReader(response)
        name, _, hello = events.next()
        assert (name, hello["resumed"]) == ("hello", False)
        name, event_id, line = events.next()
        assert (name, event_id, line["payload"]) == ("line", f"{hello['session']}:1", TEXT)
        post(sandbox.webhook_url, {"msgtype": "oa"})
        _, event_id, line = events.next()
        assert (event_id, line["kind"], line["errcode"]) == (f"{hello['session']}:2", "refused", 400105)


@pytest.mark.parametrize("by_header", [True, False], ids=["Last-Event-ID", "after"])
def test_a_reader_resumes_where_it_left(sandbox: Sandbox, post: Post, by_header: bool) -> None:
    """Nothing is missed and nothing comes twice."""
    for content in "abc":
        post(sandbox.webhook_url, {"msgtype": "text", "text": {"content": content}})
    with get(sandbox, "/messages.json") as response:
        last_id = f"{json.loads(response.read())['session']}:2"
    headers = {"Last_Event_ID": last_id} if by_header else {}
    with get(sandbox, "/events" if by_header else f"/events?after={last_id}", **headers) as response:
        events = EventReader(response)
        assert events.next()[2]["resumed"] is True
        assert events.next()[2]["payload"]["text"]["content"] == "c"


@pytest.mark.parametrize("last_id", ["another:2", "nonsense", ":", "another:²", ""])
def test_an_id_of_another_session_starts_at_the_beginning(sandbox: Sandbox, post: Post, last_id: str) -> None:
    """After a restart of the process the numbers mean something else."""
    post(sandbox.webhook_url, TEXT)
    with get(sandbox, "/events", Last_Event_ID=last_id.encode().decode("latin-1")) as response:
        events = EventReader(response)
        assert events.next()[2]["resumed"] is False
        assert events.next()[2]["number"] == 1


def test_readers_learn_of_clear(sandbox: Sandbox, post: Post) -> None:
    """Numbers go on after it, so that a reader can tell new lines from old."""
    with get(sandbox, "/events") as response:
        events = EventReader(response)
        events.next()
        post(sandbox.webhook_url, TEXT)
        assert events.next()[2]["number"] == 1
        sandbox.clear()
        assert events.next()[2]["kind"] == "cleared"
        post(sandbox.webhook_url, TEXT)
        assert events.next()[2]["number"] == 3


def test_a_quiet_stream_gives_signs_of_life(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments keep the connection open through proxies and show a lost reader."""
    monkeypatch.setattr("airflow_provider_dingpush.sandbox.chat_page.HEARTBEAT_SECONDS", 0.01)
    with get(sandbox, "/events") as response:
        EventReader(response).next()
        assert response.readline() == b": still here\n"


def test_stop_ends_the_stream(sandbox: Sandbox) -> None:
    """Readers see the end at once."""
    with get(sandbox, "/events") as response:
        EventReader(response).next()
        sandbox.stop()
        assert response.read() == b""


def test_lone_surrogates_do_not_break_the_stream(sandbox: Sandbox, post: Post) -> None:
    """JSON can hold what UTF-8 cannot."""
    post(sandbox.webhook_url, b'{"msgtype":"text","text":{"content":"\\ud83d!"}}')
    with get(sandbox, "/events") as response:
        events = EventReader(response)
        events.next()
        assert events.next()[2]["payload"]["text"]["content"] == "\ud83d!"
