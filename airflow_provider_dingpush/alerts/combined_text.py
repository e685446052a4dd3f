"""Messages of several notifiers about one occurrence as one text, cut so that all of them fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.errors import ContentError
from airflow_provider_dingpush.messages.fitting import cut
from airflow_provider_dingpush.messages.in_words import in_words
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.plain_forms import read_message
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import Message

_log = logging.getLogger(__name__)
_TITLE_CHARACTERS = 60


def texts_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts of these messages, as Markdown; none for a message without text."""
    texts = []
    for each in messages:
        # One that can't be read, such as a newer version's, must not lose the others.
        with suppress(ContentError):
            texts.append(in_words(read_message(each)[0], escape_markdown))
    return [each for each in texts if each]


def as_markdown(message: Message, *more: str) -> Markdown:
    """The message as Markdown, and more texts below it."""
    text = "\n\n".join(each for each in (in_words(message, escape_markdown), *more) if each)
    return Markdown(getattr(message, "title", "") or text.strip().partition("\n")[0][:_TITLE_CHARACTERS], text)


def combined(message: Message, also: Sequence[str], at_most_bytes: int, language: str, *, cut_first: bool) -> Markdown:
    """The message, and below it the texts of other notifiers about the same occurrence.

    :param at_most_bytes: how long all of it may be, in bytes of JSON.
    :param cut_first: whether the message itself may be cut; the built-in one was shortened before.
    """
    first = as_markdown(message)
    if cut_first:
        text, *also = _fitted([first.text, *also], at_most_bytes, language)
        first = replace(first, text=text)
    else:
        also = _fitted(also, at_most_bytes - bytes_with_gap(first.text), language)
    return as_markdown(first, *also)


def _fitted(texts: Sequence[str], most: int, language: str) -> list[str]:
    """The texts, the longest of them cut so that all of them fit into so many bytes."""
    fitted = list(texts)
    for number, index in enumerate(sorted(range(len(texts)), key=lambda each: len(texts[each].encode()))):
        share = most // (len(texts) - number) - bytes_with_gap("")
        try:
            fitted[index] = cut(texts[index], share, language=language)
        except ContentError:
            _log.warning(
                "Another notifier's message about the same event doesn't fit and is left out: %s",
                texts[index][:_TITLE_CHARACTERS],
            )
            fitted[index] = ""
        most -= bytes_with_gap(fitted[index])
    return fitted


def bytes_with_gap(text: str) -> int:
    """The bytes of a text, and of the empty line before it."""
    return json_bytes(f"\n\n{text}")
