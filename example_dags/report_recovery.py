"""Appears in DingTalk: an alert when the task fails, and one when it recovers; nothing for other successes.

To see both, run `airflow dags test dingpush_report_recovery`, and then the same with `--conf '{"source_is_up": true}'`.
"""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.notifications import DingTalkNotifier

notifier = DingTalkNotifier()

with DAG(
    dag_id="dingpush_report_recovery",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    params={"source_is_up": False},
    # Both use the same connection, which matches the recovery with the failure.
    default_args={"on_failure_callback": notifier, "on_success_callback": notifier},
):

    @task
    def load_orders(params: dict) -> None:
        """Fails on purpose, unless the run's conf has source_is_up."""
        if not params["source_is_up"]:
            raise ConnectionError("orders-db:5432 拒绝连接 (this task fails on purpose)")

    load_orders()
