"""One DAG that sends to a group, to people and work notifications as an app."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow_provider_dingpush.messages import OA, File, Image, Link, Markdown, Text
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.targets import Users, WorkNotification

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

CONN_ID = "dingtalk_app_default"
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)

with DAG(
    "through_an_app",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    default_args={
        "owner": "zhangsan",
        "on_failure_callback": DingTalkNotifier(
            dingtalk_conn_id=CONN_ID, to=WorkNotification("{{ task.owner }}"), language="en"
        ),
    },
):

    @task
    def on_call() -> dict[str, list[str]]:
        """Who is on call, as plain data."""
        return {"user_ids": ["lisi"]}

    @task
    def fails() -> None:
        """Fails at once."""
        raise ValueError("no such table")

    fails()
    DingTalkOperator(task_id="to_group", dingtalk_conn_id=CONN_ID, message="run {{ run_id }}")
    DingTalkOperator(task_id="to_on_call", dingtalk_conn_id=CONN_ID, message=Text("hello"), to=on_call())  # type: ignore[arg-type]
    DingTalkOperator(task_id="picture", dingtalk_conn_id=CONN_ID, message=Image(PIXEL), to=Users("wangwu"))
    DingTalkOperator(
        task_id="file", dingtalk_conn_id=CONN_ID, message=File(b"PK\x03\x04", name="{{ ds }}.zip"), to=Users("wangwu")
    )
    DingTalkOperator.partial(task_id="mapped", dingtalk_conn_id=CONN_ID, to=Users("zhangsan")).expand(
        message=[Markdown("a", "**{{ ds }}**"), Link("b", "x", "https://example.com"), "c {{ ti.map_index }}"]
    )
    DingTalkOperator.partial(task_id="mapped_people", dingtalk_conn_id=CONN_ID, message="{{ ds }}").expand(
        to=[{"user_ids": "lisi"}, Users("wangwu")]
    )
    DingTalkOperator(
        task_id="waits",
        dingtalk_conn_id=CONN_ID,
        to=WorkNotification(["lisi"]),
        message=OA("Report {{ ds }}", "https://example.com", form={"rows": "312"}, status=("done", "green")),
        wait_for_delivery=True,
        deferrable=True,
    )
    DingTalkOperator(
        task_id="misses_somebody",
        dingtalk_conn_id=CONN_ID,
        to=WorkNotification(["lisi", "nobody"]),
        message="{{ run_id }}",
        wait_for_delivery=True,
        deferrable=True,
    )
