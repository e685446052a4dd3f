"""Joining the alerts of several notifiers about one occurrence into one that keeps what each of them adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.in_words import IN_WORDS
from airflow_provider_dingpush.messages.mentions import At


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
    mentions = At.union(_mentioned(each) for each in alerts)
    return replace(
        first,
        at=min(each.at for each in alerts),
        also=tuple(also),
        mentions=mentions.to_dict() if mentions else None,
        problems={name: what for each in alerts for name, what in each.problems.items()},
        language=next((each.language for each in (first, *alerts) if each.language), None),
    )


def _mentioned(alert: Alert) -> At | None:
    # Mentions that can't be read, such as a newer version's, must not lose the alert.
    with suppress(InvalidMessageError):
        return At.read(alert.mentions)
    return None
