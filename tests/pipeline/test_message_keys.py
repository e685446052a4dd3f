"""The key of a message: the same for all tries of a task, another one for whatever is meant to be sent again."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.message_keys import is_retry, message_key
from tests.surface.test_repeated_tries import START, context_of


def test_without_a_task_there_is_no_key() -> None:
    """Each call is then a message of its own."""
    assert message_key({}, "c", task_id="t") is None
    assert message_key({"ti": SimpleNamespace(dag_id="d", run_id="r")}, "c", task_id="t") is None
    assert message_key({"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t")}, "c", task_id="t") is not None


def test_runs_of_dags_test_on_airflow_2_differ_by_their_process() -> None:
    """There such a run starts at its logical date, each time."""

    def test_run() -> Any:
        return context_of(run=SimpleNamespace(start_date=START, execution_date=START))

    assert message_key(test_run(), "c", task_id="t") == message_key(test_run(), "c", task_id="t")
    ordinary = context_of(run=SimpleNamespace(start_date=START, execution_date=START - timedelta(1)))
    assert len((message_key(test_run(), "c", task_id="t") or "").splitlines()) > len(
        (message_key(ordinary, "c", task_id="t") or "").splitlines()
    )


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "expected"),
    [(1, 0, 0, False), (1, 2, 2, False), (2, 2, 2, True), (3, 2, 2, True), (2, 1, 0, False), (4, 5, 2, False)],
    ids=["only", "first", "second", "last", "cleared without retries", "cleared with two"],
)
def test_a_clear_begins_anew(try_number: int, max_tries: int, retries: int, expected: bool) -> None:
    """Airflow counts on, but whoever cleared the task wants it again."""
    assert is_retry(context_of(try_number, max_tries=max_tries), retries) is expected
    assert not is_retry({}, retries)
