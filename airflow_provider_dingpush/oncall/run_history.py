"""The past runs of a DAG, the updates of an asset, and what is usual of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from airflow_provider_dingpush.oncall.critical_path import TaskHistory

MOST_RUNS = 60
"""How many runs of each type are kept."""
COUNTED_RUNS = 30
"""How many of them say what is usual."""
LEAST_RUNS = 3
"""With fewer nothing is usual yet."""
RUNNING, SUCCESS, FAILED = "running", "success", "failed"
"""The states of a run."""
ASSET = "asset"
"""The type of a run that stands for the update of an asset."""

_Found = TypeVar("_Found")

_DAY = 86_400.0
_HALF_DAY = _DAY / 2
# Runs that follow each other faster than this are several a day.
_SEVERAL_A_DAY_SECONDS = 20 * 3_600.0


class Run(NamedTuple):
    """One run of a DAG, or one update of an asset.

    :param run_id: of the run.
    :param type: ``scheduled``, ``asset_triggered``, ``manual``, …
    :param started: when it started, for the last time if it was cleared since, in seconds since 1970.
    :param planned: when it was to start by its schedule: at the end of its data interval, in seconds since 1970.
    :param ended: when it ended, in seconds since 1970; ``None`` if it runs.
    :param state: ``running``, ``success`` or ``failed``.
    :param attempt: how often it was cleared.
    :param by_hand: whether a person set its state.
    :param task_ends: when tasks that baselines wait for ended, in seconds since 1970.
    :param done_before: when it had succeeded before it was cleared, in seconds since 1970.
    """

    run_id: str
    type: str
    started: float
    planned: float | None = None
    ended: float | None = None
    state: str = RUNNING
    attempt: int = 0
    by_hand: bool = False
    task_ends: Mapping[str, float] = {}
    done_before: float | None = None

    @property
    def anchor(self) -> float:
        """The time that says which day a run belongs to, in seconds since 1970: a late run is still that of its day."""
        return self.started if self.planned is None else self.planned

    @property
    def is_ordinary(self) -> bool:
        """Whether it says what is usual: it succeeded at once, by itself."""
        return self.state == SUCCESS and self.ended is not None and not self.attempt and not self.by_hand

    def end_of(self, task_id: str | None) -> float | None:
        """When it first succeeded, in seconds since 1970; ``None`` if it didn't.

        :param task_id: of one of its tasks; ``None`` for the whole run.
        """
        if task_id is not None and task_id in self.task_ends:
            return self.task_ends[task_id]
        if self.done_before is not None:
            return self.done_before
        return self.ended if self.state == SUCCESS else None

    def after(self, before: Run) -> Run:
        """This run, and what had been done by it before.

        :param before: the same run, as it was known earlier.
        """
        return self._replace(
            task_ends={**self.task_ends, **before.task_ends},
            done_before=before.end_of(None) if before.attempt < self.attempt else before.done_before,
        )


@dataclass(frozen=True)
class RunHistory:
    """The runs of a DAG, the oldest first.

    :param runs: at most :data:`MOST_RUNS` of each type.
    :param zone: the time zone of its schedule; UTC if it isn't known.
    :param tasks: what is known of its tasks.
    :param tells_tasks: whether the ends of its tasks are noted while it runs.
    :param owners: of its tasks.
    :param tags: of the DAG.
    """

    runs: tuple[Run, ...] = ()
    zone: str = "UTC"
    tasks: tuple[TaskHistory, ...] = ()
    tells_tasks: bool = False
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    # It never changes, so what follows from its runs is worked out once, for all days and looks.
    _worked_out: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, what: Hashable, work_out: Callable[[], _Found]) -> _Found:
        """What follows from it, worked out when it is first asked for.

        :param what: identifies it.
        """
        if what not in self._worked_out:
            self._worked_out[what] = work_out()
        found: _Found = self._worked_out[what]
        return found

    def with_runs(self, runs: Collection[Run]) -> RunHistory:
        """With these runs as well; of two with the same id the newer one stays."""
        known = {each.run_id: each for each in self.runs}
        for each in sorted(runs, key=_age):
            before = known.get(each.run_id)
            if before is None:
                known[each.run_id] = each
            elif _age(before) <= _age(each):
                known[each.run_id] = each.after(before)
        kept: dict[str, list[Run]] = {}
        for each in sorted(known.values(), key=lambda each: (each.anchor, each.run_id)):
            kept.setdefault(each.type, []).append(each)
        newest = [each for of_type in kept.values() for each in of_type[-MOST_RUNS:]]
        return replace(self, runs=tuple(sorted(newest, key=lambda each: (each.anchor, each.run_id))))

    def as_of(self, now: float) -> RunHistory:
        """What was known at an earlier time.

        :param now: in seconds since 1970.
        """
        if self.once("last moment", self._last_moment) <= now:
            return self
        return replace(self, runs=tuple(_run_as_of(each, now) for each in self.runs if each.started <= now))

    def _last_moment(self) -> float:
        return max((max(each.started, each.ended or each.started) for each in self.runs), default=-math.inf)

    def to_plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "zone": self.zone,
            "tells_tasks": self.tells_tasks,
            "owners": list(self.owners),
            "tags": list(self.tags),
            "runs": [list(each._replace(task_ends=dict(each.task_ends))) for each in self.runs],
            "tasks": [[each.task_id, list(each.upstream), list(each.took)] for each in self.tasks],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> RunHistory:
        """Read what :meth:`to_plain` returned.

        :raises ValueError: if it is anything else.
        """
        try:
            return cls(
                tuple(Run(*each) for each in plain["runs"]),
                str(plain["zone"]),
                tuple(TaskHistory(name, tuple(upstream), tuple(took)) for name, upstream, took in plain["tasks"]),
                bool(plain["tells_tasks"]),
                tuple(map(str, plain["owners"])),
                tuple(map(str, plain["tags"])),
            )
        except (TypeError, KeyError, AttributeError) as problem:
            raise ValueError("this isn't a history of runs") from problem


def _age(run: Run) -> tuple[int, bool, float]:
    return run.attempt, run.ended is not None, run.ended or run.started


def _run_as_of(run: Run, now: float) -> Run:
    if run.ended is None or run.ended <= now:
        return run
    ended = {name: at for name, at in run.task_ends.items() if at <= now}
    done = run.done_before if run.done_before is not None and run.done_before <= now else None
    return run._replace(ended=None, state=RUNNING, by_hand=False, task_ends=ended, done_before=done)


class Usual(NamedTuple):
    """What is usual of the last runs.

    :param runs: how many they are.
    :param delay: from the planned start to the start: median and p90, in seconds.
    :param took: from the start to the end: median and p90, in seconds.
    """

    runs: int
    delay: tuple[float, float]
    took: tuple[float, float]

    @classmethod
    def of(cls, history: RunHistory, types: Collection[str], task_id: str | None = None) -> Usual | None:
        """What is usual of a DAG's runs; ``None`` if there were too few.

        :param types: of the runs that count.
        :param task_id: to the end of this task rather than of the run.
        """
        return history.once(("usual", tuple(types), task_id), lambda: cls._of(history, types, task_id))

    @classmethod
    def _of(cls, history: RunHistory, types: Collection[str], task_id: str | None) -> Usual | None:
        counted = [each for each in history.runs if each.type in types and each.is_ordinary]
        ended = [(each, end) for each in counted if (end := each.end_of(task_id)) is not None]
        if len(ended) < LEAST_RUNS:
            return None
        newest = ended[-COUNTED_RUNS:]
        delays = [each.started - each.anchor for each, _ in newest if 0 <= each.started - each.anchor < _HALF_DAY]
        took = [max(0.0, end - each.started) for each, end in newest]
        return cls(len(newest), median_and_p90(delays or [0.0]), median_and_p90(took))


def median_and_p90(values: Sequence[float]) -> tuple[float, float]:
    """The value in the middle, and the one that nine of ten don't pass.

    :param values: at least one.
    """
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return median, ordered[math.ceil(0.9 * len(ordered)) - 1]


class Plan(NamedTuple):
    """When the run of a day is to start by all that is known, and which runs are near enough to be it.

    :param at: in seconds since 1970; ``None`` if nothing is known.
    :param first: the runs after this time, in seconds since 1970.
    :param last: the runs up to this time, in seconds since 1970.
    :param spread: how much later than that nine of ten runs are, in seconds: of those that have no schedule.
    """

    at: float | None
    first: float
    last: float
    spread: float = 0.0

    @classmethod
    def of(cls, history: RunHistory, types: Collection[str], due: float, next_planned: float | None = None) -> Plan:
        """The plan for what is due at a time: the last start at or before it.

        :param types: of the runs that count.
        :param due: in seconds since 1970.
        :param next_planned: when Airflow creates the next run, in seconds since 1970.
        """
        anchors, gap = history.once(("starts", tuple(types)), lambda: _anchors_and_gap(history, types))
        if 0 < gap < _SEVERAL_A_DAY_SECONDS:
            at = anchors[-1] + math.floor((due - anchors[-1]) / gap) * gap
            return cls(at, at - gap / 2, at + gap / 2)
        if next_planned is not None and due - _DAY < next_planned <= due:
            return cls(next_planned, next_planned - _HALF_DAY, next_planned + _HALF_DAY)
        if len(anchors) < LEAST_RUNS:
            return cls(None, due - _DAY, due + _HALF_DAY)
        median, p90 = history.once(("clock", tuple(types)), lambda: usual_times_of_day(anchors, history.zone))
        at = _last_before(due, median % _DAY, history.zone)
        return cls(at, at - _HALF_DAY, at + _HALF_DAY, p90 - median)

    def run_in(self, history: RunHistory, types: Collection[str], due: float) -> Run | None:
        """The run of the day: the first that succeeded, or the last at or before the due time, or the next one."""
        runs = [each for each in history.runs if each.type in types and self.first < each.anchor <= self.last]
        done = [each for each in runs if each.end_of(None) is not None]
        before = [each for each in runs if each.anchor <= due]
        return next(iter([*done, *before[-1:], *runs]), None)


def _anchors_and_gap(history: RunHistory, types: Collection[str]) -> tuple[Sequence[float], float]:
    """When the last runs were to start, and the usual time between two of them, in seconds."""
    anchors = [each.anchor for each in history.runs if each.type in types][-COUNTED_RUNS:]
    gaps = [after - before for before, after in pairwise(anchors)]
    return anchors, median_and_p90(gaps)[0] if len(anchors) > LEAST_RUNS else _DAY


def usual_times_of_day(anchors: Sequence[float], zone: str) -> tuple[float, float]:
    """The median and the p90 of the times of the day, in seconds since midnight; 23:59 and 00:01 are near each other.

    :param anchors: at least one time, in seconds since 1970.
    """
    times = sorted(_seconds_of_day(each, zone) for each in anchors)
    # The clock is a circle: it is cut where nothing happens for longest.
    gaps = [after - before for before, after in zip(times, [*times[1:], times[0] + _DAY], strict=True)]
    cut = (gaps.index(max(gaps)) + 1) % len(times)
    in_order = [*times[cut:], *(each + _DAY for each in times[:cut])]
    return median_and_p90(in_order)


def _seconds_of_day(at: float, zone: str) -> float:
    local = datetime.fromtimestamp(at, _zone(zone))
    return local.hour * 3_600.0 + local.minute * 60 + local.second


def _last_before(due: float, seconds: float, zone: str) -> float:
    """The last moment at or before the due time at which the clock shows this time of the day."""
    day = datetime.fromtimestamp(due, _zone(zone)).date()
    minutes, second = divmod(int(seconds), 60)
    clock = time(minutes // 60, minutes % 60, second)
    at = datetime.combine(day, clock, _zone(zone)).timestamp()
    return at if at <= due else datetime.combine(day - timedelta(days=1), clock, _zone(zone)).timestamp()


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | timezone:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return timezone.utc
