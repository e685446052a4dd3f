"""Shared by the channels of an enterprise app: prepared bodies, results, uploads, refusals, lists in chunks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from airflow_provider_dingpush.dingtalk.media import MediaKind, MediaLibrary
from airflow_provider_dingpush.errors import InvalidMessageError, UnsupportedMessageError
from airflow_provider_dingpush.messages.app_kinds import File, Message
from airflow_provider_dingpush.messages.media_source import describe, shown_source
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import read_message

Item = TypeVar("Item")
_NAMED = 10


Encoder = Callable[[Any, MediaLibrary | None], tuple[str, dict[str, Any]]]
"""Returns DingTalk's name of the kind of a message, and its fields."""


@dataclass(frozen=True)
class Sent:
    """The result of sending a message through an app, from DingTalk's answers.

    :param parts: into how many messages it was split.
    :param process_query_keys: a robot's handles for read status and recall, one for each message that was sent.
    :param invalid_user_ids: people that DingTalk doesn't know, or whom the robot may not write to.
    :param flow_controlled_user_ids: people to whom DingTalk didn't send because they receive too many messages.
    :param task_ids: a work notification's handles, one for each call.
    :param resent: whether an earlier try may have arrived.
    """

    parts: int = 1
    process_query_keys: tuple[str, ...] = ()
    invalid_user_ids: tuple[str, ...] = ()
    flow_controlled_user_ids: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    resent: bool = False


def body_of(message: Message, language: str) -> bytes:
    """A prepared message of an app; its channels encode it when they post it, because its media are uploaded then.

    :param language: ``zh`` or ``en``, of notes that are added.
    :raises InvalidMessageError: if it can't be plain data.
    """
    return json.dumps({"message": message.to_dict(), "language": language}, ensure_ascii=False).encode()


def message_in(body: bytes) -> tuple[Message, str]:
    """The message of such a body, and its language.

    :raises InvalidMessageError: if it can't be read.
    """
    try:
        plain = json.loads(body)
        return read_message(plain["message"])[0], plain["language"]
    except (ValueError, KeyError, TypeError) as problem:
        if isinstance(problem, InvalidMessageError):
            raise
        raise InvalidMessageError("A message that was prepared earlier can't be read.") from problem


def refuse_mentions(at: At | None) -> None:
    """Refuse mentions: an app's messages have none (docs 0699, read 2026-08-22).

    :raises UnsupportedMessageError: naming the channel that has them.
    """
    if at:
        raise UnsupportedMessageError(
            "An enterprise app's message can't mention people (at=).",
            "Leave at= out and send to the people directly with to=Users(…), or mention them through a group's "
            "custom robot, a connection of type 'dingtalk_robot'. 企业应用发送的消息不支持 @：请改用 to=Users(…)，"
            "或通过群自定义机器人（dingtalk_robot 连接）发送。",
        )


def encoder_of(message: object, encoders: Mapping[type, Encoder], channel: str) -> Encoder:
    """The encoder of this kind of message in a channel.

    :param encoders: kind -> its encoder.
    :param channel: the channel's name, for the error.
    :raises UnsupportedMessageError: for a kind that it can't carry, naming the channel that can.
    """
    encoder = encoders.get(type(message))
    if encoder is None:
        advice = getattr(message, "if_unsupported", "")
        raise UnsupportedMessageError(f"{channel} can't carry {type(message).__name__}.", advice)
    return encoder


def uploaded(
    media: MediaLibrary | None,
    field: str,
    source: Any,
    *,
    kind: MediaKind,
    name: str | None = None,
    at_most_bytes: int | None = None,
) -> str:
    """The media id of a source, which is uploaded if it has none.

    :param field: the field of the message that holds it, for errors.
    :param name: the file's name that people see.
    :param at_most_bytes: the largest size for this field, if that is less than the limit of uploads.
    """
    found = describe(source)
    if found is not None and found.kind == "media_id":
        return str(source)
    if media is None:
        raise InvalidMessageError(f"{field} is {shown_source(source)}, and nothing can be uploaded here.")
    return media.media_id(source, kind=kind, name=name, field=field, at_most_bytes=at_most_bytes)


def file_name(message: File) -> str | None:
    """The name that people see: that of the message, or else that of its source."""
    if message.name is not None:
        return message.name
    found = describe(message.source)
    return found.name if found is not None else None


def ending(name: str | None) -> str:
    """A file name's extension in lower case and without its dot; empty if there is none."""
    return PurePath(name or "").suffix.lower().removeprefix(".")


def wire_json(value: Mapping[str, Any]) -> str:
    """Compact JSON with Chinese characters unescaped: DingTalk's limits count UTF-8 bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def named(ids: Sequence[str]) -> str:
    """Some ids for an error text."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
