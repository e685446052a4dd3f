"""What can be made to go wrong on the way to DingTalk and back."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .exchange import JSON, Answer

DEFAULT_SECONDS = 3.0


class Fault(Enum):
    """A misbehaviour for the next request to a door; see `Sandbox.fail_next`.

    `message_accepted` tells whether the message goes through the usual rules (and so may stand in the chat) although
    the sender sees trouble.
    """

    HTTP_500 = "http_500"
    """500 with a plain text body. Message not accepted."""
    HTTP_503 = "http_503"
    """503 with a plain text body. Message not accepted."""
    RESET_BEFORE_BODY = "reset_before_body"
    """TCP reset right after the header lines. Message not accepted."""
    RESET_AFTER_BODY_ACCEPTED = "reset_after_body_accepted"
    """TCP reset instead of the answer, but the message was accepted: the answer is lost on the way back."""
    RESET_AFTER_BODY_NOT_ACCEPTED = "reset_after_body_not_accepted"
    """TCP reset after the whole body was read. Message not accepted."""
    SLOW = "slow"
    """The usual answer after a pause of ``seconds``. Message accepted, before the pause."""
    HANG = "hang"
    """No answer at all until the sandbox stops. Message not accepted."""
    DRIP = "drip"
    """The usual answer, its body sent byte by byte over ``seconds``. Message accepted, before the first byte."""
    HTML_PAGE = "html_page"
    """200 with an HTML page, as DingTalk's gateway answers after a burst. Message not accepted."""
    REDIRECT = "redirect"
    """302 to a path of the sandbox where no door lives. Message not accepted."""
    HTTP_504 = "http_504"
    """504 with a plain text body, but the message was accepted: the gateway gave up waiting for the answer."""
    BUSY = "busy"
    """System busy, in the words of the door: errcode -1, or HTTP 429 with code system.busy. Message not accepted."""
    THROTTLED = "throttled"
    """Too fast, once: errcode 130101 without shutting the robot out; for apps too many calls within a second: HTTP 403
    QpsLimitForAppkeyAndApi, errcode 88 with sub_code 90018, or 90018. Message not accepted."""
    THROTTLED_LONG = "throttled_long"
    """Too fast for a minute or longer: errcode 130101, HTTP 400 send.too.fast, or 41048. Message not accepted."""
    QUOTA_USED_UP = "quota_used_up"
    """The month's quota is used up: errcode 90030, HTTP 403 ApiCountLimitForOrg, or 90020. Message not accepted."""
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a name, no secret
    """The token is none: errcode 300005, HTTP 400 InvalidAuthentication, or 40014. Message not accepted."""
    UNKNOWN_RESULT = "unknown_result"
    """The gateway doesn't know: HTTP 400 unknown.send.result, or errcode 15. The message was accepted."""
    GATEWAY_BAN = "gateway_ban"
    """The gateway's JSON for a banned IP address, which has no errcode. Message not accepted."""
    EMPTY_BODY = "empty_body"
    """200 with nothing in it. Message not accepted."""
    NO_ERRCODE = "no_errcode"
    """200 with a JSON object that has no errcode. Message not accepted."""
    STRING_ERRCODE = "string_errcode"
    """The usual answer with errcode as a string ("0"), as an example in DingTalk's docs has it. Message accepted."""
    GARBAGE = "garbage"
    """200, labelled JSON, with bytes that are not UTF-8. Message not accepted."""

    @property
    def message_accepted(self) -> bool:
        """Whether the message goes through the usual rules although the sender sees trouble."""
        return self in _ACCEPTING

    @property
    def takes_seconds(self) -> bool:
        """Whether the fault lasts: ``seconds`` of `Sandbox.fail_next` applies."""
        return self in (Fault.SLOW, Fault.DRIP)


_ACCEPTING = frozenset(
    {
        Fault.RESET_AFTER_BODY_ACCEPTED,
        Fault.SLOW,
        Fault.DRIP,
        Fault.STRING_ERRCODE,
        Fault.HTTP_504,
        Fault.UNKNOWN_RESULT,
    }
)

# The same at every door; what each says to the other faults is its own affair.
CANNED_REPLIES: dict[Fault, dict[str, Any]] = {
    # DingTalk docs "server API calling guide", read 2026-08-22.
    Fault.GATEWAY_BAN: {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "5a1d0c0e5a1d0c0e"},
    Fault.NO_ERRCODE: {"success": True, "request_id": "15r6h7w2ky0s3"},
}

_HTML = (
    "<!DOCTYPE html><html><head><title>访问被拒绝</title></head>"
    "<body><h1>很抱歉，由于您访问的频率过高，已被拦截</h1></body></html>"
)

_CANNED_ANSWERS: dict[Fault, Answer] = {
    Fault.HTTP_500: Answer(status=500, content_type="text/plain; charset=utf-8", body=b"Internal Server Error"),
    Fault.HTTP_503: Answer(status=503, content_type="text/plain; charset=utf-8", body=b"Service Unavailable"),
    Fault.HTTP_504: Answer(status=504, content_type="text/plain; charset=utf-8", body=b"Gateway Timeout"),
    Fault.HTML_PAGE: Answer(content_type="text/html; charset=utf-8", body=_HTML.encode()),
    Fault.REDIRECT: Answer(status=302, content_type="text/html", headers=(("Location", "/punish/index.html"),)),
    Fault.EMPTY_BODY: Answer(body=b""),
    Fault.GARBAGE: Answer(content_type=JSON, body=b'\xff\xfe{"errcode":0\x80\xc3('),
}


def canned_answer(fault: Fault) -> Answer | None:
    """Return the fixed answer of a fault that has no JSON in it, or None if it has none."""
    return _CANNED_ANSWERS.get(fault)


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """One fault that waits for its request; ``seconds`` matters for slow and dripping answers only.

    With ``path`` given it waits for a request to that path and lets others pass.
    """

    fault: Fault
    seconds: float
    path: str | None = None


class FaultQueue:
    """The faults that wait for their requests, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[PlannedFault] = deque()

    def plan(self, fault: Fault, *, times: int, seconds: float | None, path: str | None = None) -> None:
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if seconds is not None and not fault.takes_seconds:
            raise ValueError(f"{fault} takes no seconds; only {Fault.SLOW} and {Fault.DRIP} do")
        if seconds is not None and seconds < 0:
            raise ValueError(f"seconds must not be negative: {seconds}")
        planned = PlannedFault(fault=fault, seconds=DEFAULT_SECONDS if seconds is None else seconds, path=path)
        with self._lock:
            self._waiting.extend([planned] * times)

    def next(self, path: str) -> PlannedFault | None:
        """Take the first fault that waits for a request to this path or to any."""
        with self._lock:
            for index, planned in enumerate(self._waiting):
                if planned.path in (None, path):
                    del self._waiting[index]
                    return planned
            return None

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
