"""A task that waits for a person's answer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_dingpush.airflow_compat import notifier_takes_context
from airflow_provider_dingpush.notifications import DingTalkNotifier

if notifier_takes_context():  # Airflow 3.1 and later
    from airflow.providers.standard.operators.hitl import ApprovalOperator
    from airflow.sdk import DAG

    notifier = DingTalkNotifier(language="en")

    with DAG("asks", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):
        ApprovalOperator(
            task_id="approve",
            subject="Publish the report of {{ dag.dag_id }}?",
            body="312 rows",
            defaults="Reject",
            response_timeout=timedelta(hours=2),
            notifiers=[notifier],
            on_execute_callback=notifier,
        )
