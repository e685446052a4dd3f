"""Appears in DingTalk: a text, a picture and a link in a group, from the app's robot, which must be in that group."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.messages import Image, Link, Text
from airflow_provider_dingpush.operators import DingTalkOperator

with DAG(
    dag_id="dingpush_robot_to_group",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    # Without "to", messages go to the connection's "open_conversation_id"; for another add "to": Group("cid…").
    default_args={"dingtalk_conn_id": "dingtalk_app_default"},
):
    DingTalkOperator(task_id="send_text", message=Text("今天的销售数据已就绪"))
    DingTalkOperator(task_id="send_picture", message=Image(Path(__file__).parent / "pictures" / "sales.png"))
    DingTalkOperator(task_id="send_link", message=Link("销售日报", "点击查看明细", "https://bi.example.com/sales"))
