"""What messages say about alerts that are held, silenced or inhibited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from airflow_provider_dingpush.alerts.digest_notes import WithheldNote
from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.words import Words

_ABOUT_CHARACTERS = 120
_MOST_REASONS = 5
"""In one message; ``dingpush silence list`` has all silences."""


def withheld_remarks(notes: Iterable[WithheldNote], words: Words, clock: Callable[[float], str]) -> Iterator[str]:
    """One line for each reason, the largest count first.

    :param clock: the text of a time in seconds since 1970.
    """
    largest_first = sorted(notes, key=lambda each: (-each.count, each.about))
    for each in largest_first[:_MOST_REASONS]:
        yield words(
            f"{each.verdict}{'_over' if each.is_over else ''}",
            each.count,
            about=escape_markdown(cut(plain_name(each.about), _ABOUT_CHARACTERS)),
            since=clock(each.since),
            until=clock(each.until),
        )
