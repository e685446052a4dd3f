"""Appears in DingTalk: an alert for each failed task, as a work notification to the person on call only."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.targets import WorkNotification

notify_on_call = DingTalkNotifier(
    dingtalk_conn_id="dingtalk_app_default", to=WorkNotification(user_ids=["{{ params.on_call }}"])
)

with DAG(
    dag_id="dingpush_alert_on_call_person",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    tags=["severity:P1"],  # stands out in DingTalk, and waits for no quiet hours
    params={"on_call": "wangwu"},
    default_args={"on_failure_callback": notify_on_call},
):

    @task
    def load_orders() -> None:
        """Fails on purpose."""
        raise ConnectionError("orders-db:5432 拒绝连接 (this task fails on purpose)")

    load_orders()
