"""What Airflow calls about every task and run, in the process where it happens.

Nothing may be raised here: Airflow 2 calls listeners of runs in its scheduler's loop without any guard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pluggy

_log = logging.getLogger(__name__)
_hook = pluggy.HookimplMarker("airflow")


@_hook
def on_task_instance_running(task_instance: Any) -> None:
    """A task starts, in this process."""
    _guarded(lambda: _pipeline("task_markers").task_starts(task_instance))
    _guarded(lambda: _watch_warnings(task_instance))


@_hook
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    """A task failed, or will be retried (Airflow calls it for both)."""
    _guarded(lambda: _pipeline("airflow_events").task_failed(task_instance, error, was=previous_state))


@_hook
def on_task_instance_success(task_instance: Any) -> None:
    """A task succeeded."""

    def record() -> None:
        triggers = getattr(getattr(task_instance, "task", None), "trigger_dag_id", None)
        if triggers or _pipeline("homes").may_an_incident_be_open():
            _pipeline("airflow_events").task_succeeded(task_instance)
        else:  # as most often, and nothing else has to be loaded
            _pipeline("task_markers").task_ended(task_instance)

    _guarded(record)
    _guarded(lambda: _for_baselines("task_ended", task_instance))


@_hook(optionalhook=True)
def on_task_instance_skipped(task_instance: Any) -> None:
    """A task was skipped (Airflow 3.1 and later)."""
    _guarded(lambda: _pipeline("task_markers").task_ended(task_instance))
    _guarded(lambda: _for_baselines("task_ended", task_instance))


@_hook
def before_stopping(component: Any) -> None:  # noqa: ARG001 - Airflow's signature
    """A part of Airflow stops: a task's process too, also if its task was deferred or rescheduled."""
    _guarded(lambda: _pipeline("task_markers").process_stops())


@_hook
def on_dag_run_running(dag_run: Any) -> None:
    """A run starts; called in the scheduler, within its database transaction."""
    _guarded(lambda: _for_baselines("run_started", dag_run))


@_hook
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A run failed; called in the scheduler, within its database transaction."""
    _guarded(lambda: _pipeline("airflow_events").run_ended(dag_run, msg))
    _guarded(lambda: _for_baselines("run_ended", dag_run, msg, "failed"))


@_hook
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """A run succeeded."""
    _guarded(lambda: _pipeline("airflow_events").run_ended(dag_run, msg))
    _guarded(lambda: _for_baselines("run_ended", dag_run, msg, "success"))


@_hook(optionalhook=True)
def on_asset_changed(asset: Any) -> None:
    """An asset was updated (Airflow 3); called in the API server."""
    _guarded(lambda: _for_baselines("asset_changed", asset))


@_hook(optionalhook=True)
def on_dataset_changed(dataset: Any) -> None:
    """A dataset was updated (Airflow 2); called in the process of the task."""
    _guarded(lambda: _for_baselines("asset_changed", dataset))


# DAG files that can't be imported. Airflow 3 calls these in the loop of its DAG processor, Airflow 2 in the process
# that parses the file; there is none for a file that can be imported again.


@_hook
def on_new_dag_import_error(filename: Any, stacktrace: Any) -> None:
    """A DAG file can't be imported."""
    _guarded(lambda: _pipeline("import_errors").note_broken_file(str(filename), str(stacktrace)))


@_hook
def on_existing_dag_import_error(filename: Any, stacktrace: Any) -> None:
    """A DAG file still can't be imported; called each time that it is parsed."""
    _guarded(lambda: _pipeline("import_errors").note_broken_file(str(filename), str(stacktrace)))


def _watch_warnings(task_instance: Any) -> None:
    task = getattr(task_instance, "task", None)
    if hasattr(task, "on_warning_callback"):  # of Cosmos
        _pipeline("task_warnings").watch_warnings(task)


def _for_baselines(name: str, *about: Any) -> None:
    from airflow_provider_dingpush.airflow_options import airflow_option

    if airflow_option("dingpush", "rules_file"):
        getattr(_pipeline("baseline_events"), name)(*about)


def _pipeline(module: str) -> Any:
    """A module that a process loads only if something happens in it. Loading it may fail as well."""
    return import_module(f"airflow_provider_dingpush.pipeline.{module}")


def _guarded(record: Callable[[], None]) -> None:
    try:
        record()
    except Exception as error:  # noqa: BLE001 - see the module
        # No traceback: it may show secrets.
        _log.error("An alert for all DAGs was not written (%s).", type(error).__name__)
