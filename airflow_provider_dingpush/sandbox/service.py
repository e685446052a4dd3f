"""What the sandbox answers to a request, without the network: the chat page, an API, a fault, or an unknown path."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from airflow_provider_dingpush.sandbox.chat import Chat
from airflow_provider_dingpush.sandbox.chat_page import ChatPage
from airflow_provider_dingpush.sandbox.faults import CANNED_ANSWERS, CANNED_REPLIES, FaultQueue, PlannedFault
from airflow_provider_dingpush.sandbox.model import Answer, CallResult, Conversation, Fault, ReceivedRequest
from airflow_provider_dingpush.sandbox.v1_dialect import PREFIX as V1_PREFIX
from airflow_provider_dingpush.sandbox.v1_dialect import unknown_path


class Endpoint(Protocol):
    """One API of DingTalk at one path."""

    def answer(self, request: ReceivedRequest) -> CallResult:
        """Apply all rules to a request."""

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the conversation that a request means, if it names one."""

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return HTTP status and reply of a fault in this API's words, or None if it has none."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """Answers requests; outlives the port, so that a sandbox can stop and start again.

    :param endpoint_at: finds the API at a path.
    :param clock: returns epoch seconds.
    :param stopping: is set while the port is closed or closing: whatever waits must give up then.
    :param connection_numbers: numbers TCP connections.
    """

    chat: Chat
    page: ChatPage
    endpoint_at: Callable[[str], Endpoint | None]
    clock: Callable[[], float]
    stopping: threading.Event
    faults: FaultQueue = field(default_factory=FaultQueue)
    connection_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_fault(self, request: ReceivedRequest) -> PlannedFault | None:
        """Take the fault that is planned for a request, before its body is read."""
        return self.faults.next(request.path) if self._endpoint_of(request) is not None else None

    def answer(self, request: ReceivedRequest, planned: PlannedFault | None) -> Answer | None:
        """Answer a request and record it; None if its fault is to be answered with nothing."""
        endpoint = self._endpoint_of(request)
        if endpoint is not None:
            fault = planned.fault if planned is not None else None
            if fault is None or fault.message_accepted:
                return self._call(request, endpoint, fault)
            return self._lose(request, endpoint, fault)
        if self.page.serves(request.path, request.method):
            return self.page.answer(request)
        return self._answer_unknown_path(request)

    def _endpoint_of(self, request: ReceivedRequest) -> Endpoint | None:
        # An answer to HEAD has no body, and the APIs answer in nothing but bodies.
        return None if request.method == "HEAD" else self.endpoint_at(request.path)

    def _call(self, request: ReceivedRequest, endpoint: Endpoint, fault: Fault | None) -> Answer:
        result = endpoint.answer(request)
        status, reply = result.status, result.reply
        if fault is Fault.STRING_ERRCODE and "errcode" in reply:
            reply = {**reply, "errcode": str(reply["errcode"])}
        if fault is Fault.UNKNOWN_RESULT and result.outcome != "refused":
            status, reply = endpoint.reply_to(fault) or (status, reply)
        # Recorded before the answer leaves: whoever has the answer finds the request and the message here.
        self.chat.record(
            replace(request, fault=fault, reply=reply, outcome=result.outcome, app=result.app),
            result,
            conversation=result.conversation,
        )
        return (CANNED_ANSWERS.get(fault) if fault is not None else None) or _json_answer(reply, status)

    def _lose(self, request: ReceivedRequest, endpoint: Endpoint, fault: Fault) -> Answer | None:
        status, reply = endpoint.reply_to(fault) or (200, CANNED_REPLIES.get(fault))
        self.chat.record(
            replace(request, fault=fault, reply=reply, outcome="fault"), conversation=endpoint.addressee(request)
        )
        return CANNED_ANSWERS.get(fault) if reply is None else _json_answer(reply, status)

    def _answer_unknown_path(self, request: ReceivedRequest) -> Answer:
        reply: dict[str, Any] | None = None
        if request.path.startswith(V1_PREFIX):
            reply = unknown_path().reply
            answer = _json_answer(reply)
        elif request.method == "POST":
            # Seen at the live server in published probes of 2026-09-11.
            reply = {"errcode": 22, "errmsg": "Invalid method"}
            answer = _json_answer(reply)
        elif request.method == "GET":
            answer = Answer(status=404, content_type="text/plain; charset=utf-8", body=b"not found")
        else:
            answer = Answer(status=405, headers=(("Allow", "GET, POST"),))
        self.chat.record(replace(request, reply=reply, outcome="unknown path"))
        return answer


def _json_answer(reply: dict[str, Any], status: int = 200) -> Answer:
    # Refusals quote what the sender wrote, which may hold lone surrogates.
    return Answer(status=status, body=json.dumps(reply, ensure_ascii=False).encode(errors="replace"))
