"""The custom robot of a group (自定义机器人): what its webhook can carry, and how that is encoded and sent.

Facts from DingTalk's docs 0699 and 0717, read 2026-08-22; the size limit of 20,000 bytes as observed in public reports.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid as uuids
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan, attempt
from airflow_provider_dingpush.dingtalk.reply_codes import error_of
from airflow_provider_dingpush.dingtalk.signing import sign
from airflow_provider_dingpush.errors import ContentError, DingTalkError, UnavailableError, UnsupportedMessageError
from airflow_provider_dingpush.messages.kinds import (
    ActionCard,
    FeedCard,
    Link,
    Markdown,
    Text,
    is_markdown,
    long_text_of,
)
from airflow_provider_dingpush.messages.mentions import At, with_mentions
from airflow_provider_dingpush.messages.plain_forms import check_rendered

if TYPE_CHECKING:
    from airflow_provider_dingpush.dingtalk.credentials import Robot
    from airflow_provider_dingpush.dingtalk.http_client import HttpClient
    from airflow_provider_dingpush.messages.app_kinds import Image, Message
    from airflow_provider_dingpush.timeouts import Deadline

MAX_BODY_BYTES = 20_000
_PATH = "/robot/send"
# A type that doesn't exist: DingTalk checks token, signature and address, and posts nothing.
_PROBE_TYPE = "dingpush_connection_test"


class CustomRobot:
    """The channel to the group of one custom robot.

    :param robot: which robot.
    :param http: the client of DingTalk's older API.
    :param plan: how often :meth:`send` and :meth:`send_cut` try a message.
    :param clock: seconds since 1970, for the signature.
    :param ticks: monotonic seconds, for time limits.
    :param sleep: waits between tries, in seconds.
    :param chance: a random number from 0 to 1, to spread the tries of many senders.
    """

    name = "custom_robot"
    recognises_repeats = True
    """DingTalk shows a message once even if it receives its ``msgUuid`` twice."""
    text_bytes = 18_000
    """How long a text may be, in bytes of JSON, so that nothing is cut; the rest is for title and mentions."""

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
        """Send the whole message, split into numbered parts if it is too long, and return how many there were.

        The mentions go into the first part, and into those whose text contains them.

        :param key: a text that is the same each time that this message is sent: DingTalk shows a message with the same
            key once. By default each call sends a new message.
        :raises DingTalkError: of the class for the problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        message = _as_sent(message)
        refuse_unmentionable(message, at)
        parts: tuple[Message, ...] = (message,)
        if self._size(message, at) > MAX_BODY_BYTES:
            # Few messages are too long, and the patterns of this module take a while to compile.
            from airflow_provider_dingpush.messages.fitting import split_to_size

            parts = split_to_size(message, MAX_BODY_BYTES, size_of=lambda part: self._size(part, at))
        for index, part in enumerate(parts):
            here = At.union([at if index == 0 else None, at.named_in(long_text_of(part)) if at else None])
            try:
                self._try(self._checked(part, here, _msg_uuid(key, index) if key else uuids.uuid4().hex))
            except DingTalkError as error:
                if index:
                    error.problem = (
                        f"Part {index + 1} of {len(parts)} failed, those before it were sent: {error.problem}"
                    )
                    if error.problem_zh:
                        error.problem_zh = f"第 {index + 1}/{len(parts)} 条失败，之前的已发送：{error.problem_zh}"
                raise
        return len(parts)

    def send_cut(self, message: Message, at: At | None = None, *, language: str) -> None:
        """Send an alert as one message, prepared as by :meth:`prepare`.

        A shortened alert that arrives is better than a complete one that doesn't.

        :param language: ``zh`` or ``en``, of the note on what was cut.
        :raises DingTalkError: of the class for the problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        self._try(self.prepare(message, at, uuid=uuids.uuid4().hex, language=language))

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The body of one message, to be posted by :meth:`post`, later or by another process.

        It is cut with a note if it is too long, and mentions that it can't carry are left out.

        :param uuid: by which DingTalk recognises a repeated message.
        :param language: ``zh`` or ``en``, of the note on what was cut.
        :raises ContentError: if a custom robot can't carry such a message, naming the channel that can.
        """
        message = _as_sent(message)
        at = mentionable(message, at)
        if self._size(message, at) > MAX_BODY_BYTES:
            from airflow_provider_dingpush.messages.fitting import cut_to_size

            message = cut_to_size(message, MAX_BODY_BYTES, size_of=lambda part: self._size(part, at), language=language)
        return self._checked(message, at, uuid)

    def post(self, body: bytes, deadline: Deadline) -> DingTalkError | None:
        """Post a body once, and return the error, if any.

        :param deadline: for the answer.
        """
        seconds = deadline.seconds_left()
        if seconds <= 0:
            return UnavailableError("No time was left to send it.", "Try again later. 请稍后重试。")
        return self._ask(body, timeout_seconds=seconds)

    def probe(self) -> DingTalkError | None:
        """Have DingTalk check token, signature and address without posting anything; ``None`` if all are accepted.

        The request is a message of a type that doesn't exist. In which order DingTalk checks isn't documented: a robot
        with keywords may refuse it because of those first, and then nothing is posted either.
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
            # Each try has a new signature, but the same body and msgUuid, so that DingTalk recognises a repeated one.
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

    :param keyword: added to the end of the text if that lacks it.
    :param msg_uuid: the same for every try of a message; DingTalk drops a repeated one.
    :raises UnsupportedMessageError: for a kind that a custom robot can't carry.
    """
    message = carried(message)
    kind = _KINDS[message.msgtype]
    assert isinstance(kind, _Kind)  # noqa: S101 - the message was brought into one
    body: dict[str, Any] = kind.completed(message, at, keyword).to_dict()
    if at:
        body["at"] = {"atMobiles": list(at.mobiles), "atUserIds": list(at.user_ids), "isAtAll": at.everyone}
    body["msgUuid"] = msg_uuid
    return _json(body)


def mentionable(message: Message, at: At | None) -> At | None:
    """The mentions that this kind of message can carry."""
    kind = _KINDS.get(message.msgtype)
    mentions = kind.mentions if isinstance(kind, _Kind) else _Mentions.NO_ONE
    if mentions is _Mentions.EVERYONE:
        return at
    return At(user_ids=at.user_ids) if at and at.user_ids and mentions is _Mentions.BY_USER_ID else None


def refuse_unmentionable(message: Message, at: At | None) -> None:
    """Refuse mentions that this kind of message can't carry.

    :raises UnsupportedMessageError: naming the kinds that can.
    """
    if at and mentionable(message, at) != at:
        kind = _KINDS.get(message.msgtype)
        mentions = kind.mentions if isinstance(kind, _Kind) else _Mentions.NO_ONE
        raise UnsupportedMessageError(
            f"A custom robot's {type(message).__name__} can mention {mentions.value}.",
            "Use Text or Markdown, which can mention everyone and people by mobile number or user id.",
        )


def _as_sent(message: Message) -> Message:
    """The message as a kind that a custom robot can carry, its Markdown with line breaks as DingTalk needs them."""
    message = carried(message)
    if not is_markdown(message):
        return message
    from airflow_provider_dingpush.messages.line_breaks import with_line_breaks

    return with_line_breaks(message)


def carried(message: Message) -> Message:
    """The message as a kind that a custom robot can carry: an image with a URL becomes Markdown.

    :raises UnsupportedMessageError: for any other kind, naming the channel that can.
    """
    kind = _KINDS.get(getattr(message, "msgtype", ""))
    if kind is None:
        raise _refused(type(message).__name__, message)
    return message if isinstance(kind, _Kind) else kind(message)


def _refused(what: str, message: Message) -> UnsupportedMessageError:
    return UnsupportedMessageError(f"A custom robot can't carry {what}.", getattr(message, "if_unsupported", ""))


class _Mentions(Enum):
    """Whom a kind of message can mention."""

    EVERYONE = "everyone"
    BY_USER_ID = "people by user id only"
    NO_ONE = "no one"


class _Kind(NamedTuple):
    """How a custom robot carries a kind of message.

    :ivar completed: adds mentions and keyword to its text.
    """

    completed: Callable[[Any, At | None, str | None], Any]
    mentions: _Mentions = _Mentions.NO_ONE


def _text(message: Text, at: At | None, keyword: str | None) -> Text:
    return replace(message, content=_with_keyword(with_mentions(message.content, at, separator="\n"), keyword, "\n"))


def _markdown(message: Any, at: At | None, keyword: str | None) -> Any:
    return replace(message, text=_with_keyword(with_mentions(message.text, at, separator="\n\n"), keyword, "\n\n"))


def _link(message: Link, _: At | None, keyword: str | None) -> Link:
    return replace(message, text=_with_keyword(message.text, keyword, " "))


def _feed_card(message: FeedCard, _: At | None, keyword: str | None) -> FeedCard:
    titles = "\n".join(link.title for link in message.links)
    if not keyword or keyword in titles:
        return message
    first = replace(message.links[0], title=f"{message.links[0].title} {keyword}")
    return FeedCard((first, *message.links[1:]))


def _image(message: Image) -> Markdown:
    """An image with a URL, as Markdown."""
    from airflow_provider_dingpush.messages.media_source import is_url

    check_rendered(message)
    if not is_url(message.source):
        raise _refused("Image that has no URL", message)
    return message.as_markdown()


# By msgtype, so that only kinds that are sent are loaded: how it is carried, or the kind that it is sent as.
_KINDS: dict[str, _Kind | Callable[[Any], Message]] = {
    Text.msgtype: _Kind(_text, _Mentions.EVERYONE),
    Markdown.msgtype: _Kind(_markdown, _Mentions.EVERYONE),
    Link.msgtype: _Kind(_link),
    ActionCard.msgtype: _Kind(_markdown, _Mentions.BY_USER_ID),
    FeedCard.msgtype: _Kind(_feed_card),
    "image": _image,
}


def _with_keyword(text: str, keyword: str | None, separator: str) -> str:
    return text if not keyword or keyword in text else f"{text}{separator}{keyword}"


def _msg_uuid(key: str, index: int) -> str:
    return hashlib.sha256(f"{key}\n{index}".encode()).hexdigest()[:32]


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
