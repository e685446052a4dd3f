"""The texts of alerts and digests in the language of the receiver: the tables are in ``words_zh`` and ``words_en``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from airflow_provider_dingpush.events import Event

LAST_MOMENT = 32_503_680_000.0
"""The last moment that is shown, the year 3000 in seconds since 1970: a damaged file may contain any number."""


@dataclass(frozen=True)
class Words:
    """The texts of one language; called with a name, it returns the text of that name.

    :param events: event -> its text in a title and in a line.
    :param texts: name -> text, or the text for one and the text for any other number.
    :param is_chinese: whether it is Chinese.
    """

    events: Mapping[Event, tuple[str, str]]
    texts: Mapping[str, str | tuple[str, str]]
    is_chinese: bool

    def __call__(self, name: str, n: int = 0, /, **values: object) -> str:
        """The text of this name, with a number and other values filled in."""
        text = self.texts[name]
        if isinstance(text, tuple):
            text = text[n != 1]
        return text.format(n=n, **values)

    def known(self, prefix: str, name: str) -> str:
        """The text for a name of Airflow or DingTalk, or the name itself if there is none."""
        return self(f"{prefix}_{name}") if f"{prefix}_{name}" in self.texts else name

    def event_in_title(self, event: Event) -> str:
        """The event at the start of a title; an event of a newer version by its name."""
        return self.events[event][0] if event.is_known else event.value

    def event_in_line(self, event: Event) -> str:
        """The event in a line of a digest; an event of a newer version by its name."""
        return self.events[event][1] if event.is_known else event.value


def words_in(language: str) -> Words:
    """The texts of a language.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    """
    return _words(language.lower().startswith("zh"))


@lru_cache(maxsize=2)
def _words(is_chinese: bool) -> Words:
    # A process that sends an alert loads one language only.
    if is_chinese:
        from airflow_provider_dingpush.alerts.words_zh import EVENTS, WORDS
    else:
        from airflow_provider_dingpush.alerts.words_en import EVENTS, WORDS
    return Words(EVENTS, WORDS, is_chinese)


_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def local_time_text(time: datetime) -> str:
    """A time with its offset from UTC, such as ``2026-11-22 03:04:05 +08:00``."""
    text = time.isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}".rstrip()


def day_and_time(time: datetime, now: datetime | None, words: Words) -> str:
    """A time in minutes: ``今天 03:12``, ``昨天 03:12``, ``11-20 03:12``, or with the year if that is another one.

    :param now: which day is today, in the same zone; ``None`` if unknown.
    :param words: the texts of a language.
    """
    days = (now.date() - time.date()).days if now else None
    if days in (0, 1):
        return words("yesterday" if days else "today", time=f"{time:%H:%M}")
    return f"{time:%m-%d %H:%M}" if now and now.year == time.year else f"{time:%Y-%m-%d %H:%M}"


def duration_text(seconds: float, words: Words) -> str:
    """A duration in its two largest units, such as ``3 分 12 秒`` or ``3m 12s``; below ten seconds with a fraction.

    :param words: the texts of a language.
    """
    milliseconds = round(max(seconds, 0) * 1000)
    if milliseconds < 1000:
        return words("milliseconds", milliseconds)
    if milliseconds < 9950:  # From here on one decimal would be rounded to ten seconds.
        return words("fraction", seconds=milliseconds / 1000)
    rest = round(milliseconds / 1000)
    parts: list[str] = []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(words(name, count) if count else "")
    return " ".join(part for part in parts[:2] if part)
