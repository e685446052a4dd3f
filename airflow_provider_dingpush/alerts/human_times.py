"""Times and durations as people words them."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_dingpush.alerts.words import Words

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def local_time_text(time: datetime) -> str:
    """A time with its offset from UTC, such as ``2026-11-22 03:04:05 +08:00``."""
    text = time.isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}".rstrip()


def duration_text(seconds: float, words: Words) -> str:
    """A duration in its two largest units, such as ``3 分 12 秒`` or ``3m 12s``; below ten seconds with a fraction.

    :param words: the texts of a language.
    """
    milliseconds = round(max(seconds, 0) * 1000)
    if milliseconds < 1000:
        return words("milliseconds", milliseconds)
    if milliseconds < 9950:  # From here on one decimal would words ten seconds.
        return words("fraction", seconds=milliseconds / 1000)
    rest = round(milliseconds / 1000)
    parts: list[str] = []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(words(name, count) if count else "")
    return " ".join(part for part in parts[:2] if part)
