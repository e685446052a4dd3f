"""What Airflow knows about task instances. The database is tried in ``integration/test_killed_tasks.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.pipeline import task_states
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.pipeline.task_states import TaskState, ended_at, set_by_hand, states_of

START = datetime(2026, 11, 27, tzinfo=timezone.utc)


class State(str, Enum):
    FAILED = "failed"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A task of Airflow 3: the requests that its supervisor got."""
    requests: list[dict[str, Any]] = []

    class RuntimeTaskInstance:
        @staticmethod
        def get_task_states(**request: Any) -> dict[str, Any]:
            requests.append(request)
            return {"r1": {"a": State.FAILED, "a_3": "running", "b": None}}

        @staticmethod
        def get_task_breadcrumbs(dag_id: str, run_id: str) -> Iterator[dict[str, Any]]:
            yield {"task_id": "b", "map_index": -1, "duration": 9.0}
            yield {"task_id": "a", "map_index": -1, "duration": 5.0}

    module: Any = ModuleType(task_states._TASK_RUNNER)
    module.SUPERVISOR_COMMS, module.RuntimeTaskInstance = object(), RuntimeTaskInstance
    monkeypatch.setitem(sys.modules, task_states._TASK_RUNNER, module)
    package = sys.modules.get("airflow.sdk.execution_time")
    if package is not None:
        monkeypatch.setattr(package, "task_runner", module, raising=False)
    return requests


@pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no such API")
def test_a_task_of_airflow_3_asks_the_api(api: list[dict[str, Any]]) -> None:
    keys = [TaskKey("d", "r1", "a", -1), TaskKey("d", "r1", "a", 3), TaskKey("d", "r1", "b", -1)]
    gone = [TaskKey("d", "r1", "c", -1), TaskKey("d", "r2", "a", -1)]
    assert states_of("d", [*keys, *gone]) == {
        keys[0]: TaskState("failed"),
        keys[1]: TaskState("running"),
        keys[2]: TaskState(None),
    }
    assert api == [{"dag_id": "d", "run_ids": ["r1", "r2"], "task_ids": ["a", "b", "c"]}]


@pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no such API")
def test_a_request_has_few_names(api: list[dict[str, Any]]) -> None:
    """They are part of a URL."""
    states_of("d", [TaskKey("d", f"r{number}", f"t{number}", -1) for number in range(70)])
    assert [len(each["run_ids"]) for each in api] == [20, 20, 20, 10]
    assert all(len(each["task_ids"]) <= 50 for each in api)


def test_the_end_is_the_start_and_the_duration(api: list[dict[str, Any]]) -> None:
    assert ended_at(TaskKey("d", "r1", "a", -1), START) == START + timedelta(seconds=5)
    assert ended_at(TaskKey("d", "r1", "x", -1), START) is None


def test_without_that_request_the_end_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, task_states._TASK_RUNNER, raising=False)
    assert ended_at(TaskKey("d", "r1", "a", -1), START) is None


def test_without_a_database_nothing_was_set_by_hand() -> None:
    assert set_by_hand(None, "d", "r", [SimpleNamespace(task_id="a", end_date=START)]) == []
    assert set_by_hand(object(), "d", "r", [SimpleNamespace(task_id="a", end_date=None)]) == []
