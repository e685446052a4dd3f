"""Which failed tasks of each run were sent, so that the run's own alert needn't repeat them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.merging import TaskKey, attempt_of
from airflow_provider_dingpush.delivery.record_kinds import RUN, NotifiedRun
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

_REMEMBERED_SECONDS = 86_400.0
_MOST_TASKS_REMEMBERED = 2_000


class NotifiedRuns:
    """The failed tasks of each run that were sent.

    :param table: the records of a receiver's book.
    """

    def __init__(self, table: RecordTable) -> None:
        self._table = table

    def tasks(self, alert: Alert) -> set[TaskKey]:
        """The tasks of an alert's run whose failure was sent."""
        run = self._table.get(RUN, _run_key(alert))
        return set(run.tasks) if run else set()

    def after_message(self, alerts: Iterable[Alert], now: float, changes: Changes) -> None:
        """Note the tasks of a notification, and forget those that recovered and runs of the day before."""
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
