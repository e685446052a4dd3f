"""The kinds of message that only an enterprise app can send: images, files, audio, videos and forms.

Separate from :mod:`~airflow_provider_dingpush.messages.kinds` because few DAG files need them, and loading them would
cost time on every loop of the DAG processor. What a source may be: see
:mod:`~airflow_provider_dingpush.messages.media_source`.

``to_dict()`` returns a plain form of our own, ``{"msgtype": "image", "image": {"source": …}}``, because the media id in
DingTalk's shapes is known only when the message is sent. Those shapes are accepted, too (docs 0775, read 2026-08-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import (
    apply_rules,
    as_shown,
    holds_jinja,
    optional,
    refuse_task_output,
    ruled,
    short_repr,
    text,
    url,
)
from airflow_provider_dingpush.messages.kinds import LongText, Markdown, RobotMessage
from airflow_provider_dingpush.messages.media_source import (
    cover_source,
    describe,
    file_source,
    image_source,
    plain_source,
    shown_source,
)

__all__ = ["OA", "Audio", "File", "Image", "Message", "Video"]

STATUS_COLORS = {"green": "#78C06E", "red": "#F65E5E", "orange": "#FF9D46", "grey": "#858E99"}
"""Those that DingTalk suggests for done, failed, pending and withdrawn (docs 0773, read 2026-08-22)."""

_BY_APP_ROBOT = (
    "Send it through an enterprise app's robot: a connection of type 'dingtalk_app', with to=Group(…) or to=Users(…). "
    "请通过企业应用的机器人（dingtalk_app 连接）发送，并指定 to=Group(…) 或 to=Users(…)。"
)
_AS_WORK_NOTIFICATION = (
    "Send it as a work notification: a connection of type 'dingtalk_app', with to=WorkNotification(user_ids=…). "
    "请改用工作通知（dingtalk_app 连接）：to=WorkNotification(user_ids=…)。"
)

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def _seconds(where: str, value: Any, rendered: bool) -> float | str:
    """Rule: a number of seconds above 0."""
    refuse_task_output(where, value)
    if not rendered and holds_jinja(value):
        return str(value)
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise InvalidMessageError(f"{where} must be a number of seconds above 0, not {as_shown(value)}.")
    return int(number) if number.is_integer() else number


def _rows(where: str, value: Any, rendered: bool) -> tuple[tuple[str, str], ...]:
    """Rule: pairs of a name and a value, also as one dict or as DingTalk's ``{"key": …, "value": …}``."""
    refuse_task_output(where, value)
    if isinstance(value, Mapping):
        value = tuple(value.items())
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidMessageError(
            f"{where} must be pairs of name and value, not a {type(value).__name__}.",
            'Write form={"task": "load", "rows": "1 200"} or form=[("task", "load")].',
        )
    rows = []
    for index, each in enumerate(value):
        here = f"{where}[{index}]"
        row = (each.get("key"), each.get("value")) if isinstance(each, Mapping) else each
        if isinstance(row, (str, bytes)) or not isinstance(row, Sequence) or len(row) != 2:
            refuse_task_output(here, row)
            raise InvalidMessageError(f"{here} must be a pair of name and value.")
        # Most values come from templates, and an empty one must not block the others.
        shown = "" if row[1] == "" else text(f"{here}.value", row[1], rendered)
        rows.append((text(f"{here}.key", row[0], rendered), shown))
    return tuple(rows)


def _status(where: str, value: Any, rendered: bool) -> str | tuple[str, str]:
    """Rule: the text of the status bar, alone or with its colour."""
    refuse_task_output(where, value)
    if isinstance(value, str) or not isinstance(value, Sequence):
        return text(where, value, rendered)
    if len(value) != 2:
        raise InvalidMessageError(f'{where} must be a text, or text and colour such as ("failed", "red").')
    color = text(f"{where}[1]", value[1], rendered).strip()
    if (rendered or not holds_jinja(color)) and color not in STATUS_COLORS and not _COLOR.fullmatch(color):
        raise InvalidMessageError(
            f"{where} has the colour {color[:40]!r}; it must be one of {', '.join(STATUS_COLORS)} or like '#F65E5E'."
        )
    return text(f"{where}[0]", value[0], rendered), color


@dataclass(frozen=True, repr=False)
class Image:
    """An image: jpg, png, gif or bmp, at most 20 MB.

    :param source: a path, bytes, an ``ObjectStoragePath``, a matplotlib figure, a media id, or a URL. A custom robot
        accepts a URL only, which it shows in Markdown.
    :raises InvalidMessageError: if it is none of these.
    """

    msgtype: ClassVar = "image"
    if_unsupported: ClassVar = _BY_APP_ROBOT
    names: ClassVar = {"source": "source"}
    aliases: ClassVar = {"media_id": "source", "photoURL": "source"}

    source: Any = field(metadata=ruled(image_source, shown=shown_source))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form of this message."""
        return {"msgtype": self.msgtype, self.msgtype: {"source": plain_source("Image.source", self.source)}}

    def as_markdown(self) -> Markdown:
        """The image of a URL as Markdown, for channels that can't carry images."""
        # A URL has no blanks; its brackets would end the link.
        return Markdown("[图片]", f"![]({self.source.replace('(', '%28').replace(')', '%29')})")


@dataclass(frozen=True, repr=False)
class File:
    """A file: doc, docx, xls, xlsx, ppt, pptx, zip, pdf or rar, at most 20 MB (10 MB as a work notification).

    An app robot accepts fewer of these: xlsx, pdf, zip, rar, doc and docx. Put others, such as csv, into a zip.

    :param source: a path, bytes, an ``ObjectStoragePath``, or a media id.
    :param name: the name that people see, with its extension; by default that of the path. Bytes need one.
    :raises InvalidMessageError: if the source can't be sent, or has no name.
    """

    msgtype: ClassVar = "file"
    if_unsupported: ClassVar = _BY_APP_ROBOT
    names: ClassVar = {"source": "source", "name": "name"}
    aliases: ClassVar = {"media_id": "source", "mediaId": "source", "fileName": "name"}

    source: Any = field(metadata=ruled(file_source, shown=shown_source))
    name: str | None = field(default=None, metadata=ruled(optional(text)))

    def __post_init__(self) -> None:
        apply_rules(self)
        found = describe(self.source)
        if self.name is None and found is not None and found.kind == "bytes":
            raise InvalidMessageError("File.name is missing: bytes have none.", 'Write File(data, name="report.xlsx").')

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form of this message."""
        plain = {"source": plain_source("File.source", self.source), "name": self.name}
        return {
            "msgtype": self.msgtype,
            self.msgtype: {key: value for key, value in plain.items() if value is not None},
        }


@dataclass(frozen=True, repr=False)
class Audio:
    """Audio: amr, mp3 or wav, at most 2 MB; an app robot plays amr only.

    :param source: a path, bytes, an ``ObjectStoragePath``, or a media id.
    :param duration_seconds: how long it plays, in seconds; as a work notification less than 60.
    :raises InvalidMessageError: if the source can't be sent, or the duration isn't above 0.
    """

    msgtype: ClassVar = "audio"
    if_unsupported: ClassVar = _BY_APP_ROBOT
    names: ClassVar = {"source": "source", "duration_seconds": "duration_seconds"}
    # As in a work notification's voice; the "duration" of an app robot's sampleAudio is in milliseconds.
    aliases: ClassVar = {"media_id": "source", "duration": "duration_seconds"}

    source: Any = field(metadata=ruled(file_source, shown=shown_source))
    duration_seconds: float = field(metadata=ruled(_seconds))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form of this message."""
        plain = {"source": plain_source("Audio.source", self.source), "duration_seconds": self.duration_seconds}
        return {"msgtype": self.msgtype, self.msgtype: plain}


@dataclass(frozen=True, repr=False)
class Video:
    """A video: mp4, at most 20 MB. Only app robots can carry it.

    :param source: a path, bytes, an ``ObjectStoragePath``, or a media id.
    :param duration_seconds: how long it plays, in seconds.
    :param cover: its cover image, as the source of an :class:`Image`, but no URL.
    :raises InvalidMessageError: if a source can't be sent, or the duration isn't above 0.
    """

    msgtype: ClassVar = "video"
    if_unsupported: ClassVar = _BY_APP_ROBOT
    names: ClassVar = {"source": "source", "duration_seconds": "duration_seconds", "cover": "cover"}
    aliases: ClassVar = {"videoMediaId": "source", "duration": "duration_seconds", "picMediaId": "cover"}

    source: Any = field(metadata=ruled(file_source, shown=shown_source))
    duration_seconds: float = field(metadata=ruled(_seconds))
    cover: Any = field(metadata=ruled(cover_source, shown=shown_source))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form of this message."""
        plain = {
            "source": plain_source("Video.source", self.source),
            "duration_seconds": self.duration_seconds,
            "cover": plain_source("Video.cover", self.cover),
        }
        return {"msgtype": self.msgtype, self.msgtype: plain}


@dataclass(frozen=True, repr=False)
class OA:
    """A form that opens one page (OA 消息), for work notifications only.

    :param title: its first line; DingTalk recommends at most 50 characters.
    :param message_url: the page that a tap opens.
    :param form: names and values, as a dict or as pairs; DingTalk shows the first six.
    :param content: text below the form, of which DingTalk shows three lines.
    :param author: shown as its author.
    :param status: text of the status bar, alone or with a colour: ``"failed"``, ``("failed", "red")`` or
        ``("failed", "#F65E5E")``; the names are those of :data:`STATUS_COLORS`. A work notification with one can be
        sent to at most five people.
    :raises InvalidMessageError: if a field breaks a rule.
    """

    msgtype: ClassVar = "oa"
    if_unsupported: ClassVar = _AS_WORK_NOTIFICATION
    names: ClassVar = {each: each for each in ("title", "message_url", "form", "content", "author", "status")}
    long_text: ClassVar = LongText("content")
    if_too_long: ClassVar = "Send fewer or shorter rows of the form."

    title: str = field(metadata=ruled(text))
    message_url: str = field(metadata=ruled(url, address=True))
    form: Sequence[tuple[str, Any]] | Mapping[str, Any] = field(default=(), metadata=ruled(_rows))
    content: str | None = field(default=None, metadata=ruled(optional(text)))
    author: str | None = field(default=None, metadata=ruled(optional(text)))
    status: str | tuple[str, str] | None = field(default=None, metadata=ruled(optional(_status)))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form of this message."""
        plain = {
            "title": self.title,
            "message_url": self.message_url,
            "form": [{"key": key, "value": value} for key, value in self.rows],
            "content": self.content,
            "author": self.author,
            "status": list(self.status) if isinstance(self.status, tuple) else self.status,
        }
        return {"msgtype": self.msgtype, self.msgtype: {key: value for key, value in plain.items() if value}}

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The form as pairs, into which the rules have converted it."""
        return tuple(self.form)  # type: ignore[arg-type]

    @property
    def status_color(self) -> str | None:
        """The status bar's colour as ``#RRGGBB``, if it has one."""
        color = self.status[1] if isinstance(self.status, tuple) else None
        return STATUS_COLORS.get(color, color) if color else None


Message = RobotMessage | Image | File | Audio | Video | OA
"""A message of any kind."""
