"""Appears in DingTalk: the e-mail of a failed task, as an alert; this DAG has not a line of this package.

In airflow.cfg: [email] email_backend = airflow_provider_dingpush.email_backend.send_email (see docs/en/email.md).
"""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    dag_id="dingpush_email_to_dingtalk",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={
        "owner": "zhangsan",
        "email": ["zhangsan@example.com"],  # who is mentioned: the connection's mentions
        "email_on_failure": True,
        "email_on_retry": False,
    },
):

    @task
    def load_orders() -> None:
        """Fails on purpose."""
        raise ConnectionError("orders-db:5432 拒绝连接 (this task fails on purpose)")

    load_orders()
