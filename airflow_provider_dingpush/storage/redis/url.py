"""The URL of a Redis, read strictly: a password that isn't percent-encoded is never read as a host, path or option."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airflow_provider_dingpush.errors import OutboxError

_SCHEMES = ("redis", "rediss", "unix")
# No regular expressions: compiling them would take longer than all else that the process of a task does here.
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_OF_HOST = _LETTERS | {each.upper() for each in _LETTERS} | _DIGITS | set("_.-")
_OF_IPV6 = frozenset("0123456789abcdefABCDEF:.")
_OF_OPTION = _LETTERS | _DIGITS | {"_"}


class RedisUrl(NamedTuple):
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
        located = (not address or _is_host(host)) and _DIGITS.issuperset(parts.path.removeprefix("/"))
    plain = (
        url.startswith(f"{parts.scheme}://")
        and parts.scheme in _SCHEMES
        and "@" not in parts.path
        # urlsplit drops some of these silently, and the part after a # isn't part of an address.
        and not any(each.isspace() or each < " " or each in "\x7f\\#" for each in url)
        and ("?" not in url or all(map(_is_option, parts.query.split("&"))))
    )
    return parts if plain and located else None


def _is_host(text: str) -> bool:
    """Whether this is a name, or an address of IPv4, or one of IPv6 in brackets."""
    if text[:1] == "[" and text[-1:] == "]":
        return len(text) > 2 and _OF_IPV6.issuperset(text[1:-1])
    return bool(text) and _OF_HOST.issuperset(text)


def _is_option(text: str) -> bool:
    """Whether this is a name and a value of the part after the ``?``."""
    name, sign, value = text.partition("=")
    return bool(name and sign) and _OF_OPTION.issuperset(name) and not any(each in "=@#?" for each in value)
