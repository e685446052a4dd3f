"""What the scheduler notes at the end of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline import run_net
from airflow_provider_dingpush.pipeline.ended_runs import EndedRun
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.run_net import pausing_after
from tests.callback_contexts import START, run_context

END = START + timedelta(seconds=5)


def failed(task_id: str, **changes: Any) -> SimpleNamespace:
    values = {"dag_id": "etl_daily", "run_id": "manual__1", "task_id": task_id, "map_index": -1, "try_number": 1}
    return SimpleNamespace(**{**values, "start_date": START, "end_date": END, "queued_dttm": START, **changes})


def ended_run(*tis: Any, state: str = "failed", rules: Sequence[str] = (), **changes: Any) -> SimpleNamespace:
    context = run_context()
    tasks = [SimpleNamespace(task_id=f"t{number}", trigger_rule=rule) for number, rule in enumerate(rules)]
    dag = SimpleNamespace(**vars(context["dag"]), tasks=tasks, get_task=lambda _: context["task"])
    run = {**vars(context["dag_run"]), "start_date": START, "state": state, "dag": dag}
    return SimpleNamespace(**{**run, "get_task_instances": lambda state=None: list(tis), **changes})


def note_failed_tasks(dag_run: Any) -> None:
    run_net.note_failed_tasks(EndedRun.read(dag_run, "task_failure"))


def noted() -> list[dict[str, Any]]:
    notes = outbox().store.notes(run_net.FAMILY, 10).values()
    return [each for note in notes for each in json.loads(note.value)["tasks"]]


def test_failed_tasks_of_a_failed_run_are_noted() -> None:
    note_failed_tasks(ended_run(failed("a"), failed("b", map_index=2)))
    assert [each["key"] for each in noted()] == [
        ["etl_daily", "manual__1", "a", -1],
        ["etl_daily", "manual__1", "b", 2],
    ]
    assert noted()[0]["task"]["owner"] == "zhangsan"


@pytest.mark.parametrize(
    ("changes", "never"),
    [
        ({}, False),
        ({"start_date": None}, True),
        ({"start_date": None, "hostname": "worker-1"}, False),
        ({"start_date": END}, True),
        ({"queued_dttm": END}, True),
        ({"queued_dttm": None}, False),
    ],
    ids=["ran", "no start", "no start, but a host", "start is the end", "queued since", "unknown"],
)
def test_a_task_that_never_started_is_known(changes: dict[str, Any], never: bool) -> None:
    note_failed_tasks(ended_run(failed("a", **changes)))
    assert [each["never_started"] for each in noted()] == [never]


@pytest.mark.parametrize(
    ("rules", "count"),
    [((), 0), (("all_success", "none_failed"), 0), (("all_success", "all_done"), 1)],
    ids=["no tasks", "strict", "tolerant"],
)
def test_a_successful_run_is_looked_at_if_it_may_have_failed_tasks(rules: Sequence[str], count: int) -> None:
    """Otherwise the database isn't asked: most runs succeed."""
    note_failed_tasks(ended_run(failed("a"), state="success", rules=rules))
    assert len(noted()) == count


def test_what_failed_before_the_run_was_cleared_is_left_out() -> None:
    note_failed_tasks(ended_run(failed("old", end_date=START - timedelta(days=1)), failed("new")))
    assert [each["key"][2] for each in noted()] == ["new"]


def test_a_run_with_very_many_is_bounded() -> None:
    note_failed_tasks(ended_run(*(failed("a", map_index=index) for index in range(3_000))))
    assert len(noted()) == 50


def test_a_run_without_failures_leaves_no_note() -> None:
    note_failed_tasks(ended_run())
    assert noted() == []


@pytest.mark.parametrize(
    ("most", "reason"), [(0, "task_failure"), (3, "timed_out"), (None, "task_failure"), (3, "task_failure")]
)
def test_without_a_database_no_pause_is_known(most: Any, reason: str) -> None:
    """And for other reasons Airflow doesn't count."""
    run = ended_run()
    run.dag.max_consecutive_failed_dag_runs = most
    assert pausing_after(EndedRun.read(run, reason)) is None
