"""When a run will end by its tasks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dingpush.oncall.critical_path import TaskHistory, expected_end

# a -> b -> d, a -> c -> d: c takes longer than b.
DIAMOND = (
    TaskHistory("a", (), (10, 10, 10)),
    TaskHistory("b", ("a",), (20, 20, 20)),
    TaskHistory("c", ("a",), (50, 40, 60)),
    TaskHistory("d", ("b", "c"), (5, 5, 5)),
)


@pytest.mark.parametrize(
    ("ended", "now", "end"),
    [
        ({}, 100, 165),  # 100 + 10 + 50 + 5
        ({"a": 105}, 106, 160),
        ({"a": 105, "b": 200}, 200, 205),  # b is late, but c should have ended: now at the earliest
        ({"a": 105, "b": 120}, 130, 160),  # c runs still
        ({"a": 105, "c": 155}, 156, 161),  # b should have ended long ago
        ({"a": 105, "b": 120, "c": 150}, 150, 155),
        ({"a": 105, "b": 120, "c": 150, "d": 158}, 170, 158),
        ({"b": 120}, 121, 175),  # a isn't known to have ended, but it has: at 120 at the latest
        ({"a": 105}, 300, 305),
        ({"other": 7}, 100, 165),
    ],
)
def test_what_has_ended_counts_and_the_rest_takes_its_time(ended: dict[str, float], now: float, end: float) -> None:
    assert expected_end(DIAMOND, started=100, ended=ended, now=now) == pytest.approx(end)


def test_a_task_is_done_before_the_run() -> None:
    assert expected_end(DIAMOND, started=100, ended={}, now=100, task_id="b") == 130
    assert expected_end(DIAMOND, started=100, ended={}, now=100, task_id="unknown") is None


def test_a_task_that_was_always_skipped_takes_no_time() -> None:
    tasks = (*DIAMOND, TaskHistory("skipped", ("a",)), TaskHistory("new", ("d", "skipped")))
    assert expected_end(tasks, started=100, ended={}, now=100) == 165


def test_tasks_in_a_circle_or_none_say_nothing() -> None:
    assert expected_end((TaskHistory("a", ("b",)), TaskHistory("b", ("a",))), started=0, ended={}, now=0) is None
    assert expected_end((), started=0, ended={}, now=0) is None


def test_a_task_of_an_older_version_of_the_dag_is_no_obstacle() -> None:
    assert expected_end((TaskHistory("b", ("gone",), (7,)),), started=10, ended={}, now=10) == 17


@given(
    st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8),
    st.lists(st.floats(1, 1_000), min_size=8, max_size=8),
    st.floats(0, 5_000),
)
def test_replaying_a_run_as_usual_always_expects_its_real_end(
    edges: list[list[int]], took: list[float], moment: float
) -> None:
    """At any moment of a run whose tasks take their usual time, the end that is expected is the one that comes."""
    tasks: list[TaskHistory] = []
    ends: dict[str, float] = {}
    for number, upstream in enumerate(edges):
        names = tuple(sorted({f"t{each}" for each in upstream if each < number}))
        tasks.append(TaskHistory(f"t{number}", names, (took[number],)))
        ends[f"t{number}"] = max([0.0, *(ends[each] for each in names)]) + took[number]
    known = {name: end for name, end in ends.items() if end <= moment}
    found = expected_end(tasks, started=0.0, ended=known, now=moment)
    assert found == pytest.approx(max(ends.values()))
