"""Appears in DingTalk: pending alerts, within a minute once sending is possible again."""

from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
