"""The URL of a Redis, read strictly: a password that isn't percent-encoded is never read as a host, path or option."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airflow_provider_dingpush.errors import OutboxError

_SCHEMES = ("redis", "rediss", "unix")
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_OPTIONS = re.compile(r"[a-z_0-9]+=[^&=@#?]*(&[a-z_0-9]+=[^&=@#?]*)*")


@dataclass(frozen=True)
class RedisUrl:
    """An unambiguous URL.

    :param url: all of it.
    :param location: scheme, host, port and database: the part that may be shown.
    :param password: to be masked in Airflow's logs; empty if it has none.
    """

    url: str
    location: str
    password: str

    def __repr__(self) -> str:
        return f"RedisUrl({self.location!r})"

    @classmethod
    def read(cls, url: str) -> RedisUrl:
        """Read a URL.

        A ``/``, ``?``, ``#`` or ``@`` in a password that isn't percent-encoded ends the host or begins the path early,
        and libraries then look up the rest as a host name. So every ambiguous URL is refused before it is used.

        :raises OutboxError: if it isn't one; no part of the URL is in its text.
        """
        scheme = url.partition("://")[0]
        if "sentinel" in scheme.lower() or "cluster" in scheme.lower():
            raise OutboxError(
                "[dingpush] outbox_url names Sentinels or a Redis Cluster, and alerts can be kept in neither.",
                "Set it to the Redis itself, such as redis://:password@host:6379/0, or to an address that follows its "
                "master. 请填写 Redis 主节点的地址。",
                problem_zh="[dingpush] outbox_url 不支持 Sentinel 与 Cluster。",
            )
        parts = _parts(url)
        if parts is None:
            raise OutboxError(
                "[dingpush] outbox_url is no Redis URL.",
                "It looks like redis://:password@host:6379/0, with a password that is percent-encoded: / is %2F, "
                "? is %3F, # is %23, @ is %40. 请写成 redis://:密码@主机:6379/0，密码中的特殊字符需要百分号编码。",
                problem_zh="[dingpush] outbox_url 不是有效的 Redis 地址。",
            )
        password = unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[0]
        return cls(url, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", password)


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL, if it is unambiguous."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    address = parts.netloc.rpartition("@")[2]
    host = address if port is None else address.rpartition(":")[0]
    if parts.scheme == "unix":
        located = not address and parts.path.startswith("/")
    else:
        # No host means this machine; a port alone may be the beginning of a password.
        located = (not address or _HOST.fullmatch(host) is not None) and re.fullmatch(r"/?\d*", parts.path) is not None
    plain = (
        url.startswith(f"{parts.scheme}://")
        and parts.scheme in _SCHEMES
        and "@" not in parts.path
        # urlsplit drops some of these silently, and the part after a # isn't part of an address.
        and not re.search(r"[\s\x00-\x1f\x7f\\#]", url)
        and ("?" not in url or _OPTIONS.fullmatch(parts.query) is not None)
    )
    return parts if plain and located else None
