"""Appears in DingTalk: a work notification whose task waits for delivery, and fails with the reasons if not."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.messages import OA
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.targets import WorkNotification

with DAG(
    dag_id="dingpush_work_notification_delivered", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None
):
    DingTalkOperator(
        task_id="ask_for_approval",
        dingtalk_conn_id="dingtalk_app_default",
        message=OA(
            title="请确认今天的库存盘点",
            message_url="https://wms.example.com/stocktaking?run={{ run_id | urlencode }}",
            form={"差异": "3 件", "批次": "{{ run_id }}"},
            status=("待确认", "orange"),
        ),
        to=WorkNotification(user_ids=["zhangsan", "lisi"]),
        wait_for_delivery=True,
        deferrable=True,  # a triggerer waits and the worker slot is released
    )
