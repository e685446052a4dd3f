"""Appears in DingTalk: one alert per failed run, with a list of the failed tasks, however many."""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.notifications import DingTalkNotifier

with DAG(
    dag_id="dingpush_alert_on_run_failure",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    # On the DAG and not in default_args: it reports the whole run. Airflow calls it for killed tasks as well.
    on_failure_callback=DingTalkNotifier(),
):

    @task
    def load_region(region: str) -> None:
        """Fails on purpose for two regions out of three."""
        if region != "north":
            raise RuntimeError(f"{region}: no data (this task fails on purpose)")

    load_region.expand(region=["north", "south", "west"])
