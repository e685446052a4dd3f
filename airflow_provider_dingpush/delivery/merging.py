"""Which pending alerts a notification shows, and which of them are covered by others or by earlier notifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import RunKey
from airflow_provider_dingpush.alerts.joining import joined, with_mentions_of
from airflow_provider_dingpush.alerts.kinds import Kind, kind_of
from airflow_provider_dingpush.delivery.record_kinds import RUN, NotifiedRun
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

TaskKey = tuple[str, int | None]
"""Identifies a task instance within its run."""

_QUESTION_BYTES = 1_800


@dataclass(frozen=True)
class Merged:
    """The result of merging pending alerts.

    :param shown: those that the notification shows, oldest first.
    :param covered: those that need no notification of their own any more.
    :param folded: runs whose own alert is only a remark in those of their tasks -> its event.
    :param recovered: key of a resolved alert -> when the failure that it ends happened, in seconds since 1970,
        and the number of tries.
    """

    shown: tuple[Alert, ...]
    covered: tuple[Alert, ...]
    folded: Mapping[RunKey, str]
    recovered: Mapping[str, tuple[float, int | None]]


def merge(waiting: Sequence[Alert], notified_tasks: Callable[[Alert], AbstractSet[TaskKey]]) -> Merged:
    """Join alerts of one occurrence, failures with their recovery, and a run's alert with those of its tasks.

    :param notified_tasks: the tasks of an alert's run whose failure was sent already.
    """
    every = sorted(waiting, key=lambda each: (each.at, each.key))
    in_order = joined(every)
    recovered, over = _recovered(in_order)
    still = [each for each in in_order if each.key not in over]
    failing: dict[tuple[Any, ...], set[TaskKey]] = {}
    for each in still:
        if each.run_id and each.event.is_task_failure and each.task_id is not None:
            failing.setdefault(attempt_of(each), set()).add((each.task_id, each.map_index))
    folded: dict[RunKey, str] = {}
    mentions: dict[tuple[Any, ...], list[Alert]] = {}
    for each in still:
        run = run_of(each)
        # A notifier's own message isn't a mere summary.
        if run is None or not each.event.is_run_failure or each.message is not None or each.also:
            continue
        # Only this alert says that Airflow pauses the DAG.
        if each.facts.get("pausing_after"):
            continue
        notified = notified_tasks(each)
        failing_now = failing.get(attempt_of(each))
        if failing_now and _names_no_other(each.facts, notified | failing_now):
            folded[run] = each.event
            mentions.setdefault(attempt_of(each), []).append(each)
            over.add(each.key)
        # What was sent without these mentions can't get them any more.
        elif not each.mentions_people and _is_notified_whole(each.facts, notified):
            over.add(each.key)
    shown = tuple(_with_mentions(each, mentions) for each in in_order if each.key not in over)
    keys = {each.key for each in shown}
    return Merged(
        shown=shown,
        covered=tuple(each for each in every if each.key not in keys),
        folded=folded,
        recovered=recovered,
    )


def fitting(waiting: Sequence[Alert], text_bytes: int) -> tuple[Alert, ...]:
    """The pending alerts that fit into one notification.

    Each question to a person is shown whole and never only counted; those that don't fit go into the next one.

    :param text_bytes: how long its text may be, in bytes of JSON.
    """
    most = max(1, text_bytes // _QUESTION_BYTES)
    questions = sorted(
        (each for each in waiting if kind_of(each) is Kind.QUESTION), key=lambda each: (each.at, each.key)
    )
    later = {each.key for each in questions[most:]}
    return tuple(each for each in waiting if each.key not in later)


def run_of(alert: Alert) -> RunKey | None:
    """The run that an alert is about, if it has one."""
    return (alert.dag_id, alert.run_id) if alert.run_id else None


def attempt_of(alert: Alert) -> tuple[Any, ...]:
    """The run that an alert is about, and when it started: a cleared one gets a new start."""
    return alert.dag_id, alert.run_id, alert.facts.get("run_started_at")


def _with_mentions(alert: Alert, runs: dict[tuple[Any, ...], list[Alert]]) -> Alert:
    """The first failed task of each run with the mentions of the run's own alert, which isn't shown."""
    if alert.task_id is None or not alert.event.is_task_failure or alert.resolved:
        return alert
    folded = runs.pop(attempt_of(alert), [])
    return with_mentions_of(alert, [alert, *folded]) if folded else alert


def _recovered(in_order: Sequence[Alert]) -> tuple[dict[str, tuple[float, int | None]], set[str]]:
    """For each resolved alert the failure that it ends; and the keys of all ended failures."""
    recovered: dict[str, tuple[float, int | None]] = {}
    failing: dict[str, list[Alert]] = {}
    over: set[str] = set()
    for each in in_order:
        if each.event.ends_with_recovery and not each.resolved:
            failing.setdefault(each.incident, []).append(each)
        elif each.resolved and (ended := failing.pop(each.incident, None)):
            recovered[each.key] = (ended[0].at, _tries(ended, each))
            over.update(failure.key for failure in ended)
    return recovered, over


def _tries(failures: Sequence[Alert], end: Alert) -> int | None:
    """How many tries it took, the successful one included."""
    if end.try_number and end.run_id == failures[-1].run_id:
        return end.try_number
    # It failed in one run and succeeded in another, whose tries are counted anew.
    return len(failures) + 1 if end.task_id is not None else None


def named_tasks(facts: Mapping[str, Any]) -> set[TaskKey] | None:
    """The failed tasks that the alert of a run names; ``None`` if it names none."""
    named = facts.get("failed_tasks")
    if not isinstance(named, list) or not named:
        return None
    return {(str(each.get("task_id")), each.get("map_index")) for each in named if isinstance(each, Mapping)}


def _names_no_other(facts: Mapping[str, Any], notified: AbstractSet[TaskKey]) -> bool:
    """Whether all failed tasks that a run's alert names have alerts: a killed one may have none."""
    named = named_tasks(facts)
    return named is None or named <= notified


def _is_notified_whole(facts: Mapping[str, Any], notified: AbstractSet[TaskKey]) -> bool:
    """Whether all failed tasks of a run were sent. Airflow lists the first ones only, but counts all."""
    named = named_tasks(facts)
    if named is None:
        return False
    count = facts.get("failed_task_count") or len(named)
    return len(notified) >= count and named <= notified


_REMEMBERED_SECONDS = 86_400.0
_MOST_TASKS_REMEMBERED = 2_000


class NotifiedRuns:
    """The failed tasks of each run that were sent, so that the run's own alert needn't repeat them.

    :param table: the records of a receiver's book.
    """

    def __init__(self, table: RecordTable) -> None:
        self._table = table

    def tasks(self, alert: Alert) -> set[TaskKey]:
        """The tasks of an alert's run whose failure was sent."""
        run = self._table.get(RUN, _run_key(alert))
        return set(run.tasks) if run else set()

    def after_message(self, alerts: Iterable[Alert], now: float, changes: Changes) -> None:
        """Record the tasks of a notification; delete those that recovered and runs older than a day."""
        notified: dict[str, set[TaskKey]] = {}
        for each in alerts:
            if not (each.run_id and each.task_id and (each.event.is_task_failure or each.resolved)):
                continue
            tasks = notified.setdefault(_run_key(each), self.tasks(each))
            task = (each.task_id, each.map_index)
            if each.resolved:
                tasks.discard(task)
            else:
                tasks.add(task)
        for key, run in self._table.of(RUN).items():
            if run.at < now - _REMEMBERED_SECONDS:
                changes.delete(RUN, key)
        for key, tasks in notified.items():
            kept = tuple(list(tasks)[:_MOST_TASKS_REMEMBERED])
            changes.put_or_delete(RUN, NotifiedRun(kept, now) if kept else None, key)


def _run_key(alert: Alert) -> str:
    return json.dumps(attempt_of(alert))
