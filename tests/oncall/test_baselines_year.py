"""A year of 50 DAGs, compared with a plain oracle: every warning is right, and none is said twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from airflow_provider_dingpush.oncall.baselines import Known, Notice, decide, notices_due
from airflow_provider_dingpush.oncall.run_history import Run, RunHistory
from airflow_provider_dingpush.rules.baselines import Baseline, Output, OutputKind
from airflow_provider_dingpush.rules.time_intervals import DayKind, Span, TimeInterval
from airflow_provider_dingpush.rules.workdays import Calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAYS = [date(2026, 1, 1) + timedelta(days=each) for each in range(365)]


def between(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=each) for each in range((end - start).days + 1)]


# Holidays as in a year of China, and the weekend days that make up for them.
HOLIDAYS = frozenset(
    [
        *between("2026-01-01", "2026-01-03"),
        *between("2026-02-15", "2026-02-23"),
        *between("2026-04-04", "2026-04-06"),
        *between("2026-05-01", "2026-05-05"),
        *between("2026-06-19", "2026-06-21"),
        *between("2026-09-25", "2026-09-27"),
        *between("2026-10-01", "2026-10-07"),
    ]
)
MADE_UP = frozenset(
    map(date.fromisoformat, ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"])
)
CALENDAR = Calendar(HOLIDAYS, MADE_UP)
IS_WORKED = {each: each in MADE_UP or (each.isoweekday() < 6 and each not in HOLIDAYS) for each in DAYS}


@dataclass
class TrueRun:
    """What really happens on one day; times in seconds since 1970."""

    planned: float
    started: float
    ended: float
    is_failed: bool = False
    is_cleared: bool = False


@dataclass
class Dag:
    """A DAG, its baseline, and its year."""

    name: str
    baseline: Baseline
    due_on: dict[date, bool]
    start: int
    runs: dict[date, TrueRun] = field(default_factory=dict)

    def at(self, day: date, minutes: float) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() + minutes * 60


def make_dag(number: int, dice: random.Random) -> Dag:
    kind = number % 3
    days, due_on = {
        0: (TimeInterval(zone=SHANGHAI), dict.fromkeys(DAYS, True)),
        1: (TimeInterval(days=DayKind.WORKDAYS, calendar=CALENDAR, zone=SHANGHAI), IS_WORKED),
        2: (TimeInterval(weekdays=(Span(0, 0),), zone=SHANGHAI), {each: each.isoweekday() == 1 for each in DAYS}),
    }[kind]
    start, usual = dice.randrange(0, 420), dice.randrange(20, 120)
    due = start + usual + dice.randrange(25, 90)
    name = f"dag_{number}"
    output = Output(OutputKind.DAG, name, name)
    dag = Dag(name, Baseline(name, (output,), due, days, 1_200.0), due_on, start)
    for day in DAYS:
        fate = dice.random()
        if fate < 0.01:
            continue  # the scheduler stood still
        planned = dag.at(day, start)
        started = planned + (dice.randrange(1_800, 14_400) if fate < 0.04 else dice.randrange(2, 30))
        took = usual * 60 * dice.uniform(0.85, 1.15) * (dice.uniform(1.5, 4) if fate > 0.96 else 1)
        dag.runs[day] = TrueRun(planned, started, started + took, is_failed=0.5 < fate < 0.52)
    return dag


def moments(dag: Dag, day: date) -> Iterator[float]:
    """When the tick looks: every 25 minutes around the due time."""
    for minutes in range(dag.baseline.due - 100, dag.baseline.due + 220, 25):
        yield dag.at(day, minutes)


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def oracle(dag: Dag, day: date) -> list[tuple[float, Notice]]:
    """What must be said on a day, from what really happens: three rules, read aloud."""
    if not dag.due_on[day]:
        return []
    due, run = dag.at(day, dag.baseline.due), dag.runs.get(day)
    said: list[tuple[float, Notice]] = []
    for now in moments(dag, day):
        # Known at that time: runs that succeeded before, of which the last 30 count; they stand in the order of days.
        known = (each for each in reversed(dag.runs.values()) if each.ended <= now and not each.is_failed)
        ended = list(islice((each for each in known if each is not run), 30))
        if len(ended) < 3:
            continue
        usual = median([each.ended - each.started for each in ended])
        delay = median([each.started - each.planned for each in ended if each.started - each.planned < 43_200])
        is_done = run is not None and run.ended <= now and not run.is_failed
        if is_done and run is not None:
            if run.ended > due and all(each is not Notice.BREACHED for _, each in said):
                said.append((now, Notice.BREACHED))
            if said and said[-1][1] is not Notice.MET:
                said.append((now, Notice.MET))
            continue
        if now >= due:
            if all(each is not Notice.BREACHED for _, each in said):
                said.append((now, Notice.BREACHED))
            continue
        if run is None or run.started > now:
            expected = max(now, dag.at(day, dag.start) + delay) + usual
        elif run.is_failed and run.ended <= now:
            expected = now + usual
        else:
            expected = max(now, run.started + usual)
        if expected > due - 1_200 or now >= due - 1_200:
            said = said or [(now, Notice.AT_RISK)]
    return said


def simulated(dag: Dag) -> dict[date, list[tuple[float, Notice]]]:
    """The same by the code: from events as listeners note them, in their order."""
    events = sorted(
        [
            event
            for day, run in dag.runs.items()
            for event in (
                (run.started, Run(f"r{day}", "scheduled", run.started, run.planned)),
                (
                    run.ended,
                    Run(
                        *(f"r{day}", "scheduled", run.started, run.planned, run.ended),
                        "failed" if run.is_failed else "success",
                    ),
                ),
            )
        ],
        key=lambda each: each[0],
    )
    history = RunHistory(zone="Asia/Shanghai")
    told: dict[date, list[tuple[float, Notice]]] = {}
    since = dag.at(DAYS[0], -2_000)
    looks = sorted((now, day) for day in DAYS for now in moments(dag, day))
    for now, day in looks:
        fresh = [run for at, run in events if at <= now]
        if fresh:
            history = history.with_runs(fresh)
            del events[: len(fresh)]
        known = {(OutputKind.DAG, dag.name): Known(history)}
        said = told.setdefault(day, [])
        standing = decide(dag.baseline, day, known, now=now, since=since)
        said += [(now, each) for each in notices_due(standing, frozenset(each for _, each in said))]
    return told


def test_every_warning_of_a_year_is_right_and_none_is_said_twice() -> None:
    dice, kinds = random.Random(14), Counter[Notice]()  # noqa: S311 - not for secrets
    for number in range(50):
        dag = make_dag(number, dice)
        found = simulated(dag)
        # The first days have no history; see the test of those.
        for day in DAYS[7:]:
            assert found[day] == oracle(dag, day), (dag, day, dag.runs.get(day))
            notices = [each for _, each in found[day]]
            assert len(notices) == len(set(notices))
            kinds.update(notices)
    assert min(kinds.values()) > 100
    assert len(kinds) == 3
