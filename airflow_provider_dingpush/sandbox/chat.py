"""What stands in the group chat, what reached the server, and waiting for either."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from .custom_robot import Robot
from .exchange import ReceivedRequest

LineKind = Literal["message", "refused", "repeated", "fault", "cleared"]


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message that stands in the chat; ``number`` counts from 1, ``received_at`` is in epoch seconds."""

    number: int
    payload: dict[str, Any]
    robot: Robot
    received_at: float


@dataclass(frozen=True, kw_only=True)
class ChatLine:
    """One line of the chat page: a message, or a note on why none came; ``number`` goes on even after a clear."""

    number: int
    kind: LineKind
    at: float
    fields: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.number, "kind": self.kind, "at": self.at, **self.fields}


class Chat:
    """Keeps everything in order and wakes whoever waits for more."""

    def __init__(self, robots: tuple[Robot, ...]) -> None:
        self.session = secrets.token_hex(4)
        self._robot_numbers = {robot.access_token: number for number, robot in enumerate(robots, start=1)}
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._messages: list[ChatMessage] = []
        self._lines: list[ChatLine] = []
        self._next_line_number = 1

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        with self._changed:
            return tuple(self._requests)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        with self._changed:
            return tuple(self._messages)

    def record(self, request: ReceivedRequest, robot: Robot | None) -> None:
        """Keep a finished request and, if it was accepted, its message."""
        with self._changed:
            self._requests.append(request)
            if request.outcome == "accepted" and robot is not None:
                message = ChatMessage(
                    number=len(self._messages) + 1, payload=request.json, robot=robot, received_at=request.received_at
                )
                self._messages.append(message)
                self._add_line(
                    "message",
                    request.received_at,
                    {
                        "robot": {"name": robot.name, "number": self._robot_numbers.get(robot.access_token, 0)},
                        "payload": message.payload,
                    },
                )
            elif request.outcome == "refused":
                self._add_line("refused", request.received_at, dict(request.reply or {}))
            elif request.outcome == "repeated":
                self._add_line("repeated", request.received_at, {"msgUuid": request.json["msgUuid"]})
            elif request.outcome == "fault" and request.fault is not None:
                self._add_line("fault", request.received_at, {"fault": request.fault.value})
            self._changed.notify_all()

    def wait_for_messages(self, count: int, timeout_seconds: float) -> tuple[ChatMessage, ...]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._messages) >= count, timeout_seconds):
                raise TimeoutError(self._what_came(f"{len(self._messages)} of {count} messages", timeout_seconds))
            return tuple(self._messages)

    def wait_for_requests(self, count: int, timeout_seconds: float) -> tuple[ReceivedRequest, ...]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout_seconds):
                raise TimeoutError(self._what_came(f"{len(self._requests)} of {count} requests", timeout_seconds))
            return tuple(self._requests)

    def lines(self) -> tuple[ChatLine, ...]:
        with self._changed:
            return tuple(self._lines)

    def wait_for_lines(
        self, after: int, timeout_seconds: float, is_over: Callable[[], bool]
    ) -> tuple[ChatLine, ...] | None:
        """Return the lines with a number above ``after``; none after the timeout, None once the chat is over."""
        with self._changed:
            self._changed.wait_for(lambda: is_over() or self._next_line_number - 1 > after, timeout_seconds)
            if is_over():
                return None
            # Numbers have no gaps, so the position follows from the number of the first line that is still kept.
            first = self._lines[0].number if self._lines else self._next_line_number
            return tuple(self._lines[max(0, after + 1 - first) :])

    def clear(self, at: float) -> None:
        """Forget requests, messages and lines; the pages that look on are told to do the same."""
        with self._changed:
            self._requests.clear()
            self._messages.clear()
            self._lines.clear()
            self._add_line("cleared", at, {})
            self._changed.notify_all()

    def wake(self) -> None:
        """Let whoever waits for lines look again whether the chat is over."""
        with self._changed:
            self._changed.notify_all()

    def _add_line(self, kind: LineKind, at: float, fields: dict[str, Any]) -> None:
        self._lines.append(ChatLine(number=self._next_line_number, kind=kind, at=at, fields=fields))
        self._next_line_number += 1

    def _what_came(self, summary: str, timeout_seconds: float) -> str:
        came = [f"{request.outcome}: {_in_short(request)}" for request in self._requests[-20:]]
        return f"{summary} within {timeout_seconds:g} s; " + ("\n  ".join(["came:", *came]) if came else "nothing came")


def _in_short(request: ReceivedRequest) -> str:
    parts = [f"{request.method} {request.path}"]
    if isinstance(request.json, dict):
        parts.append(str(request.json.get("msgtype")))
    if request.fault is not None:
        parts.append(str(request.fault))
    if request.reply is not None and "errcode" in request.reply:
        parts.append(f"{request.reply['errcode']} {request.reply.get('errmsg')}")
    return ", ".join(parts)
