"""A query that takes an hour."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

from airflow_provider_dingpush.operators import SqlToDingTalkOperator

with DAG("long_query", start_date=datetime(2026, 11, 1, tzinfo=timezone.utc), schedule=None):
    SqlToDingTalkOperator(task_id="t", conn_id="warehouse", sql="SELECT pg_sleep(3600), 1 AS sales")
