"""The sources of an image, file, audio or video: a path, bytes, a readable object, a figure, a media id, a URL.

Nothing is read here. A source is checked when the message is created, often while a DAG file is parsed; its content is
read only for the upload.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import holds_jinja, is_media_id, refuse_task_output, text

SourceKind = Literal["template", "media_id", "url", "path", "bytes", "readable", "figure"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_TAKEN = (
    "a path, bytes, an ObjectStoragePath (anything with read_bytes() and name), or the media id that an upload to "
    "DingTalk returned"
)


class MediaSource(NamedTuple):
    """The kind and name of a source.

    :ivar kind: ``template`` (Jinja that is still to be rendered), ``media_id``, ``url``, ``path`` (of this machine),
        ``bytes``, ``readable`` (has ``read_bytes()`` and ``name``), or ``figure`` (has ``savefig()``).
    :ivar name: the file's name without folders, or ``None`` where the source has none.
    """

    kind: SourceKind
    name: str | None = None


def describe(source: Any) -> MediaSource | None:
    """Recognise the kind of a source; ``None`` if it can't be sent."""
    if isinstance(source, str):
        return _described(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return MediaSource("bytes")
    # ObjectStoragePath, other universal paths and pathlib's; checked before PathLike, because the path in the file
    # system that the former return doesn't exist.
    if _of(source, "read_bytes") is not None and isinstance(name := _of(source, "name"), str):
        return MediaSource("readable", name)
    if isinstance(source, os.PathLike):
        return MediaSource("path", PurePath(os.fsdecode(source)).name)
    return MediaSource("figure") if _of(source, "savefig") is not None else None


def _of(source: Any, name: str) -> Any:
    """An attribute of an object of any class; ``None`` if it has none, or reading it raises."""
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - such an object can't be sent
        return None


def _described(source: str) -> MediaSource:
    if holds_jinja(source):
        return MediaSource("template")
    if is_media_id(source):
        return MediaSource("media_id")
    # The name of the file at a URL would be a guess.
    return MediaSource("url") if is_url(source) else MediaSource("path", PurePath(source).name)


def is_url(source: object) -> bool:
    """Whether the source is an http or https URL."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def image_source(where: str, value: object, rendered: bool) -> Any:
    """Rule: a source that can be sent as an image."""
    return _source(where, value, rendered, web=True, figure=True)


def cover_source(where: str, value: object, rendered: bool) -> Any:
    """Rule: the same without URLs: DingTalk fetches no cover from the web."""
    return _source(where, value, rendered, web=False, figure=True)


def file_source(where: str, value: object, rendered: bool) -> Any:
    """Rule: a source that can be sent as a file, audio or video; DingTalk fetches none of these from the web."""
    return _source(where, value, rendered, web=False, figure=False)


def _source(where: str, value: Any, rendered: bool, *, web: bool, figure: bool) -> Any:
    refuse_task_output(where, value)
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    if isinstance(value, str) or value is None:
        value = text(where, value, rendered).strip()
        if rendered and holds_jinja(value):
            raise InvalidMessageError(f"{where} is a template that wasn't rendered: {value[:40]!r}.")
    found = describe(value)
    taken = f"{'A matplotlib figure, ' if figure else ''}{'a URL, ' if web else ''}{_TAKEN}"
    taken = f"It can be {taken[0].lower()}{taken[1:]}."
    if found is None or (found.kind == "figure" and not figure):
        raise InvalidMessageError(f"{where} can't be a {type(value).__name__}.", taken)
    if found.kind == "bytes" and not value:
        raise InvalidMessageError(f"{where} is empty; there is nothing to send.")
    if found.kind == "url" and not web:
        raise InvalidMessageError(
            f"{where} is a URL, but DingTalk accepts only uploaded content here.",
            "Download it in the task and pass the path or the bytes; to show a link, send a Link. "
            "此处钉钉只接受上传的文件：请先在任务中下载，再传入路径或 bytes。",
        )
    if found.kind == "path" and (scheme := _SCHEME.match(str(value))):
        raise InvalidMessageError(
            f"{where} begins with {scheme.group()}, which is no path of this machine.",
            'Pass ObjectStoragePath("…") of Airflow instead of the str.',
        )
    return value


def shown_source(source: object) -> str:
    """A source for a repr: kind and size, never its content, and the same in every process."""
    found = describe(source)
    if isinstance(source, bytes):
        return f"<{len(source):,} bytes>"
    if isinstance(source, str) and found is not None:
        # A URL's query may be a credential, as in signed links to an object store.
        kept = source.partition("?")[0] + "?…" if found.kind == "url" and "?" in source else source
        return repr(kept if len(kept) <= 80 else f"{kept[:80]}…")
    name = f" {found.name!r}" if found is not None and found.name else ""
    return f"<{type(source).__name__}{name}>"


def plain_source(where: str, source: object) -> str:
    """The source as plain data.

    :raises InvalidMessageError: if it can't be plain data.
    """
    if isinstance(source, (str, os.PathLike)):
        # The str of a universal path contains its store, and would later be read as a path of this machine.
        plain = str(source)
        if isinstance(source, str) or not _SCHEME.match(plain):
            return plain
    raise InvalidMessageError(
        f"{where} is {shown_source(source)}, which can't be plain data.",
        "Send the message in the task that creates it, or write a file and pass its path.",
    )
