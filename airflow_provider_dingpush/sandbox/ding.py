"""DINGs of app robots: sending, read status, recall, and the credit that SMS and phone calls take.

Facts: DingTalk docs 0712 and 0713 (read 2026-11-28), and the official SDK for the read status, which no page describes.
Where these are silent the choice is named as an assumption.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from airflow_provider_dingpush.sandbox.ding_model import Ding, DingKind, DingPlan
from airflow_provider_dingpush.sandbox.model import (
    App,
    AppCall,
    CallResult,
    Conversation,
    Durations,
    ExtraLine,
    Person,
    ReceivedRequest,
    RefusedError,
)
from airflow_provider_dingpush.sandbox.organisation import Organisation, private_chat_with
from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows
from airflow_provider_dingpush.sandbox.v1_dialect import refusal

SEND = "/v1.0/robot/ding/send"
RECALL = "/v1.0/robot/ding/recall"
READ_STATUS = "/v1.0/robot/ding/readStatuses/query"
PERMISSION = "Premium.Ding.Write"

KINDS: dict[int, DingKind] = {1: "app", 2: "sms", 3: "phone"}
MOST_RECEIVERS: dict[DingKind, int] = {"app": 200, "sms": 20, "phone": 20}
VOICES = (
    "Standard_Female_Voice",
    "Cantonese_Female_Voice",
    "Gentine_Female_Voice",
    "Overbearing_Female_Voice",
    "Lovely_Girl_Voice",
    "Standard_Male_Voice",
)
_REFUSES = "用户已设置不接收该机器人的DING"


class DingApi:
    """Answers everything about DINGs.

    Order of the checks: edition, robot, kind, receivers, text, rate, credit.

    Assumptions, because DingTalk does not document them: an edition without DINGs is refused with
    ``send.ding.exception`` and the sentence of the page about editions; a person who is unknown, or not in the app's
    visible scope, makes DingTalk refuse the whole call; who refuses messages is in ``failedList`` and takes no credit;
    a call for which the credit does not suffice is refused whole; a read status is ``READ`` or ``UNREAD``, as that of
    messages; recalling twice succeeds twice; a text may have any length.
    """

    def __init__(self, organisation: Organisation, plan: DingPlan, durations: Durations) -> None:
        self._organisation = organisation
        self._plan = plan
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._dings: list[Ding] = []
        self._senders: dict[str, App] = {}
        self._sent_by_robot = SlidingWindows(durations.minute)

    def handlers(self) -> dict[str, tuple[Literal["GET", "POST", "PUT"], Callable[[AppCall], CallResult]]]:
        """Return what answers at each path."""
        return {
            SEND: ("POST", self.send),
            RECALL: ("POST", self.recall),
            READ_STATUS: ("POST", self.read_status),
        }

    @property
    def dings(self) -> tuple[Ding, ...]:
        """All DINGs that were accepted, one for each receiver, in order."""
        with self._lock:
            return tuple(self._dings)

    def credit_left(self, kind: DingKind) -> int | None:
        """Return how many DINGs of a kind can still be sent; None: no limit."""
        with self._lock:
            return self._credit_left(kind)

    def send(self, call: AppCall) -> CallResult:
        if not self._plan.in_edition:
            raise refusal(400, "send.ding.exception", "send.ding.exception 当前接口仅限钉钉专业版和钉钉专属版客户使用")
        app = _robot_of(self._organisation, call)
        remind_type = call.body.get("remindType")
        kind = KINDS.get(remind_type) if isinstance(remind_type, int) and remind_type is not True else None
        if kind is None:
            raise _invalid("remindType")
        people = self._receivers(call, app, kind)
        content, voice = call.body.get("content"), call.body.get("callVoice") or ""
        if not isinstance(content, str) or not content.strip():
            raise _invalid("content")
        # The page's own sample has a bullet before the name.
        voice = voice.removeprefix("● ") if isinstance(voice, str) else "?"
        if voice and voice not in VOICES:
            raise _invalid("callVoice")
        reached = [person for person in people if not person.refuses]
        failed = [person.user_id for person in people if person.refuses]
        ding_id = secrets.token_urlsafe(12)
        dings = self._keep(kind, reached, now=call.request.received_at, app=app, ding_id=ding_id, content=content,
                           voice=(voice or VOICES[0]) if kind == "phone" else "")  # fmt: skip
        reply: dict[str, Any] = {"openDingId": ding_id, "failedList": {_REFUSES: failed} if failed else {}}
        return CallResult(outcome="accepted", reply=reply, lines=tuple(line_of(each) for each in dings))

    def addressee(self, request: ReceivedRequest) -> Conversation | None:
        """Return the chat of the only person that a request names."""
        body = request.json if isinstance(request.json, dict) else {}
        user_ids = body.get("receiverUserIdList")
        if not isinstance(user_ids, list) or len(user_ids) != 1:
            return None
        person = self._organisation.person(str(user_ids[0]))
        return private_chat_with(person) if person is not None else None

    def recall(self, call: AppCall) -> CallResult:
        ding_id = self._ding_id_of(call, "recall.ding.exception")
        with self._lock:
            self._dings = [
                replace(each, is_recalled=each.ding_id == ding_id or each.is_recalled) for each in self._dings
            ]
        return CallResult(outcome="answered", reply={"openDingId": ding_id}, lines=(ExtraLine(kind="phone"),))

    def read_status(self, call: AppCall) -> CallResult:
        ding_id = self._ding_id_of(call, "invalidParameter.param.invalid")
        infos = [
            {"userId": each.person.user_id, "readStatus": "READ" if each.is_read else "UNREAD"}
            for each in self.dings
            if each.ding_id == ding_id
        ]
        reply = {"success": True, "result": {"robotDingReadInfoList": infos}}
        return CallResult(outcome="answered", reply=reply)

    def read(self, user_id: str, number: int | None = None) -> None:
        """Mark the DINGs of a person as read.

        :param number: only this one.
        """
        with self._lock:
            self._dings = [
                replace(each, is_read=True)
                if each.person.user_id == user_id and number in (None, each.number)
                else each
                for each in self._dings
            ]

    def forget(self) -> None:
        """Forget all DINGs, and give the credit back."""
        with self._lock:
            self._dings.clear()
            self._senders.clear()
            self._sent_by_robot.clear()

    def _receivers(self, call: AppCall, app: App, kind: DingKind) -> tuple[Person, ...]:
        user_ids = call.body.get("receiverUserIdList")
        if not user_ids or not isinstance(user_ids, list) or not all(isinstance(each, str) for each in user_ids):
            raise _invalid("receiverUserIdList")
        if len(user_ids) > MOST_RECEIVERS[kind]:
            raise refusal(400, "ding.receivercount.limit", "ding receiver count limit")
        people = [self._organisation.person(user_id) for user_id in dict.fromkeys(user_ids)]
        unknown = [
            user_id
            for user_id, person in zip(dict.fromkeys(user_ids), people, strict=True)
            if person is None or not app.sees(user_id)
        ]
        if unknown:
            raise refusal(400, "miss.staffId", f"miss.staffId {','.join(unknown)}")
        return tuple(person for person in people if person is not None)

    def _keep(self, kind: DingKind, people: list[Person], *, now: float, app: App, **about: Any) -> list[Ding]:
        with self._lock:
            if not self._sent_by_robot.take(app.app_key, now, self._plan.a_minute):
                raise refusal(400, "toomuch.msg", "send too fast")
            left = self._credit_left(kind)
            if left is not None and len(people) > left:
                raise refusal(400, "ding.serverquota.insufficient", "ding server quota insufficient")
            dings = [
                Ding(number=next(self._numbers), kind=kind, person=person, app=app, received_at=now, **about)
                for person in people
            ]
            self._dings += dings
            self._senders[about["ding_id"]] = app
            return dings

    def _credit_left(self, kind: DingKind) -> int | None:
        credit = self._plan.credit(kind)
        return None if credit is None else credit - sum(each.kind == kind for each in self._dings)

    def _ding_id_of(self, call: AppCall, code: str) -> str:
        app = _robot_of(self._organisation, call)
        ding_id = call.body.get("openDingId")
        with self._lock:
            sender = self._senders.get(ding_id) if isinstance(ding_id, str) else None
        if not isinstance(ding_id, str) or sender != app:
            raise refusal(400, code, f"{code} openDingId")
        return ding_id


def line_of(ding: Ding) -> ExtraLine:
    """Return the line of the chat page about a DING."""
    about = {"kind": ding.kind, "content": ding.content, "voice": ding.voice, "sender": ding.app.name}
    return ExtraLine(kind="ding", conversation=private_chat_with(ding.person), fields={"ding": about})


def _robot_of(organisation: Organisation, call: AppCall) -> App:
    robot_code = call.body.get("robotCode")
    app = organisation.app_of_robot_code(robot_code) if isinstance(robot_code, str) else None
    if app is None or app != call.app or not app.published:
        raise refusal(400, "invalid.chatbotId", f"invalid.chatbotId {robot_code}")
    return app


def _invalid(name: str) -> RefusedError:
    return refusal(400, "invalidParameter.param.invalid", f"参数不合法{name}")
