"""What the scheduler notes when a run ends, so that no failed task of it is lost: those that nobody may have reported.

The task's own process reports it in more detail, and needs some time for that, so the tick decides a minute later; see
:mod:`~.killed_tasks`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import failed_in_a_row, session_of, task_instances_of
from airflow_provider_dingpush.pipeline.task_markers import are_left
from airflow_provider_dingpush.pipeline.task_records import TaskKey, key_in, record_of

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.storage.contract import Note

FAMILY = "failed_runs"
"""The family of notes about the failed tasks of a run."""
_LASTS_SECONDS = 7 * 86_400.0
_MOST_TASKS = 50
_MOST_RUNS = 10_000
# Airflow looks at the last runs only when a run failed because of its tasks (models/dagrun.py, read 2026-11-27).
_COUNTED_REASON = "task_failure"
# With other rules a run may succeed although one of its tasks failed.
_STRICT_RULES = {"all_success", "none_failed", "none_failed_min_one_success", "none_failed_or_skipped"}

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
        from airflow_provider_dingpush.storage.contract import Note

        body = json.dumps({"at": self.at, "tasks": list(self.records.values()), "alerts": self.alerts}).encode()
        return Note(FAMILY, name, body, _LASTS_SECONDS, newest=_MOST_RUNS, durable=bool(self.alerts))


def note_failed_tasks(dag_run: Any, alerts: Sequence[Alert] = ()) -> bool:
    """Note the failed tasks of a run that ended, within the scheduler's transaction.

    :param alerts: about the failure of the run. They are noted as well if one of its failed tasks still has its marker
        or never started: what the tick then reports of that task (it was killed, for example) says more, and one
        message has both. Whoever sends next would otherwise send the run's alert first.
    :returns: whether the alerts were noted, so that they must not be written.
    """
    dag = getattr(dag_run, "dag", None)
    if _state(dag_run) != "failed" and not _tolerates_failures(dag):
        return False
    failed = [each for each in task_instances_of(dag_run, state="failed") if _failed_in_this_attempt(each, dag_run)]
    records = list(_records(failed[: _MOST_TASKS * 2], dag, dag_run))[:_MOST_TASKS]
    if not records:
        return False
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note

    by_key = {key_in(each): each for each in records}
    noted = NotedRun(time.time(), by_key)
    if alerts and (noted.has_never_started or are_left(by_key)):
        noted = noted._replace(alerts=tuple(each.to_json() for each in alerts))
    write_note(noted.note(name_of(dag_run.dag_id, dag_run.run_id)))
    return bool(noted.alerts)


def name_of(dag_id: str, run_id: str) -> str:
    """The name of the note about a run."""
    return hashlib.sha256(json.dumps([dag_id, run_id]).encode()).hexdigest()[:32]


def pausing_after(dag_run: Any, reason: str) -> int | None:
    """After how many failed runs in a row Airflow pauses the DAG, if this one is the last of them.

    Airflow decides it right after it has called listeners.

    :param reason: of the failure, in Airflow's words.
    """
    most = getattr(getattr(dag_run, "dag", None), "max_consecutive_failed_dag_runs", 0)
    if reason != _COUNTED_REASON or not isinstance(most, int) or most <= 0:
        return None
    try:
        return most if failed_in_a_row(dag_run, most) >= most else None
    except Exception as problem:  # noqa: BLE001 - it is worth less than the alert
        _log.info("Whether Airflow pauses the DAG is unknown (%s).", type(problem).__name__)
        return None


def failed_by_hand(dag_run: Any, reason: str) -> bool:
    """Whether a run failed because a person marked each of its failed tasks as failed.

    :param reason: of the failure, in Airflow's words.
    """
    if reason != _COUNTED_REASON:
        return False
    from airflow_provider_dingpush.pipeline.task_states import set_by_hand

    try:
        failed = task_instances_of(dag_run, state="failed")
        by_hand = set_by_hand(session_of(dag_run), dag_run.dag_id, dag_run.run_id, failed)
    except Exception as problem:  # noqa: BLE001 - one alert too many is better than none
        _log.info("Whether a person marked the tasks as failed is unknown (%s).", type(problem).__name__)
        return False
    return bool(failed) and len(by_hand) == len(failed)


def _records(failed: list[Any], dag: Any, dag_run: Any) -> Iterator[dict[str, Any]]:
    from airflow_provider_dingpush.pipeline.task_states import set_by_hand

    by_hand = set_by_hand(session_of(dag_run), dag_run.dag_id, dag_run.run_id, failed)
    for each in failed:
        if each not in by_hand:
            record = record_of(each, task=_task(dag, each.task_id), dag=dag, run=dag_run)
            yield {**record, "never_started": _never_started(each)}


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
        return True
    return start == end or (isinstance(queued, datetime) and start < queued)


def _failed_in_this_attempt(ti: Any, dag_run: Any) -> bool:
    """Whether it failed since the run started: a run that is cleared starts again, and keeps its other tasks."""
    began, ended = getattr(dag_run, "start_date", None), getattr(ti, "end_date", None)
    return not (isinstance(began, datetime) and isinstance(ended, datetime)) or ended >= began


def _tolerates_failures(dag: Any) -> bool:
    tasks = getattr(dag, "tasks", None) or ()
    return any(
        str(getattr(rule := getattr(each, "trigger_rule", "all_success"), "value", rule)) not in _STRICT_RULES
        or getattr(each, "is_teardown", False)
        for each in tasks
    )


def _state(dag_run: Any) -> str:
    state = getattr(dag_run, "state", None)
    return str(getattr(state, "value", state))
