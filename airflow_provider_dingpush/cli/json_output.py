"""The JSON that ``--json`` prints: one object on standard output, with values for programs and not for eyes.

Numbers, booleans, ``null``, times in ISO 8601 with their offset, and names of :class:`enum.Enum` values never change
their meaning within one ``schema_version``; fields may be added to it. Texts under ``message``, ``advice``,
``detail`` and ``problem`` are for people, in English or as DingTalk sent them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_dingpush.cli.screen import is_terminal
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import DingTalkError

SCHEMA_VERSION = 1


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document: on one line, indented on a terminal."""
    stream = answers()
    # An encoding without these characters can't show them, and a JSON text may escape them.
    plain = "utf" not in (stream.encoding or "").lower()
    indent = 2 if is_terminal(stream) else None
    text = json.dumps({"schema_version": SCHEMA_VERSION, **document}, ensure_ascii=plain, indent=indent)
    print(text, file=stream, flush=True)


def print_json_error(problem: BaseException, text: str) -> None:
    """Print why a command failed, as an object under ``error``.

    :param text: the problem in one line, without secrets.
    """
    print_json({"error": error_values(problem, text)})


def error_values(problem: BaseException, text: str) -> dict[str, Any]:
    """An error as plain values; ``code`` is the name of its class in snake case, such as ``token_error``.

    :param text: the problem in one line, without secrets; used unless it is an error of this package.
    """
    known = isinstance(problem, DingTalkError)
    return {
        "code": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(problem).__name__).lower() if known else "unexpected_error",
        "message": problem.problem if isinstance(problem, DingTalkError) else text,
        **{
            name: getattr(problem, name, None) or None
            for name in ("advice", "errcode", "errmsg", "request_id", "retry_after_seconds")
        },
        "retryable": bool(getattr(problem, "retryable", False)),
    }


def iso_time(at: float | None, zone: Any) -> str | None:
    """A time in ISO 8601 with its offset from UTC.

    :param at: in seconds since 1970; ``None`` if there is none.
    :param zone: the time zone in which it is written.
    """
    return None if at is None else datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")
