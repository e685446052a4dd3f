"""When a run will end, from its tasks: what has ended counts, and the rest takes as long as usual."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple


class TaskHistory(NamedTuple):
    """One task of a DAG.

    :param task_id: its id.
    :param upstream: the tasks that it waits for.
    :param took: how long it took in the last runs from the end of these, or else from the start of the run, in
        seconds; none of a task that was always skipped.
    """

    task_id: str
    upstream: tuple[str, ...] = ()
    took: tuple[float, ...] = ()


def expected_end(
    tasks: Sequence[TaskHistory], *, started: float, ended: Mapping[str, float], now: float, task_id: str | None = None
) -> float | None:
    """When a run will end, in seconds since 1970; ``None`` if its tasks don't say.

    A task that isn't known to have ended although one after it has, ended before that.

    :param started: when the run started, in seconds since 1970.
    :param ended: when tasks of it ended, in seconds since 1970.
    :param now: in seconds since 1970.
    :param task_id: when this task will end rather than the whole run.
    """
    by_id = {each.task_id: each for each in tasks}
    try:
        order = list(TopologicalSorter({name: by_id[name].upstream for name in by_id}).static_order())
    except CycleError:
        return None
    done = _known_ends(by_id, order, ended)
    ends: dict[str, float] = {}
    for name in order:
        if name in done:
            ends[name] = done[name]
            continue
        task = by_id.get(name)
        ready = max((ends[each] for each in task.upstream), default=started) if task else started
        took = statistics.median(task.took) if task and task.took else 0.0
        # One that was always skipped takes no time, and what already runs for long ends now at the earliest.
        ends[name] = max(max(ready, started) + took, now if took else started)
    if task_id is not None:
        return ends.get(task_id)
    return max(ends.values(), default=None)


def tasks_under_way(tasks: Sequence[TaskHistory], ended: Mapping[str, float]) -> tuple[str, ...]:
    """The tasks that have not ended although all before them have; none that is always skipped.

    :param ended: when tasks of the run ended, in seconds since 1970.
    """
    by_id = {each.task_id: each for each in tasks}
    try:
        done = _known_ends(
            by_id, list(TopologicalSorter({each.task_id: each.upstream for each in tasks}).static_order()), ended
        )
    except CycleError:
        return ()
    left = (each for each in tasks if each.task_id not in done and each.took)
    return tuple(each.task_id for each in left if all(name in done for name in each.upstream))


def _known_ends(by_id: Mapping[str, TaskHistory], order: Sequence[str], ended: Mapping[str, float]) -> dict[str, float]:
    """The ends that are known, and of a task before one of these the latest time at which it can have ended."""
    done = dict(ended)
    for name in reversed(order):
        if name in done and name in by_id:
            for each in by_id[name].upstream:
                if each not in ended:
                    done[each] = min(done.get(each, done[name]), done[name])
    return done
