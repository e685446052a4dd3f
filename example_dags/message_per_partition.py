"""Appears in DingTalk: one message for each late partition; a task finds them at run time."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.operators import DingTalkOperator

with DAG(dag_id="dingpush_message_per_partition", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task
    def late_partitions() -> list[dict[str, object]]:
        """Messages as dicts in DingTalk's format, which XCom can store."""
        return [
            {"msgtype": "markdown", "markdown": {"title": f"{dt} 迟到", "text": f"### 分区 {dt} 迟到\n\n已入库。"}}
            for dt in ("2026-01-01", "2026-01-02", "2026-01-03")
        ]

    # A robot may send 20 messages a minute, so send one message with a list if there can be more.
    DingTalkOperator.partial(task_id="report").expand(message=late_partitions())
