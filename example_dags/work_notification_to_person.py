"""Appears in DingTalk: text, picture and link among a person's work notifications (工作通知), under the app's name.

Needs the AgentId in the connection "dingtalk_app_default", and no robot. DingTalk shows a person the same content once
a day, so the texts contain the run id; the picture is always the same, and a second one on the same day is dropped.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.messages import Image, Link, Text
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.targets import WorkNotification

with DAG(
    dag_id="dingpush_work_notification_to_person",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"dingtalk_conn_id": "dingtalk_app_default", "to": WorkNotification(user_ids=["zhangsan"])},
):
    DingTalkOperator(task_id="send_text", message=Text("今天的销售数据已就绪（{{ run_id }}）"))
    DingTalkOperator(task_id="send_picture", message=Image(Path(__file__).parent / "pictures" / "sales.png"))
    DingTalkOperator(
        task_id="send_link", message=Link("销售日报", "点击查看明细（{{ run_id }}）", "https://bi.example.com/sales")
    )
