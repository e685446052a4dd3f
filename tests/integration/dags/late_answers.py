"""Tasks whose messages arrive although they fail, and tasks that send the same on purpose; one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.operators import DingTalkOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.1
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

LONG = "\n\n".join(f"line {number} " + "x" * 900 for number in range(30))

with DAG(
    "late_answers",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=0)},
):

    @task
    def twice() -> None:
        """Sends the same text twice, as its author wants."""
        hook = DingTalkRobotHook()
        hook.send("sent twice")
        hook.send("sent twice")

    (
        DingTalkOperator(task_id="late", message="late, in {{ run_id }}")
        >> DingTalkOperator(task_id="long", message=LONG)
        >> DingTalkOperator.partial(task_id="mapped").expand(message=["mapped", "mapped"])
        >> twice()
    )
