"""Appears in DingTalk: a Markdown report whose text is in a file of its own, templates/report.md."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.operators import DingTalkOperator

with DAG(
    dag_id="dingpush_report_from_template_file", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None
):

    @task
    def check_tables() -> list[dict[str, object]]:
        """Returns the results of the nightly checks."""
        return [{"table": "ods.orders", "rows": 10086, "ok": True}, {"table": "ods.stock", "rows": 0, "ok": False}]

    # The path is relative to this file; the template's first heading is the message's title.
    DingTalkOperator(task_id="send_report", message="templates/report.md").set_upstream(check_tables())
