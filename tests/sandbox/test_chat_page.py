"""What the chat page is served: files, security headers, the chat as JSON and the live stream."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush import sandbox as sandbox_package
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox
from airflow_provider_dingpush.sandbox.chat_page import ChatPage
from airflow_provider_dingpush.sandbox.model import Answer, ReceivedRequest

TEXT = {"msgtype": "text", "text": {"content": "hello"}}
PAGE = Path(sandbox_package.__file__).with_name("page")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE_PATHS = {
    "/": "text/html; charset=utf-8",
    "/favicon.ico": "image/svg+xml",
    **{f"/{path.name}": TYPES[path.suffix] for path in PAGE.iterdir() if path.suffix in TYPES},
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
    assert page_with({}, bound_host=bound_host)._is_host_ours(host) is (status == 200)


MEDIA = {
    "picture": ("image/png", b"\x89PNG", "a.png"),
    "script": ("image/svg+xml", b"<svg/>", "a.svg"),
    "page": ("text/html", b"<script>", "a.html"),
    "voice": ("audio/amr", b"#!AMR", "a.amr"),
    "strange": ("audio/x\r\nSet-Cookie: a", b"x", 'a"\r\n; 报告\ud83d.zip'),
    "video": ("video/mp4", b"0123456789", "a.mp4"),
}


def page_with(media: dict[str, tuple[str, bytes, str]], *, bound_host: str = "127.0.0.1") -> ChatPage:
    """Return a page without a chat."""
    return ChatPage(
        None,  # type: ignore[arg-type]
        bound_host=bound_host,
        describe=dict,
        media=media.get,
        is_over=bool,
    )


def get_medium(path: str, **headers: str) -> tuple[Answer, dict[str, str]]:
    """Ask a page without a server for a medium; return the answer and its headers."""
    request = ReceivedRequest(
        method="GET",
        path=path,
        query={},
        headers={"host": "localhost", **headers},
        body=b"",
        json=None,
        received_at=0,
        connection=1,
        client_address="127.0.0.1",
    )
    page = page_with(MEDIA)
    assert page.serves(path)
    answer = page.answer(request)
    return answer, dict(answer.headers)


@pytest.mark.parametrize(
    ("name", "content_type", "is_download"),
    [
        ("picture", "image/png", False),
        ("script", "application/octet-stream", True),
        ("page", "application/octet-stream", True),
        ("voice", "audio/amr", True),
        ("strange", "application/octet-stream", True),
    ],
)
def test_media_are_pictures_or_downloads(name: str, content_type: str, is_download: bool) -> None:
    """What could run in a browser is never served as the type it claims to be."""
    answer, headers = get_medium(f"/media/{name}")
    assert (answer.status, answer.content_type, answer.body) == (200, content_type, MEDIA[name][1])
    assert headers.get("Content-Disposition", "").startswith("attachment;") is is_download
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not any(letter in value for value in headers.values() for letter in "\r\n")


def test_a_download_has_its_name() -> None:
    """In any letters."""
    _, headers = get_medium("/media/strange")
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%0D%0A%3B%20%E6%8A%A5%E5%91%8A%3F.zip"


@pytest.mark.parametrize("path", ["/media/", "/media/nothing", "/media/../chat.js", "/media/%2e%2e/chat.js"])
def test_only_media_are_behind_their_path(path: str) -> None:
    answer, _ = get_medium(path)
    assert answer.status == 404


def test_another_host_name_sees_no_media() -> None:
    answer, _ = get_medium("/media/picture", host="evil.example")
    assert answer.status == 403


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-1", 206, b"01", "bytes 0-1/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 200, b"0123456789", None),
        ("bytes=-3", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
    ],
)
def test_players_can_ask_for_a_part(wanted: str, status: int, body: bytes, content_range: str | None) -> None:
    """Safari plays nothing else; what is not understood gets all of it, as the standard allows."""
    answer, headers = get_medium("/media/video", range=wanted)
    assert (answer.status, answer.body, headers.get("Content-Range")) == (status, body, content_range)


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
    group = {"key": "group:1", "kind": "group", "name": sandbox.group.name}
    where = {"at": clock.now, "conversation": group, "path": "/robot/send"}
    assert chat["lines"] == [
        {
            "number": 1,
            "kind": "message",
            "at": clock.now,
            "conversation": group,
            "sender": {"kind": "robot", "name": "Airflow", "number": 1},
            "payload": {**TEXT, "msgUuid": "a"},
            "shown": {**TEXT, "msgUuid": "a"},
        },
        {"number": 2, "kind": "repeated", "msgUuid": "a", **where},
        {"number": 3, "kind": "refused", "errcode": 300005, "errmsg": "token is not exist", **where},
        {"number": 4, "kind": "fault", "fault": "http_500", **where},
    ]
    assert chat["robots"] == [{"number": 1, "name": "Airflow", "webhook_url": sandbox.webhook_url, "keyword": None}]
    assert chat["conversations"] == [group]
    (app,) = chat["apps"]
    assert app["app_key"] == sandbox.app.app_key
    assert app["group"] == sandbox.group.open_conversation_id
    assert sandbox.app.app_secret not in json.dumps(chat)


def test_the_pages_first_command_works_as_it_is(start_sandbox: StartSandbox, post: Post) -> None:
    """The URL that the page shows is signed, and its keyword is named."""
    sandbox = start_sandbox(Robot(secret="SECx", keywords=("告警",)))
    with get(sandbox, "/messages.json") as response:
        (robot,) = json.loads(response.read())["robots"]
    message = {"msgtype": "text", "text": {"content": robot["keyword"]}}
    assert post(robot["webhook_url"], message)["errcode"] == 0


def test_lines_arrive_live(sandbox: Sandbox, post: Post) -> None:
    """The stream begins with a greeting, replays what is there and goes on with what comes."""
    post(sandbox.webhook_url, TEXT)
    with get(sandbox, "/events") as response:
        events = EventReader(response)
        name, _, hello = events.next()
        assert (name, hello["resumed"], hello["last"]) == ("hello", False, 1)
        assert [conversation["key"] for conversation in hello["conversations"]] == ["group:1"]
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
    """Numbers go on after it, so that a reader can distinguish new lines from old."""
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
