"""Recording a task instance as plain data: what an alert about it needs, readable without Airflow's database.

The process of every task does it, and most tasks never fail: so this loads no module of ``alerts/``, and has no named
tuple, whose creation takes a part of a millisecond. What Airflow's objects have is copied as it is; who writes the
alert later reads it as the context of a callback, see :mod:`~.task_records`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from airflow_provider_dingpush.airflow_options import attribute_of

_MOST_CHARACTERS = 2_000
_MOST_TAGS = 50
_TI = "id", "try_number", "max_tries", "hostname", "start_date", "rendered_map_index", "region_id", "region_index"
_TASK = "owner", "retries", "task_display_name"
_DAG = "owner", "dag_display_name"
_RUN = "run_type", "team_name", "_team_name", "start_date", "logical_date"
_LINKS = "http://", "https://"


def key_of(ti: Any) -> tuple[str, str, str, int]:
    """What identifies one of Airflow's task instances: DAG, run, task, and the map index, -1 if it isn't mapped."""
    index = getattr(ti, "map_index", None)
    return str(ti.dag_id), str(ti.run_id), str(ti.task_id), index if isinstance(index, int) else -1


def name_of(key: Sequence[str | int]) -> str:
    """A short name of a task instance that is the same in every process and safe in a path.

    :param key: of the task instance.
    """
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def record_of(ti: Any, *, task: Any, dag: Any, run: Any) -> dict[str, Any]:
    """The record of a task instance.

    :param ti: of a task's process or of the database.
    :param task: its task, or ``None``.
    :param dag: its DAG, or ``None``.
    :param run: its run, or ``None``.
    """
    return {
        "key": list(key_of(ti)),
        "ti": _copied(ti, _TI),
        "task": {**_copied(task, _TASK), **_runbook(task)},
        "dag": {**_copied(dag, _DAG), **_runbook(dag), "tags": _tags(dag)},
        "run": _copied(run, _RUN),
    }


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
