"""Fields of an answer, read by their documented types: an answer may be damaged, and must not lose what was sent.

A field of another type than DingTalk documents counts as missing. Text is made safe for every log, file and terminal:
without control characters and lone surrogates, and not longer than a person reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST_TEXT = 1_000
_LONGEST_CODE = 100
# Control characters could forge log lines; lone surrogates can't be encoded in UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, or ``None`` if it is anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # the latter for thousands of brackets
        return None
    return answer if isinstance(answer, dict) else None


def text(value: object) -> str:
    """A text or a number as one line of text; empty for everything else. It isn't shortened."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    try:
        return _UNPRINTABLE.sub(" ", str(value)).strip()
    except ValueError:  # a number with thousands of digits
        return ""


def is_present(value: object) -> bool:
    """Whether a field has a value: a text, a number, or a JSON object."""
    return isinstance(value, Mapping) or bool(text(value))


def shortened(words: str) -> str:
    """The beginning of a text, at most as much as a person reads."""
    return words if len(words) <= _LONGEST_TEXT else f"{words[:_LONGEST_TEXT]}…"


def first_text(answer: Mapping[str, Any], *names: str) -> str:
    """The text of the first of these fields that has one; empty if none has."""
    return next((found for name in names if (found := text(answer.get(name)))), "")


def code(value: object) -> str:
    """A code as DingTalk wrote it, number or text; anything else by its JSON."""
    found = text(value)
    if not found:
        found = json.dumps(value) if value is None or isinstance(value, (bool, str)) else type(value).__name__
    return found[:_LONGEST_CODE]


def texts(value: object) -> tuple[str, ...]:
    """The texts and numbers of a list; none if it is no list."""
    return tuple(found for each in value if (found := text(each))) if isinstance(value, list) else ()


def objects(value: object) -> tuple[Mapping[str, Any], ...]:
    """The JSON objects of a list; none if it is no list."""
    return tuple(each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()


def pairs(value: object) -> Iterator[tuple[str, str]]:
    """Names and texts of a JSON object; none if it is no object."""
    return ((text(name), text(each)) for name, each in value.items()) if isinstance(value, Mapping) else iter(())


def number(value: object, default: float) -> float:
    """A finite number, or a text that is one; otherwise the default."""
    try:
        found = float(text(value))
    except ValueError:
        return default
    return found if abs(found) < float("inf") else default
