"""The fields of an Airflow Connection as they were meant, without characters that were pasted around them.

Airflow parses a connection first: any character before the ``https`` of a URL in an environment variable, even an
invisible one, leaves type and host empty and puts the rest into the schema.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_dingpush.errors import ConnectionSettingsError
from airflow_provider_dingpush.messages.input_text import narrow, one_word, visible, without_label

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Connection

# Patterns are compiled on first use, because few connections need them.
# Airflow drops the first colon and, if nothing is before it, the first character.
_WEB_ADDRESS = r"(?is)(?:.*[^a-z])?h?ttp(?P<safe>s?):?//?(?P<rest>.*)"
_OWN_TYPE = r"(?s)d?ingtalk-(?P<kind>robot|app):?//(?P<rest>.*)"
_UNDERSCORE = r"d?ingtalk_(?:robot|app)//"
_TOKEN_IN_TEXT = r"access_token=([0-9A-Za-z_-]+)"  # noqa: S105 - a pattern
# What a browser or a second question mark appends to a token of letters and digits.
_END_OF_ADDRESS = r"(?<=[0-9A-Za-z]{32})(?:/|\?[^/]*)\Z"
_SECRET_IN_TEXT = r"SEC[0-9A-Za-z]{8,}"  # noqa: S105 - a pattern


@dataclass(frozen=True)
class WrittenConnection:
    """A connection's fields, each one word without blanks around it; an empty one is ``""``."""

    conn_id: str
    conn_type: str = ""
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    host: str = field(default="", repr=False)
    schema: str = field(default="", repr=False)
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def location(self, name: str) -> str:
        """A field as an error names it, so that the user finds it."""
        if variable := self._uri_variable():
            return f"{name} (in the URI of {variable})"
        return name

    def _uri_variable(self) -> str | None:
        variable = f"AIRFLOW_CONN_{self.conn_id.upper()}"
        text = visible(os.environ.get(variable, "")).strip()
        return variable if text and not text.startswith("{") else None


def written(connection: Connection, extra: Mapping[str, Any] | None = None) -> WrittenConnection:
    """Read the fields of a connection.

    :param extra: the result of :func:`extra_of`, if it was called before: Airflow masks parts of it each time.
    :raises ConnectionSettingsError: if it was given as text that is no connection.
    """
    conn_id = str(connection.conn_id or "")
    read = WrittenConnection(
        conn_id=conn_id,
        conn_type=one_word(connection.conn_type or "").replace("-", "_"),
        login=without_label(one_word(connection.login or "")),
        password=without_label(one_word(connection.password or "")),
        host=_host(one_word(connection.host or "")),
        schema=one_word(connection.schema or ""),
        port=connection.port if isinstance(connection.port, int) else None,
        extra=_named_anew(extra_of(connection) if extra is None else extra),
    )
    if not read.conn_type and read.schema:
        return _from_schema(read)
    if read.conn_type in ("http", "https") and read.schema:
        path, question, query = read.schema.partition("?")
        if question:
            # A full-width question mark, which has been narrowed by now.
            read = replace(read, schema=path, extra={**dict(parse_qsl(query)), **read.extra})
        if not read.host and "/" in read.schema:
            return replace(read, host=f"{read.conn_type}://{read.schema.lstrip('/')}", schema="")
    return read


def credentials_in(text: str) -> list[str]:
    """Tokens and secrets anywhere in a text, such as in a whole command."""
    return [*re.findall(_TOKEN_IN_TEXT, text), *re.findall(_SECRET_IN_TEXT, text)]


def query_of(address: str) -> dict[str, str]:
    """The token and the secret in the query of a pasted webhook URL; an old timestamp and sign are ignored."""
    given = address.partition("?")[2].partition("#")[0] if "?" in address else address
    if "=" not in given:
        return {}
    try:
        query = {name.lower(): value for name, value in reversed(parse_qsl(given))}
    except ValueError:  # more fields than Python accepts
        return {}
    return {
        name: re.sub(_END_OF_ADDRESS, "", one_word(query[name])) for name in ("access_token", "secret") if name in query
    }


def extra_of(connection: Connection) -> dict[str, Any]:
    """The extra as a dict. Airflow's own reading of it also masks values with names that suggest a secret."""
    text = connection.extra
    if isinstance(text, str) and (plain := visible(text).strip()) != text.strip():
        # Airflow can't read it because of a byte order mark before the first brace.
        try:
            extra = json.loads(plain)
        except (ValueError, RecursionError):
            extra = None
    else:
        try:
            extra = connection.extra_dejson
        except (ValueError, TypeError, RecursionError):
            extra = None
    return extra if isinstance(extra, dict) else {}


def _named_anew(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The extra under the names that were meant, with values separated that a full-width ``＝`` or ``＆`` joined."""
    named: dict[str, Any] = {}
    for key, given in extra.items():
        name, equals, rest = one_word(key).partition("=")
        value = rest if equals and given in ("", None) else given
        if name == "access_token" and isinstance(value, str):
            first, *others = narrow(visible(value)).split("&")
            named[name] = without_label(one_word(first))
            named.update({other: each for other, each in parse_qsl("&".join(others)) if other not in extra})
        named.setdefault(name, value)
    return named


def _host(host: str) -> str:
    """The host field; of a pasted webhook URL, only the URL, and an IPv6 address in brackets."""
    if "://" in host:
        return without_label(host)
    # Airflow drops the brackets of a URI's IPv6 address.
    return f"[{host}]" if _is_ipv6(host) else host


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False


def _from_schema(read: WrittenConnection) -> WrittenConnection:
    """A connection in which Airflow found no type, so that all of it is in the schema."""
    text = read.schema
    if found := re.fullmatch(_WEB_ADDRESS, text):
        scheme = f"http{found['safe'].lower()}"
        return replace(read, conn_type=scheme, host=f"{scheme}://{found['rest']}", schema="")
    if found := re.fullmatch(_OWN_TYPE, text):
        try:
            parts = urlsplit(f"//{found['rest']}")
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        return replace(
            read,
            conn_type=f"dingtalk_{found['kind']}",
            login=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            host=parts.hostname or "",
            port=port,
            schema=parts.path.strip("/"),
        )
    if re.match(_UNDERSCORE, text):
        raise ConnectionSettingsError(
            f"Connection {read.conn_id!r} was given as a URI that starts with dingtalk_robot:// or dingtalk_app://, "
            "which can't be parsed.",
            "Write dingtalk-robot:// or dingtalk-app:// with a hyphen, or better, JSON: "
            '{"conn_type": "dingtalk_robot", "password": "<webhook URL>", "extra": {"secret": "SEC…"}}. '
            "URI 中请写 dingtalk-robot:// 或 dingtalk-app://（连字符），推荐改用 JSON。",
            problem_zh=f"连接 {read.conn_id!r} 的 URI 以 dingtalk_robot:// 或 dingtalk_app:// 开头，无法解析。",
        )
    if read.password or read.login or read.host:
        return read
    raise ConnectionSettingsError(
        f"Connection {read.conn_id!r} was given as text that is neither a URI nor JSON"
        f"{_looks_of(text)}: Airflow found no type, no host and no password in it.",
        f"Put the robot's whole webhook URL into AIRFLOW_CONN_{read.conn_id.upper()}, or JSON: "
        '{"conn_type": "dingtalk_robot", "password": "<webhook URL>", "extra": {"secret": "SEC…"}}. '
        f"请把完整的 Webhook 地址填入 AIRFLOW_CONN_{read.conn_id.upper()}，或填写 JSON："
        '{"conn_type": "dingtalk_robot", "password": "<Webhook 地址>", "extra": {"secret": "SEC…"}}。',
        problem_zh=f"连接 {read.conn_id!r} 的值既不是 URI，也不是 JSON。",
    )


def _looks_of(text: str) -> str:
    if '"conn_type"' in text or text.lstrip("{").lstrip().startswith('"'):
        return " (it looks like JSON, but there is a character before its first brace, possibly an invisible one)"
    return " (a token alone is not enough)" if re.fullmatch(r"[0-9A-Za-z_-]{16,}", text) else ""
