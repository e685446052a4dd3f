"""Which step is due, what stops it, and what a step that reached nobody falls back to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_dingpush.oncall.escalation import (
    GRACE_SECONDS,
    Attempt,
    Call,
    CallLimits,
    Decision,
    Escalation,
    Outcome,
    Progress,
    Situation,
    Step,
    Verdict,
    Way,
    due_times,
    next_step,
    progress_of,
)
from airflow_provider_dingpush.oncall.progress_notes import (
    call_from_bytes,
    call_to_bytes,
    progress_from_bytes,
    progress_to_bytes,
)

GROUP = Step(0, Way.GROUP)
APP = Step(300, Way.APP, ("on_call",))
PHONE = Step(900, Way.PHONE, ("on_call",))
LEAD = Step(1_800, Way.PHONE, ("lead",))
STEPS = Escalation((GROUP, APP, PHONE, LEAD))
NOTHING = Situation()
START = Progress(1_000.0)
MINUTE = 60.0


def decide(
    now: float, progress: Progress = START, situation: Situation = NOTHING, plan: Escalation = STEPS
) -> Decision:
    return next_step(plan, progress, situation, 1_000.0 + now)


def after(*attempts: tuple[Step, Way, float, Outcome]) -> Progress:
    progress = START
    for step, way, at, outcome in attempts:
        progress = progress.with_attempt(step, Attempt(way, 1_000.0 + at))
        if outcome is not Outcome.STARTED:
            progress = progress.with_attempt(step, Attempt(way, 1_000.0 + at, outcome))
    return progress


def test_the_steps_come_in_their_time() -> None:
    assert decide(299) == Decision(Verdict.WAIT, APP, due=1_300.0)
    assert decide(300) == Decision(Verdict.DO, APP, Way.APP, (), 1_300.0)
    done = after((APP, Way.APP, 300, Outcome.DONE))
    assert decide(899, done).verdict is Verdict.WAIT
    assert decide(900, done)[:3] == (Verdict.DO, PHONE, Way.PHONE)
    done = after((APP, Way.APP, 300, Outcome.DONE), (PHONE, Way.PHONE, 900, Outcome.UNKNOWN))
    assert decide(1_799, done).verdict is Verdict.WAIT
    assert decide(1_800, done)[:3] == (Verdict.DO, LEAD, Way.PHONE)
    done = done.with_attempt(LEAD, Attempt(Way.PHONE, 2_800.0))
    assert decide(99_999, done).verdict is Verdict.FINISHED


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        (Situation(recovered=True, claimed=True), Verdict.RECOVERED),
        (Situation(rerun=True), Verdict.RERUN),
        (Situation(claimed=True), Verdict.CLAIMED),
        (Situation(withheld=True), Verdict.WITHHELD),
    ],
)
def test_what_stops_it(situation: Situation, verdict: Verdict) -> None:
    assert decide(9_999, situation=situation) == Decision(verdict)


def test_a_rerun_stops_it_for_good_until_it_fails_again() -> None:
    stopped = START.ended_by_rerun(1_100.0)
    assert decide(9_999, stopped).verdict is Verdict.RERUN
    assert progress_of(stopped, opened=1_000.0, failed_at=1_050.0) is stopped
    assert progress_of(stopped, opened=1_000.0, failed_at=1_200.0) == Progress(1_200.0)
    assert progress_of(None, opened=1_000.0, failed_at=1_200.0) == Progress(1_000.0)
    assert progress_of(START, opened=1_000.0, failed_at=5_000.0) is START, "one more failure changes nothing"
    assert progress_of(START, opened=1_500.0, failed_at=1_500.0) == Progress(1_500.0), "it had recovered"


@pytest.mark.parametrize("way", [Way.APP, Way.SMS, Way.PHONE, Way.PERSON, Way.GROUP])
def test_what_was_begun_is_never_repeated(way: Way) -> None:
    """Also if the process was killed before it noted the outcome."""
    step = Step(60, way, ("lead",))
    begun = after((step, way, 60, Outcome.STARTED))
    assert decide(61, begun, plan=Escalation((step,))).verdict is Verdict.FINISHED


def test_a_to_do_is_repeated_because_dingtalk_recognises_it() -> None:
    step = Step(60, Way.TODO, ("lead",))
    begun = after((step, Way.TODO, 60, Outcome.STARTED))
    assert decide(120, begun, plan=Escalation((step,)))[:3] == (Verdict.DO, step, Way.TODO)


@pytest.mark.parametrize(
    ("outcome", "ways"),
    [
        (Outcome.NO_CREDIT, [Way.SMS, Way.APP, Way.GROUP]),
        (Outcome.REFUSED, [Way.SMS, Way.APP, Way.GROUP]),
        (Outcome.NO_PERMISSION, [Way.GROUP]),
        (Outcome.EDITION, [Way.GROUP]),
        (Outcome.NOBODY, [Way.GROUP]),
    ],
)
def test_what_reached_nobody_falls_back_and_says_why(outcome: Outcome, ways: list[Way]) -> None:
    plan, progress = Escalation((PHONE,)), after((PHONE, Way.PHONE, 900, outcome))
    tried = [Way.PHONE]
    for way in ways:
        found = decide(901, progress, plan=plan)
        assert (found.verdict, found.way) == (Verdict.DO, way)
        assert found.because == tuple((each, outcome) for each in tried)
        progress = progress.with_attempt(PHONE, Attempt(way, 1_901.0, outcome))
        tried.append(way)
    assert decide(902, progress, plan=plan).verdict is Verdict.FINISHED


def test_the_next_step_comes_although_one_reached_nobody() -> None:
    failed = after((APP, Way.APP, 300, Outcome.EDITION), (APP, Way.GROUP, 301, Outcome.REFUSED))
    assert decide(400, failed) == Decision(Verdict.WAIT, PHONE, due=1_900.0)


def test_while_dingtalk_is_away_the_same_is_tried_until_the_next_step() -> None:
    away = after((APP, Way.APP, 300, Outcome.UNAVAILABLE))
    assert decide(360, away)[:3] == (Verdict.DO, APP, Way.APP)
    again = after((APP, Way.APP, 300, Outcome.UNAVAILABLE), (APP, Way.APP, 360, Outcome.DONE))
    assert decide(420, again).verdict is Verdict.WAIT
    assert decide(900, away)[:3] == (Verdict.DO, PHONE, Way.PHONE)
    last = after(*((each, each.way, each.after_seconds, Outcome.UNAVAILABLE) for each in (APP, PHONE, LEAD)))
    assert decide(3_600, last)[:3] == (Verdict.DO, LEAD, Way.PHONE)
    assert decide(86_400, last).verdict is Verdict.FINISHED


def test_without_calls_left_it_falls_back_and_says_so() -> None:
    none_left = Situation(calls_left=0)
    found = decide(900, after((APP, Way.APP, 300, Outcome.DONE)), none_left)
    assert (found.way, found.because) == (Way.SMS, ((Way.PHONE, Outcome.LIMIT),))
    begun = after((APP, Way.APP, 300, Outcome.DONE), (PHONE, Way.SMS, 900, Outcome.NO_CREDIT))
    found = decide(901, begun, none_left)
    assert (found.way, found.because) == (Way.APP, ((Way.PHONE, Outcome.LIMIT), (Way.SMS, Outcome.NO_CREDIT)))
    assert decide(900, after((APP, Way.APP, 300, Outcome.DONE)), Situation(calls_left=1)).way is Way.PHONE


def test_a_step_that_is_late_delays_those_after_it() -> None:
    """No flush ran for an hour: the person has ten minutes nevertheless before the phone rings."""
    late = after((APP, Way.APP, 3_900, Outcome.DONE))
    assert decide(4_499, late) == Decision(Verdict.WAIT, PHONE, due=1_000.0 + 4_500)
    assert decide(4_500, late)[:2] == (Verdict.DO, PHONE)
    hardly = after((APP, Way.APP, 300 + GRACE_SECONDS, Outcome.DONE))
    assert due_times(STEPS, hardly)[2] == 1_900.0


def test_a_pause_does_not_count() -> None:
    paused = START.paused(1_240.0).paused(1_500.0)
    assert paused.paused_since == 1_240.0
    resumed = paused.resumed(1_840.0)
    assert (resumed.shift, resumed.paused_since) == (600.0, None)
    assert decide(899, resumed).verdict is Verdict.WAIT
    assert decide(900, resumed)[:2] == (Verdict.DO, APP)
    assert START.resumed(2_000.0) is START


def test_nights_begin_at_noon_and_months_with_their_first_day() -> None:
    zone = timezone(timedelta(hours=8))
    now = datetime(2026, 12, 1, 3, 0, tzinfo=zone)

    yesterday = datetime(2026, 11, 30, 12, 0, tzinfo=zone)
    calls = [
        Call(now.replace(hour=1).timestamp(), 2),
        Call(yesterday.timestamp()),
        Call((yesterday - timedelta(seconds=1)).timestamp()),
    ]
    assert CallLimits().left(calls, now) is None
    assert CallLimits(per_night=5).left(calls, now) == 2
    assert CallLimits(per_month=5).left(calls, now) == 3
    assert CallLimits(per_night=5, per_month=4).left(calls, now) == 2
    assert CallLimits(per_night=2).left(calls, now) == 0
    assert CallLimits(per_night=5).left(calls, now.replace(hour=13)) == 5


def test_notes_survive() -> None:
    progress = replace(after((APP, Way.APP, 300, Outcome.NO_CREDIT), (APP, Way.GROUP, 301, Outcome.DONE)), shift=1.5)
    progress = progress.with_attempt(
        PHONE, Attempt(Way.PHONE, 9.0, Outcome.DONE, ("u1",), {"ding_ids": ["x"]}, "words")
    )
    assert progress_from_bytes(progress_to_bytes(progress)) == progress
    assert call_from_bytes(call_to_bytes(Call(1.5, 2, "core"))) == Call(1.5, 2, "core")
    for value in (b"", b"{}", b"[]", b"\xff", b'{"attempts": {"a": [{}]}}'):
        with pytest.raises(ValueError, match=r".*"):
            progress_from_bytes(value)
        with pytest.raises(ValueError, match=r".*"):
            call_from_bytes(value)


@pytest.mark.parametrize("each", [*Way, *Outcome])
def test_each_has_words_in_both_languages(each: Way | Outcome) -> None:
    assert each.words("en") != each.words("zh")
