"""The chat as a web page: its files, the chat as JSON, the live stream of its lines, and the media in its messages."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, Protocol
from urllib.parse import quote, unquote

from airflow_provider_dingpush.sandbox.chat import Chat
from airflow_provider_dingpush.sandbox.model import MEDIA_PATH_PREFIX, Answer, ReceivedRequest

HEARTBEAT_SECONDS = 15.0

# Nothing from elsewhere runs or loads here except pictures, which messages name by URL; nobody may frame the page.
_SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; media-src 'self'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE = resources.files(__package__) / "page"
_NAMES = sorted(each.name for each in _PAGE.iterdir() if PurePosixPath(each.name).suffix in _CONTENT_TYPES)
_FILES = {"/": "index.html", "/favicon.ico": "robot.svg", **{f"/{name}": name for name in _NAMES}}

# Shown in place. SVG is not among them: it can hold scripts.
_INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"})
# Sent under their own type, so that the page can play them, but as a download to whoever opens their address.
_PLAYABLE_TYPE = re.compile(r"(audio|video)/[a-z0-9.+-]+")

ServedMedium = tuple[str, bytes, str]
"""Content type, content and file name of something that was uploaded."""

PHONE_STATE_PATH = "/phone.json"
PHONE_READ_PATH = "/phone/read"
PAGES_PATH_PREFIX = "/pages/"
Pages = Callable[[str, Mapping[str, str]], str | None]
"""Returns the HTML of a page beside the chat, by the rest of its path as it was sent, and its query; or None."""


def no_pages(_path: str, _query: Mapping[str, str]) -> None:
    """Find no page."""


class PhoneStates(Protocol):
    """The phones of all people."""

    def state(self, user_id: str) -> dict[str, Any] | None:
        """Return everything on the phone of a person as JSON; None if there is no such person."""

    def read(self, user_id: str, kind: str | None = None, number: int | None = None) -> bool:
        """Let a person read one item, or everything; return whether there is such a person and kind."""


class NoPhones:
    """There is no phone."""

    def state(self, _user_id: str) -> None:
        return None

    def read(self, _user_id: str, _kind: str | None = None, _number: int | None = None) -> bool:
        return False


class ChatPage:
    """Serves the page's paths to readers on this machine.

    A request whose Host header names another machine is refused: a foreign web page could otherwise read the chat
    through a DNS name that it points at this server (DNS rebinding).

    :param bound_host: the host the server listens on.
    :param describe: returns the robots, apps and conversations that there are before the first message.
    :param media: finds an upload by the last part of its ``/media/…`` path: the upload, None, or why it is gone.
    :param phones: the people's phones.
    :param is_over: whether the sandbox is stopping.
    :param pages: finds the pages below ``/pages/``.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        bound_host: str,
        describe: Callable[[], dict[str, list[dict[str, Any]]]],
        media: Callable[[str], ServedMedium | str | None],
        is_over: Callable[[], bool],
        phones: PhoneStates | None = None,
        pages: Pages = no_pages,
    ) -> None:
        self._chat = chat
        self._bound_host = bound_host
        self._describe = describe
        self._media = media
        self._phones = phones or NoPhones()
        self._is_over = is_over
        self._pages = pages
        self._data = {
            "/messages.json": self._answer_chat,
            PHONE_STATE_PATH: self._answer_phone,
            PHONE_READ_PATH: self._read,
        }

    def serves(self, path: str, method: str = "GET") -> bool:
        """Whether the page answers at a path."""
        if method != "GET":
            return method == "POST" and path == PHONE_READ_PATH
        prefixes = (MEDIA_PATH_PREFIX, PAGES_PATH_PREFIX)
        return path in _FILES or path in ("/messages.json", "/events", PHONE_STATE_PATH) or path.startswith(prefixes)

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a request for one of the page's own paths."""
        if not self._is_host_ours(request.headers.get("host", "")):
            return self._answer("text/plain; charset=utf-8", b"this Host is not served here", status=403)
        answer = self._data.get(request.path)
        if answer is not None:
            return answer(request)
        if request.path == "/events":
            last_id = request.headers.get("last-event-id") or request.query.get("after", "")
            return Answer(content_type="text/event-stream", headers=_SECURITY_HEADERS, stream=self._events(last_id))
        if request.path.startswith(MEDIA_PATH_PREFIX):
            return self._answer_medium(request)
        if request.path.startswith(PAGES_PATH_PREFIX):
            html = self._pages(request.path[len(PAGES_PATH_PREFIX) :], request.query)
            content_type = "text/plain" if html is None else "text/html"
            body = ("no such page" if html is None else html).encode(errors="replace")
            return self._answer(f"{content_type}; charset=utf-8", body, status=404 if html is None else 200)
        name = _FILES[request.path]
        body = (_PAGE / name).read_bytes()
        return self._answer(_CONTENT_TYPES[PurePosixPath(name).suffix], body)

    def _answer(
        self, content_type: str, body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
    ) -> Answer:
        return Answer(status=status, content_type=content_type, body=body, headers=(*_SECURITY_HEADERS, *headers))

    def _answer_chat(self, _request: ReceivedRequest) -> Answer:
        lines = [line.to_dict() for line in self._chat.lines()]
        chat = {"session": self._chat.session, **self._describe(), "lines": lines}
        return self._answer("application/json", _json(chat))

    def _answer_phone(self, request: ReceivedRequest) -> Answer:
        state = self._phones.state(request.query.get("user", ""))
        return self._answer("application/json", _json(state), status=404 if state is None else 200)

    def _read(self, request: ReceivedRequest) -> Answer:
        """Let a person read something. A foreign page can't ask for it: its browser may not send this content type."""
        wanted = request.json if request.is_json and isinstance(request.json, dict) else {}
        kind, number = wanted.get("kind"), wanted.get("number")
        is_valid = (kind is None or isinstance(kind, str)) and (number is None or isinstance(number, int))
        if not is_valid or not self._phones.read(str(wanted.get("user")), kind, number):
            return self._answer("text/plain; charset=utf-8", b"no such person or item", status=400)
        return self._answer("application/json", _json({"read": True}))

    def _answer_medium(self, request: ReceivedRequest) -> Answer:
        found = self._media(unquote(request.path[len(MEDIA_PATH_PREFIX) :]))
        if found is None or isinstance(found, str):
            reason = found or "no such media"
            return self._answer("text/plain; charset=utf-8", reason.encode(errors="replace"), status=404)
        content_type, content, name = found
        headers: tuple[tuple[str, str], ...] = (("Accept-Ranges", "bytes"),)
        if content_type not in _INLINE_TYPES:
            headers += (
                ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"),
            )
            if not _PLAYABLE_TYPE.fullmatch(content_type):
                content_type = "application/octet-stream"
        wanted = _wanted_range(request.headers.get("range", ""), len(content))
        if wanted is None:
            return self._answer(content_type, content, headers=headers)
        # Safari plays nothing from a server that can't give it a part.
        headers += (("Content-Range", f"bytes {wanted.start}-{wanted.stop - 1}/{len(content)}"),)
        return self._answer(content_type, content[wanted.start : wanted.stop], status=206, headers=headers)

    def _events(self, last_id: str) -> Iterator[bytes]:
        """Yield Server-Sent Events from the line after ``last_id``; another session's id starts at the beginning."""
        session, _, number = last_id.partition(":")
        after = int(number) if session == self._chat.session and number.isascii() and number.isdigit() else 0
        kept = self._chat.lines()
        # With the number of the last line so far, a page that opens late knows when it has caught up.
        last = kept[-1].number if kept else 0
        hello = {"session": self._chat.session, **self._describe(), "resumed": after > 0, "last": last}
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


def _wanted_range(header: str, size: int) -> range | None:
    """Return the part that a Range header asks for; None for all of it, also if the header can't be met."""
    asked = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", header, re.ASCII)
    if asked is None:
        return None
    start = int(asked[1])
    stop = min(int(asked[2]) + 1, size) if asked[2] else size
    return range(start, stop) if start < stop else None


def _json(value: Any) -> bytes:
    # Plain ASCII: messages may hold lone surrogates, which have no UTF-8.
    return json.dumps(value, separators=(",", ":")).encode()
