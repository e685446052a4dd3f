"""The HTTP side of the sandbox: the standard library's threading server, and the faults that need the raw socket."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import socketserver
import struct
import threading
import time
from dataclasses import replace
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_dingpush.sandbox.faults import PlannedFault
from airflow_provider_dingpush.sandbox.model import Answer, Fault, ReceivedRequest
from airflow_provider_dingpush.sandbox.service import Service

# Media have up to 20 MB, and something around them.
MAX_BODY_BYTES = 22_000_000
STOP_TIMEOUT_SECONDS = 2.0
_WAKE_UP_SECONDS = 0.5


class Server(http.server.ThreadingHTTPServer):
    """The open port: one thread accepts, one thread per connection answers.

    :raises OSError: if the port is taken.
    """

    # The backlog is generous: a test may open hundreds of connections in one go.
    request_queue_size = 512
    allow_reuse_port = False
    # How long the accepting thread waits at most if the connection that wakes it up fails.
    timeout = _WAKE_UP_SECONDS

    def __init__(self, host: str, port: int, service: Service) -> None:
        self.service = service
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: dict[socket.socket, threading.Thread] = {}
        super().__init__((host, port), _Connection)
        self.port: int = self.socket.getsockname()[1]
        service.stopping.clear()
        self._acceptor = threading.Thread(target=self._accept, name="sandbox-accept", daemon=True)
        self._acceptor.start()

    def server_bind(self) -> None:
        """Bind without the look-up of the host's full name in `HTTPServer`, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def stop(self, reachable_host: str) -> None:
        """Close the port and all connections; a connection that doesn't end within two seconds is left open.

        :param reachable_host: where this machine reaches the port, to wake up the thread that accepts.
        """
        self.service.stopping.set()
        with contextlib.suppress(OSError):
            socket.create_connection((reachable_host, self.port), timeout=_WAKE_UP_SECONDS).close()
        self._acceptor.join()
        self.server_close()
        self.service.chat.wake()
        connections = self._connections.copy()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for thread in connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        # Unlike serve_forever() with its shutdown(), this needs no frequent look at a flag to stop quickly.
        while not self.service.stopping.is_set():
            self.handle_request()

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            # The client gave up before it was its turn, or the process is out of file descriptors for a while.
            self.service.stopping.wait(0.01)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread that `stop` finds."""
        if self.service.stopping.is_set():
            request.close()
            return
        thread = threading.Thread(
            target=self._answer_connection, args=(request, client_address), name="sandbox-connection", daemon=True
        )
        self._connections[request] = thread
        thread.start()

    def _answer_connection(self, connection: socket.socket, client_address: Any) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                self.finish_request(connection, client_address)
        finally:
            del self._connections[connection]


class _Connection(http.server.BaseHTTPRequestHandler):
    """Reads requests from one TCP connection and answers them until either side closes."""

    server: Server
    protocol_version = "HTTP/1.1"
    # With the default of 0.9 a malformed request would be answered without a status line.
    default_request_version = "HTTP/1.0"
    # Without it, an answer on a kept-alive connection can wait 40 ms for a delayed acknowledgement.
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._service = self.server.service
        self._number = next(self._service.connection_numbers)

    def _answer_request(self) -> None:
        # A client of HTTP/1.0 waits for the end of the connection unless it is promised another request.
        self.close_connection = self.close_connection or self.request_version != "HTTP/1.1"
        request = self._read_head()
        if request is None:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        planned = self._service.next_fault(request)
        if planned is None or planned.fault is not Fault.RESET_BEFORE_BODY:
            body = self._read_body()
            if body is None:
                return
            request = replace(request, body=body, json=_parsed(body))
        self._send(self._service.answer(request, planned), planned)
        self.close_connection = self.close_connection or self._service.stopping.is_set()

    do_GET = do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer_request  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Write no log: `Sandbox.requests` has everything."""

    def handle_expect_100(self) -> bool:
        """Leave the answer to `_read_body`: a fault or a refusal may come before it."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a request that can't be read, and close."""
        self.close_connection = True
        self._send_answer(Answer(status=code))

    def _read_head(self) -> ReceivedRequest | None:
        """Return the request without its body, or None if it is malformed."""
        malformed = (FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect)
        if any(isinstance(defect, malformed) for defect in self.headers.defects):
            return None
        try:
            address = urlsplit(self.path)
        except ValueError:
            return None
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key, value_text = name.lower(), value.strip()
            headers[key] = f"{headers[key]}, {value_text}" if key in headers else value_text
        query: dict[str, str] = {}
        for name, value in parse_qsl(address.query, keep_blank_values=True, errors="replace"):
            # DingTalk looks at the first timestamp if a URL holds two.
            query.setdefault(name, value)
        return ReceivedRequest(
            method=self.command,
            path=address.path,
            query=query,
            headers=headers,
            body=b"",
            json=None,
            received_at=self._service.clock(),
            connection=self._number,
            client_address=self.client_address[0],
        )

    def _read_body(self) -> bytes | None:
        """Return the whole body; None after an error was answered or if the client has left."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.BAD_REQUEST)
        elif len(length) > 20 or int(length) > MAX_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            if self.headers.get("Expect", "").lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _send(self, answer: Answer | None, planned: PlannedFault | None) -> None:
        """Send an answer as its fault wants it."""
        fault = planned.fault if planned is not None else None
        seconds = planned.seconds if planned is not None else 0.0
        if fault is Fault.HANG:
            self._service.stopping.wait()
            self.close_connection = True
        elif answer is None or fault is Fault.RESET_AFTER_BODY_ACCEPTED:
            # Lingering for zero seconds makes the close that follows a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        elif fault is Fault.DRIP:
            self._drip(answer, seconds)
        elif fault is Fault.SLOW and self._service.stopping.wait(seconds):
            self.close_connection = True
        else:
            self._send_answer(answer)

    def _send_answer(self, answer: Answer) -> None:
        self.close_connection = self.close_connection or answer.stream is not None
        # One write for head and body: two would be two packets, and two turns of the scheduler at the client.
        self.wfile.write(self._head_of(answer) + answer.body)
        for piece in answer.stream or ():
            self.wfile.write(piece)

    def _drip(self, answer: Answer, seconds: float) -> None:
        self.wfile.write(self._head_of(answer))
        for index in range(len(answer.body)):
            if self._service.stopping.wait(seconds / len(answer.body)):
                return
            self.wfile.write(answer.body[index : index + 1])

    def _head_of(self, answer: Answer) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Type: {answer.content_type}"]
        if answer.stream is None:
            lines.append(f"Content-Length: {len(answer.body)}")
        lines.extend(f"{name}: {value}" for name, value in answer.headers)
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
