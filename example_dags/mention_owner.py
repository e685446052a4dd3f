"""Appears in DingTalk: an alert that mentions the task's owner (@), so that the right person is notified.

The extra field "mentions" of the connection maps owners to people: {"zhangsan": "13800000000", "lisi": "user123"},
for each owner a mobile number as registered in DingTalk, or a DingTalk user id.
"""

from __future__ import annotations

from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.notifications import DingTalkNotifier

with DAG(
    dag_id="dingpush_mention_owner",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    params={"on_duty": "13900000000"},
    # The person on duty is mentioned beside the owner.
    default_args={"on_failure_callback": DingTalkNotifier(at=At(mobiles="{{ params.on_duty }}"))},
):

    @task(owner="zhangsan")
    def close_the_books() -> None:
        """Fails on purpose."""
        raise ValueError("debit and credit differ by 0.01 (this task fails on purpose)")

    close_the_books()
