"""Times and durations as people say them."""

from __future__ import annotations

from datetime import datetime

_UNITS = {
    "zh": (" 天", " 小时", " 分", " 秒", " 毫秒"),
    "en": ("d", "h", "m", "s", "ms"),
}


def local_time_text(time: datetime) -> str:
    """A time with its offset from UTC, such as ``2026-11-22 03:04:05 +08:00``."""
    text = time.isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}".rstrip()


def duration_text(seconds: float, language: str) -> str:
    """A duration in its two largest units, such as ``3 分 12 秒`` or ``3m 12s``; below ten seconds with a fraction.

    :param language: ``zh`` or ``en``.
    """
    day, hour, minute, second, millisecond = _UNITS[language]
    milliseconds = round(max(seconds, 0) * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}{millisecond}"
    if milliseconds < 9950:  # From here on one decimal would say ten seconds.
        return f"{milliseconds / 1000:.1f}{second}"
    whole = round(milliseconds / 1000)
    counts = (whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60)
    parts = [(count, unit) for count, unit in zip(counts, (day, hour, minute, second), strict=True)]
    while parts[0][0] == 0:
        parts = parts[1:]
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count)
