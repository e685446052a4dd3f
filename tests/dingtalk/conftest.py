"""A sandbox with chosen robots, clients that write their waits down instead of waiting, and a server of raw sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.access_tokens import AccessTokens
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.credentials import App as OurApp
from airflow_provider_dingpush.dingtalk.credentials import Robot as OurRobot
from airflow_provider_dingpush.dingtalk.custom_robot import CustomRobot
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, HttpOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.sandbox import App, Robot, Sandbox

StartSandbox = Callable[..., Sandbox]
Answer = Callable[[socket.socket, threading.Event], object]


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Start sandboxes and stop them after the test."""
    with ExitStack() as running:

        def start(*robots: Robot, **options: Any) -> Sandbox:
            return running.enter_context(Sandbox(robots=robots, **options))

        yield start


@dataclass
class Client:
    """A custom robot's client, and the waits that it asked for."""

    robot: CustomRobot
    http: HttpClient
    waits: list[float] = field(default_factory=list)


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """Make clients of a sandbox's first robot or of any base URL; they never really wait between tries."""
    with ExitStack() as running:

        def make(
            server: Sandbox | str, *, keyword: str | None = None, timeout_seconds: float = 5.0, **options: Any
        ) -> Client:
            if isinstance(server, str):
                base_url, token, secret = server, "0" * 64, None
            else:
                base_url, token, secret = server.url, server.robot.access_token, server.robot.secret
            http = HttpClient(base_url, HttpOptions(timeout_seconds=timeout_seconds))
            running.callback(http.close)
            waits: list[float] = []
            robot = OurRobot(
                Secret(options.pop("access_token", token)),
                Secret(options.pop("secret", secret) or "") or None,
                keyword,
            )
            client = CustomRobot(robot, http, sleep=waits.append, chance=lambda: 1.0, **options)
            return Client(client, http, waits)

        yield make


@dataclass
class AppClient:
    """An app's calls, the tokens that they share, and the waits that they asked for."""

    calls: AppCalls
    tokens: AccessTokens
    waits: list[float] = field(default_factory=list)


@pytest.fixture
def app_client_of() -> Iterator[Callable[..., AppClient]]:
    """Make the calls of a sandbox's first app, or of any base URL; they never really wait between tries."""
    with ExitStack() as running:

        def make(
            server: Sandbox | str,
            *,
            app: App | None = None,
            tokens: AccessTokens | None = None,
            timeout_seconds: float = 5.0,
            **options: Any,
        ) -> AppClient:
            if isinstance(server, Sandbox):
                base_url, theirs = server.url, app or server.app
            else:
                base_url, theirs = server, app or App()
            ours = OurApp(
                theirs.app_key,
                Secret(options.pop("app_secret", theirs.app_secret)),
                robot_code=theirs.robot_code,
                agent_id=str(theirs.agent_id),
            )
            http = HttpClient(base_url, HttpOptions(timeout_seconds=timeout_seconds))
            running.callback(http.close)
            waits: list[float] = []
            tokens = tokens or AccessTokens()
            options = {"sleep": waits.append, "chance": lambda: 1.0, **options}
            return AppClient(AppCalls(ours, api=http, oapi=http, tokens=tokens, **options), tokens, waits)

        yield make


class RawServer:
    """Accepts connections, reads one request after the other and lets a function of the test misbehave."""

    def __init__(self, answers: list[Answer] | Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answers = answers
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.over = threading.Event()
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), ExitStack() as ending:
            ending.enter_context(connection)
            if self._tls:
                connection = ending.enter_context(self._tls.wrap_socket(connection, server_side=True))
                self._open.append(connection)
            while not self.over.is_set() and (request := read_request(connection)):
                self.requests.append(request)
                answer = self._answers.pop(0) if isinstance(self._answers, list) else self._answers
                answer(connection, self.over)

    def stop(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request, head and body; nothing if the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")),
        0,
    )
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Start servers of raw sockets and stop them after the test."""
    started: list[RawServer] = []

    def start(answers: list[Answer] | Answer, tls: ssl.SSLContext | None = None) -> RawServer:
        started.append(RawServer(answers, tls))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """Make the answer that sends a status line, headers and a body."""

    def make(body: bytes, *, status: str = "200 OK", content_type: str = "application/json", more: str = "") -> Answer:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        return lambda connection, _: connection.sendall(head.encode() + body)

    return make
