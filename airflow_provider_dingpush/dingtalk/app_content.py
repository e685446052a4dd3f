"""What both doors of an enterprise app do with a message before they encode it: uploads, refusals, lists in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

from airflow_provider_dingpush.dingtalk.media import MediaKind, MediaLibrary
from airflow_provider_dingpush.errors import InvalidMessageError, UnsupportedMessageError
from airflow_provider_dingpush.messages.app_kinds import File
from airflow_provider_dingpush.messages.media_source import describe, shown_source
from airflow_provider_dingpush.messages.mentions import At

Item = TypeVar("Item")
_NAMED = 10


def refuse_mentions(at: At | None) -> None:
    """Refuse mentions: DingTalk has none in what an app sends (docs 0699, read 2026-08-22).

    :raises UnsupportedMessageError: naming the door that can.
    """
    if at:
        raise UnsupportedMessageError(
            "An enterprise app's message can't mention anybody (at=).",
            "Leave at= out and send to the people themselves with to=Users(…), or mention them through a group's "
            "custom robot, a connection of type 'dingtalk_robot'. 企业应用发送的消息不支持 @：请改用 to=Users(…)，"
            "或通过群自定义机器人（dingtalk_robot 连接）发送。",
        )


def refused(message: object, door: str, remedy: str) -> UnsupportedMessageError:
    """The error for a kind of message that a door can't carry.

    :param remedy: the door that can, or what to send instead, in English and Chinese.
    """
    return UnsupportedMessageError(f"{door} can't carry {type(message).__name__}.", remedy)


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

    :param field: the field of the message where it stands, for errors.
    :param name: the file's name that people see.
    :param at_most_bytes: the largest that may stand there, if that is less than what can be uploaded.
    """
    found = describe(source)
    if found is not None and found.kind == "media_id":
        return str(source)
    if media is None:
        raise InvalidMessageError(f"{field} is {shown_source(source)}, and nothing can be uploaded here.")
    return media.media_id(source, kind=kind, name=name, field=field, at_most_bytes=at_most_bytes)


def file_name(message: File) -> str | None:
    """The name that people see: what the message says, or else what its source is called."""
    if message.name is not None:
        return message.name
    found = describe(message.source)
    return found.name if found is not None else None


def ending(name: str | None) -> str:
    """A file name's ending in lower case and without its dot; empty if there is none."""
    return PurePath(name or "").suffix.lower().removeprefix(".")


def wire_json(value: Mapping[str, Any]) -> str:
    """JSON as short as it can be, with Chinese characters as they are: DingTalk's limits count UTF-8 bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pieces(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def named(ids: Sequence[str]) -> str:
    """Some ids for an error text."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
