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

from .exchange import Outcome, ReceivedRequest

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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the robot says to a request and what becomes of the message."""

    outcome: Outcome
    reply: dict[str, Any]
    robot: Robot | None = None


class RefusedError(Exception):
    """A rule said no; carries DingTalk's reply."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.reply: dict[str, Any] = {"errcode": errcode, "errmsg": errmsg}


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

    def __init__(self, robots: Iterable[Robot], *, minute_seconds: float) -> None:
        if minute_seconds <= 0:
            raise ValueError(f"minute_seconds must be positive: {minute_seconds}")
        self._desks: dict[str, _Desk] = {}
        for robot in robots:
            if robot.access_token in self._desks:
                raise ValueError("two robots have the same access_token")
            self._desks[robot.access_token] = _Desk(robot, minute_seconds)

    def answer(self, request: ReceivedRequest) -> Verdict:
        """Apply all rules to a request and say what becomes of its message."""
        robot: Robot | None = None
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
        except RefusedError as refusal:
            return Verdict(outcome="refused", reply=refusal.reply, robot=robot)
        return Verdict(outcome="accepted" if is_new else "repeated", reply={"errcode": 0, "errmsg": "ok"}, robot=robot)

    def forget(self) -> None:
        """Forget all windows, shut-outs and known ``msgUuid`` values."""
        for desk in self._desks.values():
            desk.forget()

    def _desk_of(self, request: ReceivedRequest) -> _Desk:
        access_token = request.query.get("access_token")
        if not access_token:
            raise RefusedError(40035, "缺少参数 access_token")
        desk = self._desks.get(access_token)
        if desk is None:
            raise RefusedError(300005, "token is not exist")
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
        return RefusedError(130101, f"send too fast, exceed {self.robot.messages_per_minute} times per minute")


def check_http_form(request: ReceivedRequest) -> None:
    """Refuse what is not a POST of JSON."""
    if request.method != "POST":
        raise RefusedError(43002, "需要POST请求")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RefusedError(43004, "无效的HTTP HEADER Content-Type")


def check_sign(secret: str, query: dict[str, str], *, now: float) -> None:
    """Refuse a missing, wrong or more than one hour old (or early) sign; ``now`` in epoch seconds."""
    timestamp, sign = query.get("timestamp", ""), query.get("sign", "")
    if not sign or not (timestamp.isascii() and timestamp.isdigit()):
        raise RefusedError(310000, SIGN_MISMATCH)
    if abs(now - int(timestamp[:20]) / 1000) > SIGN_VALID_SECONDS:
        raise RefusedError(310000, SIGN_EXPIRED)
    if not hmac.compare_digest(sign_of(timestamp, secret).encode(), sign.encode()):
        raise RefusedError(310000, SIGN_MISMATCH)


def check_ip(allowed_ips: tuple[str, ...], client_address: str) -> None:
    """Refuse a sender outside the robot's IPv4 addresses and ranges."""
    address = ipaddress.ip_address(client_address)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not any(address in ipaddress.IPv4Network(allowed, strict=False) for allowed in allowed_ips):
        raise RefusedError(310000, IP_NOT_ALLOWED.format(ip=address))


def check_message(request: ReceivedRequest) -> dict[str, Any]:
    """Return the payload if its size, message type and every field are as DingTalk docs 0717 and 0699 want them."""
    if len(request.body) > MAX_BODY_BYTES:
        raise RefusedError(460101, f"message too long, exceed {MAX_BODY_BYTES} bytes")
    payload = request.json
    if not isinstance(payload, dict):
        raise RefusedError(40035, "缺少参数 json")
    msgtype = _text(payload, "msgtype", "msgtype")
    check_fields = _CHECKS_OF_FIELDS.get(msgtype)
    if check_fields is None:
        raise RefusedError(
            400105,
            f"description:不支持类型 msgType:{msgtype[:40]} ;solution:请使用支持的类型;"
            "link:请参考本接口对应文档查看支持的消息类型，或者在https://open.dingtalk.com/document/ 搜索对应文档;",
        )
    _text(payload, "msgUuid", "msgUuid", required=False)
    _check_at(payload)
    check_fields(_object(payload, msgtype))
    return payload


def check_keyword(keywords: tuple[str, ...], payload: dict[str, Any]) -> None:
    """Refuse a message that contains none of the robot's keywords where readers can see it."""
    if keywords:
        visible = visible_text(payload)
        if not any(keyword in visible for keyword in keywords):
            raise RefusedError(310000, KEYWORD_MISSING)


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
    _text(content, "content", "text.content")


def _check_link(content: dict[str, Any]) -> None:
    for name in ("title", "text", "messageUrl"):
        _text(content, name, f"link.{name}")
    _text(content, "picUrl", "link.picUrl", required=False)


def _check_markdown(content: dict[str, Any]) -> None:
    _text(content, "title", "markdown.title")
    _text(content, "text", "markdown.text")


def _check_action_card(content: dict[str, Any]) -> None:
    _text(content, "title", "actionCard.title")
    _text(content, "text", "actionCard.text")
    for name in ("btnOrientation", "hideAvatar"):
        if _text(content, name, f"actionCard.{name}", required=False) not in ("", "0", "1"):
            raise _invalid(f"actionCard.{name}")
    if content.get("singleTitle") or content.get("singleURL"):
        # One button wins: DingTalk ignores btns when it is given.
        _text(content, "singleTitle", "actionCard.singleTitle")
        _text(content, "singleURL", "actionCard.singleURL")
        return
    for index, button in enumerate(_objects(content, "btns", "actionCard.btns")):
        _text(button, "title", f"actionCard.btns[{index}].title")
        _text(button, "actionURL", f"actionCard.btns[{index}].actionURL")


def _check_feed_card(content: dict[str, Any]) -> None:
    for index, link in enumerate(_objects(content, "links", "feedCard.links")):
        for name in ("title", "messageURL", "picURL"):
            _text(link, name, f"feedCard.links[{index}].{name}")


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
        raise _invalid("at")
    for name in ("atMobiles", "atUserIds"):
        values = at.get(name)
        if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise _invalid(f"at.{name}")
    if not isinstance(at.get("isAtAll"), bool | None):
        raise _invalid("at.isAtAll")


def _text(holder: dict[str, Any], name: str, path: str, *, required: bool = True) -> str:
    value = holder.get(name)
    if value is None or value == "":
        if required:
            raise _missing(path)
        return ""
    if not isinstance(value, str):
        raise _invalid(path)
    return value


def _object(payload: dict[str, Any], name: str) -> dict[str, Any]:
    value = payload.get(name)
    if value is None:
        raise _missing(name)
    if not isinstance(value, dict):
        raise _invalid(name)
    return value


def _objects(holder: dict[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    values = holder.get(name)
    if values is None or values == []:
        raise _missing(path)
    if not isinstance(values, list):
        raise _invalid(path)
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise _invalid(f"{path}[{index}]")
    return values


def _missing(path: str) -> RefusedError:
    return RefusedError(40035, f"缺少参数 {path}")


def _invalid(path: str) -> RefusedError:
    return RefusedError(40035, f"不合法的参数 {path}")
