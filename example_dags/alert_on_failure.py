"""Appears in DingTalk: an alert for each task that fails, with the exception and a link to its log."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.notifications import DingTalkNotifier

with DAG(
    dag_id="dingpush_alert_on_failure",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"owner": "zhangsan", "on_failure_callback": DingTalkNotifier()},  # applies to every task below
):

    @task
    def extract_orders() -> int:
        """Succeeds, so nothing is sent."""
        return 10086

    @task
    def load_orders(count: int) -> None:
        """Fails on purpose."""
        raise ConnectionError(f"orders-db:5432 拒绝连接，{count} 行未写入 (this task fails on purpose)")

    load_orders(extract_orders())
