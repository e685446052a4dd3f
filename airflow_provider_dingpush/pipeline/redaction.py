"""Removal of secrets from texts of other origin: an exception, a question to people, the error of a library."""

from __future__ import annotations

import re

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.errors import DingTalkError

_MOST_CHARACTERS = 300
_LOGIN_IN_URL = re.compile(r"(?<=://)\S*@")

# Airflow masks only registered secrets. A task that posts to a robot by itself registers none, and the exception of
# its request holds the whole URL.
_CREDENTIALS = re.compile(
    r"""
      (?<= access_token= ) [\w%+/.-]{16,}
    | (?<= &sign= ) [\w%+/=-]{20,}
    | \b SEC[0-9a-f]{64} \b
    | (?<= :// ) [^\s/?#@:"'<>]* : [^\s/?#"'<>]+ (?= @[\w.\[-] )    # user and password of an address
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def redact_text(text: str) -> str:
    """The text without what Airflow masks, a robot's credentials, and logins in addresses."""
    # In this order: if Airflow masked a part of a token first, the rest would not be recognised.
    return redact(_CREDENTIALS.sub("***", text))


# A command may print its arguments or its environment, whose secrets nobody registered.
_NAMED_SECRET = re.compile(
    r"""
      (   (?: password | passwd | pwd | secret | token | api_?key | access_?key ) ["']? \s*
          (?: = | : \s* (?=["']) ) \s* ["']?
        | -- (?: password | secret | token | api-key ) \s+ )
      [^\s"',;&]+
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def redact_log(text: str) -> str:
    """The text of a log without what :func:`redact_text` removes, and without values that are named a secret."""
    return redact_text(_NAMED_SECRET.sub(r"\1***", text))


def described(problem: BaseException) -> str:
    """An error in one line, without what is masked, and without user names and passwords in URLs."""
    if isinstance(problem, DingTalkError):
        return str(problem)
    try:
        words = str(problem)
    except Exception:  # noqa: BLE001 - the __str__ of a foreign error may fail
        words = ""
    line = redact_text(next(iter(words.splitlines()), ""))[:_MOST_CHARACTERS]
    text = _LOGIN_IN_URL.sub("***@", line)
    return f"{type(problem).__name__}: {text}".rstrip(": ")
