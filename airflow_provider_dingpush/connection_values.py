"""The kinds of values in a connection's extra: how each is read, and its JSON schema for the form.

A value may be a string from a form or a URI, or JSON. Characters that were pasted around it are removed. Every Airflow
process loads this module for the schemas; what only reading needs is imported where it reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
from airflow_provider_dingpush.messages.input_text import (
    edges_clean,
    foreign_character,
    narrow,
    one_word,
    visible,
    without_label,
)

if TYPE_CHECKING:
    from airflow_provider_dingpush.connection_mentions import Mentions
    from airflow_provider_dingpush.dingtalk.secret import Secret

LANGUAGES = ("zh", "en")
STORED_SECRET_PLACEHOLDER = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"  # noqa: S105 - it is none
"""The value that the connection form of Airflow 2 returns for a stored secret that was not changed."""

DING_VOICES = (
    "Standard_Female_Voice",
    "Cantonese_Female_Voice",
    "Gentine_Female_Voice",
    "Overbearing_Female_Voice",
    "Lovely_Girl_Voice",
    "Standard_Male_Voice",
)
"""The voices of a phone call, in DingTalk's spelling (docs 0712, read 2026-11-28)."""
_VOICES = {each.lower(): each for each in DING_VOICES}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class ValueKind(NamedTuple):
    """One kind of value.

    :param read: turns what was filled in (a string, or JSON) into the setting; raises ``ValueError`` with the rule.
    :param schema: JSON schema for the form of Airflow 3.2 and later.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


def whole_number_between(least: int, most: int) -> ValueKind:
    """A whole number from ``least`` to ``most``."""

    def read(value: Any) -> int:
        number = _number(value)
        if not number.is_integer() or not least <= number <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return int(number)

    return ValueKind(read, {"type": ["integer", "null"], "minimum": least, "maximum": most})


def seconds_up_to(most: float) -> ValueKind:
    """A time in seconds, from 0 to ``most``."""

    def read(value: Any) -> float:
        seconds = _number(value)
        if not 0 <= seconds <= most:
            raise ValueError(f"must be 0 to {most:,.0f} (seconds)")
        return seconds

    return ValueKind(read, {"type": ["number", "null"], "minimum": 0, "maximum": most})


def read_language(value: Any) -> str:
    """``zh`` or ``en``, from any usual spelling.

    :raises ValueError: for another language.
    """
    word = one_word(value).lower().replace("_", "-").partition("-")[0]
    if word not in LANGUAGES:
        raise ValueError("must be zh or en")
    return word


def _secret(value: Any) -> Secret:
    from airflow_provider_dingpush.dingtalk.secret import Secret

    secret = _identifier(value)
    if secret == STORED_SECRET_PLACEHOLDER:
        raise ValueError("must be the secret itself, not a form's placeholder for it")
    return Secret(secret)


def _identifier(value: Any) -> str:
    """A secret or an id: one word of plain characters."""
    from airflow_provider_dingpush.messages.phone_numbers import whole_number

    text = without_label(one_word(whole_number(value) or value))
    character = foreign_character(text)
    if character is not None:
        raise ValueError(f"must be one word of plain letters, digits and signs, but contains {character}")
    return text


def _mentions(value: Any) -> Mentions:
    from airflow_provider_dingpush.connection_mentions import read_mentions

    return read_mentions(value)


def _keyword(value: Any) -> str:
    # Only the edges are cleaned: DingTalk compares the keyword as it is.
    return edges_clean(str(value))


def _agent_id(value: Any) -> str:
    digits = _identifier(value)
    if not digits.isdecimal():
        raise ValueError("must be a number, the app's AgentId (not its AppKey)")
    return digits


def _flag(value: Any) -> bool:
    word = one_word(value).lower()
    if word not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[word]


def _ding_voice(value: Any) -> str:
    word = one_word(value).lower()
    if word not in _VOICES:
        raise ValueError(f"must be one of {', '.join(_VOICES.values())}")
    return _VOICES[word]


def _base_url(value: Any) -> str:
    address = one_word(value).rstrip("/")
    _refuse_foreign_in_url(address)
    if not _has_host(address, ("http", "https")):
        raise ValueError("must be a base URL such as https://dingtalk-gateway.example.com:8443/prefix")
    return address


def _number(value: Any) -> float:
    try:
        return float(one_word(value) if isinstance(value, str) else value)
    except OverflowError:
        return float("inf")


def _words(value: Any) -> tuple[str, ...]:
    """One word, several with commas, a list, or that as JSON."""
    if isinstance(value, str) and narrow(visible(value)).strip().startswith("["):
        value = json.loads(narrow(visible(value)))
    several = re.split(r"[,;、\n]", narrow(value)) if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, str) for each in several):
        raise ValueError('must be words separated by commas, or a list such as ["a", "b"]')
    return tuple(dict.fromkeys(word for each in several if (word := one_word(each))))


def _group_by(value: Any) -> tuple[str, ...]:
    labels = _words(value)
    if not labels or not set(labels) <= set(GROUP_LABELS):
        raise ValueError(f"must be some of {', '.join(GROUP_LABELS)}")
    return labels


def _timeout(value: Any) -> float:
    seconds = _number(value)
    if not 0 < seconds <= 60:
        raise ValueError("must be more than 0 and at most 60 (seconds)")
    return seconds


def _verify(value: Any) -> bool | str:
    word = edges_clean(str(value))
    return _FLAGS.get(one_word(word).lower(), word)


def _proxy(value: Any) -> str:
    # Its password may hold any visible character.
    proxy = edges_clean(visible(str(value)))
    _refuse_foreign_in_url(proxy.rpartition("@")[2])
    # Reserved characters in a password would make a part of it the host, which requests would look up.
    if not _has_host(proxy, ("http", "https", "socks5", "socks5h")) or "@" in "".join(urlsplit(proxy)[2:]):
        raise ValueError(
            "must be a URL such as http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128 with a "
            "password that is percent-encoded"
        )
    return proxy


def _has_host(address: str, schemes: Sequence[str]) -> bool:
    """Whether this is a URL of such a scheme, with a host and, if there is one, a port that is a number."""
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _refuse_foreign_in_url(address: str) -> None:
    character = foreign_character(address)
    if character is not None:
        raise ValueError(f"must be a URL of plain characters, but contains {character}")


_TEXT = {"type": ["string", "null"]}

SECRET = ValueKind(_secret, {**_TEXT, "format": "password"})
KEYWORD = ValueKind(_keyword, _TEXT)
IDENTIFIER = ValueKind(_identifier, _TEXT)
AGENT_ID = ValueKind(_agent_id, _TEXT)
LANGUAGE = ValueKind(
    read_language, {**_TEXT, "enum": list(LANGUAGES), "values_display": {"zh": "中文 (zh)", "en": "English (en)"}}
)
DING_VOICE = ValueKind(_ding_voice, {**_TEXT, "enum": list(DING_VOICES)})
MENTIONS = ValueKind(_mentions, {"type": ["object", "string", "null"]})
FLAG = ValueKind(_flag, {"type": ["boolean", "null"]})
FLAG_ON_BY_DEFAULT = ValueKind(_flag, {"type": ["boolean", "null"], "default": True})
TIMEOUT = ValueKind(_timeout, {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 60})
PROXY = ValueKind(_proxy, _TEXT)
VERIFY = ValueKind(_verify, {**_TEXT, "examples": ["true", "false", "/etc/ssl/certs/ca-certificates.crt"]})
BASE_URL = ValueKind(_base_url, _TEXT)
WORDS = ValueKind(_words, _TEXT)
GROUPING = ValueKind(
    _group_by, {"type": ["array", "string", "null"], "items": {"type": "string"}, "examples": list(GROUP_LABELS)}
)
