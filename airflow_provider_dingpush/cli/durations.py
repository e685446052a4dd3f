"""Durations on the command line, such as ``90s``, ``2m``, ``4h`` or ``1d``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration(word: str) -> float:
    """The type of an option: a duration, in seconds; a number without a unit is one of seconds.

    :raises ValueError: with the rule in English and Chinese.
    """
    found = _DURATION.fullmatch(word.strip())
    if found is None:
        raise ValueError(("a duration such as 90s, 2m, 4h or 1d", "时长，例如 90s、2m、4h 或 1d"))
    return float(found["number"]) * _SECONDS[found["unit"].lower()]


def duration_word(seconds: float) -> str:
    """A duration as an option takes it: ``2m`` for 120."""
    for unit in "dhm":
        count, rest = divmod(seconds, _SECONDS[unit])
        if count and not rest:
            return f"{count:.0f}{unit}"
    return f"{seconds:g}s"
