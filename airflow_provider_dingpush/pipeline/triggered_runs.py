"""Noting which run triggered another one, so that the failures of the second can follow from those of the first.

Airflow records that an operator triggered a run, and not which (``DagRun.triggered_by``, ``run_type``; 3.3.2, read
2026-11-27). So the listener notes it when the task of a ``TriggerDagRunOperator`` succeeds. One that waits and fails
follows from the triggered run instead.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.timeouts import Deadline

_SECONDS = 1.0
_RUN_ID_KEY = "trigger_run_id"
"""The operator's attribute, and the name of its XCom."""

_log = logging.getLogger(__name__)


def note_triggered_run(task_instance: Any) -> None:
    """Note the run that a task has triggered; called in the task's own process.

    :param task_instance: of a task with a ``trigger_dag_id``.
    """
    task = task_instance.task
    dag_id, run_id = task.trigger_dag_id, getattr(task, _RUN_ID_KEY, None)
    if not run_id and hasattr(task_instance, "_sa_instance_state"):
        # The operator of Airflow 2 keeps it nowhere else. Its task has the database at hand.
        run_id = task_instance.xcom_pull(task_ids=task_instance.task_id, key=_RUN_ID_KEY)
    if not (isinstance(dag_id, str) and isinstance(run_id, str)):
        return
    from airflow_provider_dingpush.pipeline.stores import stores
    from airflow_provider_dingpush.storage.triggered_runs import note_triggered

    try:
        first, *_ = stores(Deadline.after(_SECONDS))
        note_triggered(first.outbox.store, (dag_id, run_id), (str(task_instance.dag_id), str(task_instance.run_id)))
    except OutboxError as problem:
        _log.info("Which run triggered %s can't be noted: %s", dag_id, problem)
