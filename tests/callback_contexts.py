"""Contexts as Airflow calls callbacks with, as far as a notifier looks at them."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import jinja2

START = datetime.datetime(2026, 11, 22, 1, 2, 3, tzinfo=datetime.timezone.utc)
CONTEXT: Any = {}
"""Of an operator, which looks at nothing of it."""


def task_context(task_id: str = "load_orders", **changes: Any) -> dict[str, Any]:
    """The context of a failed task, as far as a notifier looks at it."""
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    dag = SimpleNamespace(
        dag_id="etl_daily", dag_display_name="etl_daily", owner="zhangsan", tags=set(), get_template_env=lambda: env
    )
    ti = SimpleNamespace(
        dag_id="etl_daily",
        task_id=task_id,
        run_id="manual__1",
        map_index=-1,
        try_number=2,
        max_tries=3,
        state="failed",
        start_date=START,
        end_date=START + datetime.timedelta(seconds=5),
        hostname="worker-1",
    )
    context = {
        "dag": dag,
        "ti": ti,
        "task_instance": ti,
        "task": SimpleNamespace(owner="zhangsan", task_id=task_id, retries=3, task_display_name=task_id),
        "run_id": "manual__1",
        "dag_run": SimpleNamespace(run_id="manual__1", dag_id="etl_daily", run_type="manual", state="running"),
        "exception": ValueError("no such table"),
        "ds": "2026-11-22",
    }
    return {**context, **changes}


def run_context(**changes: Any) -> dict[str, Any]:
    """The context of a failed DAG run; its ``ti`` is a wrong one, as Airflow up to 3.1 gives it."""
    context = task_context("zz_ok", reason="task_failure", **changes)
    context["dag"].task_ids = ["boom", "m", "m_1", "zz_ok"]
    context.pop("exception")
    return context


def success_context(task_id: str = "load_orders") -> dict[str, Any]:
    """The context of a task that succeeded."""
    context = task_context(task_id)
    del context["exception"]
    context["ti"].state = "success"
    return context
