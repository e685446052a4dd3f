"""The chat as a web page: its files, the chat as JSON and the live stream of its lines."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

from .chat import Chat
from .exchange import Answer, ReceivedRequest

HEARTBEAT_SECONDS = 15.0

# Nothing from elsewhere runs or loads here except pictures, which messages name by URL; nobody may frame the page.
_SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/chat.css": ("chat.css", "text/css; charset=utf-8"),
    "/chat.js": ("chat.js", "text/javascript; charset=utf-8"),
    "/bubbles.js": ("bubbles.js", "text/javascript; charset=utf-8"),
    "/markdown.js": ("markdown.js", "text/javascript; charset=utf-8"),
    "/links.js": ("links.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/favicon.ico": ("robot.svg", "image/svg+xml"),
    "/robot.svg": ("robot.svg", "image/svg+xml"),
}


class ChatPage:
    """Serves the page's paths to readers on this machine.

    ``bound_host`` is the host the server listens on; a request whose Host header names another machine is refused,
    because a foreign web page could otherwise read the chat through a DNS name that it points at this server (DNS
    rebinding). ``describe_robots`` tells the page how to send a first message.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        bound_host: str,
        describe_robots: Callable[[], list[dict[str, Any]]],
        is_over: Callable[[], bool],
    ) -> None:
        self._chat = chat
        self._bound_host = bound_host
        self._describe_robots = describe_robots
        self._is_over = is_over

    def knows(self, path: str) -> bool:
        return path in _FILES or path in ("/messages.json", "/events")

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a GET for one of the page's own paths."""
        if not self._is_host_ours(request.headers.get("host", "")):
            return self._answer("text/plain; charset=utf-8", b"this Host is not served here", status=403)
        if request.path == "/messages.json":
            chat = {
                "session": self._chat.session,
                "robots": self._describe_robots(),
                "lines": [line.to_dict() for line in self._chat.lines()],
            }
            return self._answer("application/json", _json(chat))
        if request.path == "/events":
            last_id = request.headers.get("last-event-id") or request.query.get("after", "")
            return Answer(content_type="text/event-stream", headers=_SECURITY_HEADERS, stream=self._events(last_id))
        name, content_type = _FILES[request.path]
        return self._answer(content_type, (resources.files(__package__) / "page" / name).read_bytes())

    def _answer(self, content_type: str, body: bytes, *, status: int = 200) -> Answer:
        return Answer(status=status, content_type=content_type, body=body, headers=_SECURITY_HEADERS)

    def _events(self, last_id: str) -> Iterator[bytes]:
        """Yield Server-Sent Events from the line after ``last_id``; another session's id starts at the beginning."""
        session, _, number = last_id.partition(":")
        after = int(number) if session == self._chat.session and number.isascii() and number.isdigit() else 0
        hello = {"session": self._chat.session, "robots": self._describe_robots(), "resumed": after > 0}
        yield b"retry: 1000\nevent: hello\ndata: " + _json(hello) + b"\n\n"
        while True:
            lines = self._chat.wait_for_lines(after, HEARTBEAT_SECONDS, self._is_over)
            if lines is None:
                return
            if not lines:
                yield b": still here\n\n"
                continue
            after = lines[-1].number
            yield b"".join(
                f"id: {self._chat.session}:{line.number}\nevent: line\ndata: ".encode()
                + _json(line.to_dict())
                + b"\n\n"
                for line in lines
            )

    def _is_host_ours(self, host_header: str) -> bool:
        is_bracketed = host_header.startswith("[")
        host = host_header.partition("]")[0][1:] if is_bracketed else host_header.partition(":")[0]
        if host.lower() in ("localhost", "127.0.0.1", "::1", self._bound_host.lower()):
            return True
        # Bound to every address of the machine, any of them is ours; a name is not, since anyone can point one here.
        return reachable_host(self._bound_host) != self._bound_host and _is_ip_address(host)


def reachable_host(bound_host: str) -> str:
    """Return the host under which this machine reaches a server that is bound to ``bound_host``."""
    # S104 warns of listening everywhere; here it is recognised, not done.
    everywhere = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104
    return everywhere.get(bound_host, bound_host)


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _json(value: Any) -> bytes:
    # Plain ASCII: messages may hold lone surrogates, which have no UTF-8.
    return json.dumps(value, separators=(",", ":")).encode()
