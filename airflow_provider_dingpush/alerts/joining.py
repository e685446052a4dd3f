"""Joining the alerts of several notifiers about one occurrence, and their messages as one text that fits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.errors import ContentError, InvalidMessageError
from airflow_provider_dingpush.messages.in_words import IN_WORDS, in_words
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import read_message
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import Message


def joined(alerts: Iterable[Alert]) -> list[Alert]:
    """One alert for each occurrence, in the order of the first ones.

    It is the one with the built-in text, if there is one, with the messages of the others (:attr:`Alert.also`) and all
    mentions. A message without text, such as a picture, isn't joined.
    """
    groups: dict[str, list[Alert]] = {}
    for each in alerts:
        apart = each.message is not None and each.message.get("msgtype") not in IN_WORDS
        groups.setdefault(f"{each.occurrence} {each.key if apart else ''}", []).append(each)
    return [_one_of(each) for each in groups.values()]


def _one_of(alerts: Sequence[Alert]) -> Alert:
    if len(alerts) == 1:
        return alerts[0]
    first = next((each for each in alerts if each.message is None), alerts[0])
    also: list[Mapping[str, Any]] = []
    for each in alerts:
        if (
            each is not first
            and each.message is not None
            and each.message != first.message
            and each.message not in also
        ):
            also.append(each.message)
    return replace(
        with_mentions_of(first, alerts),
        at=min(each.at for each in alerts),
        also=tuple(also),
        problems={name: what for each in alerts for name, what in each.problems.items()},
        language=next((each.language for each in (first, *alerts) if each.language), None),
    )


def with_mentions_of(alert: Alert, alerts: Sequence[Alert]) -> Alert:
    """The alert with all people whom the notifiers and the rules of these alerts mention."""
    people = At.union(_mentioned(each) for each in alerts)
    on_call = list(dict.fromkeys(name for each in alerts for name in each.on_call))
    rule = {**alert.rule, "on_call": on_call} if on_call else alert.rule
    return replace(alert, mentions=people.to_dict() if people else None, rule=rule)


def _mentioned(alert: Alert) -> At | None:
    # Mentions that can't be read, such as a newer version's, must not lose the alert.
    with suppress(InvalidMessageError):
        return At.read(alert.mentions)
    return None


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
    from airflow_provider_dingpush.messages.fitting import cut

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
