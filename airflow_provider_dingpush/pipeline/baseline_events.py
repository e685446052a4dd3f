"""What Airflow's listeners note for baselines: starts and ends of runs, ends of tasks, updates of assets.

They call it only with a rules file, because each process would have to look that option up again.

Each note has a name of its own and nothing is read for it, so that the scheduler pays for one write per run, and two
processes never lose each other's. The check of baselines reads the notes and makes histories of them.

Families of notes::

    baseline_runs     <run>-<attempt>-started|ended   a run of a DAG, or an update of an asset
    baseline_tasks    <run>-<task>                    when a task of a run ended
    baseline_dags     states                          which DAGs are paused, and when Airflow creates their next runs
    baseline_history  <DAG or asset>                  its last runs; see ``baseline_notes``
    baselines         said                            what was said of each baseline; see ``baseline_notes``
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from datetime import datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_options import airflow_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dingpush.rules.rule_set import RuleSet

RUNS, TASKS, DAGS, HISTORY = "baseline_runs", "baseline_tasks", "baseline_dags", "baseline_history"
"""Families of notes."""
STATES = "states"
"""The name of the note about paused DAGs."""
OF_DAG, OF_ASSET = "dag", "asset"
"""What a history is of."""

_LASTS_SECONDS = 7 * 86_400.0
_MOST_NOTES = 20_000
_MOST_TASKS = 200
_MOST_OWNERS = 10
_STATES_SECONDS = 300.0
_BY_HAND = "manually set"
_BACKFILL = "backfill"
# Airflow 2's name of what Airflow 3 calls asset_triggered.
_TYPES = {"dataset_triggered": "asset_triggered"}

_states_at = -inf
_log = logging.getLogger(__name__)


def run_started(dag_run: Any) -> None:
    """Note that a run of a baseline's DAG starts."""
    _note_run(dag_run, "started", {"state": "running"})


def run_ended(dag_run: Any, reason: str, state: str) -> None:
    """Note that a run of a baseline's DAG ended.

    :param reason: Airflow's word for why.
    :param state: ``success`` or ``failed``.
    """
    by_hand = _BY_HAND in (reason or "")
    _note_run(dag_run, "ended", {"state": state, "by_hand": by_hand})


def task_ended(task_instance: Any) -> None:
    """Note in a task's process that it ended, if its DAG is one of a baseline. Of most DAGs this is one look."""
    dag_id, run_id, task_id = (getattr(task_instance, name) for name in ("dag_id", "run_id", "task_id"))
    index = getattr(task_instance, "map_index", -1)
    is_mapped = isinstance(index, int) and index >= 0
    if is_mapped or not _has_history(dag_id):
        return
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note
    from airflow_provider_dingpush.storage.notes import Note

    body = json.dumps({"ended": time.time()}).encode()
    name = name_of_task(dag_id, run_id, task_id)
    write_note(Note(TASKS, name, body, _LASTS_SECONDS, newest=_MOST_NOTES))


def asset_changed(asset: Any) -> None:
    """Note that an asset was updated, if a baseline waits for it."""
    rules = _rules()
    if rules is None or not rules.assets_of_baselines:
        return
    names = {str(name) for each in ("name", "uri") if (name := getattr(asset, each, None))}
    now, update = time.time(), str(time.time_ns())
    for name in sorted(names & rules.assets_of_baselines):
        plain = {
            "kind": OF_ASSET,
            "name": name,
            "run_id": update,
            "type": OF_ASSET,
            "started": now,
            "ended": now,
            "state": "success",
        }
        _write(f"{_digest([OF_ASSET, name, update])}-0-ended", plain)


def name_of_history(kind: str, name: str) -> str:
    """The name of the note with the history of a DAG or an asset."""
    return _digest([kind, name])


def name_of_task(dag_id: str, run_id: str, task_id: str) -> str:
    """The name of the note about the end of a task."""
    return f"{_digest([dag_id, run_id])}-{_digest([task_id])[:16]}"


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _rules() -> RuleSet | None:
    """The rules; ``None`` if there is no rules file, or it has mistakes."""
    named = airflow_option("dingpush", "rules_file")
    if not named:
        return None
    from airflow_provider_dingpush.errors import RulesFileError
    from airflow_provider_dingpush.pipeline.routes import rules_in

    try:
        return rules_in(Path(named).expanduser())
    except RulesFileError:
        return None


def _has_history(dag_id: str) -> bool:
    """Whether a DAG is one of a baseline, as far as a process can see that has not read the rules."""
    if airflow_option("dingpush", "outbox_url"):
        # The process of such a task has read the rules anyway, to see whether its success ends a failure.
        rules = _rules()
        return rules is not None and dag_id in rules.dags_of_baselines
    from airflow_provider_dingpush.pipeline.homes import home, second_home

    name = name_of_history(OF_DAG, dag_id)
    return any(Path(each, "notes", HISTORY, name).exists() for each in (home(), second_home()))


def _note_run(dag_run: Any, step: str, values: Mapping[str, Any]) -> None:
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    if run_type == _BACKFILL:
        return
    dag_id, rules = dag_run.dag_id, _rules()
    # With a file that has mistakes at the moment no run must be missed: it is known by its history.
    tasks = rules.dags_of_baselines.get(dag_id) if rules is not None else frozenset() if _has_history(dag_id) else None
    if tasks is not None:
        _write_run(dag_run, run_type, step, values, tasks)
    if rules is not None and rules.baselines:
        _note_states(dag_run, rules)


def _write_run(dag_run: Any, run_type: str, step: str, values: Mapping[str, Any], outputs: frozenset[str]) -> None:
    dag_id = dag_run.dag_id
    attempt = int(getattr(dag_run, "clear_number", 0) or 0)
    started = _seconds(getattr(dag_run, "start_date", None)) or time.time()
    plain = {
        "kind": OF_DAG,
        "name": dag_id,
        "run_id": dag_run.run_id,
        "type": _TYPES.get(run_type, run_type),
        "planned": _planned(dag_run, run_type),
        "started": started,
        "attempt": attempt,
        **values,
        **_of_dag(getattr(dag_run, "dag", None)),
    }
    if step == "ended":
        plain["ended"] = _seconds(getattr(dag_run, "end_date", None)) or time.time()
        plain |= _of_tasks(dag_run, outputs, plain)
    _write(f"{_digest([dag_id, dag_run.run_id])}-{attempt}-{step}", plain)


def _write(name: str, plain: Mapping[str, Any]) -> None:
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note
    from airflow_provider_dingpush.storage.notes import Note

    write_note(Note(RUNS, name, json.dumps(plain).encode(), _LASTS_SECONDS, newest=_MOST_NOTES))


def _planned(dag_run: Any, run_type: str) -> float | None:
    """When a scheduled run was to start: the end of its data interval, which on Airflow 3 is also ``run_after``."""
    if run_type != "scheduled":
        return None
    names = ("run_after", "data_interval_end", "logical_date")
    return next((at for each in names if (at := _seconds(getattr(dag_run, each, None)))), None)


def _seconds(moment: Any) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None


def _of_dag(dag: Any) -> dict[str, Any]:
    """The time zone of its schedule, and whom it belongs to."""
    if dag is None:
        return {}
    owners = sorted({str(each.owner) for each in getattr(dag, "tasks", ()) if getattr(each, "owner", None)})
    zone = getattr(dag, "timezone", None)
    return {
        "zone": str(getattr(zone, "name", None) or getattr(zone, "key", None) or zone or "UTC"),
        "owners": owners[:_MOST_OWNERS],
        "tags": sorted(map(str, getattr(dag, "tags", None) or ())),
    }


def _of_tasks(dag_run: Any, outputs: frozenset[str], plain: Mapping[str, Any]) -> dict[str, Any]:
    """When the tasks that baselines wait for ended, and how long each task took from the end of those before it."""
    from airflow_provider_dingpush.airflow_database import task_ends_of

    tasks = list(getattr(getattr(dag_run, "dag", None), "tasks", ()))
    if not outputs and (not tasks or plain["attempt"] or plain["by_hand"] or len(tasks) > _MOST_TASKS):
        return {}
    ended: dict[str, float] = {}
    succeeded = set()
    for task_id, state, end in task_ends_of(dag_run):
        at = _seconds(end)
        if at is not None:
            ended[task_id] = max(at, ended.get(task_id, at))
            if state == "success":
                succeeded.add(task_id)
    upstream = {each.task_id: sorted(each.upstream_task_ids) for each in tasks}
    took = {
        name: round(ended[name] - max([plain["started"], *(ended[one] for one in upstream[name] if one in ended)]), 1)
        for name in upstream
        if name in succeeded
    }
    return {
        "task_ends": {name: ended[name] for name in sorted(outputs & succeeded)},
        "tasks": [[name, upstream[name], took.get(name)] for name in upstream] if len(tasks) <= _MOST_TASKS else [],
    }


def _note_states(dag_run: Any, rules: RuleSet) -> None:
    """Note every few minutes which DAGs of baselines are paused, and when Airflow creates their next runs."""
    global _states_at  # noqa: PLW0603 - one process, one scheduler
    if time.monotonic() - _states_at < _STATES_SECONDS:
        return
    from airflow_provider_dingpush.airflow_database import dag_states, session_of

    session = session_of(dag_run)
    if session is None:
        return
    _states_at = time.monotonic()
    try:
        states = dag_states(session, sorted(rules.dags_of_baselines))
    except Exception as problem:  # noqa: BLE001 - without it, a paused DAG is one that doesn't start
        _log.info("Which DAGs are paused can't be read (%s).", type(problem).__name__)
        return
    write_states(states)


def write_states(states: Mapping[str, tuple[bool, float | None]]) -> None:
    """Note which DAGs are paused, and when Airflow creates their next runs."""
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note
    from airflow_provider_dingpush.storage.notes import Note

    body = json.dumps({"at": time.time(), "dags": {name: list(each) for name, each in states.items()}}).encode()
    write_note(Note(DAGS, STATES, body, _LASTS_SECONDS, durable=True))
