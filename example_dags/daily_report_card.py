"""Appears in DingTalk: a card with the figures of the day and two buttons, one to the report and one to its run."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.messages import ActionCard, Button
from airflow_provider_dingpush.operators import DingTalkOperator

with DAG(dag_id="dingpush_daily_report_card", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task
    def count_orders() -> dict[str, int]:
        """The figures of the day."""
        return {"orders": 10086, "refunds": 42}

    DingTalkOperator(
        task_id="send_report",
        message=ActionCard(
            title="订单日报",
            text="### 订单日报\n\n"
            "- 订单：{{ ti.xcom_pull(task_ids='count_orders')['orders'] }}\n"
            "- 退款：{{ ti.xcom_pull(task_ids='count_orders')['refunds'] }}",
            buttons=[
                Button("查看报表", "https://bi.example.com/orders"),
                Button("处理退款", "https://crm.example.com/refunds?run={{ run_id | urlencode }}"),
            ],
            horizontal=True,
        ),
    ).set_upstream(count_orders())
