"""Tasks with ``email_on_failure``, run with this package's e-mail backend."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.0
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

from airflow_provider_dingpush.notifications import DingTalkNotifier

PASSWORD = "password-of-the-warehouse-0123"

with DAG(
    "emails",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={
        "owner": "zhangsan",
        "email": ["ZhangSan@example.com", "nobody@example.com"],
        "email_on_failure": True,
        "email_on_retry": False,
    },
):

    @task
    def fails() -> None:
        """Sends an e-mail, with a secret in it."""
        raise ValueError(f"<b>no such table</b> at https://user:{PASSWORD}@warehouse.example.com/orders")

    @task(on_failure_callback=DingTalkNotifier())
    def has_a_notifier() -> None:
        """Sends both."""
        raise LookupError("reported twice")

    @task(retries=1, retry_delay=timedelta(seconds=0), email_on_retry=True)
    def retries() -> None:
        """Sends two e-mails."""
        raise RuntimeError("again")

    @task
    def mapped(number: int) -> None:
        """Sends one for each."""
        raise ZeroDivisionError(str(number))

    @task(email_on_failure=False)
    def is_silent() -> None:
        """Sends none."""
        raise KeyError("unseen")

    @task
    def sends() -> None:
        """Sends an e-mail of its own."""
        from airflow.utils.email import send_email

        send_email("zhangsan@example.com", "Daily report", "<h1>Sales</h1><p>Total: <b>1,204</b></p>", files=[__file__])

    fails()
    has_a_notifier()
    retries()
    mapped.expand(number=[1, 2])
    is_silent()
    sends()
