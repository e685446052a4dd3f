"""What a digest is about: its alerts in rows and sections, and the reasons that they share. No texts yet."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.kinds import Kind, kind_of


class ClassifiedAlert(NamedTuple):
    """An alert, and what it is among the others."""

    alert: Alert
    kind: Kind


def classify(alerts: Iterable[Alert]) -> tuple[ClassifiedAlert, ...]:
    """The alerts, oldest first, and what each of them is among them."""
    classified = [ClassifiedAlert(each, kind_of(each)) for each in sorted(alerts, key=_age)]
    last_try: dict[tuple[Any, ...], int] = defaultdict(int)
    for alert, kind in classified:
        if kind in (Kind.FAILED, Kind.RETRYING):
            last_try[_instance(alert)] = max(last_try[_instance(alert)], alert.try_number or 0)
    return tuple(
        ClassifiedAlert(alert, Kind.EARLIER)
        if kind is Kind.RETRYING and (alert.try_number or 0) < last_try[_instance(alert)]
        else ClassifiedAlert(alert, kind)
        for alert, kind in classified
    )


def _age(alert: Alert) -> tuple[Any, ...]:
    """The same order whatever the order of arrival was, also of what happened at once."""
    return alert.at, alert.dag_id, alert.task_id or "", alert.map_index or 0, alert.try_number or 0, alert.key


def _instance(alert: Alert) -> tuple[Any, ...]:
    return alert.dag_id, alert.run_id, alert.task_id, alert.map_index


@dataclass(frozen=True)
class Row:
    """Alerts that share one line: those of one task, or of one DAG's runs. Oldest first, at least one."""

    classified: tuple[ClassifiedAlert, ...]

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(each.alert for each in self.classified)

    @property
    def newest(self) -> Alert:
        return self.classified[-1].alert

    @cached_property
    def kinds(self) -> list[tuple[Kind, int]]:
        """How many there are of each kind, the worst first."""
        return count_kinds(self.classified)

    @property
    def worst(self) -> Kind:
        """What the worst of them is."""
        return self.kinds[0][0]

    @property
    def runs(self) -> int:
        """How many runs they are of."""
        return len({(each.dag_id, each.run_id) for each in self.alerts})

    @property
    def tasks(self) -> int:
        """How many tasks they are of; a DAG's runs count as one."""
        return len({(each.dag_id, each.task_id) for each in self.alerts})

    @property
    def dags(self) -> int:
        """How many DAGs they are of."""
        return len({each.dag_id for each in self.alerts})


@dataclass(frozen=True)
class Section:
    """The rows of one group, at least one.

    :param label: what its alerts have in common: the values of the labels they are grouped by.
    """

    label: tuple[str, ...]
    rows: tuple[Row, ...]

    @cached_property
    def whole(self) -> Row:
        """All of it in one row."""
        return merged(self.rows)


def merged(rows: Iterable[Row]) -> Row:
    """One row of several."""
    return Row(tuple(sorted((each for row in rows for each in row.classified), key=lambda each: each.alert.at)))


def count_kinds(classified: Iterable[ClassifiedAlert]) -> list[tuple[Kind, int]]:
    """How many there are of each kind, the worst first."""
    counts = Counter(each.kind for each in classified)
    return [(kind, counts[kind]) for kind in Kind if kind in counts]


def rows_of(classified: Iterable[ClassifiedAlert]) -> tuple[Row, ...]:
    """One row per task and per DAG, the largest first, and of equal ones that which began first."""
    rows: dict[tuple[Any, ...], list[ClassifiedAlert]] = defaultdict(list)
    for each in classified:
        alert, kind = each
        # Of one task everything that went wrong belongs together; "succeeded" and "started" don't.
        # A notifier's own messages aren't a count of something either, unless they are the same.
        own = own_words_of(alert) if kind is Kind.OTHER else ""
        what = f"{alert.event} {own}" if kind is Kind.OTHER else kind is Kind.LATE
        rows[alert.dag_id, alert.task_id, what].append(each)
    return tuple(sorted((Row(tuple(each)) for each in rows.values()), key=_largest_first))


def sections_of(classified: Iterable[ClassifiedAlert], group_by: Sequence[str]) -> tuple[Section, ...]:
    """One section per group; those of several rows come first, then the largest, then that which began first."""
    groups: dict[tuple[str, ...], list[ClassifiedAlert]] = defaultdict(list)
    for each in classified:
        groups[tuple(_label(each.alert, name) for name in group_by)].append(each)
    sections = (Section(label, rows_of(each)) for label, each in groups.items())
    return tuple(sorted(sections, key=lambda each: (len(each.rows) == 1, *_largest_first(each.whole))))


def _largest_first(row: Row) -> tuple[Any, ...]:
    first = row.alerts[0]
    return -len(row.classified), first.at, first.dag_id, first.task_id or ""


def _label(alert: Alert, name: str) -> str:
    if name == "owner":
        return ", ".join(alert.owners)
    if name == "summary":
        return _skeleton(reason_of(alert))
    return str(getattr(alert, name) or "")


@dataclass(frozen=True)
class Reason:
    """Why several alerts were raised.

    :param likeness: what they have in common: equal for reasons that differ in numbers only.
    :param text: the reason of the newest of them.
    :param alerts: those that have it, oldest first.
    :param is_same: whether they have the very same text; otherwise it differs in numbers only.
    """

    likeness: str
    text: str
    alerts: tuple[Alert, ...]
    is_same: bool

    @property
    def is_shared(self) -> bool:
        """Whether several tasks have it."""
        return len({(each.dag_id, each.task_id) for each in self.alerts}) > 1


def reasons_of(alerts: Iterable[Alert]) -> list[Reason]:
    """The reasons of these alerts, the most frequent first; alerts without one are left out."""
    alike: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if reason := reason_of(alert):
            alike[_skeleton(reason)].append(alert)
    return [
        Reason(likeness, reason_of(each[-1]), tuple(each), len(set(map(reason_of, each))) == 1)
        for likeness, each in sorted(alike.items(), key=lambda each: len(each[1]), reverse=True)
    ]


def reason_of(alert: Alert) -> str:
    """What went wrong, on one line; of a notifier's own message its title or its first line.

    If several notifiers have messages about it, all of them.
    """
    own = alert.message if not alert.summary or alert.also else None
    reasons = (" ".join(alert.summary.split()), *(_first_line(each) for each in (own, *alert.also)))
    return " · ".join(each for each in reasons if each)


def own_words_of(alert: Alert) -> str:
    """The title or the text of a notifier's own message; empty if there is none."""
    return _words_of(alert.message)


def _first_line(message: Mapping[str, Any] | None) -> str:
    return " ".join(_words_of(message).partition("\n")[0].split())


def _words_of(message: Mapping[str, Any] | None) -> str:
    content = message.get(str(message.get("msgtype"))) if message else None
    texts = [content.get(name) for name in ("title", "content", "text")] if isinstance(content, dict) else []
    return next((each.strip() for each in texts if isinstance(each, str) and each.strip()), "")


def _skeleton(reason: str) -> str:
    """The reason without what has digits in it: "order 10086 not found" and "order 10087 not found" are alike."""
    # Anchored at the word's begin, or a long word without a digit would take time that grows with its square.
    return re.sub(r"\b[^\W\d]*\d\w*", "0", reason)


_MOST_CAUSES = 3
"""Reasons that the message's head names."""


@dataclass(frozen=True)
class Contents:
    """What a digest is about.

    :param classified: its alerts, oldest first.
    :param notes: what else it reports.
    :param group_by: the labels that make a section.
    """

    classified: tuple[ClassifiedAlert, ...]
    notes: Notes
    group_by: tuple[str, ...]

    @cached_property
    def troubles(self) -> tuple[ClassifiedAlert, ...]:
        """What went wrong and isn't over."""
        return tuple(each for each in self.classified if each.kind not in (Kind.ASKING, Kind.RECOVERED, Kind.OTHER))

    @cached_property
    def questions(self) -> tuple[ClassifiedAlert, ...]:
        """What people are asked."""
        return tuple(each for each in self.classified if each.kind is Kind.ASKING)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What went wrong, by group."""
        return sections_of(self.troubles, self.group_by)

    @cached_property
    def recovered(self) -> tuple[Row, ...]:
        """What is over."""
        return rows_of(each for each in self.classified if each.kind is Kind.RECOVERED)

    @cached_property
    def others(self) -> tuple[Row, ...]:
        """Events that are neither trouble nor its end."""
        return rows_of(each for each in self.classified if each.kind is Kind.OTHER)

    @cached_property
    def causes(self) -> Sequence[Reason]:
        """Reasons that the head names: those of the only row, or those that half of what went wrong has in common."""
        total = len(self.troubles)
        reasons = reasons_of(each.alert for each in self.troubles)
        if self.has_one_row:
            return reasons[:_MOST_CAUSES] if len(reasons) > 1 else ()
        if not reasons or len(reasons[0].alerts) * 2 < total or not reasons[0].is_shared:
            return ()
        return [each for each in reasons[:_MOST_CAUSES] if len(each.alerts) * 10 >= total and each.is_shared]

    @property
    def has_one_row(self) -> bool:
        """Whether all that went wrong is in one row."""
        return sum(len(each.rows) for each in self.sections) == 1

    @property
    def is_titled(self) -> bool:
        """Whether the only section needs no heading, because the title has its name."""
        return len(self.sections) == 1 and self.group_by in ((), ("dag_id",))
