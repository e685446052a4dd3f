"""Whether a baseline will be met: decided from past runs, those of today, and the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.oncall.critical_path import expected_end, tasks_under_way
from airflow_provider_dingpush.oncall.run_history import FAILED, RUNNING, Plan, Run, RunHistory, Usual
from airflow_provider_dingpush.rules.baselines import Baseline, Estimate, Output, OutputKind

FOLLOWED_SECONDS = 86_400.0
"""How long before and after its due time a day of a baseline is looked at, in seconds."""
_START_TOLERANCE_SECONDS = 300.0
# Before that only what has begun can be at risk: that it usually takes too long is no news of this day.
_NEAR_SECONDS = 43_200.0


class Outlook(Enum):
    """How a baseline stands on one day."""

    NOT_DUE = "not_due"
    NOT_WATCHED = "not_watched"
    """It was added too late for this day: what ran before isn't known."""
    PAUSED = "paused"
    NO_HISTORY = "no_history"
    """Too few runs to expect anything, and it is neither done nor nearly due."""
    ON_TIME = "on_time"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    MET = "met"
    MET_LATE = "met_late"

    def in_language(self, language: str) -> str:
        """For people.

        :param language: ``zh`` or ``en``.
        """
        return _OUTLOOKS[self][language == "zh"]


_OUTLOOKS = {
    Outlook.NOT_DUE: ("not due today", "今天不要求"),
    Outlook.NOT_WATCHED: ("added too late for today", "今天加入过晚，次日起生效"),
    Outlook.PAUSED: ("DAG is paused", "DAG 已暂停"),
    Outlook.NO_HISTORY: ("too few runs to expect an end", "历史运行太少，无法预计"),
    Outlook.ON_TIME: ("on time", "正常"),
    Outlook.AT_RISK: ("at risk", "有延误风险"),
    Outlook.BREACHED: ("late", "已延误"),
    Outlook.MET: ("done in time", "已按时完成"),
    Outlook.MET_LATE: ("done late", "已完成，但晚于时限"),
}


class Progress(Enum):
    """How far an output is."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    WAITING = "waiting"
    """It has not started, and usually has not at this time."""
    NOT_STARTED = "not_started"
    """It has not started, and usually has at this time."""

    def in_language(self, language: str) -> str:
        """For people.

        :param language: ``zh`` or ``en``.
        """
        return _PROGRESSES[self][language == "zh"]


_PROGRESSES = {
    Progress.DONE: ("done", "已完成"),
    Progress.RUNNING: ("running", "运行中"),
    Progress.FAILED: ("failed", "运行失败"),
    Progress.WAITING: ("not yet time to start", "未到启动时间"),
    Progress.NOT_STARTED: ("has not started", "尚未启动"),
}


class Known(NamedTuple):
    """What is known of a DAG or an asset.

    :param history: its runs.
    :param is_paused: whether the DAG is paused.
    :param next_planned: when Airflow creates its next run, in seconds since 1970; ``None`` if that isn't known.
    :param task_ends: when tasks of a run ended, by run id, in seconds since 1970; called for runs that haven't ended.
    """

    history: RunHistory = RunHistory()
    is_paused: bool = False
    next_planned: float | None = None
    task_ends: Callable[[str], Mapping[str, float]] = lambda _: {}


class Forecast(NamedTuple):
    """One output on one day.

    :param output: it.
    :param progress: how far it is.
    :param expected: when it is expected to be done, or when it was, in seconds since 1970; ``None`` if that
        is unknown.
    :param worst: when it will be done in nine of ten cases, in seconds since 1970.
    :param run: that of the day.
    :param usual_start: when it usually starts, in seconds since 1970.
    :param is_paused: whether its DAG is paused.
    :param usual: what is usual of it.
    :param tasks: those of its run that are under way, if that is known.
    """

    output: Output
    progress: Progress
    expected: float | None = None
    worst: float | None = None
    run: Run | None = None
    usual_start: float | None = None
    is_paused: bool = False
    usual: Usual | None = None
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaselineDay:
    """A baseline on one day.

    :param baseline: it.
    :param day: of its due time.
    :param due: in seconds since 1970.
    :param outlook: how it stands.
    :param expected: when all is expected to be done, or when it was, in seconds since 1970.
    :param worst: when it will be done in nine of ten cases, in seconds since 1970.
    :param forecasts: of each output.
    :param late_upstream: the DAG along the way for which it waits.
    :param has_begun: whether it is due within half a day, or a run of it is there, or it waits for a DAG along the way.
    """

    baseline: Baseline
    day: date
    due: float
    outlook: Outlook
    expected: float | None = None
    worst: float | None = None
    forecasts: tuple[Forecast, ...] = field(default=(), repr=False)
    late_upstream: str | None = None
    has_begun: bool = True

    @property
    def is_open(self) -> bool:
        """Whether it isn't done although it must be."""
        return self.outlook in (Outlook.AT_RISK, Outlook.BREACHED)

    @property
    def is_done(self) -> bool:
        """Whether all is done."""
        return self.outlook in (Outlook.MET, Outlook.MET_LATE)

    @property
    def margin_seconds(self) -> float | None:
        """How long before the due time all is expected to be done, or was, in seconds; negative if after it."""
        return None if self.expected is None else self.due - self.expected

    @property
    def decisive(self) -> Forecast | None:
        """The output that is done last."""
        if not self.forecasts:
            return None
        open_ones = [each for each in self.forecasts if each.progress is not Progress.DONE] or self.forecasts
        return max(open_ones, key=lambda each: (each.expected is None, each.expected or 0.0))


def decide(
    baseline: Baseline, day: date, known: Mapping[tuple[OutputKind, str], Known], *, now: float, since: float
) -> BaselineDay:
    """How a baseline stands on a day.

    :param known: what is known of its DAGs and assets, by kind and name.
    :param now: in seconds since 1970.
    :param since: since when it is watched, in seconds since 1970.
    """
    if not baseline.is_due_on(day):
        return BaselineDay(baseline, day, 0.0, Outlook.NOT_DUE)
    due = baseline.due_at(day).timestamp()
    late_upstream, floor = _upstream(baseline, known, due, now)
    forecasts = tuple(
        _forecast(each, baseline.run_types, known.get(_key(each), Known()), due=due, now=now, floor=floor)
        for each in baseline.outputs
    )
    expected = _latest([each.expected for each in forecasts])
    worst = _latest([each.worst for each in forecasts])
    outlook = _outlook(baseline, forecasts, due=due, now=now, since=since)
    held_up = floor is not None and any(
        each.progress in (Progress.WAITING, Progress.NOT_STARTED) and floor > (each.usual_start or now)
        for each in forecasts
    )
    late = late_upstream if held_up else None
    has_begun = due - now <= _NEAR_SECONDS or late is not None or any(each.run is not None for each in forecasts)
    return BaselineDay(baseline, day, due, outlook, expected, worst, forecasts, late, has_begun)


def _key(output: Output) -> tuple[OutputKind, str]:
    if output.kind is OutputKind.ASSET:
        return OutputKind.ASSET, output.name
    return OutputKind.DAG, output.dag_id


def _latest(ends: Sequence[float | None]) -> float | None:
    known = [each for each in ends if each is not None]
    return max(known) if known and len(known) == len(ends) else None


def _outlook(baseline: Baseline, forecasts: Sequence[Forecast], *, due: float, now: float, since: float) -> Outlook:
    left = [each for each in forecasts if each.progress is not Progress.DONE]
    if not left:
        return Outlook.MET if all((each.expected or 0.0) <= due for each in forecasts) else Outlook.MET_LATE
    if any(each.is_paused for each in left):
        return Outlook.PAUSED
    if since > due - FOLLOWED_SECONDS and any(each.run is None and each.usual_start is None for each in left):
        return Outlook.NOT_WATCHED
    if now >= due:
        return Outlook.BREACHED
    ends = [each.worst if baseline.estimate is Estimate.P90 else each.expected for each in left]
    if now >= due - baseline.margin_seconds or any(
        each is not None and each > due - baseline.margin_seconds for each in ends
    ):
        return Outlook.AT_RISK
    return Outlook.NO_HISTORY if None in ends else Outlook.ON_TIME


def _upstream(
    baseline: Baseline, known: Mapping[tuple[OutputKind, str], Known], due: float, now: float
) -> tuple[str | None, float | None]:
    """The first DAG along the way that isn't done, and when its runs will end at the earliest, one after the other."""
    late, floor = None, None
    for dag_id in baseline.upstream:
        output = Output(OutputKind.DAG, dag_id, dag_id)
        one = _forecast(output, baseline.run_types, known.get(_key(output), Known()), due=due, now=now, floor=floor)
        if one.progress is not Progress.DONE and one.expected is not None:
            late, floor = late or dag_id, max(one.expected, floor or one.expected)
    return late, floor


def _forecast(
    output: Output, types: Sequence[str], known: Known, *, due: float, now: float, floor: float | None
) -> Forecast:
    """When an output will be done.

    :param floor: when what it waits for will be done at the earliest.
    """
    history = known.history.as_of(now)
    is_asset = output.kind is OutputKind.ASSET
    if is_asset:
        types = [each.type for each in history.runs[-1:]]
    plan = Plan.of(history, types, due, None if is_asset else known.next_planned)
    run = plan.run_in(history, types, due)
    usual = Usual.of(history, types, output.task_id)
    usual_start = None if plan.at is None else plan.at + (usual.delay[0] if usual else 0.0)
    forecast = Forecast(output, Progress.RUNNING, None, None, run, usual_start, known.is_paused, usual)
    if run is None:
        return _of_missing_run(forecast, plan, now, floor)
    task_ends = known.task_ends(run.run_id) if run.state == RUNNING else {}
    task_ends = {name: at for name, at in task_ends.items() if run.started <= at <= now}
    end = task_ends.get(output.task_id or "") or run.end_of(output.task_id)
    if end is not None:
        return forecast._replace(progress=Progress.DONE, expected=end, worst=end)
    if run.state == FAILED:
        return _if_started(forecast._replace(progress=Progress.FAILED), max(now, floor or now), now)
    return _of_running(forecast, history, task_ends, now)


def _of_missing_run(forecast: Forecast, plan: Plan, now: float, floor: float | None) -> Forecast:
    usual = forecast.usual
    if plan.at is None and usual is None:
        return forecast._replace(progress=Progress.NOT_STARTED)
    delay = usual.delay if usual else (0.0, 0.0)
    late = plan.spread + delay[1] - delay[0]
    start = max(forecast.usual_start or now, floor or 0.0)
    is_over = now > start + late + _START_TOLERANCE_SECONDS
    forecast = forecast._replace(progress=Progress.NOT_STARTED if is_over else Progress.WAITING)
    return _if_started(forecast, start, now, late)


def _if_started(forecast: Forecast, start: float, now: float, late: float = 0.0) -> Forecast:
    """As it will be if it starts at a time, or now if that has passed.

    :param late: how much later than that nine of ten runs start, in seconds.
    """
    if forecast.usual is None:
        return forecast
    median, p90 = forecast.usual.took
    return forecast._replace(expected=max(start, now) + median, worst=max(start + late, now) + p90)


def _of_running(forecast: Forecast, history: RunHistory, task_ends: Mapping[str, float], now: float) -> Forecast:
    usual, run = forecast.usual, forecast.run
    if usual is None or run is None:
        return forecast
    median, p90 = usual.took
    expected, worst = max(now, run.started + median), max(now, run.started + p90)
    if history.tells_tasks and not run.attempt:
        task_id = forecast.output.task_id
        by_tasks = expected_end(history.tasks, started=run.started, ended=task_ends, now=now, task_id=task_id)
        if by_tasks is not None:
            share = min(1.0, max(0.0, by_tasks - now) / median) if median else 0.0
            expected, worst = by_tasks, by_tasks + (p90 - median) * share
        if task_ends:
            forecast = forecast._replace(tasks=tasks_under_way(history.tasks, task_ends))
    return forecast._replace(expected=max(expected, now), worst=max(worst, now))


class Notice(Enum):
    """What is said of a baseline on a day, each at most once. The value is the name that is noted."""

    AT_RISK = "at_risk"
    BREACHED = "breached"
    MET = "met"

    @property
    def event(self) -> Event:
        """The event of its alert."""
        return _EVENTS[self]


_EVENTS = {
    Notice.AT_RISK: Event.BASELINE_AT_RISK,
    Notice.BREACHED: Event.BASELINE_BREACHED,
    Notice.MET: Event.BASELINE_MET,
}


def notices_due(day: BaselineDay, said: frozenset[Notice], *, has_begun: bool = False) -> tuple[Notice, ...]:
    """What must be said now, in this order.

    :param said: what was said of this day.
    :param has_begun: whether something else was going to be said of it, and perhaps was.
    """
    if Notice.MET in said:
        return ()
    if day.outlook is Outlook.AT_RISK:
        return () if said or not day.has_begun else (Notice.AT_RISK,)
    if day.outlook is Outlook.BREACHED:
        return () if Notice.BREACHED in said else (Notice.BREACHED,)
    if day.outlook is Outlook.MET_LATE:
        # Nobody looked in between.
        return (Notice.MET,) if Notice.BREACHED in said else (Notice.BREACHED, Notice.MET)
    return (Notice.MET,) if day.outlook is Outlook.MET and (said or has_begun) else ()
