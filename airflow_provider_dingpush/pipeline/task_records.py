"""A task instance as plain data: what an alert about it needs, readable without Airflow's database.

Reading it takes no module of ``alerts/``: the process of every task does it, and most tasks never fail. What Airflow's
objects have is copied as it is; who writes the alert later reads it as the context of a callback.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import attribute_of

_MOST_CHARACTERS = 2_000
_MOST_TAGS = 50
_TI = "id", "try_number", "max_tries", "hostname", "start_date", "rendered_map_index", "region_id", "region_index"
_TASK = "owner", "retries", "task_display_name"
_DAG = "owner", "dag_display_name"
_RUN = "run_type", "team_name", "_team_name", "start_date", "logical_date"
_TIMES = "start_date", "logical_date", "end_date"
_LINKS = "http://", "https://"


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
        index = getattr(ti, "map_index", None)
        return cls(str(ti.dag_id), str(ti.run_id), str(ti.task_id), index if isinstance(index, int) else -1)

    @property
    def name(self) -> str:
        """A short name that is the same in every process and safe in a path."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()[:32]


def record_of(ti: Any, *, task: Any, dag: Any, run: Any) -> dict[str, Any]:
    """The record of a task instance.

    :param ti: of a task's process or of the database.
    :param task: its task, or ``None``.
    :param dag: its DAG, or ``None``.
    :param run: its run, or ``None``.
    """
    return {
        "key": list(TaskKey.of(ti)),
        "ti": _copied(ti, _TI),
        "task": {**_copied(task, _TASK), **_runbook(task)},
        "dag": {**_copied(dag, _DAG), **_runbook(dag), "tags": _tags(dag)},
        "run": _copied(run, _RUN),
    }


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


def _copied(source: Any, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: _plain(attribute_of(source, name)) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int)):
        return value
    return str(value)[:_MOST_CHARACTERS]


def _tags(dag: Any) -> list[str]:
    tags = attribute_of(dag, "tags")
    return sorted(str(each) for each in tags)[:_MOST_TAGS] if isinstance(tags, (set, frozenset, list, tuple)) else []


def _runbook(source: Any) -> dict[str, Any]:
    """What names a runbook, if anything does."""
    found: dict[str, Any] = {}
    document = attribute_of(source, "doc_md")
    starts = [document.find(each) for each in _LINKS] if isinstance(document, str) else []
    if any(start >= 0 for start in starts):
        # The first link, which is the one that counts.
        start = min(start for start in starts if start >= 0)
        found["doc_md"] = str(document)[start : start + _MOST_CHARACTERS]
    params = attribute_of(source, "params")
    try:
        param = params["runbook"] if params and "runbook" in params else None
    except Exception:  # noqa: BLE001 - Airflow checks params when they are read
        param = None
    if isinstance(param, str):
        found["params"] = {"runbook": param[:_MOST_CHARACTERS]}
    return found
