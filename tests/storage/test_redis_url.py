"""The URL of a Redis: an ambiguous one is refused before any part of it is shown."""

from __future__ import annotations

import socket
import sys
import traceback
from typing import Any

import pytest

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.redis.url import RedisUrl

_looked_up: list[str] = []


def _note_look_ups(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        _looked_up.append(str(arguments[0]))


sys.addaudithook(_note_look_ups)

PIECES = ("Secr3t", "ru1n", "Gh0st")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:Secr3t@ru1n/x?y#z@Gh0st",
        "redis://:Secr3t/ru1n@Gh0st:6379/0",
        "redis://:Secr3t?ru1n@Gh0st:6379/0",
        "redis://:Secr3t#ru1n@Gh0st:6379/0",
        "redis://:Secr3t@ru1n?db=0@Gh0st",
        "redis://:Secr3t@ru1n?db=Gh0st#0",
        "redis://:Secr3t@ru1n/0?Gh0st",
        "redis://:Secr3t@ru1n/0?db=0&Gh0st",
        "redis://:Secr3t@ru1n/0/Gh0st",
        "redis://:Secr3t@ru1n\\@Gh0st/0",
        "redis://:Secr3t@ru 1n@Gh0st/0",
        "redis://:Secr3t\n@ru1n@Gh0st/0",
        "redis://:Secr3t@[ru1n/0",
        "redis://:Secr3t[@ru1n]/0",
        "redis://:Secr3t",
        "redis://:12345/0",
        "redis://Secr3t@:ru1n",
        "redis://Secr3t:ru1n:6379/0",
        "REDISS//:Secr3t@ru1n/0",
        "unix://:Secr3t@ru1n/@Gh0st/redis.sock",
        "unix://:Secr3t/ru1n@/redis.sock",
        "memcached://:Secr3t@ru1n/0",
        "",
    ],
)
def test_a_url_that_may_show_a_part_of_a_password_is_refused(url: str) -> None:
    """With a text that explains the form and has no part of the URL; and no name is looked up."""
    from airflow_provider_dingpush.storage.outbox import Outbox
    from airflow_provider_dingpush.storage.redis.store import RedisStore

    _looked_up.clear()
    with pytest.raises(OutboxError) as caught:
        Outbox(RedisStore(url))
    text = "".join(traceback.format_exception(caught.value))
    assert [piece for piece in (*PIECES, "12345") if piece.lower() in text.lower()] == []
    assert "redis://:password@host:6379/0" in text
    assert _looked_up == []


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        ("redis://redis.example.com", "redis://redis.example.com", ""),
        ("redis://:p%40ss%2Fw%23rd%3F@redis:6379/0", "redis://redis:6379/0", "p@ss/w#rd?"),
        ("redis://:p@ss@redis:6379/0", "redis://redis:6379/0", "p@ss"),
        ("rediss://user:p@[::1]:6379/1?ssl_cert_reqs=CERT_NONE", "rediss://[::1]:6379/1", "p"),
        ("redis://", "redis://", ""),
        ("redis://:pw@/0", "redis:///0", "pw"),
        ("redis://redis/0?password=p%40ss", "redis://redis/0", "p@ss"),
        ("rediss://redis/0?ssl_ca_certs=/etc/ssl/ca.pem&health_check_interval=5", "rediss://redis/0", ""),
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock", ""),
        ("unix://:pw@/run/redis.sock", "unix:///run/redis.sock", "pw"),
    ],
)
def test_an_unambiguous_url_is_accepted(url: str, place: str, password: str) -> None:
    """Its location and its repr have no password."""
    address = RedisUrl.read(url)
    assert (address.url, address.location, address.password) == (url, place, password)
    assert not password or password not in repr(address)


@pytest.mark.parametrize("url", ["sentinel://a:26379;sentinel://b:26379", "redis+sentinel://a/0", "rediscluster://a"])
def test_the_error_for_sentinels_and_clusters_names_what_to_set(url: str) -> None:
    with pytest.raises(OutboxError, match=r"Sentinels or a Redis Cluster.*redis://:password@host:6379/0"):
        RedisUrl.read(url)


def test_the_look_ups_of_this_process_are_recorded() -> None:
    """Or the test above would never find one."""
    _looked_up.clear()
    socket.getaddrinfo("localhost", 6379)
    assert _looked_up == ["localhost"]
