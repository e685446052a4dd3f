"""The sandbox as a server: HTTP as it should be, start and stop, waiting for what comes."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Robot, Sandbox

OK = {"errcode": 0, "errmsg": "ok"}
TEXT = {"msgtype": "text", "text": {"content": "hello"}}

Post = Callable[..., dict[str, Any]]
Connect = Callable[[Sandbox], socket.socket]
RawRequest = Callable[..., bytes]
StartSandbox = Callable[..., Sandbox]


def test_a_request_is_kept_as_it_came(sandbox: Sandbox, post: Post, clock: Any) -> None:
    """Method, path, query, headers, body, time, reply and outcome can be looked up."""
    post(sandbox.webhook_url, TEXT)
    (request,) = sandbox.requests
    assert (request.method, request.path) == ("POST", "/robot/send")
    assert request.query == {"access_token": sandbox.robot.access_token}
    assert request.headers["content-type"] == "application/json"
    assert request.body == json.dumps(TEXT).encode()
    assert request.json == TEXT
    assert request.received_at == clock.now
    assert request.client_address == "127.0.0.1"
    assert (request.fault, request.reply, request.outcome) == (None, OK, "accepted")
    assert sandbox.robot.access_token not in repr(request)


def test_one_connection_carries_many_requests(sandbox: Sandbox) -> None:
    """Keep-alive is real, and each connection has its number."""
    address = urlsplit(sandbox.webhook_url)
    for _ in range(2):
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            for _ in range(3):
                connection.request(
                    "POST", f"{address.path}?{address.query}", json.dumps(TEXT), {"Content-Type": "application/json"}
                )
                assert json.loads(connection.getresponse().read()) == OK
    numbers = [request.connection for request in sandbox.requests]
    assert len(set(numbers)) == 2
    assert numbers[:3] == [numbers[0]] * 3
    assert numbers[3:] == [numbers[3]] * 3


def test_requests_may_be_pipelined(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """Two requests in one packet get two answers in order."""
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox, content="one") + raw_request(sandbox, content="two"))
    received = b""
    while received.count(b'"ok"}') < 2:
        received += connection.recv(65536)
    assert [message.payload["text"]["content"] for message in sandbox.messages] == ["one", "two"]


def test_an_expected_100_continue_is_given(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """Curl waits for it before it sends a longer body."""
    connection = connect(sandbox)
    head, _, body = raw_request(sandbox).partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    assert connection.recv(65536).endswith(b'"ok"}')


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("POST /robot/send HTTP/2\r\n\r\n", 400),
        ("GET http://[ HTTP/1.1\r\n\r\n", 400),
        ("POST /robot/send HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("POST /robot/send HTTP/1.1\r\nname : space\r\n\r\n", 400),
        ("POST /robot/send HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /robot/send HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("POST /robot/send HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\n" + "a: b\r\n" * 101 + "\r\n", 431),
    ],
)
def test_malformed_requests_are_answered_and_cut_off(
    sandbox: Sandbox, connect: Connect, request_text: str, status: int
) -> None:
    """What is no HTTP/1.1 request gets its status and the end of the connection."""
    connection = connect(sandbox)
    connection.sendall(request_text.encode())
    received = connection.recv(65536)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in received
    assert sandbox.requests == ()


def test_a_sender_who_leaves_in_the_middle_is_no_request(
    sandbox: Sandbox, connect: Connect, raw_request: RawRequest, post: Post
) -> None:
    """Half a body is nothing, and the server goes on."""
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox)[:-5])
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
    assert post(sandbox.webhook_url, TEXT) == OK
    assert len(sandbox.requests) == 1


def test_http_1_0_gets_one_answer(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """An old client is answered and the connection closed."""
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    received = b""
    while piece := connection.recv(65536):
        received += piece
    assert received.endswith(b'"ok"}')


def test_unknown_paths(sandbox: Sandbox, post: Post) -> None:
    """A POST is answered errcode 22 as by DingTalk, a GET 404, anything else 405; all are recorded."""
    assert post(f"{sandbox.url}/robot/sendBySession?session=x", TEXT) == {"errcode": 22, "errmsg": "Invalid method"}
    address = urlsplit(sandbox.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        for method, path, status in [
            ("GET", "/nowhere", 404),
            ("DELETE", "/nowhere", 405),
            ("HEAD", "/robot/send", 405),
        ]:
            connection.request(method, path)
            response = connection.getresponse()
            assert (response.status, len(response.read()) > 0) == (status, method == "GET")
    assert [(request.method, request.outcome) for request in sandbox.requests] == [
        ("POST", "unknown path"),
        ("GET", "unknown path"),
        ("DELETE", "unknown path"),
        ("HEAD", "unknown path"),
    ]


def test_stop_ends_idle_connections_and_all_threads(start_sandbox: StartSandbox, connect: Connect) -> None:
    """Nothing of it is left running, at once."""
    before = set(threading.enumerate())
    sandbox = start_sandbox()
    connections = [connect(sandbox) for _ in range(5)]
    for connection in connections:
        connection.sendall(b"GET /messages.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536)
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 1.5
    assert set(threading.enumerate()) <= before
    for connection in connections:
        assert connection.recv(65536) == b""


def test_it_listens_on_ipv6_too(start_sandbox: StartSandbox, post: Post) -> None:
    """The URL has brackets, and an IPv4 allow list keeps such senders out."""
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        sandbox = start_sandbox(Robot(), Robot(allowed_ips=("127.0.0.1",)), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    assert sandbox.url.startswith("http://[::1]:")
    assert post(sandbox.webhook_url, TEXT) == OK
    assert post(sandbox.webhook_url_of(sandbox.robots[1]), TEXT)["errcode"] == 310000
