"""The rules of DingTalk's custom group robot, written from DingTalk's docs and from what users report.

Facts come from DingTalk docs 0717 "custom robot access", 0699 "message types" and 0702 (read 2026-08-22) unless a
comment says otherwise. Where the docs are silent the choice is named as an assumption.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from .addresses import is_allowed_ip
from .conversations import Conversation, Post
from .exchange import ReceivedRequest, RefusedError, Verdict
from .faults import Fault
from .oapi_dialect import invalid, refusal
from .payload_fields import object_in, objects_in, text_in

PATH = "/robot/send"
MAX_KEYWORDS = 10
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


@dataclass(frozen=True, kw_only=True)
class Robot:
    """One custom robot of the sandbox's group and its security settings.

    Settings that are given must all pass: a signing ``secret``, up to ten ``keywords`` of which a message must contain
    one, ``allowed_ips`` (IPv4 addresses or CIDR ranges; DingTalk knows no IPv6 here). With none of them the token is
    enough. ``messages_per_minute`` is DingTalk's 20; a robot that exceeds it is shut out for ``shut_out_minutes``.
    ``name`` is shown on the chat page. Neither token nor secret appears in ``repr``.

    Raises `ValueError` for settings that DingTalk would not store and `TypeError` for a str where a tuple is meant.
    """

    access_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    secret: str | None = field(default=None, repr=False)
    keywords: tuple[str, ...] = ()
    allowed_ips: tuple[str, ...] = ()
    messages_per_minute: int = 20
    shut_out_minutes: float = 10
    name: str = "Airflow"

    def __post_init__(self) -> None:
        for field_name in ("keywords", "allowed_ips"):
            if isinstance(getattr(self, field_name), str):
                raise TypeError(f"{field_name} must be a tuple of str, not one str")
            object.__setattr__(self, field_name, tuple(getattr(self, field_name)))
        if not self.access_token:
            raise ValueError("access_token must not be empty")
        if self.secret == "":
            raise ValueError("secret must not be empty; None means that the robot wants no sign")
        if len(self.keywords) > MAX_KEYWORDS:
            raise ValueError(f"a robot has at most {MAX_KEYWORDS} keywords, not {len(self.keywords)}")
        if not all(self.keywords):
            raise ValueError("a keyword must not be empty")
        if self.messages_per_minute < 1:
            raise ValueError(f"messages_per_minute must be at least 1, not {self.messages_per_minute}")
        if self.shut_out_minutes < 0:
            raise ValueError(f"shut_out_minutes must not be negative: {self.shut_out_minutes}")
        for allowed in self.allowed_ips:
            ipaddress.IPv4Network(allowed, strict=False)


def sign_of(timestamp: str, secret: str) -> str:
    """Return the plain Base64 signature (not URL-encoded) of a millisecond timestamp, DingTalk docs 0717."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def query_of(robot: Robot, *, signed_at: float | None = None) -> str:
    """Return the query of the robot's webhook URL, signed at ``signed_at`` (epoch seconds) if the robot wants it."""
    query = {"access_token": robot.access_token}
    if robot.secret is not None and signed_at is not None:
        timestamp = str(round(signed_at * 1000))
        query |= {"timestamp": timestamp, "sign": sign_of(timestamp, robot.secret)}
    return urlencode(query)


class CustomRobotDoor:
    """Answers ``POST /robot/send`` for all robots of the group.

    Order of the checks: HTTP form, token, shut-out, sign, IP, size, message type and fields, keyword, repetition, rate.
    ``minute_seconds`` is the length of the minute in which ``messages_per_minute`` are allowed, so that tests can
    shorten it; the shut-out is measured in the same minutes, the validity of a sign is not.

    Assumptions, because DingTalk does not document them: a resend that is recognised by its ``msgUuid`` does not count
    against the minute; a ``msgUuid`` is remembered until `forget`; only accepted messages count; calls while shut out
    do not prolong it.
    """

    def __init__(self, robots: Iterable[Robot], *, group: Conversation, minute_seconds: float) -> None:
        if minute_seconds <= 0:
            raise ValueError(f"minute_seconds must be positive: {minute_seconds}")
        self._group = group
        self._desks: dict[str, _Desk] = {}
        for robot in robots:
            if robot.access_token in self._desks:
                raise ValueError("two robots have the same access_token")
            self._desks[robot.access_token] = _Desk(robot, minute_seconds)

    def answer(self, request: ReceivedRequest) -> Verdict:
        """Apply all rules to a request and say what becomes of its message."""
        try:
            check_http_form(request)
            desk = self._desk_of(request)
            robot = desk.robot
            desk.check_shut_out(request.received_at)
            if robot.secret is not None:
                check_sign(robot.secret, request.query, now=request.received_at)
            if robot.allowed_ips:
                check_ip(robot.allowed_ips, request.client_address)
            payload = check_message(request)
            check_keyword(robot.keywords, payload)
            is_new = desk.admit(payload.get("msgUuid") or None, now=request.received_at)
        except RefusedError as refused:
            return Verdict(outcome="refused", reply=refused.reply, conversation=self._group)
        reply = {"errcode": 0, "errmsg": "ok"}
        if not is_new:
            return Verdict(outcome="repeated", reply=reply, conversation=self._group, already_in=(self._group,))
        post = Post(conversation=self._group, sender=robot, payload=payload, shown=payload)
        return Verdict(outcome="accepted", reply=reply, conversation=self._group, posts=(post,))

    def addressee(self, request: ReceivedRequest) -> Conversation | None:  # noqa: ARG002 - the robots have one group
        return self._group

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return what a fault says here, with its HTTP status, or None if it says nothing of its own."""
        return (200, dict(_FAULTS[fault])) if fault in _FAULTS else None

    def forget(self) -> None:
        """Forget all windows, shut-outs and known ``msgUuid`` values."""
        for desk in self._desks.values():
            desk.forget()

    def _desk_of(self, request: ReceivedRequest) -> _Desk:
        access_token = request.query.get("access_token")
        if not access_token:
            raise refusal(40035, "缺少参数 access_token")
        desk = self._desks.get(access_token)
        if desk is None:
            raise refusal(300005, "token is not exist")
        return desk


class _Desk:
    """What the door remembers of one robot: the minute's messages, a shut-out, the known ``msgUuid`` values."""

    def __init__(self, robot: Robot, minute_seconds: float) -> None:
        self.robot = robot
        self._minute_seconds = minute_seconds
        self._lock = threading.Lock()
        self._sent_at: deque[float] = deque()
        self._shut_out_until: float | None = None
        self._known_uuids: set[str] = set()

    def check_shut_out(self, now: float) -> None:
        with self._lock:
            self._check_shut_out(now)

    def admit(self, msg_uuid: str | None, *, now: float) -> bool:
        """Count the message and return True, or False if it is known; raise `RefusedError` if it is one too many."""
        with self._lock:
            if msg_uuid is not None and msg_uuid in self._known_uuids:
                return False
            # Again under the lock of the count: since the first look a parallel request may have used up the minute.
            self._check_shut_out(now)
            while self._sent_at and self._sent_at[0] <= now - self._minute_seconds:
                self._sent_at.popleft()
            if len(self._sent_at) >= self.robot.messages_per_minute:
                self._shut_out_until = now + self.robot.shut_out_minutes * self._minute_seconds
                raise self._too_fast()
            self._sent_at.append(now)
            if msg_uuid is not None:
                self._known_uuids.add(msg_uuid)
            return True

    def forget(self) -> None:
        with self._lock:
            self._sent_at.clear()
            self._shut_out_until = None
            self._known_uuids.clear()

    def _check_shut_out(self, now: float) -> None:
        if self._shut_out_until is not None and now < self._shut_out_until:
            raise self._too_fast()
        self._shut_out_until = None

    def _too_fast(self) -> RefusedError:
        return refusal(130101, f"send too fast, exceed {self.robot.messages_per_minute} times per minute")


def check_http_form(request: ReceivedRequest) -> None:
    """Refuse what is not a POST of JSON."""
    if request.method != "POST":
        raise refusal(43002, "需要POST请求")
    if not request.says_json:
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


def check_ip(allowed_ips: tuple[str, ...], client_address: str) -> None:
    """Refuse a sender outside the robot's IPv4 addresses and ranges."""
    if not is_allowed_ip(allowed_ips, client_address):
        raise refusal(310000, IP_NOT_ALLOWED.format(ip=client_address.removeprefix("::ffff:")))


def check_message(request: ReceivedRequest) -> dict[str, Any]:
    """Return the payload if its size, message type and every field are as DingTalk docs 0717 and 0699 want them."""
    if len(request.body) > MAX_BODY_BYTES:
        raise refusal(460101, f"message too long, exceed {MAX_BODY_BYTES} bytes")
    payload = request.json
    if not isinstance(payload, dict):
        raise refusal(40035, "缺少参数 json")
    msgtype = text_in(payload, "msgtype", "msgtype")
    check_fields = _CHECKS_OF_FIELDS.get(msgtype)
    if check_fields is None:
        raise refusal(
            400105,
            f"description:不支持类型 msgType:{msgtype[:40]} ;solution:请使用支持的类型;"
            "link:请参考本接口对应文档查看支持的消息类型，或者在https://open.dingtalk.com/document/ 搜索对应文档;",
        )
    text_in(payload, "msgUuid", "msgUuid", required=False)
    _check_at(payload)
    check_fields(object_in(payload, msgtype))
    return payload


def check_keyword(keywords: tuple[str, ...], payload: dict[str, Any]) -> None:
    """Refuse a message that contains none of the robot's keywords where readers can see it."""
    if keywords:
        visible = visible_text(payload)
        if not any(keyword in visible for keyword in keywords):
            raise refusal(310000, KEYWORD_MISSING)


def visible_text(payload: dict[str, Any]) -> str:
    """Return what a reader sees of a valid message.

    Which fields DingTalk searches for keywords is not documented. Assumed: those drawn inside the message, hence not
    the title of markdown and actionCard, which is a preview only. Markdown counts as it is written.
    """
    msgtype = payload["msgtype"]
    content = payload[msgtype]
    if msgtype == "text":
        parts = [content["content"]]
    elif msgtype == "link":
        parts = [content["title"], content["text"]]
    elif msgtype == "markdown":
        parts = [content["text"]]
    elif msgtype == "actionCard":
        buttons = [content["singleTitle"]] if content.get("singleTitle") else [b["title"] for b in content["btns"]]
        parts = [content["text"], *buttons]
    else:
        parts = [link["title"] for link in content["links"]]
    return "\n".join(parts)


def _check_text(content: dict[str, Any]) -> None:
    text_in(content, "content", "text.content")


def _check_link(content: dict[str, Any]) -> None:
    for name in ("title", "text", "messageUrl"):
        text_in(content, name, f"link.{name}")
    text_in(content, "picUrl", "link.picUrl", required=False)


def _check_markdown(content: dict[str, Any]) -> None:
    text_in(content, "title", "markdown.title")
    text_in(content, "text", "markdown.text")


def _check_action_card(content: dict[str, Any]) -> None:
    text_in(content, "title", "actionCard.title")
    text_in(content, "text", "actionCard.text")
    for name in ("btnOrientation", "hideAvatar"):
        if text_in(content, name, f"actionCard.{name}", required=False) not in ("", "0", "1"):
            raise invalid(f"actionCard.{name}")
    if content.get("singleTitle") or content.get("singleURL"):
        # One button wins: DingTalk ignores btns when it is given.
        text_in(content, "singleTitle", "actionCard.singleTitle")
        text_in(content, "singleURL", "actionCard.singleURL")
        return
    for index, button in enumerate(objects_in(content, "btns", "actionCard.btns")):
        text_in(button, "title", f"actionCard.btns[{index}].title")
        text_in(button, "actionURL", f"actionCard.btns[{index}].actionURL")


def _check_feed_card(content: dict[str, Any]) -> None:
    for index, link in enumerate(objects_in(content, "links", "feedCard.links")):
        for name in ("title", "messageURL", "picURL"):
            text_in(link, name, f"feedCard.links[{index}].{name}")


_CHECKS_OF_FIELDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "text": _check_text,
    "link": _check_link,
    "markdown": _check_markdown,
    "actionCard": _check_action_card,
    "feedCard": _check_feed_card,
}


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
