"""Secrets taken out of text from elsewhere: an exception, a question to people, the error of a library."""

from __future__ import annotations

import re

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.errors import DingTalkError

_MOST_CHARACTERS = 300
_LOGIN_IN_URL = re.compile(r"(?<=://)\S*@")

# Airflow masks what it has been given. A task that posts to a robot by itself has given it nothing, and the exception
# of its request holds the whole URL.
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
    # In this order: a masked word may be the beginning of a token, which isn't recognised any more without it.
    return redact(_CREDENTIALS.sub("***", text))


def described(problem: BaseException) -> str:
    """What went wrong, in one line: without what is masked, and without user names and passwords in URLs."""
    if isinstance(problem, DingTalkError):
        return str(problem)
    try:
        words = str(problem)
    except Exception:  # noqa: BLE001 - other people's errors may fail when they are looked at
        words = ""
    line = redact_text(next(iter(words.splitlines()), ""))[:_MOST_CHARACTERS]
    text = _LOGIN_IN_URL.sub("***@", line)
    return f"{type(problem).__name__}: {text}".rstrip(": ")
