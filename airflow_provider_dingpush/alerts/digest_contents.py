"""What a digest is about: its alerts in rows and sections, and the reasons that they share. No texts yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.kinds import Kind, is_urgent, kind_of
from airflow_provider_dingpush.alerts.likeness import likeness_of
from airflow_provider_dingpush.alerts.run_facts import TASKS_FAILED

FAILED_TASKS = f"{TASKS_FAILED}: "
"""Begins the reason of a run whose failed tasks are known; their names follow."""


class ClassifiedAlert(NamedTuple):
    """An alert and its kind among the others."""

    alert: Alert
    kind: Kind


def classify(alerts: Iterable[Alert]) -> tuple[ClassifiedAlert, ...]:
    """The alerts, oldest first, each with its kind among them."""
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
    """A sort key that doesn't depend on the order of arrival, also for alerts of one moment."""
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

    @cached_property
    def reasons(self) -> list[Reason]:
        """Their reasons, the most frequent first."""
        return reasons_of(self.alerts)

    @property
    def worst(self) -> Kind:
        """The worst kind."""
        return self.kinds[0][0]

    @cached_property
    def is_urgent(self) -> bool:
        """Whether a failure of P1 is among them."""
        return any(map(is_urgent, self.alerts))

    @property
    def runs(self) -> int:
        """The number of their runs."""
        return len({(each.dag_id, each.run_id) for each in self.alerts})

    @property
    def tasks(self) -> int:
        """The number of their tasks; a DAG's runs count as one."""
        return len({(each.dag_id, each.task_id) for each in self.alerts})

    @property
    def dags(self) -> int:
        """The number of their DAGs; a file that has an alert of its own counts as one."""
        return len({each.dag_id for each in self.alerts})

    @property
    def files(self) -> int:
        """The number of files that their alerts are about."""
        newest = {each.dag_id: each.facts.get("file_count") for each in self.alerts if each.event.is_about_file}
        return sum(count if isinstance(count, int) and count > 0 else 1 for count in newest.values())


@dataclass(frozen=True)
class Section:
    """The rows of one group, at least one.

    :param label: the values of the labels that its alerts are grouped by.
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


_LATE = {kind: kind.value for kind in (Kind.LATE, Kind.AT_RISK)}


def rows_of(classified: Iterable[ClassifiedAlert]) -> tuple[Row, ...]:
    """One row per task and per DAG, the largest first, and of equal ones that which began first."""
    rows: dict[tuple[Any, ...], list[ClassifiedAlert]] = defaultdict(list)
    for each in classified:
        alert, kind = each
        # All failures of one task are in one row; "succeeded" and "started" aren't.
        # A notifier's own messages aren't counted together either, unless they are equal.
        own = own_text_of(alert) if kind is Kind.OTHER else ""
        what = f"{alert.event} {own}" if kind is Kind.OTHER else _LATE.get(kind, "")
        rows[alert.dag_id, alert.task_id, what].append(each)
    return tuple(sorted((Row(tuple(each)) for each in rows.values()), key=_largest_first))


def sections_of(classified: Iterable[ClassifiedAlert], group_by: Sequence[str]) -> tuple[Section, ...]:
    """One section per group; those of several rows come first, then the largest, then that which began first."""
    groups: dict[tuple[str, ...], list[ClassifiedAlert]] = defaultdict(list)
    for each in classified:
        groups[tuple(_label(each.alert, name) for name in group_by)].append(each)
    sections = (Section(label, rows_of(each)) for label, each in groups.items())
    return tuple(
        sorted(sections, key=lambda each: (not each.whole.is_urgent, len(each.rows) == 1, *_largest_first(each.whole)))
    )


def _largest_first(row: Row) -> tuple[Any, ...]:
    first = row.alerts[0]
    return not row.is_urgent, -len(row.classified), first.at, first.dag_id, first.task_id or ""


def _label(alert: Alert, name: str) -> str:
    if name == "owner":
        return ", ".join(alert.owners)
    if name == "summary":
        return likeness_of(reason_of(alert))
    return str(getattr(alert, name) or "")


@dataclass(frozen=True)
class Reason:
    """The reason of several alerts.

    :param likeness: equal for reasons that differ in numbers only.
    :param text: the reason of the newest of them.
    :param alerts: those that have it, oldest first.
    :param is_same: whether all have the same text; otherwise it differs in numbers only.
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
            alike[likeness_of(reason)].append(alert)
    return [
        Reason(likeness, reason_of(each[-1]), tuple(each), len(set(map(reason_of, each))) == 1)
        for likeness, each in sorted(alike.items(), key=lambda each: len(each[1]), reverse=True)
    ]


def reason_of(alert: Alert) -> str:
    """The reason of an alert on one line; for a notifier's own message its title or first line.

    With those of all notifiers, if several have messages about it.
    """
    summary = " ".join(alert.summary.split())
    if alert.event.is_run_failure and summary == TASKS_FAILED:
        summary = FAILED_TASKS + names if (names := _names_of_failed_tasks(alert)) else ""
    if summary and not alert.also:
        return summary
    own = alert.message if not alert.summary or alert.also else None
    reasons = (summary, *(_first_line(each) for each in (own, *alert.also)))
    return " · ".join(each for each in reasons if each)


def _names_of_failed_tasks(alert: Alert) -> str:
    """``extract, load (3) … (+2)``: the failed tasks that the alert of a run names, and how many others failed.

    Empty if it names none.
    """
    listed = alert.facts.get("failed_tasks")
    tasks = Counter(
        str(each["task_id"])
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping) and each.get("task_id")
    )
    named = ", ".join(f"{task} ({count})" if count > 1 else task for task, count in tasks.items())
    count = alert.facts.get("failed_task_count")
    rest = count - tasks.total() if isinstance(count, int) else 0
    return f"{named} … (+{rest})" if named and rest > 0 else named


def own_text_of(alert: Alert) -> str:
    """The title or the text of a notifier's own message; empty if there is none."""
    return _text_of(alert.message)


def _first_line(message: Mapping[str, Any] | None) -> str:
    return " ".join(_text_of(message).partition("\n")[0].split())


def _text_of(message: Mapping[str, Any] | None) -> str:
    content = message.get(str(message.get("msgtype"))) if message else None
    texts = [content.get(name) for name in ("title", "content", "text")] if isinstance(content, dict) else []
    return next((each.strip() for each in texts if isinstance(each, str) and each.strip()), "")


MOST_CAUSES = 6
"""Reasons in the head of the message."""

_WORTH_LISTING = 4
"""With fewer failures per reason, each line has its own."""

_LEAST_SHARE = 1 / 50
"""Of all failures; a rarer reason is no line in the head, unless there is room for all."""


@dataclass(frozen=True)
class Contents:
    """The content of a digest.

    :param classified: its alerts, oldest first.
    :param notes: what it reports besides.
    :param group_by: the labels that divide it into sections.
    """

    classified: tuple[ClassifiedAlert, ...]
    notes: Notes
    group_by: tuple[str, ...]

    @cached_property
    def unresolved(self) -> tuple[ClassifiedAlert, ...]:
        """Failures, retries and missed deadlines that aren't resolved."""
        return tuple(each for each in self.classified if each.kind not in (Kind.QUESTION, Kind.RECOVERED, Kind.OTHER))

    @cached_property
    def urgent(self) -> bool:
        """Whether a failure of P1 is among them."""
        return any(is_urgent(each.alert) for each in self.classified)

    @cached_property
    def questions(self) -> tuple[ClassifiedAlert, ...]:
        """The questions to people."""
        return tuple(each for each in self.classified if each.kind is Kind.QUESTION)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The unresolved alerts, by group."""
        return sections_of(self.unresolved, self.group_by)

    @cached_property
    def recovered(self) -> tuple[Row, ...]:
        """The recoveries."""
        return rows_of(each for each in self.classified if each.kind is Kind.RECOVERED)

    @cached_property
    def others(self) -> tuple[Row, ...]:
        """All other events."""
        return rows_of(each for each in self.classified if each.kind is Kind.OTHER)

    @cached_property
    def causes(self) -> Sequence[Reason]:
        """Reasons in the head: those of the only row, or a few that tasks share and that explain half of all."""
        if self.group_by == ("summary",):
            return ()
        total = len(self.unresolved)
        reasons = reasons_of(each.alert for each in self.unresolved)
        # Room for one more than that, because the count of others takes a line as well.
        few = reasons if len(reasons) <= MOST_CAUSES + 1 else reasons[:MOST_CAUSES]
        if self.has_one_row:
            return few if len(reasons) > 1 else ()
        shared = [each for each in few if each.is_shared]
        if not shared or sum(len(each.alerts) for each in shared) * 2 < total:
            return ()
        several = reasons if few is reasons else [each for each in shared if len(each.alerts) >= total * _LEAST_SHARE]
        if len(shared) > 1 and total >= len(several) * _WORTH_LISTING:
            return several
        return shared[:1] if len(shared[0].alerts) * 2 >= total else ()

    @cached_property
    def cause_marks(self) -> Mapping[str, str]:
        """Likeness of each cause -> its mark, by which a line names it: ①; empty for a single cause."""
        if len(self.causes) < 2 or self.has_one_row:
            return {}
        return {cause.likeness: chr(ord("①") + place) for place, cause in enumerate(self.causes)}

    @property
    def has_one_row(self) -> bool:
        """Whether all unresolved alerts are in one row."""
        return sum(len(each.rows) for each in self.sections) == 1

    @property
    def is_titled(self) -> bool:
        """Whether the only section needs no heading, because the title contains its name."""
        return len(self.sections) == 1 and self.group_by in ((), ("dag_id",))
