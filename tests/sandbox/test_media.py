"""Uploads: what is taken, what is refused, and how multipart bodies are read."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.sandbox.media import Part, parts_of

MEGABYTE = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
PICTURES = {
    "a.png": PNG,
    "a.jpg": b"\xff\xd8\xff\xe0",
    "A.JPEG": b"\xff\xd8\xff\xe1",
    "a.gif": b"GIF89a",
    "a.bmp": b"BM",
}


def fetch(sandbox: Sandbox, media_id: str) -> tuple[int, dict[str, str], bytes]:
    """Return what the page is served for a medium."""
    address = urlsplit(sandbox.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
        connection.request("GET", f"/media/{media_id[1:]}")
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def test_an_upload(sandbox: Sandbox, client: Any, clock: Any) -> None:
    """The reply has id, kind and time in milliseconds; the file can be looked at."""
    content = PNG + bytes(range(256)) + b"\r\n--limi\r\n\r\n"
    reply = client.upload("image", "图 表.png", content)
    (medium,) = sandbox.media
    assert reply == {
        "errcode": 0,
        "errmsg": "ok",
        "media_id": medium.media_id,
        "type": "image",
        "created_at": round(clock.now * 1000),
    }
    assert medium.media_id.startswith("@lADP")
    assert (medium.kind, medium.name, medium.content, medium.app) == ("image", "图 表.png", content, sandbox.app)
    assert sandbox.requests[-1].outcome == "answered"
    assert sandbox.messages == ()
    assert client.upload("image", "图 表.png", content)["media_id"] != medium.media_id


@pytest.mark.parametrize(
    ("kind", "name", "content", "content_type"),
    [
        *(
            ("image", name, content, f"image/{name.lower().replace('jpg', 'jpeg')[2:]}")
            for name, content in PICTURES.items()
        ),
        # A picture is known by its content.
        ("image", "a.png", b"GIF89a", "image/gif"),
        ("voice", "a.amr", b"x", "audio/amr"),
        ("voice", "a.mp3", b"x", "audio/mpeg"),
        ("voice", "a.wav", b"x", "audio/wav"),
        ("video", "a.mp4", b"x", "video/mp4"),
        *(
            ("file", f"a.{ending}", b"x", None)
            for ending in ("doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar")
        ),
    ],
)
def test_what_is_taken(
    sandbox: Sandbox, client: Any, kind: str, name: str, content: bytes, content_type: str | None
) -> None:
    """Every documented format, and the page can fetch it; pictures are shown, everything else is a download."""
    media_id = client.media_id(kind, name, content)
    status, headers, body = fetch(sandbox, media_id)
    assert (status, body) == (200, content)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"]
    if content_type is not None:
        assert headers["content-type"] == content_type
    assert headers.get("content-disposition", "").startswith("attachment") is (kind != "image")


@pytest.mark.parametrize(
    ("kind", "name", "content", "errcode", "errmsg"),
    [
        ("", "a.png", PNG, 40004, "不合法的媒体文件类型"),
        ("picture", "a.png", PNG, 40004, "不合法的媒体文件类型"),
        ("image", "a.png", b"", 44001, "多媒体文件为空"),
        ("image", "a.png", b"<svg/>", 40005, "不合法的文件类型"),
        ("image", "a.webp", PNG, 40005, "不合法的文件类型"),
        ("image", "chart", PNG, 40005, "不合法的文件类型"),
        ("voice", "a.ogg", b"OggS", 40005, "不合法的文件类型"),
        ("video", "a.avi", b"x", 40005, "不合法的文件类型"),
        ("file", "a.csv", b"a,b", 40005, "不合法的文件类型"),
        ("file", "a.txt", b"x", 40005, "不合法的文件类型"),
        ("file", "", b"x", 40035, "缺少参数 media.filename"),
    ],
)
def test_what_is_refused(
    sandbox: Sandbox, client: Any, kind: str, name: str, content: bytes, errcode: int, errmsg: str
) -> None:
    """Kind, format and emptiness have numbers of their own."""
    assert client.upload(kind, name, content) == {"errcode": errcode, "errmsg": errmsg}
    assert sandbox.media == ()


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        ("image", "a.png", 20 * MEGABYTE),
        ("voice", "a.amr", 2 * MEGABYTE),
        ("video", "a.mp4", 20 * MEGABYTE),
        ("file", "a.zip", 20 * MEGABYTE),
    ],
)
def test_sizes(client: Any, kind: str, name: str, most: int) -> None:
    """The largest passes, one byte more does not."""
    content = PNG + bytes(most - len(PNG))
    assert client.upload(kind, name, content)["errcode"] == 0
    assert client.upload(kind, name, content + b"x") == {"errcode": 40006, "errmsg": "不合法的文件大小"}


def test_the_kind_may_be_in_the_form(client: Any) -> None:
    """As documented, although some clients have to put it into the URL."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\nimage\r\n'
        b'--x\r\nContent-Disposition: form-data; name="media"; filename="a.png"\r\n\r\n' + PNG + b"\r\n--x--\r\n"
    )
    target = f"/media/upload?access_token={client.token()}"
    assert (
        client.request("POST", target, body, {"Content-Type": 'multipart/form-data; boundary="x"'})[1]["type"]
        == "image"
    )


def test_a_body_without_the_part(client: Any) -> None:
    """No multipart is one number, no part named media another."""
    target = f"/media/upload?type=image&access_token={client.token()}"
    no_multipart = {"errcode": 43008, "errmsg": "参数需要multipart类型"}
    for content_type in ("application/json", "multipart/form-data", "image/png"):
        assert client.request("POST", target, PNG, {"Content-Type": content_type})[1] == no_multipart
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG + b"\r\n--x--\r\n"
    assert client.request("POST", target, body, {"Content-Type": "multipart/form-data; boundary=x"})[1] == {
        "errcode": 46001,
        "errmsg": "不存在媒体数据",
    }


@pytest.mark.parametrize(
    ("disposition", "field_name", "file_name"),
    [
        (b'form-data; name="media"; filename="a.png"', "media", "a.png"),
        (b"form-data; name=media; filename=a.png", "media", "a.png"),
        (b'form-data; filename="a.png"; name="media"', "media", "a.png"),
        ('form-data; name="media"; filename="图.png"'.encode(), "media", "图.png"),
        (b'form-data; name="media"; filename="say %22hi%22.png"', "media", 'say "hi".png'),
        (b"form-data; name=\"media\"; filename*=utf-8''%E5%9B%BE.png", "media", "图.png"),
        (b'form-data; name="type"', "type", ""),
    ],
)
def test_names_in_a_multipart_body(disposition: bytes, field_name: str, file_name: str) -> None:
    """However browsers and libraries write them."""
    body = b"--x\r\ncontent-disposition: " + disposition + b"\r\nContent-Type: a/b\r\n\r\n\r\n1\r\n\r\n\r\n--x--"
    assert parts_of(body, b"x") == (Part(field_name=field_name, file_name=file_name, content=b"\r\n1\r\n\r\n"),)


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x--", b"--x\r\n\r\n", b"--y\r\n\r\n1\r\n--y--", b"--x\r\nA: b\r\n\r\n1"]
)
def test_a_body_without_named_parts(body: bytes) -> None:
    """It has none, whatever else is in it."""
    assert parts_of(body, b"x") == ()


def test_unknown_media_are_not_found(sandbox: Sandbox) -> None:
    """The page gets a 404."""
    assert fetch(sandbox, "@nothing")[0] == 404


def test_uploads_fill_no_memory(client_of: Any) -> None:
    """The newest are kept, the oldest lose their content: they can still be sent, and whoever looks reads why."""
    with Sandbox(kept_media_bytes=3 * MEGABYTE) as small:
        ours = client_of(small)
        contents = [PNG + bytes(MEGABYTE - len(PNG)) for _ in range(5)]
        ids = [ours.media_id("image", f"{number}.png", each) for number, each in enumerate(contents)]
        assert [len(medium.content) for medium in small.media] == [0, 0, MEGABYTE, MEGABYTE, MEGABYTE]
        assert [medium.size for medium in small.media] == [MEGABYTE] * 5
        status, _, reason = fetch(small, ids[0])
        assert status == 404
        assert reason.decode().startswith(
            "0.png is no longer available: this sandbox keeps the newest 3 MB of uploads."
        )
        assert fetch(small, ids[-1])[2] == contents[-1]
        assert sum(len(request.body) for request in small.requests) < MEGABYTE
        assert ours.media_id("image", "big.png", PNG + bytes(4 * MEGABYTE))
        assert [medium.is_kept for medium in small.media] == [False] * 5 + [True]
