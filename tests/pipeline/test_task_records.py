"""A task instance as plain data: the alert made of it is that of a callback."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.pipeline.task_recording import record_of
from airflow_provider_dingpush.pipeline.task_records import TaskKey, context_of, key_in
from tests.callback_contexts import START, task_context

END = START + timedelta(seconds=5)


def record(context: dict[str, Any]) -> dict[str, Any]:
    """As another process reads it."""
    given = record_of(context["ti"], task=context["task"], dag=context["dag"], run=context["dag_run"])
    read: dict[str, Any] = json.loads(json.dumps(given))
    return read


@pytest.mark.parametrize("ti_id", [None, "01234567-89ab-cdef-0123-456789abcdef"], ids=["2.x", "3.x"])
def test_it_makes_the_alert_of_a_callback(ti_id: str | None) -> None:
    """With the same key, so that one of both is enough."""
    context = task_context()
    del context["exception"]
    context["dag"].tags = {"core", "runbook:https://wiki.example.com/etl"}
    context["dag_run"].start_date = START
    if ti_id:
        context["ti"].id = ti_id
    facts = facts_of(context)
    again = facts_of(context_of(record(context), ended_at=END))
    assert again == facts._replace(run_state=None)
    first, second = (
        alert_of(each, Mailbox("here"), at=0.0, message=None, mentions=None, language=None) for each in (facts, again)
    )
    assert first.key == second.key


def test_the_runbook_is_kept_wherever_it_is_named() -> None:
    context = task_context()
    context["task"].doc_md = "x" * 5000 + "see [this](https://wiki.example.com/doc)"
    assert facts_of(context_of(record(context), ended_at=None)).runbook_url == "https://wiki.example.com/doc"
    context["dag"].params = {"runbook": "https://wiki.example.com/param"}
    assert facts_of(context_of(record(context), ended_at=None)).runbook_url == "https://wiki.example.com/param"


@pytest.mark.parametrize(
    "damaged", [{}, {"key": None}, {"key": ["d", "r", "t"]}, {"key": ["d", "r", 1, 1]}, {"key": "drtx"}]
)
def test_a_damaged_one_is_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match="task instance"):
        key_in(damaged)
    with pytest.raises(ValueError, match="task instance"):
        context_of({"key": ["d", "r", "t", -1]}, ended_at=None)


def test_each_task_instance_has_a_name_of_its_own() -> None:
    keys = [
        TaskKey("d", "r", "t", -1),
        TaskKey("d", "r", "t", 1),
        TaskKey("d", "r", "t_1", -1),
        TaskKey("d", "r2", "t", -1),
    ]
    assert len({each.name for each in keys}) == len(keys)
    assert all(each.name.isalnum() for each in keys)
