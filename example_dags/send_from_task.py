"""Appears in DingTalk: a message from within a Python task, only if there is something to report."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.messages import At, Text

with DAG(dag_id="dingpush_send_from_task", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task
    def check_stock() -> dict[str, object] | None:
        """Returns the receipt, with the connection and the number of parts."""
        short = {"SKU-001": 3, "SKU-002": 0}
        if not short:
            return None
        lines = [f"{sku}：剩余 {left} 件" for sku, left in short.items()]
        receipt = DingTalkRobotHook("dingtalk_default").send(
            Text("库存不足\n" + "\n".join(lines)), at=At(mobiles="13800000000")
        )
        return receipt.to_dict()

    check_stock()
