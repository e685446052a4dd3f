"""Time intervals through a year with holidays and make-up workdays, beside a plain reference."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.rules.rule_set import Rule
from airflow_provider_dingpush.rules.time_intervals import (
    DayKind,
    NamedInterval,
    Span,
    TimeInterval,
    TimeRange,
    end_of,
    start_of,
)
from airflow_provider_dingpush.rules.workdays import Calendar

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
# Part of the year 2026 of the State Council's notice: days off, and weekend days that are worked instead.
OFF = {date(2026, 10, each) for each in range(1, 8)} | {date(2026, 9, each) for each in (25, 26, 27)}
WORKED = {date(2026, 9, 20), date(2026, 10, 10)}
CALENDAR = Calendar(frozenset(OFF), frozenset(WORKED))
NIGHT = TimeRange(22 * 60, 8 * 60)


def plainly(moment: datetime, **conditions: Any) -> bool:
    """Whether a moment is in an interval, by looking at each condition of the day on which the time begins."""
    local = moment.astimezone(conditions.get("zone", SHANGHAI))

    def day_is_right(day: date) -> bool:
        is_off = day in OFF or (day.weekday() >= 5 and day not in WORKED)
        checks = [
            "weekdays" not in conditions or any(a <= day.weekday() <= b for a, b in conditions["weekdays"]),
            "months" not in conditions or any(a <= day.month <= b for a, b in conditions["months"]),
            conditions.get("days") is None or (conditions["days"] is DayKind.HOLIDAYS) is is_off,
        ]
        return all(checks)

    times = conditions.get("times") or [TimeRange(0, 1440)]
    for start, end in times:
        length = (end - start) % 1440 or 1440
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            minute = local.hour * 60 + local.minute + back * 1440
            if start <= minute < start + length and day_is_right(day):
                return True
    return False


_MINUTES = st.integers(0, 1439)
_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "times": st.lists(st.builds(TimeRange, _MINUTES, st.integers(1, 1440)), min_size=1, max_size=2),
        "weekdays": st.lists(st.tuples(st.integers(0, 3), st.integers(3, 6)), min_size=1, max_size=2),
        "months": st.just([(9, 9)]) | st.just([(10, 11)]),
        "days": st.sampled_from(DayKind),
        "zone": st.sampled_from([SHANGHAI, NEW_YORK, timezone.utc]),
    },
)


def interval(conditions: dict[str, Any]) -> TimeInterval:
    spans = {name: tuple(Span(*each) for each in conditions.get(name, ())) for name in ("weekdays", "months")}
    return TimeInterval(
        times=tuple(conditions.get("times", ())),
        days=conditions.get("days"),
        zone=conditions.get("zone", SHANGHAI),
        calendar=CALENDAR,
        **spans,
    )


@settings(max_examples=200, deadline=None)
@given(_CONDITIONS, st.integers(0, 366 * 1440))
def test_a_moment_of_the_year_is_inside_as_the_plain_reference_says(conditions: dict[str, Any], minute: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=minute)
    assert interval(conditions).contains(moment) is plainly(moment, **conditions)


@settings(max_examples=60, deadline=None)
@given(_CONDITIONS, st.integers(0, 60 * 24))
def test_it_ends_at_the_first_moment_that_is_outside(conditions: dict[str, Any], hour: int) -> None:
    moment = datetime(2026, 9, 1, tzinfo=timezone.utc) + timedelta(hours=hour)
    named = (NamedInterval("n", (interval(conditions),)),)
    inside = named[0].contains(moment)
    until = (end_of if inside else start_of)(named, moment)
    if until is None:
        assert plainly(moment + timedelta(days=90), **conditions) is inside
        return
    assert plainly(until, **conditions) is not inside
    assert plainly(until - timedelta(minutes=1), **conditions) is inside
    step = max(1, int((until - moment).total_seconds() // 60 // 500))
    for minutes in range(0, int((until - moment).total_seconds() // 60), step):
        assert plainly(moment + timedelta(minutes=minutes), **conditions) is inside


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 9, 25), False),  # Mid-Autumn, a Friday
        (date(2026, 9, 20), True),  # the Sunday that makes up for it
        (date(2026, 10, 10), True),  # the Saturday after National Day
        (date(2026, 10, 11), False),
        (date(2026, 11, 27), True),
    ],
)
def test_make_up_days_are_worked(day: date, worked: bool) -> None:
    assert CALENDAR.is_workday(day) is worked
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
    assert TimeInterval(days=DayKind.WORKDAYS, calendar=CALENDAR, zone=SHANGHAI).contains(noon) is worked


def test_a_day_of_the_month_counts_from_the_end_too() -> None:
    last = TimeInterval(days_of_month=(Span(-1, -1),), zone=SHANGHAI)
    assert [day for day in range(1, 29) if last.contains(datetime(2026, 2, day, 12, tzinfo=SHANGHAI))] == [28]


@pytest.fixture
def quiet_at_night() -> Rule:
    night = NamedInterval("night", (TimeInterval(times=(NIGHT,), zone=SHANGHAI),))
    return Rule("quiet", receiver="r", mute_time_intervals=(night,))


@pytest.mark.parametrize("urgency", [Urgency.P2, Urgency.P3, Urgency.P4])
def test_a_muted_alert_waits_until_the_interval_ends(quiet_at_night: Rule, urgency: Urgency) -> None:
    at_three = datetime(2026, 11, 27, 3, 0, tzinfo=SHANGHAI)
    assert quiet_at_night.muted_until(urgency, at_three) == datetime(2026, 11, 27, 8, 0, tzinfo=SHANGHAI)
    assert quiet_at_night.muted_until(urgency, at_three.replace(hour=8)) is None


def test_p1_is_never_muted(quiet_at_night: Rule) -> None:
    assert quiet_at_night.muted_until(Urgency.P1, datetime(2026, 11, 27, 3, 0, tzinfo=SHANGHAI)) is None


def test_muted_and_inactive_times_follow_each_other() -> None:
    """Active on workdays, muted at night: what fails on Friday night is sent on Monday at eight."""
    night = NamedInterval("night", (TimeInterval(times=(NIGHT,), zone=SHANGHAI),))
    office = NamedInterval("office", (TimeInterval(days=DayKind.WORKDAYS, zone=SHANGHAI),))
    rule = Rule("r", receiver="r", mute_time_intervals=(night,), active_time_intervals=(office,))
    friday_night = datetime(2026, 11, 27, 23, 30, tzinfo=SHANGHAI)
    assert rule.muted_until(Urgency.P3, friday_night) == datetime(2026, 11, 30, 8, 0, tzinfo=SHANGHAI)


def test_an_interval_without_an_end_mutes_until_the_end_of_time() -> None:
    always = NamedInterval("always", (TimeInterval(zone=SHANGHAI),))
    until = Rule("r", receiver="r", mute_time_intervals=(always,)).muted_until(
        Urgency.P4, datetime(2026, 1, 1, tzinfo=timezone.utc)
    )
    assert until is not None
    assert until.year == 9999
