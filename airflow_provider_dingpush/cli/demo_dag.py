"""Two messages appear in the group: a greeting, and an alert about the task that fails on purpose."""

from __future__ import annotations

import os
from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]

from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator

IN_ENGLISH = os.environ.get("AIRFLOW__DINGPUSH__LANGUAGE") == "en"

with DAG(
    dag_id="dingpush_demo",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"owner": "zhangsan", "on_failure_callback": DingTalkNotifier()},
):
    DingTalkOperator(
        task_id="say_hello",
        message=Markdown(
            title="Hello from Airflow",
            text="### 👋 Hello from Airflow\n\nThis is the first message, sent by the run `{{ run_id }}`.",
        )
        if IN_ENGLISH
        else Markdown(
            title="你好，钉钉",
            text="### 👋 你好，钉钉\n\n这是 Airflow 运行 `{{ run_id }}` 发来的第一条消息。",
        ),
    )

    @task
    def load_orders() -> None:
        """Fails on purpose."""
        raise ConnectionError("orders-db:5432: connection refused (this task fails on purpose)")

    load_orders()
