"""The texts of alerts and digests in the language of the receiver: the tables are in ``words_zh`` and ``words_en``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_dingpush.events import Event


@dataclass(frozen=True)
class Words:
    """The texts of one language; called with a name, it gives the text of that name.

    :param events: event -> what happened, in a title and in a line.
    :param texts: name -> text, or the text for one and the text for any other number.
    """

    events: Mapping[Event, tuple[str, str]]
    texts: Mapping[str, str | tuple[str, str]]

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
        """What happened, at the start of a title; the event's name if only a newer version knows it."""
        return self.events[event][0] if event.is_known else event.value

    def event_in_line(self, event: Event) -> str:
        """What happened, in a line of a digest; the event's name if only a newer version knows it."""
        return self.events[event][1] if event.is_known else event.value


def words_in(language: str) -> Words:
    """The texts of a language.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    """
    return _words(language.lower().startswith("zh"))


@lru_cache(maxsize=2)
def _words(is_chinese: bool) -> Words:
    # A process that sends an alert needs one language.
    if is_chinese:
        from airflow_provider_dingpush.alerts.words_zh import EVENTS, WORDS
    else:
        from airflow_provider_dingpush.alerts.words_en import EVENTS, WORDS
    return Words(EVENTS, WORDS)
