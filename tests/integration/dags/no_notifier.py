"""Two DAGs that fail: one without a line of this package, and one with a notifier of its own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_dingpush.notifications import DingTalkNotifier

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.0
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

for dag_id, own in {"no_notifier": None, "own_notifier": DingTalkNotifier()}.items():
    with DAG(
        dag_id,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        catchup=False,
        tags=["core", "severity:P1"],
        on_failure_callback=own,
        default_args={"owner": "zhangsan", "on_failure_callback": own},
    ):

        @task(retries=1, retry_delay=timedelta(seconds=0))
        def recovers(ti: object = None) -> None:
            """Fails once."""
            if ti.try_number == 1:  # type: ignore[attr-defined]
                raise RuntimeError("first try")

        @task
        def some_fail(number: int) -> None:
            """One of the two instances fails."""
            if number:
                raise ValueError("no such table: ods_orders")

        @task
        def works() -> None:
            """Does nothing."""

        recovers()
        some_fail.expand(number=[0, 1])
        works()
