"""A sandbox that ends with its test, a clock that is moved by hand, and a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Robot, Sandbox

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
