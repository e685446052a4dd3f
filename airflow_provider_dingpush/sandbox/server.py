"""The HTTP side of the sandbox: the open port, its connections, routing and faults."""

from __future__ import annotations

import contextlib
import itertools
import json
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from . import v1_dialect
from .chat import Chat
from .chat_page import ChatPage
from .conversations import Conversation
from .exchange import Answer, ReceivedRequest, Verdict
from .faults import CANNED_REPLIES, Fault, FaultQueue, PlannedFault, canned_answer

MAX_LINE_BYTES = 65_536
MAX_HEADERS = 100
# Media have up to 20 MB, and something around them.
MAX_BODY_BYTES = 22_000_000
STOP_PATIENCE_SECONDS = 2.0


class Door(Protocol):
    """One API of DingTalk behind one path."""

    def answer(self, request: ReceivedRequest) -> Verdict:
        """Apply all rules to a request and say what becomes of it."""

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the conversation that a request means, if it tells."""

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return what a fault says here, with its HTTP status, or None if it says nothing of its own."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the connections answer from; outlives the port, so that a sandbox can stop and start again.

    ``stopping`` is set while the port is closed or closing: whatever waits must give up then.
    """

    chat: Chat
    page: ChatPage
    door_at: Callable[[str], Door | None]
    faults: FaultQueue
    clock: Callable[[], float]
    stopping: threading.Event
    connection_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Listener:
    """The open port: one thread accepts, one thread per connection answers."""

    def __init__(self, host: str, port: int, service: Service) -> None:
        self._service = service
        self._connections_lock = threading.Lock()
        self._connections: dict[int, tuple[socket.socket, threading.Thread]] = {}
        # The backlog is generous: a test may open hundreds of connections in one go.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=512)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        service.stopping.clear()
        # Closing a socket does not wake a thread that waits for it; a byte through this pair does, on every platform.
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="sandbox-accept", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Close the port and all connections; connections that don't react are left behind after two seconds."""
        self._service.stopping.set()
        self._wake_writer.send(b"x")
        self._acceptor.join()
        for closing in (self._socket, self._wake_reader, self._wake_writer):
            closing.close()
        self._service.chat.wake()
        with self._connections_lock:
            open_connections = list(self._connections.values())
        for connection, _ in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        patience_ends = time.monotonic() + STOP_PATIENCE_SECONDS
        for _, thread in open_connections:
            thread.join(max(0.0, patience_ends - time.monotonic()))

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                selector.select()
                if self._service.stopping.is_set():
                    return
                try:
                    connection, address = self._socket.accept()
                except OSError:
                    # The client gave up before it was its turn, or the process is out of file descriptors for a while.
                    self._service.stopping.wait(0.01)
                    continue
                connection.setblocking(True)
                self._answer_in_background(connection, address[0], next(self._service.connection_numbers))

    def _answer_in_background(self, connection: socket.socket, client_address: str, number: int) -> None:
        def answer() -> None:
            try:
                with connection:
                    _Connection(self._service, connection, client_address, number).answer_until_closed()
            finally:
                with self._connections_lock:
                    del self._connections[number]

        thread = threading.Thread(target=answer, name=f"sandbox-connection-{number}", daemon=True)
        with self._connections_lock:
            self._connections[number] = (connection, thread)
        thread.start()


class _MalformedRequestError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Connection:
    """Reads requests from one TCP connection and answers them until either side closes."""

    def __init__(self, service: Service, connection: socket.socket, client_address: str, number: int) -> None:
        self._service = service
        self._socket = connection
        self._client_address = client_address
        self._number = number
        self._incoming = connection.makefile("rb")
        self._keep_alive = False

    def answer_until_closed(self) -> None:
        with contextlib.suppress(OSError), self._incoming:
            # Without it, an answer on a kept-alive connection can wait 40 ms for a delayed acknowledgement.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._service.stopping.is_set():
                try:
                    request = self._read_head()
                    if request is None:
                        return
                    if not self._answer_one(request):
                        return
                except _MalformedRequestError as malformed:
                    self._send(Answer(status=malformed.status), keep_alive=False)
                    return

    def _read_head(self) -> ReceivedRequest | None:
        """Return the next request without its body, or None if the client is done."""
        request_line = self._read_line()
        if not request_line:
            return None
        parts = request_line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise _MalformedRequestError(400)
        method, target, version = parts
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self._read_line()
            if not line:
                break
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise _MalformedRequestError(400)
            name = name.lower()
            value = value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        else:
            raise _MalformedRequestError(431)
        try:
            address = urlsplit(target)
        except ValueError:
            raise _MalformedRequestError(400) from None
        query: dict[str, str] = {}
        for name, value in parse_qsl(address.query, keep_blank_values=True, errors="replace"):
            # DingTalk looks at the first timestamp if a URL holds two.
            query.setdefault(name, value)
        wants_close = "close" in headers.get("connection", "").lower() or version != "HTTP/1.1"
        self._keep_alive = not wants_close
        return ReceivedRequest(
            method=method,
            path=address.path,
            query=query,
            headers=headers,
            body=b"",
            json=None,
            received_at=self._service.clock(),
            connection=self._number,
            client_address=self._client_address,
        )

    def _read_line(self) -> str:
        line = self._incoming.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            raise _MalformedRequestError(431)
        return line.rstrip(b"\r\n").decode("latin-1")

    def _read_body(self, request: ReceivedRequest) -> ReceivedRequest:
        if "transfer-encoding" in request.headers:
            raise _MalformedRequestError(411)
        length_text = request.headers.get("content-length", "0")
        if not (length_text.isascii() and length_text.isdigit()):
            raise _MalformedRequestError(400)
        length = int(length_text[:20])
        if length > MAX_BODY_BYTES:
            raise _MalformedRequestError(413)
        if length == 0:
            return request
        if request.headers.get("expect", "").lower() == "100-continue":
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._incoming.read(length)
        if len(body) < length:
            raise ConnectionResetError("the client left in the middle of its body")
        return replace(request, body=body, json=_parsed(body))

    def _answer_one(self, request: ReceivedRequest) -> bool:
        """Answer one request; return whether the connection can carry another."""
        door = self._service.door_at(request.path)
        # An answer to HEAD has no body, and the doors answer in nothing but bodies.
        if door is not None and request.method != "HEAD":
            return self._answer_door(request, door)
        request = self._read_body(request)
        if request.method == "GET" and self._service.page.knows(request.path):
            return self._send(self._service.page.answer(request))
        reply: dict[str, Any] | None = None
        if request.path.startswith(v1_dialect.PREFIX):
            reply = v1_dialect.unknown_path().reply
            answer = _json_answer(reply)
        elif request.method == "POST":
            # Seen at the live server in published probes of 2026-09-11.
            reply = {"errcode": 22, "errmsg": "Invalid method"}
            answer = _json_answer(reply)
        elif request.method == "GET":
            answer = Answer(status=404, content_type="text/plain; charset=utf-8", body=b"nothing lives here")
        else:
            answer = Answer(status=405, headers=(("Allow", "GET, POST"),))
        self._service.chat.record(replace(request, reply=reply, outcome="unknown path"))
        return self._send(answer)

    def _answer_door(self, request: ReceivedRequest, door: Door) -> bool:
        planned = self._service.faults.next(request.path)
        if planned is None:
            request = self._read_body(request)
            return self._send(self._let_through(request, door, None))
        return self._answer_with_fault(request, door, planned)

    def _let_through(self, request: ReceivedRequest, door: Door, fault: Fault | None) -> Answer:
        verdict = door.answer(request)
        status, reply = verdict.status, verdict.reply
        if fault is Fault.STRING_ERRCODE and "errcode" in reply:
            reply = {**reply, "errcode": str(reply["errcode"])}
        if fault is Fault.UNKNOWN_RESULT and verdict.outcome != "refused":
            status, reply = door.reply_to(fault) or (status, reply)
        # Recorded before the answer leaves: whoever has the answer finds the request and the message here.
        self._service.chat.record(
            replace(request, fault=fault, reply=reply, outcome=verdict.outcome, app=verdict.app),
            verdict,
            conversation=verdict.conversation,
        )
        return (canned_answer(fault) if fault is not None else None) or _json_answer(reply, status)

    def _answer_with_fault(self, request: ReceivedRequest, door: Door, planned: PlannedFault) -> bool:
        fault = planned.fault
        if fault is not Fault.RESET_BEFORE_BODY:
            request = self._read_body(request)
        if fault.message_accepted:
            answer: Answer | None = self._let_through(request, door, fault)
        else:
            status, reply = door.reply_to(fault) or (200, CANNED_REPLIES.get(fault))
            answer = canned_answer(fault) if reply is None else _json_answer(reply, status)
            self._service.chat.record(
                replace(request, fault=fault, reply=reply, outcome="fault"), conversation=door.addressee(request)
            )
        if fault is Fault.HANG:
            self._service.stopping.wait()
            return False
        if answer is None or fault is Fault.RESET_AFTER_BODY_ACCEPTED:
            return self._reset()
        if fault is Fault.SLOW and self._service.stopping.wait(planned.seconds):
            return False
        if fault is Fault.DRIP:
            return self._drip(answer, planned.seconds)
        return self._send(answer)

    def _send(self, answer: Answer, *, keep_alive: bool = True) -> bool:
        """Send an answer; return whether the connection can carry another request."""
        if answer.stream is not None:
            self._socket.sendall(_head_of(answer, length=None, keep_alive=False))
            for piece in answer.stream:
                self._socket.sendall(piece)
            return False
        keep_alive = keep_alive and self._keep_alive
        # One send for head and body: two small ones would be two packets, and two turns of the scheduler at the client.
        self._socket.sendall(_head_of(answer, length=len(answer.body), keep_alive=keep_alive) + answer.body)
        return keep_alive

    def _drip(self, answer: Answer, seconds: float) -> bool:
        self._socket.sendall(_head_of(answer, length=len(answer.body), keep_alive=self._keep_alive))
        for index in range(len(answer.body)):
            if self._service.stopping.wait(seconds / len(answer.body)):
                return False
            self._socket.sendall(answer.body[index : index + 1])
        return self._keep_alive

    def _reset(self) -> bool:
        # Lingering for zero seconds makes the close that follows a reset instead of an orderly goodbye.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


def _head_of(answer: Answer, *, length: int | None, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Type: {answer.content_type}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines.extend(f"{name}: {value}" for name, value in answer.headers)
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _json_answer(reply: dict[str, Any], status: int = 200) -> Answer:
    # Refusals quote what the sender wrote, which may hold lone surrogates.
    return Answer(status=status, body=json.dumps(reply, ensure_ascii=False).encode(errors="replace"))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
