"""The rules of DingTalk's custom group robot, written from DingTalk's docs and from what users report.

Facts come from DingTalk docs 0717 "custom robot access", 0699 "message types" and 0702 (read 2026-08-22) unless a
comment says otherwise. Where the docs are silent the choice is named as an assumption.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from typing import Any
from urllib.parse import urlencode

from airflow_provider_dingpush.sandbox.field_rules import OAPI, Fields, Media
from airflow_provider_dingpush.sandbox.message_kinds import WEBHOOK_FORMS
from airflow_provider_dingpush.sandbox.model import (
    CallResult,
    Conversation,
    Fault,
    Post,
    ReceivedRequest,
    RefusedError,
    Robot,
    is_allowed_ip,
)
from airflow_provider_dingpush.sandbox.oapi_dialect import invalid, refusal
from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows

PATH = "/robot/send"
MAX_BODY_BYTES = 20_000
SIGN_VALID_SECONDS = 3600

# The wording of 2024-2026 as users report it, not the older one that DingTalk docs 0717 list. A missing sign or
# timestamp gets the text of a bad sign (sunmh207/AI-Codereview-Gitlab#142). The second halves for "expired" and "ip"
# are not on record in full.
_LINK = "link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;"
SIGN_MISMATCH = (
    "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥加密和填写正确;"
    + _LINK
)
SIGN_EXPIRED = "description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在一小时以内;" + _LINK
KEYWORD_MISSING = "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;"
IP_NOT_ALLOWED = "description:ip {ip} 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段;"

_TOO_FAST = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
_FAULTS: dict[Fault, dict[str, Any]] = {
    Fault.BUSY: {"errcode": -1, "errmsg": "系统繁忙"},
    Fault.THROTTLED: _TOO_FAST,
    Fault.THROTTLED_LONG: _TOO_FAST,
    Fault.QUOTA_USED_UP: {"errcode": 90030, "errmsg": "webhook over limit"},
    Fault.TOKEN_REFUSED: {"errcode": 300005, "errmsg": "token is not exist"},
    Fault.UNKNOWN_RESULT: {"errcode": 15, "errmsg": "isp.top-remote-connection-timeout"},
}


def sign_of(timestamp: str, secret: str) -> str:
    """Return the plain Base64 signature (not URL-encoded) of a millisecond timestamp, DingTalk docs 0717."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def query_of(robot: Robot, *, signed_at: float | None = None) -> str:
    """Return the query of the robot's webhook URL, signed at ``signed_at`` (epoch seconds) if it has a secret."""
    query = {"access_token": robot.access_token}
    if robot.secret is not None and signed_at is not None:
        timestamp = str(round(signed_at * 1000))
        query |= {"timestamp": timestamp, "sign": sign_of(timestamp, robot.secret)}
    return urlencode(query)


class CustomRobotEndpoint:
    """Answers ``POST /robot/send`` for all robots of the group.

    Order of the checks: HTTP form, token, block, sign, IP, size, message type and fields, keyword, repetition, rate.
    Assumptions, because DingTalk does not document them: a resend that is recognised by its ``msgUuid`` does not count
    against the minute; a ``msgUuid`` is remembered until `forget`; only accepted messages count; calls during a
    block do not prolong it.

    :param minute_seconds: the length of the minute that limits and blocks are measured in; a sign's validity is not.
    """

    def __init__(self, robots: tuple[Robot, ...], *, group: Conversation, minute_seconds: float) -> None:
        self._group = group
        self._states: dict[str, _RobotState] = {}
        for robot in robots:
            if robot.access_token in self._states:
                raise ValueError("two robots have the same access_token")
            self._states[robot.access_token] = _RobotState(robot, minute_seconds)

    def answer(self, request: ReceivedRequest) -> CallResult:
        """Apply all rules to a request."""
        try:
            check_http_form(request)
            state = self._state_of(request)
            robot = state.robot
            state.check_block(request.received_at)
            if robot.secret is not None:
                check_sign(robot.secret, request.query, now=request.received_at)
            if robot.allowed_ips and not is_allowed_ip(robot.allowed_ips, request.client_address):
                raise refusal(310000, IP_NOT_ALLOWED.format(ip=request.client_address.removeprefix("::ffff:")))
            payload = check_message(request)
            check_keyword(robot.keywords, payload)
            is_new = state.admit(payload.get("msgUuid") or None, now=request.received_at)
        except RefusedError as refused:
            return CallResult(outcome="refused", reply=refused.reply, conversation=self._group)
        reply = {"errcode": 0, "errmsg": "ok"}
        if not is_new:
            return CallResult(outcome="repeated", reply=reply, conversation=self._group, already_in=(self._group,))
        post = Post(conversation=self._group, sender=robot, payload=payload, shown=_shown(payload))
        return CallResult(outcome="accepted", reply=reply, conversation=self._group, posts=(post,))

    def addressee(self, request: ReceivedRequest) -> Conversation | None:  # noqa: ARG002 - the robots have one group
        return self._group

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return HTTP status and reply of a fault in this API's words, or None if it has none."""
        return (200, dict(_FAULTS[fault])) if fault in _FAULTS else None

    def forget(self) -> None:
        """Forget all windows, blocks and known ``msgUuid`` values."""
        for state in self._states.values():
            state.forget()

    def _state_of(self, request: ReceivedRequest) -> _RobotState:
        access_token = request.query.get("access_token")
        if not access_token:
            raise refusal(40035, "缺少参数 access_token")
        state = self._states.get(access_token)
        if state is None:
            raise refusal(300005, "token is not exist")
        return state


class _RobotState:
    """What is remembered of one robot: the minute's messages, a block, the known ``msgUuid`` values."""

    def __init__(self, robot: Robot, minute_seconds: float) -> None:
        self.robot = robot
        self._minute_seconds = minute_seconds
        self._lock = threading.RLock()
        self._sent = SlidingWindows(minute_seconds)
        self._blocked_until: float | None = None
        self._known_uuids: set[str] = set()

    def check_block(self, now: float) -> None:
        with self._lock:
            if self._blocked_until is not None and now < self._blocked_until:
                raise self._too_fast()
            self._blocked_until = None

    def admit(self, msg_uuid: str | None, *, now: float) -> bool:
        """Count the message and return True, or False if it is known; raise `RefusedError` if it is one too many."""
        with self._lock:
            if msg_uuid is not None and msg_uuid in self._known_uuids:
                return False
            # Again under the lock of the count: since the first check a parallel request may have used up the minute.
            self.check_block(now)
            if not self._sent.take("", now, self.robot.messages_per_minute):
                self._blocked_until = now + self.robot.block_minutes * self._minute_seconds
                raise self._too_fast()
            if msg_uuid is not None:
                self._known_uuids.add(msg_uuid)
            return True

    def forget(self) -> None:
        with self._lock:
            self._sent.clear()
            self._blocked_until = None
            self._known_uuids.clear()

    def _too_fast(self) -> RefusedError:
        return refusal(130101, f"send too fast, exceed {self.robot.messages_per_minute} times per minute")


def check_http_form(request: ReceivedRequest) -> None:
    """Refuse what is not a POST of JSON."""
    if request.method != "POST":
        raise refusal(43002, "需要POST请求")
    if not request.is_json:
        raise refusal(43004, "无效的HTTP HEADER Content-Type")


def check_sign(secret: str, query: dict[str, str], *, now: float) -> None:
    """Refuse a missing, wrong or more than one hour old (or early) sign; ``now`` in epoch seconds."""
    timestamp, sign = query.get("timestamp", ""), query.get("sign", "")
    if not sign or not (timestamp.isascii() and timestamp.isdigit()):
        raise refusal(310000, SIGN_MISMATCH)
    if abs(now - int(timestamp[:20]) / 1000) > SIGN_VALID_SECONDS:
        raise refusal(310000, SIGN_EXPIRED)
    if not hmac.compare_digest(sign_of(timestamp, secret).encode(), sign.encode()):
        raise refusal(310000, SIGN_MISMATCH)


def check_message(request: ReceivedRequest) -> dict[str, Any]:
    """Return the payload if its size, message type and every field are as DingTalk docs 0717 and 0699 want them."""
    if len(request.body) > MAX_BODY_BYTES:
        raise refusal(460101, f"message too long, exceed {MAX_BODY_BYTES} bytes")
    if not isinstance(request.json, dict):
        raise refusal(40035, "缺少参数 json")
    payload = Fields(request.json, OAPI)
    msgtype = payload.text("msgtype")
    form = WEBHOOK_FORMS.get(msgtype)
    if form is None:
        raise refusal(
            400105,
            f"description:不支持类型 msgType:{msgtype[:40]} ;solution:请使用支持的类型;"
            "link:请参考本接口对应文档查看支持的消息类型，或者在https://open.dingtalk.com/document/ 搜索对应文档;",
        )
    payload.text("msgUuid", required=False)
    _check_at(request.json)
    payload.part(msgtype).check(form.rules)
    return request.json


def check_keyword(keywords: tuple[str, ...], payload: dict[str, Any]) -> None:
    """Refuse a message that contains none of the robot's keywords where readers can see it."""
    if keywords:
        msgtype = payload["msgtype"]
        visible = "\n".join(WEBHOOK_FORMS[msgtype].visible(payload[msgtype]))
        if not any(keyword in visible for keyword in keywords):
            raise refusal(310000, KEYWORD_MISSING)


def _shown(payload: dict[str, Any]) -> dict[str, Any]:
    show = WEBHOOK_FORMS[payload["msgtype"]].show
    return payload if show is None else {"at": payload.get("at"), **show(payload[payload["msgtype"]], Media())}


def _check_at(payload: dict[str, Any]) -> None:
    at = payload.get("at")
    if at is None:
        return
    if not isinstance(at, dict):
        raise invalid("at")
    for name in ("atMobiles", "atUserIds"):
        values = at.get(name)
        if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise invalid(f"at.{name}")
    if not isinstance(at.get("isAtAll"), bool | None):
        raise invalid("at.isAtAll")
