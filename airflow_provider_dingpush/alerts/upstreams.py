"""What a failure may follow from: other tasks, runs and DAGs whose own failure explains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

MOST_UPSTREAMS = 50
"""Of one failure; the nearest ones."""


class Upstream(NamedTuple):
    """A task, run or DAG that a failure may follow from.

    :param dag_id: its DAG.
    :param task_id: its task; ``None`` for any task of the DAG and for its runs as a whole.
    :param run_id: its run; ``None`` for any run.
    """

    dag_id: str
    task_id: str | None = None
    run_id: str | None = None

    @classmethod
    def read(cls, plain: Any) -> Upstream:
        """Read a list of the three.

        :raises ValueError: if it is anything else.
        """
        names = tuple(plain) if isinstance(plain, (list, tuple)) else ()
        is_sound = len(names) == 3 and all(each is None or isinstance(each, str) for each in names) and names[0]
        if not is_sound:
            raise ValueError("this isn't an upstream")
        return cls(*names)

    def includes(self, dag_id: str, task_id: str | None, runs: tuple[str, ...]) -> bool:
        """Whether a failure of this DAG or task, in one of these runs, is one of it."""
        return (
            self.dag_id == dag_id
            and (self.task_id is None or self.task_id == task_id)
            and (self.run_id is None or self.run_id in runs)
        )


def upstreams_in(facts: Mapping[str, Any]) -> tuple[Upstream, ...]:
    """The upstreams in an alert's stored facts; none in those of an older version, or if they can't be read."""
    try:
        return tuple(map(Upstream.read, facts.get("upstreams") or ()))[:MOST_UPSTREAMS]
    except (TypeError, ValueError):
        return ()
