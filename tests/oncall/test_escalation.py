"""Which step is due, what stops it, and what a step that reached nobody falls back to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_dingpush.oncall.escalation import (
    GRACE_SECONDS,
    Attempt,
    Call,
    Decision,
    Outcome,
    Progress,
    Situation,
    Verdict,
    calls_left,
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
from airflow_provider_dingpush.rules.escalations import CallLimits, Escalation, Step, Way

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
    done = after((APP, Way.APP, 300, Outcome.DONE), (PHONE, Way.PHONE, 900, Outcome.DONE))
    assert decide(1_799, done).verdict is Verdict.WAIT
    assert decide(1_800, done)[:3] == (Verdict.DO, LEAD, Way.PHONE)
    done = done.with_attempt(LEAD, Attempt(Way.PHONE, 2_800.0, Outcome.DONE))
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


@pytest.mark.parametrize("outcome", [Outcome.STARTED, Outcome.UNKNOWN])
@pytest.mark.parametrize("way", [Way.APP, Way.SMS, Way.PHONE, Way.PERSON])
def test_what_may_have_reached_somebody_is_never_repeated_and_the_group_is_told(way: Way, outcome: Outcome) -> None:
    """Also if the process was killed before it noted the outcome."""
    step = Step(60, way, ("lead",))
    begun = after((step, way, 60, outcome))
    plan = Escalation((step,))
    assert decide(61, begun, plan=plan)[:4] == (Verdict.DO, step, Way.GROUP, ((way, Outcome.UNKNOWN),))
    for told in Outcome.STARTED, Outcome.DONE, Outcome.UNKNOWN, Outcome.REFUSED:
        ended = begun.with_attempt(step, Attempt(Way.GROUP, 1_061.0, told))
        assert decide(62, ended, plan=plan).verdict is Verdict.FINISHED
    away = begun.with_attempt(step, Attempt(Way.GROUP, 1_061.0, Outcome.UNAVAILABLE))
    assert decide(121, away, plan=plan)[:3] == (Verdict.DO, step, Way.GROUP)


def test_a_message_to_the_group_is_never_repeated() -> None:
    step = Step(60, Way.GROUP)
    begun = after((step, Way.GROUP, 60, Outcome.STARTED))
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
    # A robot may be reached where the app isn't.
    assert decide(900, away)[:4] == (Verdict.DO, APP, Way.GROUP, ((Way.APP, Outcome.UNAVAILABLE),))
    away = away.with_attempt(APP, Attempt(Way.GROUP, 1_900.0, Outcome.UNAVAILABLE))
    assert decide(900, away)[:3] == (Verdict.DO, PHONE, Way.PHONE)
    steps = [(each, way, each.after_seconds) for each in (APP, PHONE, LEAD) for way in (each.way, Way.GROUP)]
    last = after(*((*each, Outcome.UNAVAILABLE) for each in steps[:-1]))
    assert decide(3_600, last)[:3] == (Verdict.DO, LEAD, Way.PHONE)
    assert decide(86_400, last)[:3] == (Verdict.DO, LEAD, Way.GROUP)
    last = after(*((*each, Outcome.UNAVAILABLE) for each in steps))
    assert decide(86_400, last).verdict is Verdict.FINISHED


def test_of_many_tries_in_vain_the_first_and_the_last_are_noted() -> None:
    """A night without DingTalk fills no note."""
    progress = START
    for number in range(300):
        for outcome in Outcome.STARTED, Outcome.UNAVAILABLE:
            progress = progress.with_attempt(LEAD, Attempt(Way.PHONE, 1_000.0 + number, outcome))
    assert [each.at for each in progress.every_attempt] == [1_000.0, 1_299.0]


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
    assert calls_left(CallLimits(), calls, now) is None
    assert calls_left(CallLimits(per_night=5), calls, now) == 2
    assert calls_left(CallLimits(per_month=5), calls, now) == 3
    assert calls_left(CallLimits(per_night=5, per_month=4), calls, now) == 2
    assert calls_left(CallLimits(per_night=2), calls, now) == 0
    assert calls_left(CallLimits(per_night=5), calls, now.replace(hour=13)) == 5


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
