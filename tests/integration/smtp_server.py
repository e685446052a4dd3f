"""A mail server that keeps what it is given: real SMTP, without TLS or a login."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage


class _Conversation(socketserver.StreamRequestHandler):
    """What one client says, until it says QUIT."""

    def handle(self) -> None:
        self._reply(220)
        while line := self.rfile.readline():
            command = line[:4].upper()
            if command == b"DATA":
                self._reply(354)
                self._keep()
            self._reply(221 if command == b"QUIT" else 250)
            if command == b"QUIT":
                return

    def _keep(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        received: list[EmailMessage] = self.server.received  # type: ignore[attr-defined] # set below
        received.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))

    def _reply(self, code: int) -> None:
        self.wfile.write(b"%d here\r\n" % code)


@contextmanager
def smtp_server() -> Iterator[tuple[int, list[EmailMessage]]]:
    """Its port, and the mails that it was given."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Conversation) as server:
        received: list[EmailMessage] = []
        server.received = received  # type: ignore[attr-defined]
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield server.server_address[1], received
        finally:
            server.shutdown()
