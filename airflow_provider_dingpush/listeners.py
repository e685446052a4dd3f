"""What Airflow calls about every task and run, in the process where it happens.

Nothing may be raised here: Airflow 2 calls listeners of runs in its scheduler's loop without any guard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pluggy

_log = logging.getLogger(__name__)
_hook = pluggy.HookimplMarker("airflow")


@_hook
def on_task_instance_running(task_instance: Any) -> None:
    """A task starts, in this process."""
    from airflow_provider_dingpush.pipeline import task_markers

    _guarded(lambda: task_markers.task_starts(task_instance))


@_hook
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    """A task failed, or will be retried (Airflow calls it for both)."""
    _guarded(lambda: _events().task_failed(task_instance, error, was=previous_state))


@_hook
def on_task_instance_success(task_instance: Any) -> None:
    """A task succeeded."""
    _guarded(lambda: _events().task_succeeded(task_instance))


@_hook(optionalhook=True)
def on_task_instance_skipped(task_instance: Any) -> None:
    """A task was skipped (Airflow 3.1 and later)."""
    from airflow_provider_dingpush.pipeline import task_markers

    _guarded(lambda: task_markers.task_ended(task_instance))


@_hook
def before_stopping(component: Any) -> None:  # noqa: ARG001 - Airflow's signature
    """A part of Airflow stops: a task's process too, also if its task was deferred or rescheduled."""
    from airflow_provider_dingpush.pipeline import task_markers

    _guarded(task_markers.process_stops)


@_hook
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A run failed; called in the scheduler, within its database transaction."""
    _guarded(lambda: _events().run_ended(dag_run, msg))


@_hook
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """A run succeeded."""
    _guarded(lambda: _events().run_ended(dag_run, msg))


def _events() -> Any:
    """The module that records events, which a process without any doesn't load. That may fail as well."""
    from airflow_provider_dingpush.pipeline import airflow_events

    return airflow_events


def _guarded(record: Callable[[], None]) -> None:
    try:
        record()
    except Exception as error:  # noqa: BLE001 - see the module
        # No traceback: it may show secrets.
        _log.error("An alert for all DAGs was not written (%s).", type(error).__name__)


# DAG files that can't be imported. Airflow 3 calls these in the loop of its DAG processor, Airflow 2 in the process
# that parses the file; there is none for a file that can be imported again.


@_hook
def on_new_dag_import_error(filename: Any, stacktrace: Any) -> None:
    """A DAG file can't be imported."""
    _guarded(lambda: _note_broken_file(filename, stacktrace))


@_hook
def on_existing_dag_import_error(filename: Any, stacktrace: Any) -> None:
    """A DAG file still can't be imported; called each time that it is parsed."""
    _guarded(lambda: _note_broken_file(filename, stacktrace))


def _note_broken_file(filename: Any, stacktrace: Any) -> None:
    from airflow_provider_dingpush.pipeline.import_errors import note_broken_file

    note_broken_file(str(filename), str(stacktrace))
