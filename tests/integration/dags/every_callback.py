"""One DAG with every way a task can end, and a notifier at every callback."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_dingpush.messages import At, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator

try:
    from airflow.sdk import DAG, task
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow before 3.1
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.exceptions import AirflowSkipException  # type: ignore[no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

notifier = DingTalkNotifier(language="en")

with DAG(
    "every_callback",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={
        "owner": "zhangsan",
        "on_failure_callback": notifier,
        "on_retry_callback": notifier,
        "on_skipped_callback": notifier,
    },
    # With somebody to mention it is more than a summary of its tasks, and not folded into their alerts.
    on_failure_callback=DingTalkNotifier(language="en", at=At(user_ids="manager")),
):

    @task
    def fails(**context: object) -> None:
        """Fails at once."""
        raise ValueError("no *such* table: orders_2026")

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def recovers(ti: object = None) -> None:
        """Fails once, then succeeds."""
        if ti.try_number == 1:  # type: ignore[attr-defined]
            raise RuntimeError("only once")

    @task
    def some_fail(number: int) -> None:
        """The second of three instances fails."""
        if number == 1:
            raise LookupError(f"partition {number}")

    @task
    def is_skipped() -> None:
        """Skips itself."""
        raise AirflowSkipException("nothing to do")

    @task
    def words() -> list[str]:
        """The text of the mapped operator."""
        return ["first", "notes.txt"]

    fails()
    recovers()
    some_fail.expand(number=[0, 1, 2])
    is_skipped()
    DingTalkOperator(
        task_id="sends", message=Markdown("Run {{ run_id }}", "owner **{{ dag.owner }}**"), at=At("13800000000")
    )
    DingTalkOperator.partial(task_id="says_each").expand(message=words())
    DingTalkOperator.partial(task_id="says_typed").expand(
        message=[Markdown("a {{ ti.map_index }}", "x"), "b {{ ti.map_index }}"]
    )
    DingTalkOperator(task_id="says_file", message="words/greeting.md")
