"""From what Airflow calls listeners about to alerts, for every DAG of this Airflow.

In a task's process of Airflow 3 an alert takes the same way as that of a notifier there: it is written and sent, within
the time that all notifiers of this task share. Everywhere else (the scheduler, the API server, and Airflow 2, which
calls listeners before it saves the state of the task) it is only written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_options import airflow_option, attribute_of
from airflow_provider_dingpush.pipeline import task_markers
from airflow_provider_dingpush.pipeline.homes import may_an_incident_be_open

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.pipeline.routes import Route

_BY_HAND = "manually set"
"""In Airflow's text about a state that a person set (``task_instances.py``, ``dag_run.py``; read 2026-11-27)."""
_TIMED_OUT, _SUCCESS = "timed_out", "success"
"""Two of Airflow's reasons for the end of a run."""
# Airflow 2 doesn't try again after these, whatever the retries of the task are.
_FINAL = {"AirflowFailException", "AirflowSensorTimeout"}


def task_failed(task_instance: Any, error: Any, *, was: Any) -> None:
    """Write the alert of a failed try, and send it if this is the task's own process.

    :param error: an exception, or a text.
    :param was: the state before; ``None`` if a person set the state.
    """
    try:
        if was is None or (isinstance(error, str) and _BY_HAND in error):
            task_markers.note_failed_by_hand(task_instance)
        else:
            task_markers.task_fails(task_instance)
            _task_ended(task_instance, {"exception": error} if error is not None else {})
    finally:
        # After that: if this process is killed meanwhile, the marker has the failure reported.
        task_markers.task_ended(task_instance)


def task_succeeded(task_instance: Any) -> None:
    """Write the recovery of a task that failed before, and note the run that it triggered."""
    try:
        if getattr(getattr(task_instance, "task", None), "trigger_dag_id", None):
            from airflow_provider_dingpush.pipeline.triggered_runs import note_triggered_run

            note_triggered_run(task_instance)
        if not _ends_nothing(task_instance):
            _task_ended(task_instance, {})
    finally:
        task_markers.task_ended(task_instance)


def run_ended(dag_run: Any, reason: str) -> None:
    """Write the alert of a run that failed, or that succeeded after a failure.

    :param reason: Airflow's word for why, such as ``task_failure``. Airflow before 3.2 gives none for a run that timed
        out, and none for one whose state a person set, of which its API server has no DAG (``scheduler_job_runner.py``,
        ``api_fastapi/core_api/routes/public/dag_run.py``, read 2026-11-27).
    """
    if not reason and getattr(getattr(dag_run, "dag", None), "dagrun_timeout", None):
        reason = _TIMED_OUT
    if not reason or _BY_HAND in reason:
        from airflow_provider_dingpush.airflow_database import task_instances_of
        from airflow_provider_dingpush.pipeline.task_records import TaskKey

        # Its running tasks are ended, and none of them failed by itself.
        task_markers.remove(TaskKey.of(each) for each in task_instances_of(dag_run))
        return
    # Not above: a task's process needs none of it.
    from airflow_provider_dingpush.pipeline.callback_context import facts_of
    from airflow_provider_dingpush.pipeline.ended_runs import EndedRun
    from airflow_provider_dingpush.pipeline.outboxes import has_no_open_incident
    from airflow_provider_dingpush.pipeline.run_net import note_failed_tasks, pausing_after

    run = EndedRun.read(dag_run, reason)
    if run.was_failed_by_hand:
        return
    if reason == _SUCCESS and has_no_open_incident():
        note_failed_tasks(run)
        return
    context = {"dag_run": dag_run, "dag": run.dag, "run_id": dag_run.run_id, "reason": reason}
    facts = facts_of(context, None if reason == _SUCCESS else run.failed_ids)
    if facts.event.is_run_failure:
        facts = facts._replace(pausing_after=pausing_after(run))
    alerts, are_held = tuple(_alerts(facts)), False
    try:
        are_held = note_failed_tasks(run, alerts if facts.event.is_run_failure else ())
    finally:
        if not are_held:
            _write(alerts)


def _ends_nothing(task_instance: Any) -> bool:
    """Whether no failure of a task is open, if that can be seen without its facts: most tasks succeed again and again.

    Which receivers a success has by rules depends on facts that take longer to read. The looks have no other time limit
    than Redis' socket: the marker was written there without one.
    """
    if not may_an_incident_be_open():
        return True
    conn_id = airflow_option("dingpush", "alert_conn_id")
    if conn_id is None or airflow_option("dingpush", "rules_file"):
        return False
    from airflow_provider_dingpush.alerts.mailboxes import Mailbox, incident_of
    from airflow_provider_dingpush.pipeline.outboxes import may_be_open

    index = getattr(task_instance, "map_index", None)
    mapped = index if isinstance(index, int) and index >= 0 else None
    return not may_be_open(incident_of(Mailbox(conn_id), task_instance.dag_id, task_instance.task_id, mapped))


def _task_ended(task_instance: Any, more: Mapping[str, Any]) -> None:
    from airflow_provider_dingpush.pipeline.callback_context import facts_of

    if hasattr(task_instance, "_sa_instance_state"):
        ended = _EndedTaskInstance(task_instance, more.get("exception"))
        write_alerts(facts_of({**_ids_of(task_instance), "ti": ended, **more}))
        return
    from airflow_provider_dingpush.pipeline.callback import notify

    context = {**template_context(task_instance), **more}
    for route in _routes(facts_of(context)):
        notify(route.arguments, context, in_triggerer=False, raise_on_failure=False)


def template_context(task_instance: Any) -> Mapping[str, Any]:
    """The context of a callback, or what is known without it: Airflow refuses it if the run's params are invalid."""
    try:
        context: Mapping[str, Any] = task_instance.get_template_context()
    except Exception:  # noqa: BLE001 - of a schema that somebody wrote
        return _ids_of(task_instance)
    return context


def _ids_of(task_instance: Any) -> dict[str, Any]:
    task = getattr(task_instance, "task", None)
    return {
        "ti": task_instance,
        "task": task,
        "dag": getattr(task, "dag", None),
        "dag_run": attribute_of(task_instance, "dag_run"),
        "run_id": task_instance.run_id,
    }


def _routes(facts: RunFacts) -> tuple[Route, ...]:
    from airflow_provider_dingpush.pipeline.routes import routes_of

    return routes_of(facts)


def write_alerts(facts: RunFacts) -> None:
    """Write the alerts about these facts, without sending them."""
    _write(_alerts(facts))


def _write(alerts: Iterable[Alert]) -> None:
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    for alert in alerts:
        write_alert(alert)


def _alerts(facts: RunFacts) -> Iterator[Alert]:
    """One for each receiver."""
    return (route.alert(facts, at=time.time()) for route in _routes(facts))


class _EndedTaskInstance:
    """A task instance of Airflow's database whose state may not be saved yet: Airflow 2 calls listeners before that."""

    def __init__(self, task_instance: Any, error: Any) -> None:
        self._task_instance = task_instance
        self.state = getattr(task_instance, "state", None)
        if error is not None and self.state in ("running", "queued", "restarting"):
            is_final = type(error).__name__ in _FINAL or not task_instance.is_eligible_to_retry()
            self.state = "failed" if is_final else "up_for_retry"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task_instance, name)
