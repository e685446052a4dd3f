"""A sandbox that ends with its test, a clock that is moved by hand, and plain HTTP clients."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_dingpush.sandbox import App, Robot, Sandbox

StartSandbox = Callable[..., Sandbox]
Post = Callable[..., dict[str, Any]]


class HandClock:
    """A clock that stands still until a test moves it; starts at the first timestamp of the sign vectors."""

    def __init__(self) -> None:
        self.now = 1577262236.757

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def start_sandbox(clock: HandClock) -> Iterator[StartSandbox]:
    """Start sandboxes with the hand clock and stop them after the test."""
    started: list[Sandbox] = []

    def start(*robots: Robot, **options: Any) -> Sandbox:
        sandbox = Sandbox(robots=robots, **{"clock": clock, **options})
        started.append(sandbox)
        sandbox.start()
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    """A sandbox with one robot that wants its token only."""
    return start_sandbox()


@pytest.fixture
def post() -> Post:
    """Post a payload to a URL on a connection of its own and return the reply; 200 is taken for granted."""

    def post(url: str, payload: Any, *, content_type: str = "application/json", method: str = "POST") -> dict[str, Any]:
        address = urlsplit(url)
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            connection.request(method, f"{address.path}?{address.query}", body, {"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read()
        assert response.status == 200
        reply: dict[str, Any] = json.loads(answer)
        return reply

    return post


@pytest.fixture
def connect() -> Iterator[Callable[[Sandbox], socket.socket]]:
    """Open raw TCP connections to a sandbox."""
    opened: list[socket.socket] = []

    def connect(sandbox: Sandbox) -> socket.socket:
        address = urlsplit(sandbox.url)
        connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def raw_request() -> Callable[..., bytes]:
    """Return the bytes of a well-formed request for the first robot, or of its head alone."""

    def raw_request(sandbox: Sandbox, *, content: str = "hello", head_only: bool = False) -> bytes:
        address = urlsplit(sandbox.webhook_url)
        body = json.dumps({"msgtype": "text", "text": {"content": content}}).encode()
        head = (
            f"POST {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        return head if head_only else head + body

    return raw_request


class RawClient:
    """Sends in both dialects for one app, without any rules of its own."""

    def __init__(self, sandbox: Sandbox, app: App) -> None:
        self.sandbox = sandbox
        self.app = app

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return status and reply of one request on a connection of its own."""
        address = urlsplit(self.sandbox.url)
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def token(self) -> str:
        """Return the app's access token; asking again extends its life."""
        body = {"appKey": self.app.app_key, "appSecret": self.app.app_secret}
        status, reply = self.request(
            "POST", "/v1.0/oauth2/accessToken", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        assert status == 200, reply
        return str(reply["accessToken"])

    def v1(
        self, path: str, body: Any = None, *, method: str = "POST", token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Call the new generation: JSON, or the query of a GET."""
        headers = {"x-acs-dingtalk-access-token": self.token() if token is None else token}
        if method == "GET":
            return self.request(method, f"{path}?{urlencode(body)}", None, headers)
        headers["Content-Type"] = "application/json"
        return self.request(method, path, json.dumps(body).encode(), headers)

    def oapi(self, path: str, body: Any, *, token: str | None = None) -> dict[str, Any]:
        """Call the old generation with JSON; 200 is taken for granted."""
        query = urlencode({"access_token": self.token() if token is None else token})
        status, reply = self.request(
            "POST", f"{path}?{query}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        assert status == 200, reply
        return reply

    def upload(self, kind: str, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file as browsers do."""
        body = (
            b'--limit\r\nContent-Disposition: form-data; name="media"; filename="' + name.encode() + b'"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--limit--\r\n"
        )
        query = urlencode({"access_token": self.token(), "type": kind})
        status, reply = self.request(
            "POST", f"/media/upload?{query}", body, {"Content-Type": "multipart/form-data; boundary=limit"}
        )
        assert status == 200, reply
        return reply

    def media_id(self, kind: str, name: str, content: bytes) -> str:
        """Upload a file and return its id."""
        reply = self.upload(kind, name, content)
        assert reply["errcode"] == 0, reply
        return str(reply["media_id"])


ClientOf = Callable[..., RawClient]


@pytest.fixture
def client_of() -> ClientOf:
    """Return a plain client of a sandbox for its first app or another."""

    def client_of(sandbox: Sandbox, app: App | None = None) -> RawClient:
        return RawClient(sandbox, app or sandbox.app)

    return client_of


@pytest.fixture
def client(sandbox: Sandbox, client_of: ClientOf) -> RawClient:
    """Return a plain client for the first app of the usual sandbox."""
    return client_of(sandbox)
