"""The values of the sandbox: who there is, what is sent, what arrives over HTTP, and what is in the chat.

Every other module of the sandbox may import this one; it imports none of them.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Literal

PERMISSIONS = (
    "qyapi_base",
    "qyapi_robot_sendmsg",
    "qyapi_get_member",
    "qyapi_get_member_by_mobile",
    "qyapi_chat_read",
    "Premium.Ding.Write",
    "Todo.Todo.Write",
    "Todo.Todo.Read",
)
"""The permission points that the sandbox's APIs ask for, as DingTalk's console names them."""

MAX_KEYWORDS = 10
TOKEN_SECONDS = 7200
ROOT_DEPARTMENT_ID = 1
MEDIA_PATH_PREFIX = "/media/"
JSON = "application/json; charset=utf-8"

ConversationKind = Literal["group", "private", "notification"]
MediaKind = Literal["image", "voice", "video", "file"]
LineKind = Literal[
    "message", "refused", "tested", "repeated", "fault", "recalled", "changed", "cleared", "ding", "todo", "phone"
]
"""``phone``: something on a person's phone has changed, which only the phone page shows."""
Outcome = Literal["accepted", "answered", "repeated", "refused", "fault", "unknown path"]
"""The outcome of a request.

``accepted``: the message is in the chats of all whom it reached. ``answered``: the call succeeded and sent no message
(a token, an upload, a question, a recall). ``repeated``: success was answered, but the ``msgUuid`` was known and
nothing new is shown. ``refused``: a rule was broken. ``fault``: a fault of `Sandbox.fail_next` lost the message.
``unknown path``: the path has no API.
"""


@dataclass(frozen=True, kw_only=True)
class Robot:
    """One custom robot of the sandbox's first group and its security settings, all of which a message must pass.

    With none of them the token is enough. Neither token nor secret appears in ``repr``.

    :param access_token: the token of the webhook URL; a random one by default.
    :param secret: demands signatures made with it.
    :param keywords: up to ten, of which a message must contain one.
    :param allowed_ips: IPv4 addresses or CIDR ranges; DingTalk has no IPv6 here.
    :param messages_per_minute: DingTalk's 20.
    :param block_minutes: how long a robot is blocked that exceeds them.
    :param name: shown on the chat page.
    :raises ValueError: for settings that DingTalk would not store.
    :raises TypeError: for a str where a tuple is meant.
    """

    access_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    secret: str | None = field(default=None, repr=False)
    keywords: tuple[str, ...] = ()
    allowed_ips: tuple[str, ...] = ()
    messages_per_minute: int = 20
    block_minutes: float = 10
    name: str = "Airflow"

    def __post_init__(self) -> None:
        _store_tuples(self, "keywords", "allowed_ips")
        _check_networks(self.allowed_ips)
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
        if self.block_minutes < 0:
            raise ValueError(f"block_minutes must not be negative: {self.block_minutes}")


@dataclass(frozen=True, kw_only=True)
class App:
    """One enterprise app (企业内部应用) with robot ability, as its developers set it up in DingTalk's console.

    The secret does not appear in ``repr``.

    :param robot_code: the AppKey unless another is given, as in DingTalk.
    :param permissions: the permission points that were granted.
    :param token_seconds: the lifetime of access tokens.
    :param calls_per_second: the limit of each API for this app (20 in DingTalk's standard edition); None: no limit.
    :param published: whether a version is released; an unpublished robot can't send.
    :param visible_user_ids: whom the app may reach; None: everybody.
    :param allowed_ips: the "server egress IPs" as IPv4 addresses or CIDR ranges; none: every address may call.
    :raises ValueError: for what the console would not store.
    :raises TypeError: for a str where a tuple is meant.
    """

    app_key: str = field(default_factory=lambda: f"dingsandbox{secrets.token_hex(4)}")
    app_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    agent_id: int = field(default_factory=lambda: 100_000_000 + secrets.randbelow(900_000_000))
    robot_code: str = ""
    name: str = "Airflow"
    permissions: tuple[str, ...] = PERMISSIONS
    token_seconds: float = TOKEN_SECONDS
    calls_per_second: int | None = None
    published: bool = True
    visible_user_ids: tuple[str, ...] | None = None
    allowed_ips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _store_tuples(self, "permissions", "visible_user_ids", "allowed_ips")
        _check_networks(self.allowed_ips)
        if not self.app_key or not self.app_secret:
            raise ValueError("app_key and app_secret must not be empty")
        if not self.robot_code:
            object.__setattr__(self, "robot_code", self.app_key)
        if isinstance(self.agent_id, bool) or not isinstance(self.agent_id, int) or self.agent_id < 1:
            raise ValueError(f"agent_id must be a positive int, not {self.agent_id!r}")
        if self.token_seconds <= 0:
            raise ValueError(f"token_seconds must be positive: {self.token_seconds}")
        if self.calls_per_second is not None and self.calls_per_second < 1:
            raise ValueError(f"calls_per_second must be at least 1, not {self.calls_per_second}")

    def sees(self, user_id: str) -> bool:
        """Whether a person is in the app's visible scope."""
        return self.visible_user_ids is None or user_id in self.visible_user_ids

    def missing(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the wanted permission points that were not granted."""
        return tuple(permission for permission in wanted if permission not in self.permissions)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One employee; ``refuses``: has switched off messages of robots and apps.

    :raises ValueError: if the user id is empty or contains a comma.
    """

    user_id: str
    name: str
    mobile: str
    department_ids: tuple[int, ...] = (ROOT_DEPARTMENT_ID,)
    refuses: bool = False

    def __post_init__(self) -> None:
        if not self.user_id or "," in self.user_id:
            raise ValueError(f"user_id must be a word without a comma, not {self.user_id!r}")
        object.__setattr__(self, "department_ids", tuple(self.department_ids))

    @property
    def union_id(self) -> str:
        """The id by which to-dos know the person, in DingTalk the same in all organisations."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.user_id.encode()).digest())[:20].decode() + "iE"


@dataclass(frozen=True, kw_only=True)
class GroupChat:
    """One internal group; all people are in it, and the robots of ``app_keys`` (None: the robot of every app).

    :raises ValueError: if an id is empty.
    :raises TypeError: if ``app_keys`` is a str.
    """

    open_conversation_id: str = field(
        default_factory=lambda: f"cid{base64.b64encode(secrets.token_bytes(16)).decode()}"
    )
    chat_id: str = field(default_factory=lambda: f"chat{secrets.token_hex(16)}")
    name: str = "数据平台告警群"
    app_keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _store_tuples(self, "app_keys")
        if not self.open_conversation_id or not self.chat_id:
            raise ValueError("open_conversation_id and chat_id must not be empty")

    def has_robot_of(self, app: App) -> bool:
        return self.app_keys is None or app.app_key in self.app_keys


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """DingTalk's limits beside `App.calls_per_second`, which differ between editions or pages of its docs.

    None switches a limit off where that is allowed. The defaults are those of DingTalk's docs (read 2026-08-22): 20
    people per robot call (0714; its error table says 100), 100 people and 20 departments per work notification (0769;
    older pages: 5000 and 500), 500 notifications a day per person, 3 a day to everybody, 5000 recipients a minute. The
    flow control of robot messages to one person has no documented figure, and ``api_calls_a_month`` (5,000 in the
    standard edition) is off, so that a long demo is not cut short.

    :raises ValueError: for a limit below 1.
    """

    people_per_robot_call: int = 20
    robot_messages_per_person_a_minute: int | None = None
    people_per_notification: int = 100
    departments_per_notification: int = 20
    notifications_per_person_a_day: int | None = 500
    notifications_to_everyone_a_day: int | None = 3
    notification_recipients_a_minute: int | None = 5000
    same_notification_once_a_day: bool = True
    api_calls_a_month: int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, bool | None) and value < 1:
                raise ValueError(f"{each.name} must be at least 1, not {value}")


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long things take, in seconds.

    :param minute: the length of the minute of rate limits and blocks (60 in DingTalk).
    :param notification: how long a work notification is being sent.
    :param read_status: how long the read status of an app robot's message is not available.
    :raises ValueError: if one is out of range.
    """

    minute: float = 60.0
    notification: float = 0.0
    read_status: float = 0.0

    def __post_init__(self) -> None:
        if self.minute <= 0:
            raise ValueError(f"minute_seconds must be positive: {self.minute}")
        if self.notification < 0:
            raise ValueError(f"notification_seconds must not be negative: {self.notification}")


@dataclass(frozen=True, kw_only=True)
class Medium:
    """Something that an app uploaded; ``created_at`` is in epoch seconds, ``size`` in bytes.

    Its ``content`` is empty once it was dropped in favour of newer uploads; ``size`` stays what it was.
    """

    media_id: str
    kind: MediaKind
    name: str
    content: bytes = field(repr=False)
    size: int
    content_type: str
    app: App
    created_at: float

    @property
    def ending(self) -> str:
        """The name's ending in lower case, without the dot."""
        return PurePosixPath(self.name).suffix[1:].lower()

    @property
    def is_kept(self) -> bool:
        """Whether its content is still kept."""
        return len(self.content) == self.size

    @property
    def path(self) -> str:
        """The path under which the chat page finds it."""
        return f"{MEDIA_PATH_PREFIX}{self.media_id[1:]}"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation of the chat page: a group, somebody's chat with robots, or somebody's work notifications."""

    key: str
    kind: ConversationKind
    name: str

    def to_dict(self) -> dict[str, str]:
        return {"key": self.key, "kind": self.kind, "name": self.name}


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message on its way into one conversation.

    :param payload: what was sent: the body for a webhook, ``msgKey`` and ``msgParam`` for an app robot, ``msg`` for a
        work notification.
    :param shown: the same in the display form that the chat page draws, media ids turned into paths of the sandbox.
    :param handle: the processQueryKey or task id (as str) that was answered, empty for webhooks; messages of one call
        to several people share it.
    """

    conversation: Conversation
    sender: Robot | App
    payload: dict[str, Any]
    shown: dict[str, Any] = field(repr=False)
    handle: str = ""


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message that is in a conversation; ``number`` counts from 1, ``received_at`` is in epoch seconds."""

    number: int
    payload: dict[str, Any]
    conversation: Conversation
    sender: Robot | App
    received_at: float
    shown: dict[str, Any] = field(repr=False)
    handle: str = ""


@dataclass(frozen=True, kw_only=True)
class ChatLine:
    """One line of the chat page: a message, or a note why there is none; numbers go on even after a clear."""

    number: int
    kind: LineKind
    at: float
    fields: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.number, "kind": self.kind, "at": self.at, **self.fields}


@dataclass(frozen=True, kw_only=True)
class ExtraLine:
    """A line of the chat page beside messages.

    :param conversation: where it is shown.
    :param fields: what it is about.
    """

    kind: LineKind
    conversation: Conversation | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class Fault(Enum):
    """A misbehaviour for the next request to an API; see `Sandbox.fail_next`."""

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
    """302 to a path of the sandbox that has no API. Message not accepted."""
    HTTP_504 = "http_504"
    """504 with a plain text body, but the message was accepted: the gateway timed out."""
    BUSY = "busy"
    """System busy, in the words of the API: errcode -1, or HTTP 429 with code system.busy. Message not accepted."""
    THROTTLED = "throttled"
    """Too fast, once: errcode 130101 without blocking the robot; for apps too many calls within a second: HTTP 403
    QpsLimitForAppkeyAndApi, errcode 88 with sub_code 90018, or 90018. Message not accepted."""
    THROTTLED_LONG = "throttled_long"
    """Too fast for a minute or longer: errcode 130101, HTTP 400 send.too.fast, or 41048. Message not accepted."""
    QUOTA_USED_UP = "quota_used_up"
    """The month's quota is used up: errcode 90030, HTTP 403 ApiCountLimitForOrg, or 90020. Message not accepted."""
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a name, no secret
    """The token is unknown: errcode 300005, HTTP 400 InvalidAuthentication, or 40014. Message not accepted."""
    UNKNOWN_RESULT = "unknown_result"
    """The gateway doesn't know: HTTP 400 unknown.send.result, or errcode 15. The message was accepted."""
    GATEWAY_BAN = "gateway_ban"
    """The gateway's JSON for a banned IP address, which has no errcode. Message not accepted."""
    EMPTY_BODY = "empty_body"
    """200 with an empty body. Message not accepted."""
    NO_ERRCODE = "no_errcode"
    """200 with a JSON object that has no errcode. Message not accepted."""
    STRING_ERRCODE = "string_errcode"
    """The usual answer with errcode as a string ("0"), as an example in DingTalk's docs has it. Message accepted."""
    GARBAGE = "garbage"
    """200, labelled JSON, with bytes that are not UTF-8. Message not accepted."""

    @property
    def message_accepted(self) -> bool:
        """Whether the message passes the usual rules (and so may be in the chat) although the sender sees an error."""
        accepted = (Fault.RESET_AFTER_BODY_ACCEPTED, Fault.HTTP_504, Fault.STRING_ERRCODE, Fault.UNKNOWN_RESULT)
        return self.takes_seconds or self in accepted

    @property
    def takes_seconds(self) -> bool:
        """Whether the fault lasts: ``seconds`` of `Sandbox.fail_next` applies."""
        return self in (Fault.SLOW, Fault.DRIP)


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """One request to the sandbox, as it arrived.

    Whatever may hold a token or a secret is left out of ``repr``.

    :param query: the first value of each name.
    :param headers: by names in lower case.
    :param body: of more than 64 KB, such as an upload, only the beginning is kept.
    :param json: the parsed body, or None.
    :param received_at: epoch seconds of the sandbox's clock.
    :param connection: numbers the TCP connection; two requests with the same number prove keep-alive.
    :param app: the app whose access token the request had, or that asked for one.
    :param reply: the JSON object that was answered, or lost by a fault.
    """

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    json: Any = field(repr=False)
    received_at: float
    connection: int
    client_address: str
    app: App | None = None
    fault: Fault | None = None
    reply: dict[str, Any] | None = field(default=None, repr=False)
    outcome: Outcome = "refused"

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty if the request names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the request declares that its body is JSON."""
        return self.content_type == "application/json"


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """What an API answers to a request, and what changes in the chat.

    :param conversation: where the message was meant to go, as far as the request tells.
    :param posts: messages that are put into the chat.
    :param already_in: conversations that have the message already.
    :param recalled_handles: handles of messages that leave the chat.
    :param changes: new display forms by the handle of their messages.
    :param lines: more lines of the chat page.
    """

    outcome: Outcome
    reply: dict[str, Any]
    status: int = 200
    app: App | None = None
    conversation: Conversation | None = None
    posts: tuple[Post, ...] = ()
    already_in: tuple[Conversation, ...] = ()
    recalled_handles: tuple[str, ...] = ()
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: tuple[ExtraLine, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AppCall:
    """A call of an app that passed the checks.

    :param body: the JSON object, the form, or the query of a GET.
    :param is_form: all values are str, and those that are objects in JSON are JSON texts.
    """

    request: ReceivedRequest
    app: App
    body: dict[str, Any] = field(repr=False)
    is_form: bool = False


class RefusedError(Exception):
    """A request breaks a rule; carries DingTalk's reply and its HTTP status."""

    def __init__(self, reply: dict[str, Any], *, status: int = 200) -> None:
        super().__init__(str(reply.get("errmsg") or reply.get("message")))
        self.reply = reply
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer; with ``stream`` set, its pieces follow the head one by one until the connection closes."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterable[bytes] | None = None


def _store_tuples(value: object, *names: str) -> None:
    """Store any sequence of the named fields as a tuple; None stays."""
    for name in names:
        given = getattr(value, name)
        if isinstance(given, str):
            raise TypeError(f"{name} must be a tuple of str, not one str")
        if given is not None:
            object.__setattr__(value, name, tuple(given))


def is_allowed_ip(allowed_ips: tuple[str, ...], client_address: str) -> bool:
    """Return whether an address is in one of the IPv4 addresses and ranges; no IPv6 address is."""
    address = ipaddress.ip_address(client_address)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.IPv4Network(allowed, strict=False) for allowed in allowed_ips)


def _check_networks(allowed_ips: tuple[str, ...]) -> None:
    for allowed in allowed_ips:
        ipaddress.IPv4Network(allowed, strict=False)
