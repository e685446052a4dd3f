"""Appears in DingTalk: an alert with custom text, with the same facts as the built-in alert."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier

page_the_team = DingTalkNotifier(
    message=Markdown(
        title="{{ facts.dag_name }} 失败",
        text="### 报表今天会晚到\n\n"
        "`{{ facts.task_id }}` 失败（第 {{ facts.try_text }} 次），运行了 {{ facts.duration_text('zh') }}。\n\n"
        "> {{ facts.exception_text or '没有留下异常' }}\n\n"
        "处理手册见 wiki，[打开日志]({{ facts.log_link }})",
    )
)

with DAG(
    dag_id="dingpush_own_alert_text",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
):

    @task(on_failure_callback=page_the_team)
    def build_report() -> None:
        """Fails on purpose."""
        raise TimeoutError("the warehouse did not answer (this task fails on purpose)")

    build_report()
