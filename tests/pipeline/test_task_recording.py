"""Recording a task instance; what is made of a record is tried in ``test_task_records.py``."""

from __future__ import annotations

import json
from enum import Enum
from types import SimpleNamespace

import pytest

from airflow_provider_dingpush.pipeline.task_recording import key_of, name_of, record_of
from airflow_provider_dingpush.pipeline.task_records import TaskKey


def test_what_cannot_be_read_is_left_out() -> None:
    class Lost:
        dag_id, run_id, task_id, map_index = "d", "r", "t", 3

        @property
        def hostname(self) -> str:
            raise RuntimeError("the session is gone")

    class State(Enum):
        SCHEDULED = "scheduled"

    given = record_of(Lost(), task=None, dag=None, run=SimpleNamespace(run_type=State.SCHEDULED))
    assert given["key"] == ["d", "r", "t", 3]
    assert given["ti"] == {}
    assert given["run"] == {"run_type": "scheduled"}
    assert len(json.dumps(record_of(Lost(), task=SimpleNamespace(owner="x" * 9000), dag=None, run=None))) < 3000


@pytest.mark.parametrize(("given", "index"), [(3, 3), (-1, -1), (None, -1), ("3", -1)])
def test_its_name_is_that_of_its_key(given: object, index: int) -> None:
    """A task's process has no :class:`TaskKey`; whoever looks for its marker has one."""
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=given)
    assert key_of(ti) == ("d", "r", "t", index)
    assert name_of(key_of(ti)) == TaskKey.of(ti).name == TaskKey("d", "r", "t", index).name
