"""A run that ended: what the scheduler's database has about it, read once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.ended_runs import TASK_FAILURE, EndedRun
from tests.callback_contexts import START

SOME = SimpleNamespace(task_id="a", map_index=-1, end_date=START)
OTHER = SimpleNamespace(task_id="b", map_index=2, end_date=START + timedelta(days=1))


def a_run(get_task_instances: Callable[..., Any], *, state: str = "failed", dag: Any = None) -> SimpleNamespace:
    values = {"dag_id": "etl_daily", "run_id": "manual__1", "state": state, "dag": dag, "start_date": START}
    return SimpleNamespace(**values, get_task_instances=get_task_instances)


def test_it_is_read_once() -> None:
    asked: list[str] = []

    def found(state: str) -> list[Any]:
        asked.append(state)
        return [OTHER, SOME]

    run = EndedRun.read(a_run(found), TASK_FAILURE)
    assert run.failed_ids == [("a", -1), ("b", 2)]
    assert run.failed_by_themselves == [OTHER, SOME]
    assert not run.was_failed_by_hand
    assert asked == ["failed"]


def test_a_list_that_cannot_be_read_is_no_list() -> None:
    """The alert of the run is worth more."""

    def broken(state: str) -> list[Any]:
        raise RuntimeError("the session is gone")

    run = EndedRun.read(a_run(broken), TASK_FAILURE)
    assert run.failed is None
    assert run.failed_ids is None
    assert run.failed_by_themselves == []
    assert not run.was_failed_by_hand


def test_without_an_audit_log_nobody_marked_a_task() -> None:
    """One that was marked is tried with a real Airflow."""

    class WithoutSession(SimpleNamespace):
        @property
        def _sa_instance_state(self) -> Any:
            raise RuntimeError("the session is gone")

    run = WithoutSession(**vars(a_run(lambda state: [SOME])))
    assert EndedRun.read(run, TASK_FAILURE).by_hand == ()


@pytest.mark.parametrize(
    ("reason", "failed", "by_hand", "expected"),
    [
        (TASK_FAILURE, (), (), False),
        (TASK_FAILURE, (SOME,), (), False),
        (TASK_FAILURE, (SOME, OTHER), (SOME,), False),
        (TASK_FAILURE, (SOME, OTHER), (SOME, OTHER), True),
        ("timed_out", (SOME,), (SOME,), False),
        (TASK_FAILURE, None, (), False),
    ],
)
def test_a_run_was_failed_by_hand_if_each_task_was(reason: str, failed: Any, by_hand: Any, *, expected: bool) -> None:
    assert EndedRun(a_run(list), reason, failed, by_hand).was_failed_by_hand is expected


def test_what_failed_before_the_run_started_or_was_marked_did_not_fail_by_itself() -> None:
    old = SimpleNamespace(task_id="old", map_index=-1, end_date=START - timedelta(days=1))
    run = EndedRun(a_run(list), TASK_FAILURE, (old, SOME, OTHER), (SOME,))
    assert run.failed_by_themselves == [OTHER]
    assert len(run.failed_ids or ()) == 3


@pytest.mark.parametrize("rule", ["all_success", "all_done"])
def test_a_successful_run_is_asked_about_if_it_may_have_failed_tasks(rule: str) -> None:
    dag = SimpleNamespace(tasks=[SimpleNamespace(trigger_rule=rule)])
    run = EndedRun.read(a_run(lambda state: [SOME], state="success", dag=dag), "success")
    assert run.failed == ((SOME,) if rule == "all_done" else ())
