"""What the scheduler notes when a run ends, so that no failed task of it is lost: those that nobody may have reported.

The task's own process reports it in more detail, and needs some time for that, so the tick decides a minute later; see
:mod:`~.killed_tasks`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_database import failed_in_a_row
from airflow_provider_dingpush.pipeline.ended_runs import TASK_FAILURE, EndedRun
from airflow_provider_dingpush.pipeline.task_markers import are_left
from airflow_provider_dingpush.pipeline.task_recording import record_of
from airflow_provider_dingpush.pipeline.task_records import TaskKey, key_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.storage.notes import Note

FAMILY = "failed_runs"
"""The family of notes about the failed tasks of a run."""
_LASTS_SECONDS = 7 * 86_400.0
_MOST_TASKS = 50
_MOST_RUNS = 10_000

_log = logging.getLogger(__name__)


class NotedRun(NamedTuple):
    """What the scheduler noted about a run that ended.

    :param at: when, in seconds since 1970.
    :param records: of its failed tasks.
    :param alerts: about the run itself, as JSON, that wait for those of its tasks.
    """

    at: float
    records: Mapping[TaskKey, Mapping[str, Any]]
    alerts: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: bytes) -> NotedRun:
        """Read the value of a note.

        :raises ValueError: if it is anything else.
        """
        try:
            plain = json.loads(value)
            records = {key_in(each): each for each in plain["tasks"]}
            return cls(float(plain["at"]), records, tuple(map(str, plain.get("alerts", ()))))
        except (TypeError, LookupError, RecursionError, AttributeError) as problem:
            raise ValueError("this isn't a note about a run") from problem

    @property
    def has_never_started(self) -> bool:
        """Whether one of its tasks failed before it started, so that no process reports it."""
        return any(each.get("never_started") is True for each in self.records.values())

    def note(self, name: str) -> Note:
        """What is to be written."""
        from airflow_provider_dingpush.storage.notes import Note

        body = json.dumps({"at": self.at, "tasks": list(self.records.values()), "alerts": self.alerts}).encode()
        return Note(FAMILY, name, body, _LASTS_SECONDS, newest=_MOST_RUNS, durable=bool(self.alerts))


def note_failed_tasks(run: EndedRun, alerts: Sequence[Alert] = ()) -> bool:
    """Note the failed tasks of a run that ended, within the scheduler's transaction.

    :param alerts: about the failure of the run. They are noted as well if one of its failed tasks still has its marker
        or never started: what the tick then reports of that task (it was killed, for example) says more, and one
        message has both. Whoever sends next would otherwise send the run's alert first.
    :returns: whether the alerts were noted, so that they must not be written.
    """
    failed = run.failed_by_themselves[:_MOST_TASKS]
    if not failed:
        return False
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note

    records = [_record(each, run) for each in failed]
    by_key = {key_in(each): each for each in records}
    noted = NotedRun(time.time(), by_key)
    if alerts and (noted.has_never_started or are_left(by_key)):
        noted = noted._replace(alerts=tuple(each.to_json() for each in alerts))
    write_note(noted.note(name_of(run.dag_run.dag_id, run.dag_run.run_id)))
    return bool(noted.alerts)


def name_of(dag_id: str, run_id: str) -> str:
    """The name of the note about a run."""
    return hashlib.sha256(json.dumps([dag_id, run_id]).encode()).hexdigest()[:32]


def pausing_after(run: EndedRun) -> int | None:
    """After how many failed runs in a row Airflow pauses the DAG, if this one is the last of them.

    Airflow decides it right after it has called listeners, and looks at the last runs only when a run failed because
    of its tasks (``models/dagrun.py``, read 2026-11-27).
    """
    most = getattr(run.dag, "max_consecutive_failed_dag_runs", 0)
    if run.reason != TASK_FAILURE or not isinstance(most, int) or most <= 0:
        return None
    try:
        return most if failed_in_a_row(run.dag_run, most) >= most else None
    except Exception as problem:  # noqa: BLE001 - it is worth less than the alert
        _log.info("Whether Airflow pauses the DAG is unknown (%s).", type(problem).__name__)
        return None


def _record(ti: Any, run: EndedRun) -> dict[str, Any]:
    record = record_of(ti, task=_task(run.dag, ti.task_id), dag=run.dag, run=run.dag_run)
    return {**record, "never_started": _never_started(ti)}


def _task(dag: Any, task_id: str) -> Any:
    try:
        return dag.get_task(task_id)
    except Exception:  # noqa: BLE001 - a task that the DAG no longer has
        return None


def _never_started(ti: Any) -> bool:
    """Whether a try failed before it started: Airflow then sets both times at once, or keeps the start of another try.

    (``set_state`` in ``models/taskinstance.py`` of 2.10 to 3.3, read 2026-11-27.)
    """
    start, end, queued = (getattr(ti, name, None) for name in ("start_date", "end_date", "queued_dttm"))
    if not isinstance(start, datetime):
        # ``dags test`` of 2.10 sets no start, and a host as soon as the task runs.
        return not getattr(ti, "hostname", None)
    return start == end or (isinstance(queued, datetime) and start < queued)
