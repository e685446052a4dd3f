"""What happened in a period: failures by DAG and owner, how long they lasted, and which tasks fail again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

LEAST_FLAPS = 3
"""So many recoveries of one task in the period mean that it fails again and again."""


class Happened(NamedTuple):
    """A failure or a recovery, as the history of a receiver has it.

    :param at: when, in seconds since 1970.
    :param incident: of the failure, within one receiver.
    :param dag_id: its DAG.
    :param task_id: its task; ``None`` for the whole run.
    :param map_index: of a mapped task instance.
    :param run_id: its run.
    :param try_number: its try.
    :param owners: of the task or DAG.
    :param resolved: whether it is a recovery.
    :param is_final: whether it is a failure that isn't retried.
    """

    at: float
    incident: str
    dag_id: str
    task_id: str | None = None
    map_index: int | None = None
    run_id: str | None = None
    try_number: int | None = None
    owners: tuple[str, ...] = ()
    resolved: bool = False
    is_final: bool = True

    @property
    def name(self) -> str:
        """DAG and task for people."""
        return " · ".join(part for part in (self.dag_id, self.task_id) if part)


@dataclass(frozen=True)
class Figures:
    """What happened in a period.

    :param failures: how many tasks and runs failed; a run counts only if none of its tasks does.
    :param recovered: how many incidents recovered; a run counts only if none of its tasks does.
    :param by_dag: DAG -> failures, the most first.
    :param by_owner: owner -> failures, the most first.
    :param flapping: DAG and task -> how often it recovered, the most first; of those that did so often.
    :param seconds_to_recover: the median, in seconds; ``None`` if nothing recovered.
    :param seconds_to_claim: the median, in seconds; ``None`` if nothing was claimed.
    :param claimed: how many incidents were claimed.
    """

    failures: int = 0
    recovered: int = 0
    by_dag: tuple[tuple[str, int], ...] = ()
    by_owner: tuple[tuple[str, int], ...] = ()
    flapping: tuple[tuple[str, int], ...] = ()
    seconds_to_recover: float | None = None
    seconds_to_claim: float | None = None
    claimed: int = 0


def figures_of(events: Iterable[Happened], claims: Sequence[float], since: float) -> Figures:
    """The figures of a period.

    An event that several receivers were notified of counts once.

    :param events: also some from before the period, so that a recovery finds the failure that it ends.
    :param claims: how long it took to claim each incident that was claimed in the period, in seconds.
    :param since: when the period begins, in seconds since 1970.
    """
    ordered = sorted(events, key=lambda each: each.at)
    failures = _without_runs_of_tasks(each for each in ordered if each.is_final and not each.resolved)
    failed = [each for each in failures if each.at >= since]
    by_owner = Counter(owner for each in failed for owner in dict.fromkeys(each.owners))
    lasted = _durations(ordered, since)
    flaps = Counter(each.name for each, _ in lasted)
    return Figures(
        len(failed),
        len(lasted),
        _most_first(Counter(each.dag_id for each in failed)),
        _most_first(by_owner),
        tuple((name, count) for name, count in _most_first(flaps) if count >= LEAST_FLAPS),
        median(seconds for _, seconds in lasted) if lasted else None,
        median(claims) if claims else None,
        len(claims),
    )


def _without_runs_of_tasks(failures: Iterable[Happened]) -> list[Happened]:
    """Each failed task instance once, and each failed run of which no task is known to have failed."""
    once: dict[tuple[object, ...], Happened] = {}
    for each in failures:
        # Without a run it can't be recognised.
        own = each.at if each.run_id is None else None
        once.setdefault((each.dag_id, each.run_id, each.task_id, each.map_index, each.try_number, own), each)
    with_tasks = {(each.dag_id, each.run_id) for each in once.values() if each.task_id is not None}
    return [each for each in once.values() if each.task_id is not None or (each.dag_id, each.run_id) not in with_tasks]


def _durations(ordered: Sequence[Happened], since: float) -> list[tuple[Happened, float]]:
    """The recoveries of the period, each with how long the failure lasted, in seconds; each task once.

    That of a run counts only if none of its tasks recovered in it, as failures do.
    """
    began: dict[str, float] = {}
    found: dict[tuple[object, ...], tuple[Happened, float]] = {}
    for each in ordered:
        if not each.resolved:
            began.setdefault(each.incident, each.at)
        elif each.incident in began:
            seconds = each.at - began.pop(each.incident)
            if each.at >= since:
                same = (each.dag_id, each.task_id, each.map_index, each.run_id, each.try_number)
                found.setdefault(same, (each, seconds))
    with_tasks = {(each.dag_id, each.run_id) for each, _ in found.values() if each.task_id is not None}
    return [
        (each, seconds)
        for each, seconds in found.values()
        if each.task_id is not None or (each.dag_id, each.run_id) not in with_tasks
    ]


def _most_first(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
