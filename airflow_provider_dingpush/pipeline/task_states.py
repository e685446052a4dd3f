"""What Airflow knows about task instances: asked of its API in a task of Airflow 3, of its database elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_dingpush.airflow_database import (
    requests_in_audit_log,
    stored_run_state,
    stored_task_instances,
)
from airflow_provider_dingpush.pipeline.task_records import TaskKey

_TASK_RUNNER = "airflow.sdk.execution_time.task_runner"
# In one request, whose parameters are part of its URL.
_MOST_RUNS, _MOST_TASKS = 20, 50
# In the audit log of Airflow 2 and 3: names of what sets the state of a task or run by hand.
_BY_HAND = ("failed", "patch_task", "patch_dag_run", "set_task_instances_state", "update_dag_run_state", "bulk_task")
_AROUND = timedelta(seconds=60)


class TaskState(NamedTuple):
    """What Airflow knows about a task instance.

    :param state: ``None`` if it was cleared or has not been scheduled.
    :param try_number: of the last try; ``None`` if unknown.
    :param ended_at: when that ended; ``None`` if unknown.
    :param set_by_hand: whether the audit log says that a person set this state.
    """

    state: str | None
    try_number: int | None = None
    ended_at: datetime | None = None
    set_by_hand: bool = False


def states_of(dag_id: str, keys: Iterable[TaskKey]) -> dict[TaskKey, TaskState]:
    """The states of task instances of one DAG; those that don't exist any more are left out.

    :raises Exception: of Airflow, if it doesn't answer.
    """
    wanted = list(dict.fromkeys(keys))
    if _asks_the_api():
        return _from_api(dag_id, wanted)
    return _from_database(dag_id, wanted)


def run_state_of(dag_id: str, run_id: str) -> str | None:
    """The state of a run; ``None`` if there is no such run.

    :raises Exception: of Airflow, if it doesn't answer.
    """
    if _asks_the_api():
        runner: Any = sys.modules[_TASK_RUNNER]
        return _plain(runner.RuntimeTaskInstance.get_dagrun_state(dag_id=dag_id, run_id=run_id))
    return _plain(stored_run_state(dag_id, run_id))


def _asks_the_api() -> bool:
    """Whether this is a task of Airflow 3, which has no database."""
    return hasattr(sys.modules.get(_TASK_RUNNER), "SUPERVISOR_COMMS")


def _from_api(dag_id: str, keys: list[TaskKey]) -> dict[TaskKey, TaskState]:
    runner: Any = sys.modules[_TASK_RUNNER]
    found: dict[TaskKey, TaskState] = {}
    runs = sorted({each.run_id for each in keys})
    for start in range(0, len(runs), _MOST_RUNS):
        some = runs[start : start + _MOST_RUNS]
        here = [each for each in keys if each.run_id in some]
        tasks = sorted({each.task_id for each in here})
        states = runner.RuntimeTaskInstance.get_task_states(
            dag_id=dag_id, run_ids=some, task_ids=tasks if len(tasks) <= _MOST_TASKS else None
        )
        for key in here:
            of_run: Mapping[str, Any] = states.get(key.run_id) or {}
            # Airflow joins the id and the index of a mapped task instance.
            name = key.task_id if key.map_index < 0 else f"{key.task_id}_{key.map_index}"
            if name in of_run:
                found[key] = TaskState(_plain(of_run[name]))
    return found


def _from_database(dag_id: str, keys: list[TaskKey]) -> dict[TaskKey, TaskState]:
    wanted, found = set(keys), dict[TaskKey, TaskState]()
    runs, tasks = {each.run_id for each in keys}, {each.task_id for each in keys}
    with stored_task_instances(dag_id, runs, tasks) as (session, rows):
        for row in rows:
            key = TaskKey(dag_id, row.run_id, row.task_id, row.map_index)
            if key in wanted:
                state = _plain(row.state)
                by_hand = state == "failed" and bool(set_by_hand(session, dag_id, row.run_id, [row]))
                found[key] = TaskState(state, row.try_number, row.end_date, by_hand)
    return found


def ended_at(key: TaskKey, started_at: datetime) -> datetime | None:
    """When a failed task instance ended; ``None`` if unknown. In a task of Airflow 3.2 and later.

    :param started_at: of this try.
    :raises Exception: of Airflow, if it doesn't answer.
    """
    runner = sys.modules.get(_TASK_RUNNER)
    ask = getattr(getattr(runner, "RuntimeTaskInstance", None), "get_task_breadcrumbs", None)
    if ask is None:
        return None
    for each in ask(dag_id=key.dag_id, run_id=key.run_id):
        duration = each.get("duration")
        if (each.get("task_id"), each.get("map_index")) == key[2:] and isinstance(duration, (int, float)):
            return started_at + timedelta(seconds=duration)
    return None


def set_by_hand(session: Any, dag_id: str, run_id: str, tis: Sequence[Any]) -> list[Any]:
    """Those of these ended task instances of a run whose state a person has set, as the audit log says.

    :param session: of the database; without one, none is known.
    :param tis: with ``task_id`` and ``end_date``.
    """
    ends = [end for each in tis if (end := getattr(each, "end_date", None)) is not None]
    if session is None or not ends:
        return []
    requests = requests_in_audit_log(session, dag_id, min(ends) - _AROUND, max(ends) + _AROUND)
    changes = [
        (at, task_id)
        for at, event, of_run, task_id in requests
        if of_run in (None, run_id) and any(name in event for name in _BY_HAND)
    ]
    return [
        each
        for each in tis
        if each.end_date is not None
        and any(task_id in (None, each.task_id) and abs(at - each.end_date) <= _AROUND for at, task_id in changes)
    ]


def _plain(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))
