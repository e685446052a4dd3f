"""A run that ended, as the scheduler's database has it: read once, within the scheduler's transaction."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_dingpush.airflow_database import session_of, task_instances_of
from airflow_provider_dingpush.pipeline.task_states import set_by_hand

TASK_FAILURE = "task_failure"
"""Airflow's reason for the end of a run whose tasks failed."""
# With other rules a run may succeed although one of its tasks failed.
_STRICT_RULES = {"all_success", "none_failed", "none_failed_min_one_success", "none_failed_or_skipped"}

_log = logging.getLogger(__name__)


class EndedRun(NamedTuple):
    """A run that ended, with its failed tasks.

    :param dag_run: of the database.
    :param reason: for its end, in Airflow's words.
    :param failed: its failed task instances; ``None`` if they can't be read.
    :param by_hand: those of them that a person marked as failed, as far as is known.
    """

    dag_run: Any
    reason: str
    failed: tuple[Any, ...] | None = ()
    by_hand: tuple[Any, ...] = ()

    @classmethod
    def read(cls, dag_run: Any, reason: str) -> EndedRun:
        """Read a run: with one query if it failed, and another if one of its tasks did. Never raises.

        Most runs succeed, and the database is asked about such a run only if one of its tasks may have failed.
        """
        if _state(dag_run) != "failed" and not _tolerates_failures(getattr(dag_run, "dag", None)):
            return cls(dag_run, reason)
        try:
            failed = tuple(task_instances_of(dag_run, state="failed"))
        except Exception as problem:  # noqa: BLE001 - a missing list must not lose the alert
            what = type(problem).__name__
            _log.warning("The failed tasks of run %s of %s can't be listed (%s).", dag_run.run_id, dag_run.dag_id, what)
            return cls(dag_run, reason, failed=None)
        try:
            by_hand = tuple(set_by_hand(session_of(dag_run), dag_run.dag_id, dag_run.run_id, failed))
        except Exception as problem:  # noqa: BLE001 - one alert too many is better than none
            _log.info("Whether a person marked the tasks as failed is unknown (%s).", type(problem).__name__)
            by_hand = ()
        return cls(dag_run, reason, failed, by_hand)

    @property
    def dag(self) -> Any:
        """Its DAG; ``None`` if unknown."""
        return getattr(self.dag_run, "dag", None)

    @property
    def failed_ids(self) -> list[tuple[str, int]] | None:
        """Task id and map index of each failed task; ``None`` if unknown."""
        return None if self.failed is None else sorted((each.task_id, each.map_index) for each in self.failed)

    @property
    def was_failed_by_hand(self) -> bool:
        """Whether it failed because a person marked each of its failed tasks as failed."""
        return self.reason == TASK_FAILURE and bool(self.failed) and self.failed == self.by_hand

    @property
    def failed_by_themselves(self) -> list[Any]:
        """The task instances that failed since the run started, and that no person marked.

        A run that is cleared starts again, and keeps its other tasks.
        """
        began = getattr(self.dag_run, "start_date", None)
        return [each for each in self.failed or () if each not in self.by_hand and _ended_since(each, began)]


def _ended_since(ti: Any, began: Any) -> bool:
    ended = getattr(ti, "end_date", None)
    return not (isinstance(began, datetime) and isinstance(ended, datetime)) or ended >= began


def _tolerates_failures(dag: Any) -> bool:
    tasks = getattr(dag, "tasks", None) or ()
    return any(
        str(getattr(rule := getattr(each, "trigger_rule", "all_success"), "value", rule)) not in _STRICT_RULES
        or getattr(each, "is_teardown", False)
        for each in tasks
    )


def _state(dag_run: Any) -> str:
    state = getattr(dag_run, "state", None)
    return str(getattr(state, "value", state))
