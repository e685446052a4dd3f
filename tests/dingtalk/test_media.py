"""Images, files, audio and video: checked before the upload, uploaded once, known by their media id."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.media import RULES, MediaKind, MediaLibrary
from airflow_provider_dingpush.errors import InvalidMessageError, PermissionMissingError
from airflow_provider_dingpush.sandbox import App, Fault, Sandbox

UPLOAD = "/media/upload"
PNG = b"\x89PNG\r\n\x1a\n picture"
MB = 1024 * 1024

MakeClient = Callable[..., Any]


class Stored:
    """A path of an object store, as Airflow's ObjectStoragePath: it can be opened, and is no path of this machine."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._content = content

    def open(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return io.BytesIO(self._content)

    def read_bytes(self) -> bytes:
        raise AssertionError("reads all of it, however large")


class ReadOnly:
    """Something that can only be read as a whole."""

    name = "report.pdf"

    def read_bytes(self) -> bytes:
        return b"pdf"


class Figure:
    """A figure of matplotlib, as far as this package knows it."""

    def savefig(self, target: Any, **options: Any) -> None:
        assert options == {"format": "png"}
        target.write(PNG + b" of a figure")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One app."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def library(sandbox: Sandbox, app_client_of: MakeClient) -> MediaLibrary:
    """What the sandbox's app sends."""
    return MediaLibrary(app_client_of(sandbox).calls)


def uploads(sandbox: Sandbox) -> int:
    """How often something was uploaded."""
    return len([each for each in sandbox.requests if each.path == UPLOAD])


def test_every_kind_of_source_is_uploaded(sandbox: Sandbox, library: MediaLibrary, tmp_path: Path) -> None:
    """What arrives is what the source holds, as multipart, with the type where any client's server looks for it."""
    (tmp_path / "local.xlsx").write_bytes(b"local")
    given: list[tuple[Any, MediaKind, str | None, str, bytes]] = [
        (PNG, "image", None, "image.png", PNG),
        (Figure(), "image", None, "image.png", PNG + b" of a figure"),
        (tmp_path / "local.xlsx", "file", None, "local.xlsx", b"local"),
        (str(tmp_path / "local.xlsx"), "file", "报表.xlsx", "报表.xlsx", b"local"),
        (Stored("a.zip", b"stored"), "file", None, "a.zip", b"stored"),
        (ReadOnly(), "file", None, "report.pdf", b"pdf"),
        (b"bytes", "file", "数据 2026.PDF", "数据 2026.PDF", b"bytes"),
        (b"#!AMR sound", "voice", None, "voice.amr", b"#!AMR sound"),
        (b"\0\0\0 ftypisom", "video", None, "video.mp4", b"\0\0\0 ftypisom"),
    ]
    ids = [library.media_id(source, kind=kind, name=name) for source, kind, name, _, _ in given]
    assert ids == [each.media_id for each in sandbox.media]
    for (_, kind, _, name, content), medium in zip(given, sandbox.media, strict=True):
        assert (medium.kind, medium.name, medium.content) == (kind, name, content)
    for request in sandbox.requests[1:]:
        assert request.content_type == "multipart/form-data"
        assert f'name="type"\r\n\r\n{request.query["type"]}\r\n'.encode() in request.body


def test_a_media_id_is_taken_as_it_is(sandbox: Sandbox, library: MediaLibrary) -> None:
    """It was uploaded before."""
    for media_id in ("@lADOADmaWMzazQKA", "$iAEKAqNwbmcD"):
        assert library.media_id(media_id, kind="image") == media_id
    assert sandbox.requests == ()


def test_the_same_content_is_uploaded_once(
    sandbox: Sandbox, library: MediaLibrary, app_client_of: MakeClient, tmp_path: Path
) -> None:
    """Whatever it is given as; another kind, another name that people see, or another app is another thing."""
    picture = tmp_path / "chart.png"
    picture.write_bytes(PNG)
    same = {library.media_id(each, kind="image") for each in (PNG, picture, str(picture), Stored("x.png", PNG))}
    same.add(MediaLibrary(app_client_of(sandbox).calls).media_id(PNG, kind="image"))
    assert (len(same), uploads(sandbox)) == (1, 1)
    other = {library.media_id(PNG, kind="file", name=name) for name in ("a.zip", "b.zip", "a.zip")}
    assert (len(other | same), uploads(sandbox)) == (3, 3)
    with Sandbox(apps=(App(),)) as elsewhere:
        assert MediaLibrary(app_client_of(elsewhere).calls).media_id(PNG, kind="image") not in same
        assert uploads(elsewhere) == 1


def test_many_threads_upload_it_once(sandbox: Sandbox, library: MediaLibrary) -> None:
    """The others wait for the one that began."""
    with ThreadPoolExecutor(16) as threads:
        ids = set(threads.map(lambda _: library.media_id(PNG + b"many", kind="image"), range(16)))
    assert (len(ids), uploads(sandbox)) == (1, 1)


def test_a_failed_upload_is_tried_again(sandbox: Sandbox, library: MediaLibrary) -> None:
    """Uploading twice does no harm; nothing is kept of what failed."""
    sandbox.fail_next(Fault.RESET_AFTER_BODY_NOT_ACCEPTED, path=UPLOAD)
    assert library.media_id(PNG, kind="image") == sandbox.media[0].media_id
    assert uploads(sandbox) == 2


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [
        ("image", b"\xff\xd8\xff\xe0 jpg", "image.jpg"),
        ("image", b"GIF89a", "image.gif"),
        ("image", b"BM bmp", "image.bmp"),
        ("voice", b"ID3 mp3", "voice.mp3"),
        ("voice", b"\xff\xfb\x90 mp3", "voice.mp3"),
        ("voice", b"RIFF\n\n\n\nWAVE", "voice.wav"),
        ("voice", b"#!AMR-WB\n", "voice.amr"),
    ],
)
def test_the_content_shows_the_format(
    sandbox: Sandbox, library: MediaLibrary, kind: MediaKind, content: bytes, name: str
) -> None:
    """A wrong ending of the name doesn't matter."""
    library.media_id(Stored("wrong.txt", content), kind=kind)
    assert sandbox.media[0].name == name


@pytest.mark.parametrize("kind", RULES)
def test_the_largest_is_taken_and_one_byte_more_is_not(
    sandbox: Sandbox, library: MediaLibrary, kind: MediaKind
) -> None:
    """Found before anything is sent, and before more is read than may be sent."""
    begins = {"image": PNG, "voice": b"#!AMR", "video": b"....ftyp", "file": b"zip"}[kind]
    largest = begins + bytes(RULES[kind].at_most_bytes - len(begins))
    library.media_id(largest, kind=kind, name="a.zip")
    assert sandbox.media[0].content == largest
    limit = "2 MB" if kind == "voice" else "20 MB"
    for source in (largest + b"x", Stored("a.zip", largest + b"x")):
        with pytest.raises(InvalidMessageError, match=rf"^{RULES[kind].field} has more than the {limit}"):
            library.media_id(source, kind=kind, name="a.zip")
    assert uploads(sandbox) == 1


def test_a_message_may_have_a_smaller_limit(sandbox: Sandbox, library: MediaLibrary) -> None:
    """A work notification's file has 10 MB at most."""
    with pytest.raises(InvalidMessageError, match="more than the 10 MB"):
        library.media_id(bytes(10 * MB + 1), kind="file", name="a.zip", at_most_bytes=10 * MB)
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("source", "kind", "name", "problem", "remedy"),
    [
        (b"RIFF....WEBP", "image", None, "Image.source must be jpg, gif, png, bmp", "png"),
        (b"<svg/>", "image", "a.png", "Image.source must be jpg", "png"),
        (b"OggS", "voice", None, "Audio.source must be amr, mp3, wav", "amr"),
        (b"\x1aE\xdf\xa3", "video", None, "Video.source must be mp4", "mp4"),
        (b"a,b", "file", "table.csv", "File.source must be doc, docx, .*'table.csv' is none of these", "zip.*xlsx"),
        (b"a", "file", "run.log", "'run.log' is none of these", "zip.*压缩"),
        (b"a", "file", "README", "'README' is none of these", "zip"),
        (b"a", "file", None, r"File\.name is missing", "report.xlsx"),
        (b"", "file", "a.zip", "File.source is empty", "path"),
        (Figure(), "file", None, r"File\.name is missing", "report.xlsx"),
        ("/nowhere/a.png", "image", None, r"Image.source can't be read \(No such file.*/nowhere/a.png", "worker"),
        (os.sep, "image", None, r"Image.source can't be read", "worker"),
        ("https://example.com/a.png", "image", None, "Image.source is a URL", "bytes"),
        ("{{ chart }}", "image", None, "Image.source can't be '{{ chart }}'", "path"),
        (42, "image", None, "Image.source can't be a int", "path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_dingtalk_does_not_take_is_found_before_the_upload(
    sandbox: Sandbox,
    library: MediaLibrary,
    source: Any,
    kind: MediaKind,
    name: str | None,
    problem: str,
    remedy: str,
) -> None:
    """With the field, the rule and what to do instead."""
    with pytest.raises(InvalidMessageError, match=problem) as caught:
        library.media_id(source, kind=kind, name=name)
    assert re.search(remedy, caught.value.advice)
    assert caught.value.__context__ is None
    assert sandbox.requests == ()


def test_the_field_of_the_message_is_named(library: MediaLibrary) -> None:
    """A cover is a picture, but not an Image's."""
    with pytest.raises(InvalidMessageError, match=r"^Video\.cover must be jpg"):
        library.media_id(b"no picture", kind="image", field="Video.cover")


def test_the_error_of_a_refused_upload_explains_why(app_client_of: MakeClient) -> None:
    """DingTalk's own words come along."""
    with Sandbox(apps=(App(permissions=()),)) as sandbox, pytest.raises(PermissionMissingError) as caught:
        MediaLibrary(app_client_of(sandbox).calls).media_id(PNG, kind="image")
    assert caught.value.missing_permissions == ("qyapi_base",)


def test_a_real_figure_of_matplotlib_is_a_picture(sandbox: Sandbox, library: MediaLibrary) -> None:
    """The same figure twice is the same picture."""
    figure = pytest.importorskip("matplotlib.figure", reason="needs matplotlib: install it").Figure()
    figure.subplots().plot([1, 2])
    assert library.media_id(figure, kind="image") == library.media_id(figure, kind="image")
    assert uploads(sandbox) == 1
    assert sandbox.media[0].content.startswith(PNG[:8])
