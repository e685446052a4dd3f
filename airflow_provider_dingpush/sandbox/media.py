"""Uploads, and the media that were uploaded.

Facts: DingTalk docs 0645 and 0646 (read 2026-08-22). The global error table (0013) still words smaller sizes; those of
0646 count here.
"""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import cast, get_args
from urllib.parse import unquote

from airflow_provider_dingpush.sandbox.model import App, AppCall, CallResult, MediaKind, Medium
from airflow_provider_dingpush.sandbox.oapi_dialect import missing, refusal, succeeded

UPLOAD_PATH = "/media/upload"

_MEGABYTE = 1024 * 1024
KEPT_BYTES = 100 * _MEGABYTE
"""How much of all uploads is kept: the contents of the oldest are dropped first."""
_MAX_BYTES: dict[MediaKind, int] = {
    "image": 20 * _MEGABYTE,
    "voice": 2 * _MEGABYTE,
    "video": 20 * _MEGABYTE,
    "file": 20 * _MEGABYTE,
}
_ENDINGS: dict[MediaKind, tuple[str, ...]] = {
    "image": ("jpg", "jpeg", "gif", "png", "bmp"),
    "voice": ("amr", "mp3", "wav"),
    "video": ("mp4",),
    "file": ("doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"),
}
# Samples in the docs begin like these; the prefixes mean nothing.
_BEGINNINGS: dict[MediaKind, str] = {"image": "@lADP", "voice": "@IR_P", "video": "$iQEL", "file": "@lAzP"}
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_CONTENT_TYPES = {
    "amr": "audio/amr",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
}


class MediaStore:
    """Keeps what was uploaded.

    A medium can be sent by the app that uploaded it only. Whether DingTalk is that strict is not documented. One whose
    content was dropped can still be sent, but not displayed.

    :param most_bytes: how much is kept of all together; the newest is kept in any case.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._media: dict[str, Medium] = {}

    def all(self) -> tuple[Medium, ...]:
        with self._lock:
            return tuple(self._media.values())

    def find(self, media_id: str, app: App) -> Medium | None:
        """Return what an app uploaded under this id."""
        with self._lock:
            medium = self._media.get(media_id)
        return medium if medium is not None and medium.app == app else None

    def served(self, last_of_path: str) -> tuple[str, bytes, str] | str | None:
        """Return content type, content and name of the medium whose path ends so, None, or why its content is gone."""
        medium = next((each for each in self.all() if each.media_id[1:] == last_of_path), None)
        if medium is None:
            return None
        if not medium.is_kept:
            kept = f"{self._most_bytes / _MEGABYTE:g} MB"
            return (
                f"{medium.name} is no longer available: this sandbox keeps the newest {kept} of uploads. "
                f"沙箱只保留最近 {kept} 的上传内容。"
            )
        return medium.content_type, medium.content, medium.name

    def upload(self, call: AppCall) -> CallResult:
        """Answer ``POST /media/upload``: multipart, the file in the part ``media``, the type in query or form."""
        boundary = _boundary_of(call.request.headers.get("content-type", ""))
        if boundary is None:
            raise refusal(43008, "参数需要multipart类型")
        parts = {part.field_name: part for part in parts_of(call.request.body, boundary)}
        kind = call.request.query.get("type") or (
            parts["type"].content.decode(errors="replace") if "type" in parts else ""
        )
        if kind not in get_args(MediaKind):
            raise refusal(40004, "不合法的媒体文件类型")
        part = parts.get("media")
        if part is None:
            raise refusal(46001, "不存在媒体数据")
        # The part must have a name, since a part without one is a form field like any other.
        if not part.file_name:
            raise missing("media.filename")
        medium = self._keep(cast(MediaKind, kind), part, call)
        reply = succeeded(
            call.request.path, media_id=medium.media_id, type=medium.kind, created_at=round(medium.created_at * 1000)
        )
        return CallResult(outcome="answered", reply=reply)

    def _keep(self, kind: MediaKind, part: Part, call: AppCall) -> Medium:
        if not part.content:
            raise refusal(44001, "多媒体文件为空")
        if len(part.content) > _MAX_BYTES[kind]:
            raise refusal(40006, "不合法的文件大小")
        ending = PurePosixPath(part.file_name).suffix[1:].lower()
        content_type = _CONTENT_TYPES.get(ending, "application/octet-stream")
        if kind == "image":
            # Assumed: a picture is known by its content, everything else by its name.
            content_type = next((each for start, each in _PICTURES if part.content.startswith(start)), "")
        if ending not in _ENDINGS[kind] or not content_type:
            raise refusal(40005, "不合法的文件类型")
        medium = Medium(
            media_id=f"{_BEGINNINGS[kind]}{secrets.token_urlsafe(18)}",
            kind=kind,
            name=part.file_name,
            content=part.content,
            size=len(part.content),
            content_type=content_type,
            app=call.app,
            created_at=call.request.received_at,
        )
        with self._lock:
            self._media[medium.media_id] = medium
            self._drop_oldest()
        return medium

    def _drop_oldest(self) -> None:
        """Drop contents, the oldest first, until the rest is small enough."""
        kept = [each for each in self._media.values() if each.is_kept]
        too_much = sum(each.size for each in kept) - self._most_bytes
        for oldest in kept[:-1]:
            if too_much <= 0:
                return
            self._media[oldest.media_id] = replace(oldest, content=b"")
            too_much -= oldest.size


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a multipart body; ``file_name`` is empty for a plain form field."""

    field_name: str
    file_name: str
    content: bytes = field(repr=False)


def parts_of(body: bytes, boundary: bytes) -> tuple[Part, ...]:
    """Take a multipart/form-data body apart, RFC 7578; parts without a name are left out.

    The standard library's mail parser is not used: it takes single bytes for line ends and is slow with 20 MB.
    """
    parts = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            break
        # Blanks may follow the boundary, then the line ends.
        head, blank, content = piece.partition(b"\r\n")[2].partition(b"\r\n\r\n")
        if not blank:
            continue
        disposition = next(
            (
                line
                for line in head.decode("utf-8", "replace").split("\r\n")
                if line.lower().startswith("content-disposition:")
            ),
            "",
        )
        field_name = _parameter(disposition, "name")
        if field_name:
            parts.append(Part(field_name=field_name, file_name=_parameter(disposition, "filename"), content=content))
    return tuple(parts)


def _boundary_of(content_type: str) -> bytes | None:
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    return _parameter(content_type, "boundary").encode("latin-1", "replace") or None


def _parameter(header: str, name: str) -> str:
    """Return a parameter of a header, quoted or not; the ``name*=utf-8''…`` form of RFC 5987 counts too."""
    extended = re.search(rf";\s*{name}\*=utf-8'[^']*'([^;\s]+)", header, re.IGNORECASE)
    if extended is not None:
        return unquote(extended[1])
    plain = re.search(rf';\s*{name}=(?:"([^"]*)"|([^;\s]+))', header, re.IGNORECASE)
    if plain is None:
        return ""
    # Browsers and libraries write a quote inside of a name as %22.
    return plain[1].replace("%22", '"') if plain[1] is not None else plain[2]
