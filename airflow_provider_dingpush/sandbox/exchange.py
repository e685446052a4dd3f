"""What came in over HTTP and what goes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .faults import Fault

Outcome = Literal["accepted", "repeated", "refused", "fault", "unknown path"]
"""What became of a request.

``accepted``: the message stands in the chat. ``repeated``: success was answered, but its ``msgUuid`` was known and
nothing new is shown. ``refused``: a rule said no. ``fault``: a fault asked for with `Sandbox.fail_next` ate the
message. ``unknown path``: no door lives there.
"""

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """One request to a door of the sandbox, as it came off the wire.

    ``headers`` has lower-case names; ``query`` holds the first value of each name; ``json`` is the parsed body or None;
    ``received_at`` is in seconds of the sandbox's clock; ``connection`` numbers the TCP connection, so that two
    requests with the same number prove keep-alive; ``reply`` is the JSON object that was (or would have been) answered.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes
    json: Any = field(repr=False)
    received_at: float
    connection: int
    client_address: str
    fault: Fault | None = None
    reply: dict[str, Any] | None = None
    outcome: Outcome = "refused"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer; with ``stream`` set, its pieces follow the head one by one until the connection closes."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterable[bytes] | None = None
