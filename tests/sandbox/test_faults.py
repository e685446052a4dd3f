"""Each fault on demand shows at the sender as it is described, and the message is where it is described to be."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Fault, Sandbox

OK = {"errcode": 0, "errmsg": "ok"}
BODY = json.dumps({"msgtype": "text", "text": {"content": "hello"}})

Connect = Callable[[Sandbox], socket.socket]
RawRequest = Callable[..., bytes]


def send(sandbox: Sandbox) -> tuple[int, dict[str, str], bytes]:
    """Post the usual message and return status, headers and body."""
    address = urlsplit(sandbox.webhook_url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request("POST", f"{address.path}?{address.query}", BODY, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def outcome_of_last(sandbox: Sandbox) -> tuple[str, Fault | None, dict[str, Any] | None]:
    """Return what the sandbox wrote down about the last request."""
    request = sandbox.requests[-1]
    return request.outcome, request.fault, request.reply


@pytest.mark.parametrize(
    ("fault", "status", "answer"),
    [
        (Fault.HTTP_500, 500, b"Internal Server Error"),
        (Fault.HTTP_503, 503, b"Service Unavailable"),
        (Fault.REDIRECT, 302, b""),
        (Fault.EMPTY_BODY, 200, b""),
        (Fault.GARBAGE, 200, b'\xff\xfe{"errcode":0\x80\xc3('),
    ],
)
def test_answers_without_a_reply(sandbox: Sandbox, fault: Fault, status: int, answer: bytes) -> None:
    """The message is lost and the next one is answered as usual."""
    sandbox.fail_next(fault)
    assert send(sandbox)[::2] == (status, answer)
    assert outcome_of_last(sandbox) == ("fault", fault, None)
    assert sandbox.messages == ()
    assert json.loads(send(sandbox)[2]) == OK


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (Fault.BUSY, {"errcode": -1, "errmsg": "系统繁忙"}),
        (Fault.THROTTLED, {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}),
        (
            Fault.GATEWAY_BAN,
            {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "5a1d0c0e5a1d0c0e"},
        ),
        (Fault.NO_ERRCODE, {"success": True, "request_id": "15r6h7w2ky0s3"}),
    ],
)
def test_answers_with_a_reply(sandbox: Sandbox, fault: Fault, reply: dict[str, Any]) -> None:
    """The reply is answered and recorded; no block follows."""
    sandbox.fail_next(fault)
    status, _, answer = send(sandbox)
    assert (status, json.loads(answer)) == (200, reply)
    assert outcome_of_last(sandbox) == ("fault", fault, reply)
    assert sandbox.messages == ()
    assert json.loads(send(sandbox)[2]) == OK


def test_an_html_page_comes_as_success(sandbox: Sandbox) -> None:
    """A gateway's page has status 200 and no JSON in it."""
    sandbox.fail_next(Fault.HTML_PAGE)
    status, headers, answer = send(sandbox)
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert answer.startswith(b"<!DOCTYPE html>")
    assert sandbox.messages == ()


def test_a_redirect_stays_on_this_machine(sandbox: Sandbox) -> None:
    """A client that follows ends at the sandbox again and is written down."""
    sandbox.fail_next(Fault.REDIRECT)
    assert send(sandbox)[1]["location"] == "/punish/index.html"


def test_a_string_errcode_is_a_success(sandbox: Sandbox) -> None:
    """As in the docs' own example: "0" instead of 0, and the message was accepted."""
    sandbox.fail_next(Fault.STRING_ERRCODE)
    assert json.loads(send(sandbox)[2]) == {"errcode": "0", "errmsg": "ok"}
    assert outcome_of_last(sandbox) == ("accepted", Fault.STRING_ERRCODE, {"errcode": "0", "errmsg": "ok"})
    assert len(sandbox.messages) == 1


def test_a_reset_before_the_body(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """The connection is reset when only the head has been sent."""
    sandbox.fail_next(Fault.RESET_BEFORE_BODY)
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox, head_only=True))
    with pytest.raises(ConnectionResetError) as caught:
        connection.recv(1)
    assert caught.value.errno == errno.ECONNRESET
    assert outcome_of_last(sandbox) == ("fault", Fault.RESET_BEFORE_BODY, None)
    assert sandbox.requests[0].body == b""
    assert sandbox.messages == ()


@pytest.mark.parametrize(
    ("fault", "outcome", "reply", "shown"),
    [
        (Fault.RESET_AFTER_BODY_ACCEPTED, "accepted", OK, 1),
        (Fault.RESET_AFTER_BODY_NOT_ACCEPTED, "fault", None, 0),
    ],
)
def test_a_reset_after_the_body(
    sandbox: Sandbox, fault: Fault, outcome: str, reply: dict[str, Any] | None, shown: int
) -> None:
    """To the sender both look the same; only one message is in the chat."""
    sandbox.fail_next(fault)
    with pytest.raises(ConnectionResetError) as caught:
        send(sandbox)
    assert caught.value.errno == errno.ECONNRESET
    assert outcome_of_last(sandbox) == (outcome, fault, reply)
    assert sandbox.requests[0].body == BODY.encode()
    assert len(sandbox.messages) == shown


def test_a_resend_after_a_lost_answer_is_recognised(sandbox: Sandbox) -> None:
    """With one msgUuid for all attempts the group sees one message."""
    address = urlsplit(sandbox.webhook_url)
    body = json.dumps({**json.loads(BODY), "msgUuid": "run-1"})
    sandbox.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED)
    for attempt in range(2):
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            connection.request("POST", f"{address.path}?{address.query}", body, {"Content-Type": "application/json"})
            if attempt == 0:
                with pytest.raises(ConnectionResetError):
                    connection.getresponse()
            else:
                assert json.loads(connection.getresponse().read()) == OK
    assert [request.outcome for request in sandbox.requests] == ["accepted", "repeated"]
    assert len(sandbox.messages) == 1


def test_a_slow_answer_comes_in_the_end(sandbox: Sandbox) -> None:
    """The answer waits for the given time."""
    sandbox.fail_next(Fault.SLOW, seconds=0.15)
    began = time.monotonic()
    assert json.loads(send(sandbox)[2]) == OK
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.DRIP])
def test_a_late_answer_means_that_the_message_was_accepted(
    sandbox: Sandbox, connect: Connect, raw_request: RawRequest, fault: Fault
) -> None:
    """The message is in the chat while its sender still waits, and stopping does not wait for the rest."""
    sandbox.fail_next(fault, seconds=600)
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox))
    assert len(sandbox.wait_for_messages(1)) == 1
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 1.5


def test_a_dripping_body_arrives_byte_by_byte(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """The head is there at once, the body in pieces, and in the end it is whole."""
    sandbox.fail_next(Fault.DRIP, seconds=0.3)
    connection = connect(sandbox)
    connection.sendall(raw_request(sandbox))
    pieces = [connection.recv(65536)]
    while not b"".join(pieces).endswith(b"}"):
        pieces.append(connection.recv(65536))
    head, _, answer = b"".join(pieces).partition(b"\r\n\r\n")
    assert json.loads(answer) == OK
    assert f"Content-Length: {len(answer)}".encode() in head
    assert len(pieces) > 3
    # The connection is as good as new.
    connection.sendall(raw_request(sandbox))
    assert connection.recv(65536).endswith(b'"ok"}')


def test_a_hanging_server_stops_promptly(sandbox: Sandbox, connect: Connect, raw_request: RawRequest) -> None:
    """Ten senders wait for nothing; stop closes them all at once."""
    sandbox.fail_next(Fault.HANG, times=10)
    connections = [connect(sandbox) for _ in range(10)]
    for connection in connections:
        connection.sendall(raw_request(sandbox))
    assert {request.outcome for request in sandbox.wait_for_requests(10)} == {"fault"}
    assert sandbox.messages == ()
    began = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - began < 1.5
    for connection in connections:
        assert connection.recv(1) == b""


def test_faults_queue_up_in_order(sandbox: Sandbox) -> None:
    """Each request takes one, and afterwards all is well."""
    sandbox.fail_next(Fault.BUSY, times=2)
    sandbox.fail_next(Fault.HTTP_503)
    for _ in range(4):
        send(sandbox)
    assert [request.fault for request in sandbox.requests] == [Fault.BUSY, Fault.BUSY, Fault.HTTP_503, None]


def test_only_requests_to_an_api_meet_a_fault(sandbox: Sandbox) -> None:
    """Looking at the chat page does not use up a planned fault."""
    sandbox.fail_next(Fault.BUSY)
    address = urlsplit(sandbox.page_url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request("GET", "/messages.json")
        assert connection.getresponse().status == 200
    assert json.loads(send(sandbox)[2])["errcode"] == -1


def test_an_accepting_fault_does_not_overrule_the_rules(sandbox: Sandbox) -> None:
    """A message that DingTalk would refuse is refused, with the fault on top."""
    sandbox.fail_next(Fault.STRING_ERRCODE)
    address = urlsplit(sandbox.webhook_url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request(
            "POST", f"{address.path}?{address.query}", '{"msgtype":"oa"}', {"Content-Type": "application/json"}
        )
        assert json.loads(connection.getresponse().read())["errcode"] == "400105"
    assert outcome_of_last(sandbox)[0] == "refused"


@pytest.mark.parametrize("options", [{"times": 0}, {"seconds": 1}])
def test_impossible_plans_are_refused(sandbox: Sandbox, options: dict[str, Any]) -> None:
    """Zero times and a duration for what has none are mistakes of the test that asks."""
    with pytest.raises(ValueError, match=r"times|seconds"):
        sandbox.fail_next(Fault.BUSY, **options)
    with pytest.raises(ValueError, match="negative"):
        sandbox.fail_next(Fault.SLOW, seconds=-1)
