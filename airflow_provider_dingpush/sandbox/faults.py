"""The faults that wait for their requests, and the answers of those that are the same for every API."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from airflow_provider_dingpush.sandbox.model import Answer, Fault

DEFAULT_SECONDS = 3.0

# The replies to the other faults differ between the APIs.
CANNED_REPLIES: dict[Fault, dict[str, Any]] = {
    # DingTalk docs "server API calling guide", read 2026-08-22.
    Fault.GATEWAY_BAN: {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "5a1d0c0e5a1d0c0e"},
    Fault.NO_ERRCODE: {"success": True, "request_id": "15r6h7w2ky0s3"},
}

_HTML = (
    "<!DOCTYPE html><html><head><title>访问被拒绝</title></head>"
    "<body><h1>很抱歉，由于您访问的频率过高，已被拦截</h1></body></html>"
)
_TEXT_TYPE = "text/plain; charset=utf-8"

CANNED_ANSWERS: dict[Fault, Answer] = {
    Fault.HTTP_500: Answer(status=500, content_type=_TEXT_TYPE, body=b"Internal Server Error"),
    Fault.HTTP_503: Answer(status=503, content_type=_TEXT_TYPE, body=b"Service Unavailable"),
    Fault.HTTP_504: Answer(status=504, content_type=_TEXT_TYPE, body=b"Gateway Timeout"),
    Fault.HTML_PAGE: Answer(content_type="text/html; charset=utf-8", body=_HTML.encode()),
    Fault.REDIRECT: Answer(status=302, content_type="text/html", headers=(("Location", "/punish/index.html"),)),
    Fault.EMPTY_BODY: Answer(body=b""),
    Fault.GARBAGE: Answer(body=b'\xff\xfe{"errcode":0\x80\xc3('),
}
"""The answers without a JSON reply."""


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """One fault that waits for a request to ``path``, or to any API.

    :param seconds: the length of slow and dripping answers.
    """

    fault: Fault
    seconds: float
    path: str | None = None


class FaultQueue:
    """The planned faults, in the order in which they were requested."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[PlannedFault] = deque()

    def plan(self, fault: Fault, *, times: int, seconds: float | None, path: str | None = None) -> None:
        """Add a fault ``times`` times; raises `ValueError` if the numbers make no sense for it."""
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
