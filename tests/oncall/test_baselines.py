"""How a baseline stands: each outlook, what is said and when, and what no sequence of looks may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.oncall.baselines import (
    BaselineDay,
    Known,
    Notice,
    Outlook,
    Progress,
    decide,
    notices_due,
)
from airflow_provider_dingpush.oncall.critical_path import TaskHistory
from airflow_provider_dingpush.oncall.run_history import FAILED, SUCCESS, Run, RunHistory
from airflow_provider_dingpush.rules.baselines import Baseline, Estimate, Output, OutputKind
from airflow_provider_dingpush.rules.time_intervals import Span, TimeInterval

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 6, 10)
EARLY = 0.0
REPORT, CITY = Output(OutputKind.DAG, "report", "report"), Output(OutputKind.DAG, "city", "city")
PUBLISH = Output(OutputKind.TASK, "publish", "report")
ORDERS = Output(OutputKind.ASSET, "orders")
WHOLE = Baseline("daily", (REPORT,), 510, TimeInterval(zone=SHANGHAI), 1_200.0)


def at(clock: str, day: date = TODAY) -> float:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI).timestamp()


def run(clock: str, day: date = TODAY, *, took: float | None = None, state: str | None = None, **more: Any) -> Run:
    """A run that was planned for 07:00 and started then; it took so many minutes."""
    started = at(clock, day)
    ended = None if took is None else started + took * 60
    known = state or ("running" if ended is None else SUCCESS)
    return Run(f"r{day}", "scheduled", started, at("07:00", day), ended, known)._replace(**more)


def past(days: int = 10, took: tuple[float, ...] = (60,), **more: Any) -> RunHistory:
    """Runs of earlier days, from 07:00 on, each of an hour."""
    runs = [
        run("07:00", TODAY - timedelta(days=days - each), took=took[each % len(took)], **more) for each in range(days)
    ]
    return RunHistory(zone="Asia/Shanghai").with_runs(runs)


def look(
    now: str,
    *today: Run,
    history: RunHistory | None = None,
    baseline: Baseline = WHOLE,
    since: float = EARLY,
    **more: Any,
) -> BaselineDay:
    known = (past() if history is None else history).with_runs(today)
    return decide(baseline, TODAY, {(OutputKind.DAG, "report"): Known(known, **more)}, now=at(now), since=since)


def test_in_time_from_morning_to_end() -> None:
    early = look("06:00")
    assert (early.outlook, early.expected, early.margin_seconds) == (Outlook.ON_TIME, at("08:00"), 1_800)
    assert [each.progress for each in early.forecasts] == [Progress.WAITING]
    assert look("07:30", run("07:00")).expected == at("08:00")
    done = look("08:05", run("07:00", took=63))
    assert (done.outlook, done.expected, done.is_done) == (Outlook.MET, at("08:03"), True)


def test_a_late_start_is_a_risk_as_soon_as_the_time_no_longer_suffices() -> None:
    assert look("07:09").outlook is Outlook.ON_TIME
    late = look("07:11")
    assert (late.outlook, late.expected, late.worst) == (Outlook.AT_RISK, at("08:11"), at("08:11"))
    assert [each.progress for each in late.forecasts] == [Progress.NOT_STARTED]
    assert look("07:20", run("07:15")).outlook is Outlook.AT_RISK
    assert look("07:20", run("07:05")).outlook is Outlook.ON_TIME


def test_a_long_run_is_a_risk_when_it_should_have_ended() -> None:
    assert look("08:09", run("07:00")).outlook is Outlook.ON_TIME
    assert look("08:10", run("07:00")).outlook is Outlook.AT_RISK


def test_the_breach_and_the_late_end() -> None:
    assert look("08:29", run("07:00")).outlook is Outlook.AT_RISK
    assert look("08:30", run("07:00")).outlook is Outlook.BREACHED
    late = look("09:00", run("07:00", took=100))
    assert (late.outlook, late.margin_seconds) == (Outlook.MET_LATE, -600)
    assert look("09:00", run("07:00", took=90)).outlook is Outlook.MET  # at 08:30 sharp


def test_a_failed_run_must_run_again() -> None:
    failed = run("07:00", took=5, state=FAILED)
    assert look("07:08", failed).outlook is Outlook.ON_TIME
    again = look("07:11", failed)
    assert (again.outlook, again.forecasts[0].progress, again.expected) == (
        *(Outlook.AT_RISK, Progress.FAILED),
        at("08:11"),
    )
    assert look("08:25", failed, run("07:12", attempt=1, took=60)).outlook is Outlook.MET


def test_a_run_that_is_cleared_after_its_success_stays_done() -> None:
    assert look("09:30", run("07:00", took=60), run("09:00", attempt=1)).outlook is Outlook.MET


def test_the_slow_tenth_decides_if_somebody_says_so() -> None:
    history = past(10, took=(60,) * 8 + (95, 95))
    assert look("07:00", history=history).outlook is Outlook.ON_TIME
    assert look("07:00", history=history).worst == at("08:35")
    careful = replace(WHOLE, estimate=Estimate.P90)
    assert look("07:00", history=history, baseline=careful).outlook is Outlook.AT_RISK


def test_without_history_only_the_clock_decides() -> None:
    few = past(2)
    assert look("07:30", history=few).outlook is Outlook.NO_HISTORY
    assert look("08:09", run("07:00"), history=few).outlook is Outlook.NO_HISTORY
    assert look("08:10", run("07:00"), history=few).outlook is Outlook.AT_RISK
    assert look("08:30", run("07:00"), history=few).outlook is Outlook.BREACHED
    assert look("08:30", run("07:00", took=80), history=few).outlook is Outlook.MET


def test_the_day_on_which_it_is_added_is_not_judged_unless_something_is_known() -> None:
    none, added = RunHistory(), at("03:00")
    assert look("08:40", history=none, since=added).outlook is Outlook.NOT_WATCHED
    assert look("08:40", run("07:00"), history=none, since=added).outlook is Outlook.BREACHED
    assert look("08:40", history=none, since=added, next_planned=at("07:00")).outlook is Outlook.BREACHED
    assert look("08:40", since=added).outlook is Outlook.BREACHED
    assert look("08:40", history=none, since=at("03:00", TODAY - timedelta(days=1))).outlook is Outlook.BREACHED


def test_a_paused_dag_is_nobodys_alarm_but_what_is_done_is_done() -> None:
    assert look("08:40", is_paused=True).outlook is Outlook.PAUSED
    assert look("08:40", run("07:00", took=60), is_paused=True).outlook is Outlook.MET


def test_backfills_and_runs_by_hand_are_for_something_else() -> None:
    other = run("07:00", took=10)._replace(run_id="x", planned=None)
    for kind in ("backfill", "manual", "operator_triggered"):
        assert look("08:20", other._replace(type=kind)).outlook is Outlook.AT_RISK
    by_hand = replace(WHOLE, run_types=("scheduled", "manual"))
    assert look("08:20", other._replace(type="manual"), baseline=by_hand).outlook is Outlook.MET


def test_of_several_outputs_the_last_one_counts() -> None:
    both = replace(WHOLE, outputs=(REPORT, CITY))
    known = {(OutputKind.DAG, "report"): Known(past().with_runs([run("07:00", took=50)]))}
    late = decide(both, TODAY, {**known, (OutputKind.DAG, "city"): Known(past(took=(75,)))}, now=at("07:50"), since=0)
    assert (late.outlook, late.expected) == (Outlook.AT_RISK, at("09:05"))
    assert late.decisive is not None
    assert late.decisive.output == CITY
    unknown = decide(both, TODAY, known, now=at("07:55"), since=0)
    assert (unknown.outlook, unknown.expected) == (Outlook.NO_HISTORY, None)


def test_what_it_waits_for_along_the_way_counts() -> None:
    chain = replace(WHOLE, upstream=("ods", "dwd"))
    early = past().with_runs([])
    ods = RunHistory(zone="Asia/Shanghai").with_runs(
        [run("04:00", TODAY - timedelta(days=each), took=60)._replace(planned=None) for each in range(1, 9)]
    )
    ods = replace(ods, runs=tuple(each._replace(planned=each.started) for each in ods.runs))
    known: Mapping[tuple[OutputKind, str], Known] = {
        (OutputKind.DAG, "report"): Known(early),
        (OutputKind.DAG, "ods"): Known(ods),
        (OutputKind.DAG, "dwd"): Known(ods),
    }
    # At 05:40 ods has not started: it ends at 06:40, dwd at 07:40, and the report, which starts at 07:00, at 08:40.
    late = decide(chain, TODAY, known, now=at("05:40"), since=0)
    assert (late.outlook, late.expected, late.late_upstream) == (Outlook.AT_RISK, at("08:40"), "ods")
    fine = decide(chain, TODAY, known, now=at("04:01"), since=0)
    assert (fine.outlook, fine.expected, fine.late_upstream) == (Outlook.ON_TIME, at("08:00"), None)


def test_a_task_is_done_before_its_run() -> None:
    ends = [each._replace(task_ends={"publish": each.started + 1_800}) for each in past().runs]
    history = RunHistory(zone="Asia/Shanghai").with_runs(ends)
    task = replace(WHOLE, outputs=(PUBLISH,))
    assert look("07:00", history=history, baseline=task).expected == at("07:30")
    noted = look("08:25", run("07:00"), history=history, baseline=task, task_ends=lambda _: {"publish": at("07:31")})
    assert (noted.outlook, noted.expected) == (Outlook.MET, at("07:31"))
    failed = run("07:00", took=70, state=FAILED, task_ends={"publish": at("07:40")})
    assert look("08:25", failed, history=history, baseline=task).outlook is Outlook.MET
    before = look("08:25", run("07:00"), history=history, baseline=task, task_ends=lambda _: {"publish": at("06:00")})
    assert before.outlook is Outlook.AT_RISK


def test_tasks_that_have_ended_count_while_it_runs() -> None:
    tasks = (TaskHistory("a", (), (600.0,) * 9), TaskHistory("b", ("a",), (3_000.0,) * 9))
    history = replace(past(), tasks=tasks, tells_tasks=True)
    ended = {"a": at("07:25")}
    assert look("07:25", run("07:00"), history=history, task_ends=lambda _: ended).expected == at("08:15")
    assert look("07:25", run("07:00"), history=history, task_ends=lambda _: ended).outlook is Outlook.AT_RISK
    assert look("07:25", run("07:00"), history=history, task_ends=lambda _: ended).forecasts[0].tasks == ("b",)
    blind = replace(history, tells_tasks=False)
    assert look("07:25", run("07:00"), history=blind, task_ends=lambda _: ended).expected == at("08:00")


def test_an_asset_comes_at_its_usual_time() -> None:
    def update(clock: str, day: date) -> Run:
        moment = at(clock, day)
        return Run(f"{moment}", "asset", moment, None, moment, SUCCESS)

    history = RunHistory(zone="Asia/Shanghai").with_runs(
        [update(f"07:{each * 3:02}", TODAY - timedelta(days=each)) for each in range(1, 11)]
    )
    asset = replace(WHOLE, outputs=(ORDERS,))

    def stands(now: str, *updates: Run) -> BaselineDay:
        return decide(
            asset, TODAY, {(OutputKind.ASSET, "orders"): Known(history.with_runs(updates))}, now=at(now), since=0
        )

    assert (stands("07:00").outlook, stands("07:00").expected) == (Outlook.ON_TIME, at("07:16") + 30)
    assert stands("07:00").worst == at("07:27")
    assert stands("07:50").forecasts[0].progress is Progress.NOT_STARTED
    assert stands("08:11").outlook is Outlook.AT_RISK
    assert stands("08:40", update("08:35", TODAY)).outlook is Outlook.MET_LATE
    assert stands("08:00", update("07:55", TODAY)).outlook is Outlook.MET


def test_on_other_days_it_is_not_due() -> None:
    sundays = replace(WHOLE, days=TimeInterval(weekdays=(Span(6, 6),), zone=SHANGHAI))
    assert look("08:40", baseline=sundays).outlook is Outlook.NOT_DUE


def test_a_due_time_after_midnight_belongs_to_the_day_before() -> None:
    night = replace(WHOLE, due=25 * 60 + 30)
    assert decide(
        night, TODAY - timedelta(days=1), {(OutputKind.DAG, "report"): Known(past())}, now=at("01:29"), since=0
    ).due == at("01:30")


def test_a_day_that_has_not_begun_is_no_news() -> None:
    """It usually takes too long: that is said half a day before it is due, not when the one before ends."""
    tomorrow = TODAY + timedelta(days=1)
    known = {(OutputKind.DAG, "report"): Known(past(10, (100,)))}
    found = {
        clock: decide(WHOLE, tomorrow, known, now=now, since=EARLY)
        for clock, now in {"before": at("09:00"), "near": at("20:31")}.items()
    }
    assert {each.outlook for each in found.values()} == {Outlook.AT_RISK}
    assert notices_due(found["before"], frozenset()) == ()
    assert notices_due(found["near"], frozenset()) == (Notice.AT_RISK,)


def test_what_is_said_and_in_which_order() -> None:
    def due(outlook: Outlook, *said: Notice) -> tuple[Notice, ...]:
        return notices_due(BaselineDay(WHOLE, TODAY, 0.0, outlook), frozenset(said))

    risk, breach, met = Notice.AT_RISK, Notice.BREACHED, Notice.MET
    assert due(Outlook.ON_TIME) == due(Outlook.MET) == due(Outlook.PAUSED) == due(Outlook.NO_HISTORY) == ()
    assert due(Outlook.AT_RISK) == (risk,)
    assert due(Outlook.AT_RISK, risk) == due(Outlook.AT_RISK, breach) == ()
    assert due(Outlook.BREACHED) == due(Outlook.BREACHED, risk) == (breach,)
    assert due(Outlook.BREACHED, breach) == due(Outlook.BREACHED, risk, breach) == ()
    assert due(Outlook.MET, risk) == due(Outlook.MET_LATE, breach) == due(Outlook.MET_LATE, risk, breach) == (met,)
    assert due(Outlook.MET_LATE) == due(Outlook.MET_LATE, risk) == (breach, met)
    assert due(Outlook.MET_LATE, breach, met) == due(Outlook.BREACHED, risk, met) == ()


def test_every_notice_has_its_event() -> None:
    assert {each.event for each in Notice} == {Event.BASELINE_AT_RISK, Event.BASELINE_BREACHED, Event.BASELINE_MET}


@pytest.mark.parametrize("kind", [*Outlook, *Progress], ids=str)
def test_every_state_has_words(kind: Outlook | Progress) -> None:
    english, chinese = kind.in_language("en"), kind.in_language("zh")
    assert english.isascii()
    assert not chinese.isascii()


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.sampled_from(["start", "succeed", "fail", "clear", "pause", "unpause", "by_hand"]), st.just(0)),
)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=40), st.integers(0, 12), st.booleans())
def test_whatever_happens_nothing_is_said_twice_or_out_of_order(
    steps: list[tuple[str, int]], days: int, is_added_today: bool
) -> None:
    """Looks after each step: at most once each, no risk after the breach, an end only after one of them, none early."""
    now, history, is_paused, said = at("05:00"), past(days), False, list[Notice]()
    today: Run | None = None
    first_success: float | None = None
    since = at("04:00") if is_added_today else EARLY
    for step, minutes in steps:
        now += minutes * 60 + 1
        if step == "start" and today is None:
            today = run("07:00")._replace(started=now)
        elif today is not None and today.ended is None and step in ("succeed", "fail", "by_hand"):
            state = FAILED if step == "fail" else SUCCESS
            today = today._replace(ended=now, state=state, by_hand=step == "by_hand")
            first_success = first_success or (now if state == SUCCESS else None)
        elif step == "clear" and today is not None and today.ended is not None:
            today = today._replace(attempt=today.attempt + 1, started=now, ended=None, state="running", by_hand=False)
        elif step in ("pause", "unpause"):
            is_paused = step == "pause"
        history = history.with_runs([today] if today else [])
        standing = decide(WHOLE, TODAY, {(OutputKind.DAG, "report"): Known(history, is_paused)}, now=now, since=since)
        due = notices_due(standing, frozenset(said))
        assert standing.is_done == (first_success is not None)
        if Notice.AT_RISK in due:
            assert not said
            assert now < standing.due
        if Notice.BREACHED in due:
            assert now >= standing.due
        if Notice.MET in due:
            assert first_success is not None
            assert {*said, *due} != {Notice.MET}
        if is_paused and first_success is None:
            assert not due
        said += due
        assert len(said) == len(set(said))
        if standing.expected is not None and not standing.is_done:
            assert standing.expected >= now
            assert standing.worst is not None
            assert standing.worst >= standing.expected
