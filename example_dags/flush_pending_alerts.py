"""Appears in DingTalk: alerts that had to wait, within a minute of the robot being able to say them."""

from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
