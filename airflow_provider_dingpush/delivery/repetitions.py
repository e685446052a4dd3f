"""Which alerts repeat an earlier one: the names by which each is remembered, and the names that a recovery deletes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property, lru_cache

from airflow_provider_dingpush.alerts.alert import Alert, age_of


def remembered_names(alert: Alert) -> tuple[str, ...]:
    """The names to remember of an alert: its key, and that its occurrence was sent."""
    return (
        (_name(alert, alert.key), _occurrence_names(alert)[-1]) if alert.adds_something else (_name(alert, alert.key),)
    )


def lookup_names(alert: Alert) -> tuple[str, ...]:
    """The names to look up before an alert is sent, its own first."""
    if alert.adds_something and not alert.resolved:
        return (_name(alert, alert.key),)
    return (_name(alert, alert.key), *_occurrence_names(alert))


def _occurrence_names(alert: Alert) -> tuple[str, str]:
    """The names that are remembered of an occurrence: of an alert that adds nothing to it, and of those that do."""
    name = _name(alert, alert.occurrence)
    return name, f"{name}+"


def _name(alert: Alert, key: str) -> str:
    # A recovery is put only if something failed since the last one, so another one is no repetition of that.
    return f"{subject_of(alert)}{key}{f'@{alert.at}' if alert.resolved else ''}"


def subject_of(alert: Alert) -> str:
    """The prefix of the names that a recovery deletes; empty if none does.

    The same for all connections: names are remembered per receiver.
    """
    if not alert.opens_incident and not alert.resolved:
        return ""
    return _subject(alert.dag_id, alert.task_id, alert.map_index)


def ended_by(names: Iterable[str]) -> set[str]:
    """The prefixes of the names that the recoveries among these names delete."""
    return {f"{name.partition('/')[0]}/" for name in names if "/" in name and "@" in name}


@lru_cache(maxsize=2_000)
def _subject(dag_id: str, task_id: str | None, map_index: int | None) -> str:
    subject = json.dumps([dag_id, task_id, map_index])
    return f"{hashlib.sha256(subject.encode()).hexdigest()[:24]}/"


class Arrivals:
    """The alerts that a leader takes in in one step, without repetitions of earlier ones.

    ``new`` are the alerts to be sent, by key; ``ended`` is when each subject among them recovered, in seconds since
    1970.

    :param known: which of the :func:`lookup_names` are remembered.
    :param is_waiting: whether an alert of a key is in the book.
    :param unsent: returns the alerts that were taken in before and aren't sent: pending ones and dead letters. Called
        once at most, and only if something is repeated or recovers.
    """

    def __init__(
        self, known: AbstractSet[str], *, is_waiting: Callable[[str], bool], unsent: Callable[[], Iterable[Alert]]
    ) -> None:
        self.new: dict[str, Alert] = {}
        self.ended: dict[str, float] = {}
        self._known = known
        self._is_waiting = is_waiting
        self._read_unsent = unsent
        self._names: dict[str, Alert] = {}
        self._newest: dict[str, Alert] = {}

    def take(self, arrival: Alert) -> Alert | None:
        """The alert to send for an arrival; ``None`` if it is a repetition."""
        alert = self._as_new(arrival)
        if alert is not None:
            subject = subject_of(alert)
            self.new[alert.key] = alert
            self._newest[subject] = max(alert, self._newest.get(subject, alert), key=age_of)
            self._names.update(dict.fromkeys(remembered_names(arrival), alert))
            if alert.resolved and self._known.isdisjoint(_occurrence_names(arrival)):
                self.ended[subject] = max(alert.at, self.ended.get(subject, alert.at))
        return alert

    def names_to_remember(self) -> list[str]:
        """The names of all alerts that no later recovery deletes."""
        before = {name: each for each in self._unsent for name in remembered_names(each)} if self.ended else {}
        every = {**before, **self._names}.items()
        return [name for name, each in every if each.at >= self.ended.get(subject_of(each), -math.inf)]

    def _as_new(self, alert: Alert) -> Alert | None:
        name, occurrence_name = lookup_names(alert)[0], _occurrence_names(alert)[-1]
        if alert.key not in self.new and not self._is_waiting(alert.key) and name not in self._known:
            # A pending alert of the same occurrence is joined with it, and a dead letter doesn't replace it.
            is_new = (
                alert.adds_something
                or occurrence_name not in self._known
                or alert.occurrence in self._unsent_occurrences
            )
            return alert if is_new else None
        subject = subject_of(alert)
        newest = self._newest.get(subject) or (self._newest_unsent.get(subject) if subject else None)
        if newest is None or newest.resolved == alert.resolved or newest.at >= alert.at:
            return self._for_another_mailbox(alert)
        # It failed, recovered, and fails again before that was sent, or the other way round; one run looks like
        # the next. Not at the same instant: that is one which a leader left in its mailbox when it died.
        again = f"{alert.key}.{alert.at:.3f}"
        return replace(alert, key=again, occurrence=again)

    def _for_another_mailbox(self, alert: Alert) -> Alert | None:
        """The same alert of another connection of this receiver: sent as one, unless one gets another receiver."""
        same = self.new.get(alert.key) or self._waiting.get(alert.key)
        if same is None or same.mailbox == alert.mailbox:
            return None
        apart = f"{alert.key}.{alert.mailbox.name}"
        return None if apart in self.new or self._is_waiting(apart) else replace(alert, key=apart)

    @cached_property
    def _unsent(self) -> list[Alert]:
        return sorted(self._read_unsent(), key=age_of)

    @cached_property
    def _waiting(self) -> dict[str, Alert]:
        return {each.key: each for each in self._unsent if self._is_waiting(each.key)}

    @cached_property
    def _unsent_occurrences(self) -> set[str]:
        return {each.occurrence for each in self._unsent}

    @cached_property
    def _newest_unsent(self) -> dict[str, Alert]:
        return {subject_of(each): each for each in self._unsent}
