"""What is in the conversations, what reached the server, and waiting for either."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_dingpush.sandbox.connection_tests import has_passed, is_connection_test
from airflow_provider_dingpush.sandbox.model import (
    App,
    CallResult,
    ChatLine,
    ChatMessage,
    Conversation,
    LineKind,
    Post,
    ReceivedRequest,
    Robot,
)

MAX_KEPT_BODY_BYTES = 65_536

_Kept = TypeVar("_Kept")


class Chat:
    """Keeps everything in order and wakes whoever waits for more."""

    def __init__(self, robots: tuple[Robot, ...], apps: tuple[App, ...]) -> None:
        self.session = secrets.token_hex(4)
        self._robots = robots
        self._apps = apps
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._messages: list[ChatMessage] = []
        self._lines: list[ChatLine] = []
        self._next_line_number = 1
        self._next_message_number = 1
        self._line_of_message: dict[int, int] = {}

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        with self._changed:
            return tuple(self._requests)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        with self._changed:
            return tuple(self._messages)

    def record(
        self, request: ReceivedRequest, result: CallResult | None = None, *, conversation: Conversation | None = None
    ) -> None:
        """Keep a finished request and apply its result; ``conversation`` is where a lost message was meant to go."""
        where: dict[str, Any] = {"path": request.path}
        if conversation is not None:
            where["conversation"] = conversation.to_dict()
        with self._changed:
            self._requests.append(_cut(request))
            if request.outcome == "refused":
                self._add_refusal(request, where)
            elif request.outcome == "fault" and request.fault is not None:
                self._add_line("fault", request.received_at, {"fault": request.fault.value, **where})
            if result is not None:
                self._apply(result, request)
            self._changed.notify_all()

    def _add_refusal(self, request: ReceivedRequest, where: dict[str, Any]) -> None:
        fields = {**(request.reply or {}), **where}
        if is_connection_test(request):
            self._add_line("tested", request.received_at, {**fields, "passed": has_passed(request)})
        else:
            self._add_line("refused", request.received_at, fields)

    def _apply(self, result: CallResult, request: ReceivedRequest) -> None:
        at = request.received_at
        for post in result.posts:
            self._post(post, at)
        for conversation in result.already_in:
            fields: dict[str, Any] = {"conversation": conversation.to_dict(), "path": request.path}
            if isinstance(request.json, dict) and request.json.get("msgUuid"):
                fields["msgUuid"] = request.json["msgUuid"]
            self._add_line("repeated", at, fields)
        for handle in result.recalled_handles:
            for message in self._messages_of(handle):
                self._messages.remove(message)
                self._add_line("recalled", at, self._about(message))
        for handle, shown in result.changes.items():
            for message in self._messages_of(handle):
                self._messages[self._messages.index(message)] = replace(message, shown=shown)
                self._add_line("changed", at, {**self._about(message), "shown": shown})
        for extra in result.lines:
            where = {} if extra.conversation is None else {"conversation": extra.conversation.to_dict()}
            self._add_line(extra.kind, at, {**where, **extra.fields})

    def phones_changed(self, at: float) -> None:
        """Tell open pages that somebody has read something."""
        with self._changed:
            self._add_line("phone", at, {})
            self._changed.notify_all()

    def _messages_of(self, handle: str) -> list[ChatMessage]:
        return [message for message in self._messages if message.handle == handle]

    def _about(self, message: ChatMessage) -> dict[str, Any]:
        """Return the fields of a line about an earlier one, whose number it names."""
        return {"message": self._line_of_message[message.number], "conversation": message.conversation.to_dict()}

    def _post(self, post: Post, at: float) -> None:
        message = ChatMessage(number=self._next_message_number, received_at=at, **vars(post))
        self._next_message_number += 1
        self._messages.append(message)
        self._line_of_message[message.number] = self._next_line_number
        self._add_line(
            "message",
            at,
            {
                "conversation": post.conversation.to_dict(),
                "sender": self._describe(post.sender),
                "payload": post.payload,
                "shown": post.shown,
            },
        )

    def _describe(self, sender: Robot | App) -> dict[str, Any]:
        if isinstance(sender, App):
            return {"kind": "app", "name": sender.name, "number": self._apps.index(sender) + 1}
        return {"kind": "robot", "name": sender.name, "number": self._robots.index(sender) + 1}

    def wait_for_messages(self, count: int, timeout_seconds: float) -> tuple[ChatMessage, ...]:
        return self._wait_for(count, "messages", self._messages, timeout_seconds)

    def wait_for_requests(self, count: int, timeout_seconds: float) -> tuple[ReceivedRequest, ...]:
        return self._wait_for(count, "requests", self._requests, timeout_seconds)

    def _wait_for(self, count: int, noun: str, kept: list[_Kept], timeout_seconds: float) -> tuple[_Kept, ...]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(kept) >= count, timeout_seconds):
                raise TimeoutError(self._summary(f"{len(kept)} of {count} {noun}", timeout_seconds))
            return tuple(kept)

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
        """Forget requests, messages and lines; open pages do the same."""
        with self._changed:
            self._requests.clear()
            self._messages.clear()
            self._lines.clear()
            self._line_of_message.clear()
            self._next_message_number = 1
            self._add_line("cleared", at, {})
            self._changed.notify_all()

    def wake(self) -> None:
        """Let whoever waits for lines check again whether the chat is over."""
        with self._changed:
            self._changed.notify_all()

    def _add_line(self, kind: LineKind, at: float, fields: dict[str, Any]) -> None:
        self._lines.append(ChatLine(number=self._next_line_number, kind=kind, at=at, fields=fields))
        self._next_line_number += 1

    def _summary(self, counts: str, timeout_seconds: float) -> str:
        received = [f"{request.outcome}: {_in_short(request)}" for request in self._requests[-20:]]
        details = "\n  ".join(["received:", *received]) if received else "nothing received"
        return f"{counts} within {timeout_seconds:g} s; {details}"


def _cut(request: ReceivedRequest) -> ReceivedRequest:
    """The request as it is kept: of an upload only the beginning, or memory would fill up."""
    if len(request.body) <= MAX_KEPT_BODY_BYTES:
        return request
    return replace(request, body=request.body[:MAX_KEPT_BODY_BYTES], json=None)


def _in_short(request: ReceivedRequest) -> str:
    parts = [f"{request.method} {request.path}"]
    if isinstance(request.json, dict):
        kind = request.json.get("msgtype") or request.json.get("msgKey")
        parts.extend([str(kind)] if kind else [])
    if request.fault is not None:
        parts.append(str(request.fault))
    reply = request.reply or {}
    if "errcode" in reply:
        parts.append(f"{reply['errcode']} {reply.get('errmsg')}")
    elif "code" in reply:
        parts.append(f"{reply['code']} {reply.get('message')}")
    return ", ".join(parts)
