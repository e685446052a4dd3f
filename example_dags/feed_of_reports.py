"""Appears in DingTalk: a list of this morning's reports, each with a picture and a link."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.messages import FeedCard, FeedLink
from airflow_provider_dingpush.operators import DingTalkOperator

REPORTS = {"orders": "订单日报", "stock": "库存日报", "refunds": "退款日报"}

with DAG(dag_id="dingpush_feed_of_reports", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):
    DingTalkOperator(
        task_id="send_feed",
        message=FeedCard(
            [
                FeedLink(title, f"https://bi.example.com/{name}", f"https://bi.example.com/{name}/thumbnail.png")
                for name, title in REPORTS.items()
            ]
        ),
    )
