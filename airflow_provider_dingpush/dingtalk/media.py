"""Uploads of images, files, audio and videos: checked, uploaded once, and then referred to by a media id.

Limits and formats from docs 0645 and 0646, read 2026-08-22.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from airflow_provider_dingpush.dingtalk.answer_fields import text
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.errors import InvalidMessageError, UnavailableError
from airflow_provider_dingpush.messages.media_source import describe
from airflow_provider_dingpush.messages.sizes import FILE_BYTES
from airflow_provider_dingpush.timeouts import SingleFlight

MediaKind = Literal["image", "voice", "video", "file"]

_PATH = "/media/upload"
_MB = 1024 * 1024
# The wait for another thread that uploads the same: as long as a slow line needs for the largest file.
_LONGEST_UPLOAD_SECONDS = 300.0


@dataclass(frozen=True)
class MediaRule:
    """What DingTalk accepts as one kind of media.

    :param field: the field of a message that holds it, for errors.
    :param at_most_bytes: the largest size.
    :param endings: the formats.
    :param beginnings: how the content of each format begins, if the content decides and not the name.
    """

    field: str
    at_most_bytes: int
    endings: tuple[str, ...]
    beginnings: dict[str, re.Pattern[bytes]] | None = None


def _by_content(field: str, megabytes: int, **beginnings: bytes) -> MediaRule:
    patterns = {ending: re.compile(beginning, re.DOTALL) for ending, beginning in beginnings.items()}
    return MediaRule(field, megabytes * _MB, tuple(beginnings), patterns)


RULES: dict[MediaKind, MediaRule] = {
    "image": _by_content(
        "Image.source", 20, jpg=rb"\xff\xd8\xff", gif=rb"GIF8[79]a", png=rb"\x89PNG\r\n\x1a\n", bmp=rb"BM"
    ),
    "voice": _by_content("Audio.source", 2, amr=rb"#!AMR", mp3=rb"ID3|\xff[\xe0-\xfe]", wav=rb"RIFF.{4}WAVE"),
    "video": _by_content("Video.source", 20, mp4=rb".{4}ftyp"),
    "file": MediaRule("File.source", FILE_BYTES, ("doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar")),
}
_REMEDIES: dict[MediaKind, str] = {
    "image": "Save it as png or jpg. 请保存为 png 或 jpg 格式。",
    "voice": "Convert it to amr, which every client plays. 请转换为 amr 格式。",
    "video": "Convert it to mp4. 请转换为 mp4 格式。",
    "file": "Put it into a zip, or write a table as xlsx. 请压缩为 zip，表格可另存为 xlsx。",
}

# Account, kind, name and content -> media id. DingTalk documents no lifetime of a media id.
_uploaded: dict[tuple[object, ...], str] = {}
_uploading: SingleFlight[str] = SingleFlight()


class MediaLibrary:
    """Turns the sources in a message into media ids. The same content is uploaded once per process and app.

    :param calls: the calls of the app that sends: another app may not know its media ids.
    """

    def __init__(self, calls: AppCalls) -> None:
        self._calls = calls

    def media_id(
        self,
        source: Any,
        *,
        kind: MediaKind,
        name: str | None = None,
        field: str | None = None,
        at_most_bytes: int | None = None,
    ) -> str:
        """The media id of a source, which is uploaded if necessary.

        :param source: a path, bytes, an object with ``read_bytes`` and ``name``, a matplotlib figure (for an image),
            or a media id, which is returned unchanged.
        :param name: the file's name, with its extension; by default that of the source.
        :param field: the field of the message that holds it, for errors; by default that of its kind.
        :param at_most_bytes: a smaller limit than that of uploads, if a message has one.
        :raises InvalidMessageError: naming the field and the rule, before anything is uploaded.
        :raises DingTalkError: of the class for the problem with the upload.
        """
        rule, found = RULES[kind], describe(source)
        field = field or rule.field
        if found is not None and found.kind == "media_id":
            return str(source)
        content = _content_of(source, field, min(at_most_bytes or rule.at_most_bytes, rule.at_most_bytes))
        file_name = _file_name(kind, content, name or (found and found.name), field)
        return self._id_of(kind, file_name, content, field)

    def _id_of(self, kind: MediaKind, file_name: str, content: bytes, field: str) -> str:
        cache_key = (self._calls.account, kind, file_name, hashlib.sha256(content).digest())

        def upload() -> str:
            if cache_key not in _uploaded:
                _uploaded[cache_key] = self._upload(kind, file_name, content)
            return _uploaded[cache_key]

        if cache_key in _uploaded:
            return _uploaded[cache_key]
        try:
            return _uploading.result(cache_key, upload, wait_seconds=_LONGEST_UPLOAD_SECONDS)
        except TimeoutError:
            pass
        raise UnavailableError(f"{field} could not be uploaded in time.", "Try again later. 请稍后重试。")

    def _upload(self, kind: MediaKind, file_name: str, content: bytes) -> str:
        from urllib3.filepost import encode_multipart_formdata

        # Documented clients send the type in the query or in the form (docs 0646), so it is in both.
        body, content_type = encode_multipart_formdata({"type": kind, "media": (file_name, content)})
        answer = self._calls.upload(_PATH, query={"type": kind}, body=body, content_type=content_type)
        media_id = text(answer["media_id"])
        if not media_id:
            raise UnavailableError("DingTalk's answer to an upload can't be read.", "Try again later. 请稍后重试。")
        return media_id


class MediaCheck(MediaLibrary):
    """Checks sources by the same rules, and uploads nothing."""

    def __init__(self) -> None:
        pass

    def _id_of(self, kind: MediaKind, file_name: str, content: bytes, field: str) -> str:  # noqa: ARG002 - already checked
        return "@"


def _content_of(source: Any, field: str, at_most_bytes: int) -> bytes:
    """The content of a source; at most the allowed size is read."""
    found = describe(source)
    kind = found.kind if found is not None else None
    problem = None
    content = b""
    if kind == "bytes":
        content = bytes(source)
    elif kind == "figure":
        picture = io.BytesIO()
        source.savefig(picture, format="png")
        content = picture.getvalue()
    elif kind in ("path", "readable"):
        try:
            content = _read(source if kind == "readable" else Path(source), at_most_bytes + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            problem = f"can't be read ({error.strerror or type(error).__name__}): {str(source)[:200]}"
    elif kind == "url":
        problem = "is a URL, but must be a file to upload or a media id"
    else:
        problem = f"can't be {source[:40]!r}" if isinstance(source, str) else f"can't be a {type(source).__name__}"
    if problem is None and not content:
        problem = "is empty"
    if problem is None and len(content) > at_most_bytes:
        problem = f"has more than the {at_most_bytes / _MB:g} MB that DingTalk accepts"
    if problem is not None:
        raise InvalidMessageError(
            f"{field} {problem}.",
            "Pass the path of a file on the worker, its bytes, or a media id of the same app. "
            "请传入 worker 上的文件路径、文件内容或同一应用的 media_id。",
        )
    return content


def _read(source: Any, most_bytes: int) -> bytes:
    if not hasattr(source, "open"):
        return bytes(source.read_bytes())
    with source.open("rb") as file:
        return bytes(file.read(most_bytes))


def _file_name(kind: MediaKind, content: bytes, name: str | None, field: str) -> str:
    """The name to upload it under."""
    rule = RULES[kind]
    taken = ", ".join(rule.endings)
    if rule.beginnings is not None:
        for ending, beginning in rule.beginnings.items():
            if beginning.match(content):
                # This name is never shown, so a plain one is used, which every gateway accepts.
                return f"{kind}.{ending}"
        raise InvalidMessageError(f"{field} must be {taken}, and its content is none of these.", _REMEDIES[kind])
    if not name:
        raise InvalidMessageError(
            f"{field.partition('.')[0]}.name is missing: bytes have none.",
            'Pass a name with its extension, such as "report.xlsx". 请指定带扩展名的文件名。',
        )
    if PurePath(name).suffix.lower().lstrip(".") not in rule.endings:
        raise InvalidMessageError(f"{field} must be {taken}, by its name; {name!r} is none of these.", _REMEDIES[kind])
    return name
