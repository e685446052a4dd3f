"""Records of task instances, as :mod:`~.task_recording` writes them: read as the context of a callback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from airflow_provider_dingpush.pipeline.task_recording import key_of, name_of

_TIMES = "start_date", "logical_date", "end_date"


class TaskKey(NamedTuple):
    """Identifies a task instance.

    :param dag_id: its DAG.
    :param run_id: its run.
    :param task_id: its task.
    :param map_index: -1 if it isn't mapped.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, ti: Any) -> TaskKey:
        """That of one of Airflow's task instances."""
        return cls(*key_of(ti))

    @property
    def name(self) -> str:
        """A short name that is the same in every process and safe in a path."""
        return name_of(self)


def key_in(record: Mapping[str, Any]) -> TaskKey:
    """The key of a record.

    :raises ValueError: if it has none.
    """
    try:
        dag_id, run_id, task_id, map_index = record["key"]
        key = TaskKey(dag_id, run_id, task_id, map_index)
        if not all(isinstance(each, str) for each in key[:3]) or not isinstance(map_index, int):
            raise TypeError(f"{key} has parts of other types")
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError("this isn't a record of a task instance") from problem
    return key


def context_of(record: Mapping[str, Any], *, ended_at: datetime | None) -> dict[str, Any]:
    """The context of a callback about the failure of the task.

    :param ended_at: when it failed; ``None`` if unknown.
    :raises ValueError: if this isn't a record.
    """
    key = key_in(record)
    ids = {"dag_id": key.dag_id, "run_id": key.run_id}
    dag = _restored(record, "dag", dag_id=key.dag_id)
    task = _restored(record, "task", task_id=key.task_id)
    ti = _restored(
        record, "ti", **ids, task_id=key.task_id, map_index=key.map_index, state="failed", end_date=ended_at, task=task
    )
    run = _restored(record, "run", **ids)
    return {"ti": ti, "task": task, "dag": dag, "dag_run": run, "run_id": key.run_id}


def _restored(record: Mapping[str, Any], part: str, **more: Any) -> SimpleNamespace:
    values = record.get(part)
    if not isinstance(values, dict):
        raise ValueError("this isn't a record of a task instance")
    return SimpleNamespace(**{name: _value(name, value) for name, value in values.items()}, **more)


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in _TIMES and isinstance(value, str) else value
