"""What is usual of past runs, which day a run belongs to, and what is remembered of one that was cleared."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dingpush.oncall.critical_path import TaskHistory
from airflow_provider_dingpush.oncall.run_history import (
    FAILED,
    MOST_RUNS,
    SUCCESS,
    Plan,
    Run,
    RunHistory,
    Usual,
    median_and_p90,
    usual_times_of_day,
)

SCHEDULED = ("scheduled",)
HOUR, DAY = 3_600.0, 86_400.0


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo(zone)).timestamp()


def daily(first: str, days: int, *, took: float = HOUR, zone: str = "Asia/Shanghai") -> list[Run]:
    """A run each day at the same wall time."""
    start = datetime.fromisoformat(f"2026-{first}").replace(tzinfo=ZoneInfo(zone))
    planned = [(start + timedelta(days=each)).timestamp() for each in range(days)]
    return [Run(f"r{each:.0f}", "scheduled", each + 5, each, each + 5 + took, SUCCESS) for each in planned]


def history(runs: list[Run], zone: str = "Asia/Shanghai") -> RunHistory:
    return RunHistory(zone=zone).with_runs(runs)


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [([3], 3, 3), ([1, 2], 1.5, 2), ([5, 1, 3], 3, 5), (list(range(1, 11)), 5.5, 9), (list(range(1, 31)), 15.5, 27)],
)
def test_median_and_p90(values: list[float], median: float, p90: float) -> None:
    assert median_and_p90(values) == (median, p90)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_nine_of_ten_do_not_pass_the_p90(values: list[float]) -> None:
    median, p90 = median_and_p90(values)
    assert min(values) <= median <= p90 <= max(values)
    assert sum(each <= p90 for each in values) >= 0.9 * len(values)


@pytest.mark.parametrize(
    ("times", "median"),
    [
        (["23:58", "00:02", "23:59", "00:01", "00:00"], 86_400),
        (["06:00", "06:10", "06:20"], 22_200),
        (["22:00", "01:00", "23:30"], 84_600),
        (["12:00"], 43_200),
    ],
)
def test_times_around_midnight_are_near_each_other(times: list[str], median: float) -> None:
    anchors = [at(f"06-{day:02}T{text}") for day, text in enumerate(times, 1)]
    assert usual_times_of_day(anchors, "Asia/Shanghai")[0] == median


def test_only_ordinary_runs_say_what_is_usual() -> None:
    ordinary = daily("06-01T06:00", 5)
    odd = [
        ordinary[0]._replace(run_id="failed", state=FAILED),
        ordinary[0]._replace(run_id="cleared", attempt=1, ended=ordinary[0].started + 9_000),
        ordinary[0]._replace(run_id="by hand", by_hand=True, ended=ordinary[0].started + 9_000),
        ordinary[0]._replace(run_id="by a person", type="manual", ended=ordinary[0].started + 9_000),
        ordinary[0]._replace(run_id="runs", ended=None, state="running"),
    ]
    usual = Usual.of(history([*ordinary, *odd]), SCHEDULED)
    assert usual == Usual(5, (5, 5), (HOUR, HOUR))
    assert Usual.of(history(ordinary[:2]), SCHEDULED) is None
    assert Usual.of(history(ordinary), ("manual",)) is None


def test_the_last_thirty_count_and_sixty_are_kept_of_each_type() -> None:
    slow, fast = daily("01-01T06:00", 70, took=2 * HOUR), daily("03-15T06:00", 30)
    by_hand = [each._replace(run_id=f"m{each.run_id}", type="manual") for each in slow]
    known = history([*slow, *by_hand, *fast])
    assert Usual.of(known, SCHEDULED) == Usual(30, (5, 5), (HOUR, HOUR))
    assert len(known.runs) == 2 * MOST_RUNS


def test_catching_up_is_no_usual_delay() -> None:
    late = [
        each._replace(started=each.started + 9 * DAY, ended=(each.ended or 0) + 9 * DAY)
        for each in daily("05-01T06:00", 9)
    ]
    assert Usual.of(history([*late, *daily("06-01T06:00", 3)]), SCHEDULED) == Usual(12, (5, 5), (HOUR, HOUR))


def plan(known: RunHistory, due: str, types: tuple[str, ...] = SCHEDULED, **more: float) -> Plan:
    return Plan.of(known, types, at(due), **more)


def test_the_plan_is_the_last_start_before_the_due_time() -> None:
    known = history(daily("06-01T06:00", 5))
    assert plan(known, "06-08T08:30").at == at("06-08T06:00")
    assert plan(known, "06-08T05:30").at == at("06-07T06:00")
    assert plan(history([]), "06-08T08:30") == Plan(None, at("06-07T08:30"), at("06-08T20:30"))


def test_what_airflow_plans_counts_more_than_the_past() -> None:
    known = history(daily("06-01T06:00", 5))
    assert plan(known, "06-08T08:30", next_planned=at("06-08T07:15")).at == at("06-08T07:15")
    assert plan(known, "06-08T08:30", next_planned=at("06-09T07:15")).at == at("06-08T06:00")
    assert plan(history([]), "06-08T08:30", next_planned=at("06-08T07:15")).at == at("06-08T07:15")


def test_a_schedule_keeps_its_own_clock_when_another_one_changes() -> None:
    """A DAG with a schedule in UTC, and a due time in Berlin: after the change the run comes an hour later there."""
    known = history(daily("10-10T04:00", 14, zone="UTC"), "UTC")
    before, after = (datetime(2026, 10, day, 8, 30, tzinfo=ZoneInfo("Europe/Berlin")) for day in (24, 26))
    for due in (before, after):
        found = Plan.of(known, SCHEDULED, due.timestamp()).at
        assert found is not None
        assert datetime.fromtimestamp(found, timezone.utc).strftime("%H:%M") == "04:00"


def test_of_a_dag_that_runs_every_hour_the_last_run_before_the_due_time_counts() -> None:
    hours = [at("06-01T00:00") + each * HOUR for each in range(50)]
    known = history([Run(f"r{each}", "scheduled", each + 3, each, each + 300, SUCCESS) for each in hours])
    due = at("06-04T08:30")
    found = Plan.of(known, SCHEDULED, due)
    assert found.at == at("06-04T08:00")
    run = Run("now", "scheduled", at("06-04T08:00") + 2, at("06-04T08:00"))
    assert found.run_in(known.with_runs([run]), SCHEDULED, due) == run
    assert found.run_in(known, SCHEDULED, due) is None


def test_a_run_belongs_to_the_day_it_was_planned_for() -> None:
    """Yesterday's run that starts this morning isn't today's; today's that starts tonight is."""
    known = history(daily("06-01T06:00", 5))
    due = at("06-08T08:30")
    yesterday = Run("late", "scheduled", at("06-08T07:00"), at("06-07T06:00"), at("06-08T08:00"), SUCCESS)
    tonight = Run("today", "scheduled", at("06-08T22:00"), at("06-08T06:00"), at("06-08T23:00"), SUCCESS)
    found = Plan.of(known, SCHEDULED, due)
    assert found.run_in(known.with_runs([yesterday]), SCHEDULED, due) is None
    assert found.run_in(known.with_runs([yesterday, tonight]), SCHEDULED, due) == tonight


def test_a_run_without_a_schedule_belongs_to_the_nearest_day() -> None:
    runs = [each._replace(planned=None, type="asset_triggered") for each in daily("06-01T08:00", 10)]
    due, types = at("06-12T08:30"), ("asset_triggered",)
    late = Run("late", "asset_triggered", at("06-12T09:40"))
    known = history([*runs, late])
    assert Plan.of(known, types, due).run_in(known, types, due) == late
    tomorrow = at("06-13T08:30")
    assert Plan.of(known, types, tomorrow).run_in(known, types, tomorrow) is None


def test_a_success_is_remembered_when_the_run_is_cleared() -> None:
    first = Run("r", "scheduled", 100.0, 90.0, 500.0, SUCCESS, task_ends={"load": 300.0})
    again = Run("r", "scheduled", 900.0, 90.0, attempt=1)
    (run,) = RunHistory().with_runs([first]).with_runs([again]).runs
    assert (run.end_of(None), run.end_of("load"), run.end_of("other"), run.is_ordinary) == (500.0, 300.0, 500.0, False)
    (run,) = RunHistory().with_runs([again, first]).runs
    assert (run.attempt, run.end_of(None)) == (1, 500.0)
    (failed,) = RunHistory().with_runs([first._replace(state=FAILED), again]).runs
    assert failed.end_of(None) is None


def test_an_event_that_comes_twice_or_late_changes_nothing() -> None:
    started, ended = Run("r", "scheduled", 100.0), Run("r", "scheduled", 100.0, None, 500.0, SUCCESS)
    known = RunHistory().with_runs([ended])
    assert known.with_runs([started]) == known
    assert known.with_runs([ended, started]) == known


def test_what_was_known_earlier() -> None:
    done = Run("r", "scheduled", 100.0, None, 500.0, SUCCESS, task_ends={"a": 200.0, "b": 400.0})
    known = RunHistory().with_runs([done, Run("later", "scheduled", 600.0)])
    assert known.as_of(1_000) is known
    assert known.as_of(300).runs == (Run("r", "scheduled", 100.0, task_ends={"a": 200.0}),)
    assert known.as_of(50).runs == ()


def test_it_survives_json() -> None:
    known = RunHistory(
        zone="UTC",
        tasks=(TaskHistory("a", (), (1.5,)), TaskHistory("b", ("a",))),
        tells_tasks=True,
        owners=("o",),
        tags=("t",),
    ).with_runs([*daily("06-01T06:00", 3), Run("r", "manual", 1.0, task_ends={"x": 2.0})])
    assert RunHistory.from_plain(json.loads(json.dumps(known.to_plain()))) == known


@pytest.mark.parametrize("plain", [{}, {"runs": 3}, {"runs": [[1]], "zone": "x", "tasks": [], "tells_tasks": 1}])
def test_what_is_no_history_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="this isn't a history of runs"):
        RunHistory.from_plain(plain)


def test_an_unknown_zone_counts_as_utc() -> None:
    known = history(daily("06-01T06:00", 5), "Mars/North")
    assert plan(known, "06-08T08:30").at == at("06-08T06:00")
