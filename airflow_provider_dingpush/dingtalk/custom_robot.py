"""The custom robot of a group (自定义机器人): what its webhook can carry, how that is written, and how it is sent.

Facts from DingTalk's docs 0699 and 0717, read 2026-08-22; the size limit of 20,000 bytes as observed in public reports.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan, attempt
from airflow_provider_dingpush.dingtalk.http_client import HttpClient
from airflow_provider_dingpush.dingtalk.reply_codes import error_of
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.dingtalk.signing import sign
from airflow_provider_dingpush.errors import ContentError, DingTalkError, UnsupportedMessageError
from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import with_line_breaks
from airflow_provider_dingpush.messages.mentions import At, with_mentions
from airflow_provider_dingpush.messages.plain_forms import check_rendered

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import Message

DEFAULT_BASE_URL = "https://oapi.dingtalk.com"
MAX_BODY_BYTES = 20_000
Carried = Text | Markdown | Link | ActionCard | FeedCard
"""The kinds of message that a webhook knows."""
_PATH = "/robot/send"
# A type that no robot has: token, signature and address are judged, and nothing is posted.
_PROBE_TYPE = "dingpush_connection_test"


@dataclass(frozen=True)
class Robot:
    """One custom robot, as its group's settings page shows it.

    :param access_token: the token of its webhook URL.
    :param secret: the secret (加签), if that security setting is on.
    :param keyword: one of its keywords (自定义关键词), put into messages that lack it.
    """

    access_token: Secret
    secret: Secret | None = None
    keyword: str | None = None


class CustomRobot:
    """Sends messages through one robot.

    :param robot: which robot.
    :param http: the way to DingTalk.
    :param plan: how often a message is tried.
    :param clock: seconds since 1970, for the signature.
    :param ticks: seconds that only go forward, for time limits.
    :param sleep: waits between tries, in seconds.
    :param chance: a random number from 0 to 1, to spread the tries of many senders.
    """

    def __init__(
        self,
        robot: Robot,
        http: HttpClient,
        *,
        plan: AttemptPlan | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._robot = robot
        self._http = http
        self._plan = plan or AttemptPlan()
        self._clock = clock
        self._ticks = ticks
        self._sleep = sleep
        self._chance = chance

    def send(self, message: Message, at: At | None = None, *, key: str | None = None) -> int:
        """Send the whole message, split into numbered parts if it is too long, and return how many they were.

        The mentions go into the first part, and into those whose text names them.

        :param key: a text that is the same each time that this very message is sent: of what DingTalk has got under
            it already, the group sees nothing again. By default each call sends another message.
        :raises DingTalkError: typed by what went wrong; see :mod:`airflow_provider_dingpush.errors`.
        """
        message = with_line_breaks(carried(message))
        refuse_unmentionable(message, at)
        parts: tuple[Message, ...] = (message,)
        if self._size(message, at) > MAX_BODY_BYTES:
            # Few messages are too long, and the patterns of this module take a while to compile.
            from airflow_provider_dingpush.messages.fitting import split_to_size

            parts = split_to_size(message, MAX_BODY_BYTES, size_of=lambda part: self._size(part, at))
        for place, part in enumerate(parts):
            here = At.union([at if place == 0 else None, at.named_in(part_text(part)) if at else None])
            try:
                self._try(self._checked(part, here, _msg_uuid(key, place) if key else uuid.uuid4().hex))
            except DingTalkError as error:
                if place:
                    error.problem = (
                        f"Part {place + 1} of {len(parts)} failed, those before it were sent: {error.problem}"
                    )
                raise
        return len(parts)

    def send_cut(self, message: Message, at: At | None = None, *, language: str) -> None:
        """Send the message in one piece, cut with a note if it is too long; mentions it can't carry are left out.

        For alerts: a shortened one that arrives is worth more than a whole one that doesn't.

        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: typed by what went wrong; see :mod:`airflow_provider_dingpush.errors`.
        """
        self._try(self.encode_cut(message, at, language=language, msg_uuid=uuid.uuid4().hex))

    def encode_cut(self, message: Message, at: At | None, *, language: str, msg_uuid: str) -> bytes:
        """The body of a message in one piece, cut as by :meth:`send_cut`, to be posted later or by another process.

        :param language: ``zh`` or ``en``, of the note that says what was cut.
        :param msg_uuid: by which DingTalk knows a message that it got already.
        :raises ContentError: if no such message can be sent.
        """
        message = with_line_breaks(carried(message))
        at = mentionable(message, at)
        if self._size(message, at) > MAX_BODY_BYTES:
            from airflow_provider_dingpush.messages.fitting import cut_to_size

            message = cut_to_size(message, MAX_BODY_BYTES, size_of=lambda part: self._size(part, at), language=language)
        return self._checked(message, at, msg_uuid)

    def post(self, body: bytes, *, timeout_seconds: float) -> DingTalkError | None:
        """Post a body once, and say what went wrong, if anything.

        :param timeout_seconds: the most that it may take, in seconds.
        """
        return self._ask(body, timeout_seconds=timeout_seconds)

    def probe(self) -> DingTalkError | None:
        """Ask DingTalk about token, signature and address without posting anything; ``None`` if it minds none of them.

        The question is a message of a type that doesn't exist. In which order DingTalk checks isn't documented: a robot
        with keywords may answer about those first, and then nothing is posted either.
        """
        body = {"msgtype": _PROBE_TYPE, _PROBE_TYPE: {"content": self._robot.keyword or "test"}}
        error = self._ask(_json(body))
        return None if isinstance(error, ContentError) else error

    def _checked(self, message: Message, at: At | None, msg_uuid: str) -> bytes:
        check_rendered(message)
        if at is not None:
            check_rendered(at)
        return encoded(message, at, keyword=self._robot.keyword, msg_uuid=msg_uuid)

    def _try(self, body: bytes) -> None:
        def once(seconds_left: float) -> None:
            # The signature is new for each try; body and msgUuid are the same, so DingTalk knows a repeated message.
            error = self._ask(body, timeout_seconds=seconds_left)
            if error is not None:
                raise error

        attempt(
            once,
            self._plan,
            timeout_seconds=self._http.options.timeout_seconds,
            clock=self._ticks,
            sleep=self._sleep,
            chance=self._chance,
        )

    def _ask(self, body: bytes, *, timeout_seconds: float | None = None) -> DingTalkError | None:
        reply = self._http.post(_PATH, query=self._query(), body=body, timeout_seconds=timeout_seconds)
        secrets = [each for each in (self._robot.access_token, self._robot.secret) if each]
        return error_of(reply, signed=bool(self._robot.secret), hide=secrets)

    def _query(self) -> dict[str, str]:
        query = {"access_token": self._robot.access_token.revealed}
        if self._robot.secret:
            timestamp_ms = int(self._clock() * 1000)
            query.update(timestamp=str(timestamp_ms), sign=sign(timestamp_ms, self._robot.secret))
        return query

    def _size(self, message: Message, at: At | None) -> int:
        return len(encoded(message, at, keyword=self._robot.keyword, msg_uuid="0" * 32))


def encoded(message: Message, at: At | None, *, keyword: str | None, msg_uuid: str) -> bytes:
    """The body of one POST.

    :param keyword: put at the end of the text if that lacks it.
    :param msg_uuid: the same for every try of a message; DingTalk drops what it has seen.
    :raises UnsupportedMessageError: for a kind that a custom robot can't carry.
    """
    body = _worded(carried(message), at, keyword).to_dict()
    if at:
        body["at"] = {"atMobiles": list(at.mobiles), "atUserIds": list(at.user_ids), "isAtAll": at.everyone}
    body["msgUuid"] = msg_uuid
    return _json(body)


def carried(message: Message) -> Carried:
    """The message in a kind that a custom robot can carry: a picture of a URL stands in Markdown.

    :raises UnsupportedMessageError: for any other kind, naming the door that can.
    """
    if isinstance(message, (Text, Markdown, Link, ActionCard, FeedCard)):
        return message
    # Few processes have such a message, and most send an alert as the first thing they do.
    from airflow_provider_dingpush.messages.app_kinds import OA, Audio, File, Image, Video
    from airflow_provider_dingpush.messages.media_source import is_url

    kind = type(message).__name__
    if isinstance(message, Image):
        check_rendered(message)
        if is_url(message.source):
            return message.as_markdown()
        kind = "Image that has no URL"
    chats, notice = "to=Group(…) or to=Users(…)", "to=WorkNotification(…)"
    by_kind: dict[type, str] = {Image: chats, File: chats, Audio: chats, Video: chats, OA: notice}
    target = by_kind.get(type(message))
    raise UnsupportedMessageError(
        f"A custom robot can't carry {kind}.",
        f"Send it through an enterprise app, a connection of type 'dingtalk_app', with {target}. "
        f"请通过企业应用（dingtalk_app 连接）发送，并指定 {target.replace(' or ', ' 或 ')}。"
        if target
        else "",
    )


def _msg_uuid(key: str, place: int) -> str:
    return hashlib.sha256(f"{key}\n{place}".encode()).hexdigest()[:32]


def mentionable(message: Message, at: At | None) -> At | None:
    """Those of the mentions that this kind of message can carry."""
    if isinstance(message, (Text, Markdown)):
        return at
    return At(user_ids=at.user_ids) if at and at.user_ids and isinstance(message, ActionCard) else None


def refuse_unmentionable(message: Message, at: At | None) -> None:
    """Refuse mentions that this kind of message can't carry.

    :raises UnsupportedMessageError: naming the kinds that can.
    """
    if at and mentionable(message, at) != at:
        can = "people by user id only" if isinstance(message, ActionCard) else "nobody"
        raise UnsupportedMessageError(
            f"A custom robot's {type(message).__name__} can mention {can}.",
            "Use Text or Markdown, which can mention everyone and people by mobile number or user id.",
        )


def part_text(message: Message) -> str:
    """The text in which a mention would stand."""
    if isinstance(message, Text):
        return message.content
    return message.text if isinstance(message, (Markdown, ActionCard, Link)) else ""


def _worded(message: Carried, at: At | None, keyword: str | None) -> Carried:
    """The message with its mentions and its keyword in the text."""
    if isinstance(message, Text):
        return replace(
            message, content=_with_keyword(with_mentions(message.content, at, separator="\n"), keyword, "\n")
        )
    if isinstance(message, (Markdown, ActionCard)):
        return replace(message, text=_with_keyword(with_mentions(message.text, at, separator="\n\n"), keyword, "\n\n"))
    if isinstance(message, Link):
        return replace(message, text=_with_keyword(message.text, keyword, " "))
    titles = "\n".join(link.title for link in message.links)
    if not keyword or keyword in titles:
        return message
    first = replace(message.links[0], title=f"{message.links[0].title} {keyword}")
    return FeedCard((first, *message.links[1:]))


def _with_keyword(text: str, keyword: str | None, separator: str) -> str:
    return text if not keyword or keyword in text else f"{text}{separator}{keyword}"


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
