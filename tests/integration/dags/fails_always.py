"""One DAG whose only task always fails, with a notifier at the task and at the run."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.notifications import DingTalkNotifier

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.0
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

with DAG(
    "fails_always",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    # With somebody to mention it is more than a summary of its task, and not folded into that alert.
    on_failure_callback=DingTalkNotifier(language="en", at=At(user_ids="manager")),
):

    @task(
        on_failure_callback=[
            DingTalkNotifier(language="en"),
            DingTalkNotifier(language="en", at=At(user_ids="on-call")),
        ]
    )
    def fails() -> None:
        """Fails at once."""
        raise ValueError("no such table")

    fails()
