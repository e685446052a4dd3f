"""Failures that follow from others, one DAG for each relation; their alerts stay in the outbox."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
    from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
    from airflow.sdk import DAG, task
else:
    try:
        from airflow.sdk import DAG, task
    except ImportError:  # before 3.0
        from airflow import DAG
        from airflow.decorators import task
    try:
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
    except ImportError:  # Airflow 2 without the standard provider
        from airflow.operators.trigger_dagrun import TriggerDagRunOperator
        from airflow.sensors.external_task import ExternalTaskSensor

from airflow_provider_dingpush import DingTalkNotifier

DEFAULTS: dict[str, Any] = {
    "start_date": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    "default_args": {"on_failure_callback": DingTalkNotifier(), "retries": 0},
}


class WaitsForOrders(ExternalTaskSensor):
    """A subclass, as many sites have."""


with DAG("follows_within_run", schedule=None, **DEFAULTS):

    @task
    def extract() -> None:
        raise ValueError("no rows")

    @task(trigger_rule="all_done")
    def transform() -> None:
        """Succeed whatever happened before."""

    @task
    def publish() -> None:
        raise ValueError("nothing to publish")

    extract() >> transform() >> publish()

with DAG("follows_awaited", schedule=None, **DEFAULTS):
    waiting: dict[str, Any] = {"timeout": 0.1, "poke_interval": 0.1, "external_dag_id": "{{ dag.dag_id }}_elsewhere"}
    WaitsForOrders(task_id="dag", **waiting)
    WaitsForOrders(task_id="task", external_task_id="load", **waiting)
    WaitsForOrders(task_id="tasks", external_task_ids=["load", "check"], **waiting)

    @task
    def of_its_own() -> None:
        raise ValueError("wrong password")

    of_its_own()

with DAG("follows_triggered", schedule=None, **DEFAULTS):
    TriggerDagRunOperator(
        task_id="trigger",
        trigger_dag_id="follows_triggered",
        trigger_run_id="child_{{ ds }}",
        wait_for_completion=True,
        poke_interval=1,
        # Without a scheduler the run stays in the queue.
        failed_states=["queued"],
    )
