"""Durations on the command line, such as ``90s``, ``2m``, ``1h30m``, ``7d`` or ``1w``."""

from __future__ import annotations

import re

_NUMBER = r"\d+(?:\.\d+)?"
_PART = rf"({_NUMBER})\s*([smhdw])\s*"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_RULE = ("a duration such as 90s, 30m, 2h or 7d", "时长，例如 90s、30m、2h、7d")


def duration(word: str) -> float:
    """The type of an option: a duration, in seconds; a number without a unit is one of seconds.

    :raises ValueError: with the rule in English and Chinese.
    """
    text = word.strip().lower()
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if not re.fullmatch(f"(?:{_PART})+", text):
        raise ValueError(_RULE)
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))


def time_span(word: str) -> float:
    """The type of an option: a duration that isn't 0.

    :raises ValueError: with the rule in English and Chinese.
    """
    found = duration(word)
    if found <= 0:
        raise ValueError(_RULE)
    return found
