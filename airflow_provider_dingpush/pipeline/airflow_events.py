"""From what Airflow calls listeners about to alerts, for every DAG of this Airflow.

In a task's process of Airflow 3 an alert takes the same way as that of a notifier there: it is written and sent, within
the time that all notifiers of this task share. Everywhere else (the scheduler, the API server, and Airflow 2, which
calls listeners before it saves the state of the task) it is only written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import failed_task_ids
from airflow_provider_dingpush.pipeline.callback_context import facts_of

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.pipeline.routes import Route

_BY_HAND = "manually set"
"""In Airflow's text about a state that a person set (``task_instances.py``, ``dag_run.py``; read 2026-11-27)."""
# Airflow 2 doesn't try again after these, whatever the retries of the task are.
_FINAL = {"AirflowFailException", "AirflowSensorTimeout"}


def task_failed(task_instance: Any, error: Any, *, was: Any) -> None:
    """Write the alert of a failed try, and send it if this is the task's own process.

    :param error: an exception, or a text.
    :param was: the state before; ``None`` if a person set the state.
    """
    if was is None or (isinstance(error, str) and _BY_HAND in error):
        return
    _task_ended(task_instance, {"exception": error} if error is not None else {})


def task_succeeded(task_instance: Any) -> None:
    """Write the recovery of a task that failed before."""
    from airflow_provider_dingpush.pipeline.outboxes import has_no_open_incident

    if getattr(getattr(task_instance, "task", None), "trigger_dag_id", None):
        from airflow_provider_dingpush.pipeline.triggered_runs import note_triggered_run

        note_triggered_run(task_instance)
    if not has_no_open_incident():
        _task_ended(task_instance, {})


def run_ended(dag_run: Any, reason: str) -> None:
    """Write the alert of a run that failed, or that succeeded after a failure.

    :param reason: Airflow's word for why, such as ``task_failure``.
    """
    if _BY_HAND in reason:
        return
    context = {"dag_run": dag_run, "dag": getattr(dag_run, "dag", None), "run_id": dag_run.run_id, "reason": reason}
    facts = facts_of(context)
    if facts.event.is_run_failure:
        facts = facts_of(context, failed_task_ids(context, 0.0))
    write_alerts(facts)


def _task_ended(task_instance: Any, more: Mapping[str, Any]) -> None:
    if hasattr(task_instance, "_sa_instance_state"):
        task = getattr(task_instance, "task", None)
        context = {
            "ti": _EndedTaskInstance(task_instance, more.get("exception")),
            "task": task,
            "dag": getattr(task, "dag", None),
            "dag_run": _unless_it_raises(task_instance, "dag_run"),
            "run_id": task_instance.run_id,
            **more,
        }
        write_alerts(facts_of(context))
        return
    from airflow_provider_dingpush.pipeline.callback import notify

    context = {**task_instance.get_template_context(), **more}
    for route in _routes(facts_of(context)):
        notify(route.arguments, context, in_triggerer=False, raise_on_failure=False)


def _routes(facts: RunFacts) -> tuple[Route, ...]:
    from airflow_provider_dingpush.pipeline.routes import routes_of

    return routes_of(facts)


def write_alerts(facts: RunFacts) -> None:
    """Write the alerts about these facts, without sending them."""
    from airflow_provider_dingpush.alerts.alert import mailbox_of
    from airflow_provider_dingpush.alerts.run_alert import alert_of
    from airflow_provider_dingpush.pipeline.alert_sizes import bounded
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    for route in _routes(facts):
        mailbox = mailbox_of(route.conn_id, route.to)
        alert = alert_of(facts, mailbox, at=time.time(), message=None, mentions=route.at, language=route.language)
        write_alert(bounded(alert))


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


def _unless_it_raises(source: Any, name: str) -> Any:
    """An attribute that is loaded from the database, if its session is still there."""
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - SQLAlchemy's DetachedInstanceError, whose module isn't loaded for it
        return None
