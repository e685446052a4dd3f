"""Appears in DingTalk: each Monday at 09:00 the failures of the last seven days, and what is still open."""

from airflow_provider_dingpush.operators import create_weekly_report_dag

report_dag = create_weekly_report_dag()
