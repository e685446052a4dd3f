"""Reading from the context of a callback what its failure may follow from, without asking Airflow for anything.

Operators are recognised by their attributes, because subclasses have other names, and the class is in
``airflow.sensors.external_task`` in Airflow 2 and in the standard provider since then; the serialized operators of the
scheduler have no class at all, but their templated attributes.

Sources (read 2026-11-27): ``providers/standard/sensors/external_task.py`` and ``operators/trigger_dagrun.py`` of the
standard provider 1.21.0, ``sensors/external_task.py`` and ``operators/trigger_dagrun.py`` of Airflow 2.10.5,
``sdk/execution_time/task_runner.py`` of Airflow 3.0.6 to 3.3.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.upstreams import MOST_UPSTREAMS, Upstream

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.run_facts import RunFacts

_MOST_VISITED = 500
"""Tasks before one of a run; a DAG may have thousands."""

# A task with one of these runs only if none of the tasks directly before it has failed.
_RULES_WITHOUT_FAILURES = {
    *("all_success", "all_skipped", "none_failed"),
    *("none_failed_min_one_success", "none_failed_or_skipped"),
}
_TIMEOUTS = {"AirflowSensorTimeout", "AirflowTaskTimeout", "TaskDeferralTimeout", "TaskDeferralError"}
_FAILED = "failed"
"""In every text about a sensor or trigger whose awaited task or run failed, and in no other of theirs."""
_TRIGGERED_BY_ASSETS = {"asset_triggered", "dataset_triggered"}
_EVENTS_OF_RUN = ("consumed_asset_events", "consumed_dataset_events")
_EVENTS_OF_CONTEXT = ("triggering_asset_events", "triggering_dataset_events")
_MOST_ID_CHARACTERS = 250  # Airflow's own columns end there.


def upstreams_of(context: Mapping[str, Any], facts: RunFacts) -> tuple[Upstream, ...]:
    """What a failure may follow from, the nearest first; nothing for other events. Never raises.

    A task whose process was killed follows from nothing: that needs a person, whatever failed before.

    :param context: of the callback.
    :param facts: read from it.
    """
    if not facts.event.ends_with_recovery or facts.event.is_deadline or facts.killed_from_outside:
        return ()
    found: dict[Upstream, None] = {}
    for read in (_tasks_before, _awaited, _triggered, _producers):
        # Values of foreign classes may raise anything when they are read.
        with suppress(Exception):
            found.update(dict.fromkeys(islice(read(context, facts), MOST_UPSTREAMS)))
    return tuple(found)[:MOST_UPSTREAMS]


def _tasks_before(context: Mapping[str, Any], facts: RunFacts) -> Iterator[Upstream]:
    """The tasks of this run whose failure let this one start nevertheless, or one between them.

    A task that runs only after successes says nothing about itself, but about what is before the tasks before it. A
    teardown cleans up whatever happened before: that it fails has its own reason.
    """
    task = _task_of(context, facts)
    if task is None or not facts.run_id or _value(task, "is_teardown") is True:
        return
    tasks = _value(_value(task, "dag"), "task_dict") or _value(context.get("dag"), "task_dict") or {}
    visited, todo = {facts.task_id}, deque([task])
    while todo and len(visited) <= _MOST_VISITED:
        each = todo.popleft()
        may_have_failed = _word(_value(each, "trigger_rule")) not in _RULES_WITHOUT_FAILURES
        for name in sorted(_value(each, "upstream_task_ids") or ()):
            if may_have_failed:
                yield Upstream(facts.dag_id, name, facts.run_id)
            if name in tasks and name not in visited:
                visited.add(name)
                todo.append(tasks[name])


def _awaited(context: Mapping[str, Any], facts: RunFacts) -> Iterator[Upstream]:
    """The DAG or tasks that an ``ExternalTaskSensor`` has waited for in vain.

    Also the rest of that DAG: a task that Airflow never starts because one before it failed has no failure of its own.
    """
    task = _task_of(context, facts)
    dag_id = _id(_value(task, "external_dag_id"))
    # An ExternalTaskMarker waits for nothing, and has no list of tasks.
    if not dag_id or not hasattr(task, "external_task_ids") or not _was_in_vain(facts):
        return
    one, several = _value(task, "external_task_id"), _value(task, "external_task_ids")
    for name in dict.fromkeys(map(_id, [one, *(several if isinstance(several, (list, tuple, set)) else ())])):
        if name:
            yield Upstream(dag_id, name)
    yield Upstream(dag_id)


def _triggered(context: Mapping[str, Any], facts: RunFacts) -> Iterator[Upstream]:
    """The run that a ``TriggerDagRunOperator`` with ``wait_for_completion`` started and saw fail.

    Airflow 3.0 to 3.2 gives no exception then. Its operator notes the run's id, except in the process after a deferral.
    """
    task = _task_of(context, facts)
    dag_id = _id(_value(task, "trigger_dag_id"))
    if dag_id and _value(task, "wait_for_completion") and (facts.exception_type is None or _was_in_vain(facts)):
        yield Upstream(dag_id, None, _id(_value(task, "trigger_run_id")))


def _producers(context: Mapping[str, Any], facts: RunFacts) -> Iterator[Upstream]:
    """The runs that produced the assets (datasets in Airflow 2) which started this run."""
    if facts.run_type not in _TRIGGERED_BY_ASSETS:
        return
    run = context.get("dag_run")
    events = next((found for found in (_value(run, name) for name in _EVENTS_OF_RUN) if found), None)
    if events is None:
        # In Airflow 2 the run may have lost its session by now; the context gets it another one.
        of_asset: Any = next((found for found in map(context.get, _EVENTS_OF_CONTEXT) if found), {})
        events = [event for several in of_asset.values() for event in several]
    for event in events:
        dag_id = _id(_value(event, "source_dag_id"))
        if dag_id:
            yield Upstream(dag_id, None, _id(_value(event, "source_run_id")))


def _task_of(context: Mapping[str, Any], facts: RunFacts) -> Any:
    """The operator; ``None`` if the event is about a whole run."""
    if facts.task_id is None:
        return None
    task = context.get("task")
    return _value(context.get("ti"), "task") if task is None else task


def _was_in_vain(facts: RunFacts) -> bool:
    """Whether an operator that waits failed because of what it waited for, and not because of an error of its own."""
    return facts.exception_type in _TIMEOUTS or _FAILED in (facts.exception_text or "")


def _value(source: Any, name: str) -> Any:
    """An attribute; ``None`` if there is none, or if reading it raises."""
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - values of foreign classes may raise anything when they are read
        return None


def _word(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _id(value: Any) -> str | None:
    """An id; ``None`` for anything else, such as a template that isn't rendered or the output of another task."""
    is_id = isinstance(value, str) and 0 < len(value) <= _MOST_ID_CHARACTERS and "{{" not in value
    return str(value) if is_id else None
