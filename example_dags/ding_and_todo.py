"""Appears in DingTalk: a DING and a to-do for the person on call; the to-do is done when the data has arrived."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

from airflow_provider_dingpush.hooks import DingTalkAppHook
from airflow_provider_dingpush.targets import Users

ON_CALL = Users(["lisi"])

with DAG(dag_id="dingpush_ding_and_todo", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None):

    @task
    def ask_for_data(run_id: str | None = None) -> dict[str, Any]:
        """Returns the to-do; a second try finds the one of the first by its source_id."""
        hook = DingTalkAppHook("dingtalk_app_default")
        todo = hook.todos.create(
            "补传昨天的订单",
            ON_CALL,
            source_id=f"orders {run_id}",
            url="https://airflow.example.com",
            priority="urgent",
        )
        hook.dings.send("昨天的订单还没有到，请补传", ON_CALL)  # kind="phone" calls, which costs money
        return todo.to_dict()

    @task
    def data_has_arrived(todo: dict[str, Any]) -> None:
        """Takes it off the person's list."""
        DingTalkAppHook("dingtalk_app_default").todos.complete(todo)

    data_has_arrived(ask_for_data())  # type: ignore[arg-type]
