"""Which alerts say again what was said: what is remembered of each alert, and what a recovery makes forgotten."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cached_property

from airflow_provider_dingpush.delivery.alert import Alert


def remembered(alert: Alert) -> tuple[str, ...]:
    """The names under which an alert is remembered: its key, and that its occurrence was spoken of."""
    return (_name(alert), f"{subject_of(alert)}{alert.occurrence}+") if alert.adds_something else (_name(alert),)


def asked(alert: Alert) -> tuple[str, ...]:
    """The names to look for before an alert is sent."""
    return (_name(alert),) if alert.adds_something else (_name(alert), f"{_name(alert)}+")


def _name(alert: Alert) -> str:
    # Nobody puts a recovery unless something has failed since the last one, so another one is no repetition of that.
    return f"{subject_of(alert)}{alert.key}{f'@{alert.at}' if alert.resolved else ''}"


def subject_of(alert: Alert) -> str:
    """What the names of all alerts begin with that a recovery makes forgotten; empty if none does.

    Whichever connection they come through: what is remembered belongs to a robot.
    """
    if not alert.opens_incident and not alert.resolved:
        return ""
    subject = json.dumps([alert.dag_id, alert.task_id, alert.map_index])
    return f"{hashlib.sha256(subject.encode()).hexdigest()[:24]}/"


class Arrivals:
    """What a leader takes in in one step, without what repeats something that was taken in before.

    ``news`` are the alerts to be sent, by key; ``ended`` says of each subject that recovers with them when it did, in
    seconds since 1970.

    :param known: which of the :func:`asked` names are remembered.
    :param is_waiting: whether an alert of a key is in the book.
    :param unsent: gives the alerts that were taken in before and aren't sent: those that wait, and those that DingTalk
        refused. It is asked once at most, and only if something is repeated or recovers.
    """

    def __init__(
        self, known: Collection[str], *, is_waiting: Callable[[str], bool], unsent: Callable[[], Iterable[Alert]]
    ) -> None:
        self.news: dict[str, Alert] = {}
        self.ended: dict[str, float] = {}
        self._known = known
        self._is_waiting = is_waiting
        self._ask_for_unsent = unsent
        self._names: dict[str, Alert] = {}
        self._newest: dict[str, Alert] = {}

    def take(self, arrival: Alert) -> Alert | None:
        """What is to be sent of an arrival; ``None`` if it is a repetition."""
        alert = self._as_news(arrival)
        if alert is not None:
            subject = subject_of(alert)
            self.news[alert.key] = alert
            self._newest[subject] = max(alert, self._newest.get(subject, alert), key=_age)
            self._names.update(dict.fromkeys(remembered(arrival), alert))
            if alert.resolved:
                self.ended[subject] = max(alert.at, self.ended.get(subject, alert.at))
        return alert

    def names_to_remember(self) -> list[str]:
        """Those of all alerts that no later recovery makes forgotten."""
        before = {name: each for each in self._unsent for name in remembered(each)} if self.ended else {}
        every = {**before, **self._names}.items()
        return [name for name, each in every if each.at >= self.ended.get(subject_of(each), -math.inf)]

    def _as_news(self, alert: Alert) -> Alert | None:
        name, spoken_of = asked(alert)[0], asked(alert)[-1]
        if alert.key not in self.news and not self._is_waiting(alert.key) and name not in self._known:
            # What isn't sent yet is joined with it; and what may never be sent, because it was refused, is no reason.
            is_news = spoken_of not in self._known or alert.occurrence in self._unsent_occurrences
            return alert if is_news else None
        subject = subject_of(alert)
        newest = self._newest.get(subject) or (self._newest_unsent.get(subject) if subject else None)
        if newest is None or newest.resolved == alert.resolved or newest.at > alert.at:
            return None
        # It failed, recovered, and fails again before that was sent, or the other way round; nothing tells one run from
        # the next.
        again = f"{alert.key}.{alert.at:.3f}"
        return replace(alert, key=again, occurrence=again)

    @cached_property
    def _unsent(self) -> list[Alert]:
        return sorted(self._ask_for_unsent(), key=_age)

    @cached_property
    def _unsent_occurrences(self) -> set[str]:
        return {each.occurrence for each in self._unsent}

    @cached_property
    def _newest_unsent(self) -> dict[str, Alert]:
        return {subject_of(each): each for each in self._unsent}


def _age(alert: Alert) -> tuple[float, str]:
    return alert.at, alert.key


def log_repetition(log: logging.Logger, alert: Alert) -> None:
    """Say of what a repetition is dropped."""
    about = {
        "DAG": alert.dag_id,
        "run": alert.run_id,
        "task": alert.task_id,
        "map index": alert.map_index,
        "try": alert.try_number,
    }
    named = ", ".join(f"{name} {value}" for name, value in about.items() if value not in (None, ""))
    log.info("A repetition isn't sent again: %s, %s.", alert.event, named)
