"""What came in over HTTP, what a door makes of it, and what goes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .conversations import Change, Conversation, Post
    from .faults import Fault
    from .organisation import App

Outcome = Literal["accepted", "answered", "repeated", "refused", "fault", "unknown path"]
"""What became of a request.

``accepted``: the message was taken and stands in the chats of all whom it reached. ``answered``: the call did what it
asks for, and that was no message (a token, an upload, a question, a recall). ``repeated``: success was answered, but
its ``msgUuid`` was known and nothing new is shown. ``refused``: a rule said no. ``fault``: a fault asked for with
`Sandbox.fail_next` ate the message. ``unknown path``: no door lives there.
"""

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """One request to a door of the sandbox, as it came off the wire.

    ``headers`` has lower-case names; ``query`` holds the first value of each name; ``json`` is the parsed body or None;
    ``received_at`` is in seconds of the sandbox's clock; ``connection`` numbers the TCP connection, so that two
    requests with the same number prove keep-alive; ``app`` is the app whose access token it carried (or that asked for
    one); ``reply`` is the JSON object that was (or would have been) answered. Whatever may hold a token or a secret is
    left out of ``repr``. Of a ``body`` of more than 64 KB, such as an upload, the sandbox keeps only the beginning.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    json: Any = field(repr=False)
    received_at: float
    connection: int
    client_address: str
    app: App | None = None
    fault: Fault | None = None
    reply: dict[str, Any] | None = field(default=None, repr=False)
    outcome: Outcome = "refused"

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty if the request names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def says_json(self) -> bool:
        """Whether the request says that its body is JSON."""
        return self.content_type == "application/json"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a door says to a request, with which HTTP status, and what becomes of the message in it.

    ``posts`` are put into the chat; ``already_in`` are conversations in which the message stands already;
    ``recalled_handles`` name messages that leave the chat, ``changes`` those that look different from now on.
    ``conversation`` is where the message was meant to go, as far as the request tells.
    """

    outcome: Outcome
    reply: dict[str, Any]
    status: int = 200
    app: App | None = None
    conversation: Conversation | None = None
    posts: tuple[Post, ...] = ()
    already_in: tuple[Conversation, ...] = ()
    recalled_handles: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


class RefusedError(Exception):
    """A rule said no; carries DingTalk's reply and its HTTP status."""

    def __init__(self, reply: dict[str, Any], *, status: int = 200) -> None:
        super().__init__(str(reply.get("errmsg") or reply.get("message")))
        self.reply = reply
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer; with ``stream`` set, its pieces follow the head one by one until the connection closes."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterable[bytes] | None = None
