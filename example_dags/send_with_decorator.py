"""Appears in DingTalk: what a Python function returns, only if there is something to report; and one per shop."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.messages import At, Markdown

with DAG(dag_id="dingpush_send_with_decorator", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task.dingtalk(at=At(mobiles="13800000000"))
    def report_late_orders(most_late: int) -> Markdown | None:
        """Nothing is sent if it returns None."""
        late = {"SO-1001": "等待付款", "SO-1002": "缺货", "SO-1003": "缺货"}
        if len(late) <= most_late:
            return None
        lines = [f"- `{order}`：{why}" for order, why in late.items()]
        return Markdown(f"{len(late)} 个订单延迟", "### 延迟的订单\n\n" + "\n".join(lines))

    @task.dingtalk
    def close_books(shop: str) -> str:
        """Its receipt is in XCom."""
        return f"{shop} 已结账"

    # A robot may send 20 messages a minute, so send one message with a list if there can be more.
    report_late_orders(most_late=2) >> close_books.expand(shop=["杭州店", "上海店"])
