"""Appears in DingTalk: each day at 09:00 the failures that are still open, and who takes care of them."""

from airflow_provider_dingpush.operators import create_daily_digest_dag

digest_dag = create_daily_digest_dag()
