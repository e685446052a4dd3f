"""Appears in DingTalk: an alert when a run hasn't finished an hour after it was queued (Airflow 3.1 and later)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator

try:
    from airflow.sdk import DAG
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # This Airflow has no deadlines, so there is no DAG here.
    pass
else:
    with DAG(
        dag_id="dingpush_deadline_alert",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=1),
            # The class and its arguments, not an instance; the triggerer calls it.
            callback=AsyncCallback(DingTalkNotifier, kwargs={"dingtalk_conn_id": "dingtalk_default"}),
        ),
    ):
        DingTalkOperator(task_id="say_hello", message="{{ dag.dag_id }} 开始运行")
