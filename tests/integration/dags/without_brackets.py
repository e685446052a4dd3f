"""Callbacks that are the notifier's class, without brackets."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow_provider_dingpush.notifications import DingTalkNotifier

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.0
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

with DAG(
    "without_brackets",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"on_failure_callback": [DingTalkNotifier]},
):

    @task(on_failure_callback=DingTalkNotifier)
    def fails() -> None:
        """Has a callback of its own."""
        raise ValueError("no such table")

    @task
    def fails_too() -> None:
        """Has that of the default arguments."""
        raise ValueError("no such partition")

    fails()
    fails_too()
