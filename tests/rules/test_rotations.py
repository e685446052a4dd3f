"""Rotations through a year with make-up workdays and changing clocks, beside a plain reference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.rules.people import Person
from airflow_provider_dingpush.rules.rotations import Layer, Override, Rotation, Turn
from airflow_provider_dingpush.rules.time_intervals import DayKind, Span, TimeRange
from airflow_provider_dingpush.rules.workdays import Calendar

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
# Zone -> how many minutes its clocks go forward, which none of them does in Shanghai and Kolkata.
ZONES = {
    "Asia/Shanghai": 0,
    "Asia/Kolkata": 0,
    "UTC": 0,
    "America/New_York": 60,
    "Europe/London": 60,
    "America/Havana": 60,  # at midnight
    "Australia/Lord_Howe": 30,
}
# The year 2026 of the State Council's notice: days off, and weekend days that are worked instead.
OFF = {
    *(date(2026, 1, each) for each in (1, 2, 3)),
    *(date(2026, 2, each) for each in range(15, 24)),
    *(date(2026, 4, each) for each in (4, 5, 6)),
    *(date(2026, 5, each) for each in range(1, 6)),
    *(date(2026, 6, each) for each in (19, 20, 21)),
    *(date(2026, 9, each) for each in (25, 26, 27)),
    *(date(2026, 10, each) for each in range(1, 8)),
}
WORKED = {date(2026, *each) for each in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))}
CALENDAR = Calendar(frozenset(OFF), frozenset(WORKED))
PEOPLE = tuple(Person(each, user_id=each) for each in ("a", "b", "c", "d"))
FIRST_DAY, LAST_DAY = date(2025, 12, 25), date(2027, 1, 7)
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)


def is_worked(day: date) -> bool:
    return day in WORKED or (day.weekday() < 5 and day not in OFF)


@cache
def quarters(zone: str) -> dict[tuple[date, int], datetime]:
    """Day and minute of the clock -> when that is for the first time, by looking at the clock for a year."""
    seen: dict[tuple[date, int], datetime] = {}
    moment = datetime(2025, 12, 20, tzinfo=timezone.utc)
    while moment < datetime(2027, 1, 12, tzinfo=timezone.utc):
        local = moment.astimezone(ZoneInfo(zone))
        seen.setdefault((local.date(), local.hour * 60 + local.minute), moment)
        moment += QUARTER
    return seen


def when(zone: str, day: date, minute: int) -> datetime:
    """When the clock shows a minute; if it never does, when it would have without going forward."""
    day, minute = day + minute // 1440 * DAY, minute % 1440
    for late in (0, ZONES[zone]):
        if (found := quarters(zone).get((day, minute + late))) is not None:
            return found
    raise AssertionError((zone, day, minute))


def turns(every: Turn, length: int, start: date, people: Sequence[Person]) -> dict[date, Person]:
    """Whose each day is, by going from day to day."""
    of_day, day, units, days = {}, start, 0, 0
    while day <= LAST_DAY:
        if day > start:
            days += 1
            if every is Turn.DAY or (every is Turn.WEEK and days % 7 == 0):
                units += 1
            if every is Turn.MONTH and day.day == start.day:
                units += 1
        if every not in (Turn.WORKDAY, Turn.HOLIDAY) or is_worked(day) is (every is Turn.WORKDAY):
            of_day[day] = people[units // length % len(people)]
            units += every in (Turn.WORKDAY, Turn.HOLIDAY)
        day += DAY
    return of_day


def plainly(moment: datetime, zone: str, given: dict[str, Any]) -> Person | None:
    """Who is on call, by looking at everything in turn."""
    person = None
    day = max(
        each
        for each in (FIRST_DAY + number * DAY for number in range(380))
        if when(zone, each, given["handover"]) <= moment
    )
    for layer in given["layers"]:
        whose = turns(layer["every"], layer["length"], layer["start"], layer["people"]).get(day)
        if layer["days"] is not None and is_worked(day) is not (layer["days"] is DayKind.WORKDAYS):
            whose = None
        if layer["weekdays"] and day.weekday() not in layer["weekdays"]:
            whose = None
        if whose is not None and layer["times"]:
            spans = [
                (when(zone, near, start), when(zone, near, end if end > start else end + 1440))
                for start, end in layer["times"]
                for near in (day - DAY, day, day + DAY)
            ]
            if not any(start <= moment < end for start, end in spans):
                whose = None
        person = whose or person
    for start, end, instead in given["overrides"]:
        if start <= moment < end:
            person = instead
    return person


def made(zone: str, given: dict[str, Any]) -> Rotation:
    layers = tuple(
        Layer(
            tuple(each["people"]),
            each["every"],
            each["length"],
            each["start"],
            days=each["days"],
            weekdays=tuple(Span(one, one) for one in each["weekdays"]),
            times=tuple(TimeRange(*one) for one in each["times"]),
            calendar=CALENDAR,
        )
        for each in given["layers"]
    )
    overrides = tuple(Override(*each) for each in given["overrides"])
    return Rotation("r", layers, given["handover"], ZoneInfo(zone), overrides)


_QUARTERS = st.integers(0, 95).map(lambda number: number * 15) | st.sampled_from([0, 540, 120, 135, 150, 60, 1425])
_MOMENTS = st.integers(0, 365 * 96 - 1).map(lambda number: datetime(2026, 1, 1, tzinfo=timezone.utc) + number * QUARTER)
# The nights in which the clocks change, and the days around holidays, more often than others.
_NEAR = st.builds(
    lambda day, number: datetime(2026, day[0], day[1], tzinfo=timezone.utc) + number * QUARTER,
    st.sampled_from([(3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31), (2, 13), (10, 9)]),
    st.integers(0, 300),
)
_LAYERS = st.fixed_dictionaries(
    {
        "people": st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
        "every": st.sampled_from(Turn),
        "length": st.integers(1, 3),
        "start": st.builds(lambda number: FIRST_DAY + number * DAY, st.integers(0, 60)).filter(
            lambda day: day.day <= 28
        ),
        "days": st.none() | st.sampled_from(DayKind),
        "weekdays": st.just(()) | st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True),
        "times": st.just(()) | st.lists(st.tuples(_QUARTERS, _QUARTERS), min_size=1, max_size=2),
    }
)
_OVERRIDES = st.builds(
    lambda start, number, person: (start, start + number * QUARTER, person),
    _MOMENTS | _NEAR,
    st.integers(1, 900),
    st.sampled_from(PEOPLE),
)
_ROTATIONS = st.fixed_dictionaries(
    {
        "handover": _QUARTERS,
        "layers": st.lists(_LAYERS, min_size=1, max_size=3),
        "overrides": st.lists(_OVERRIDES, max_size=3),
    }
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ZONES)), _ROTATIONS, st.lists(_MOMENTS | _NEAR, min_size=3, max_size=6))
def test_at_each_moment_of_the_year_the_right_person_is_on_call(
    zone: str, rotation: dict[str, Any], moments: list[datetime]
) -> None:
    right = made(zone, rotation)
    for moment in moments:
        local = moment.astimezone(NEW_YORK)
        assert right.on_call(local) == right.on_call(moment) == plainly(moment, zone, rotation)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ZONES)), _ROTATIONS, _MOMENTS | _NEAR, st.integers(1, 96 * 12))
def test_shifts_follow_each_other_and_differ(zone: str, rotation: dict[str, Any], since: datetime, number: int) -> None:
    """Each moment is in one of them, and none could be longer."""
    right, until = made(zone, rotation), since + number * QUARTER
    shifts = list(right.shifts(since, until))
    assert [shifts[0].start, *(each.end for each in shifts)] == [*(each.start for each in shifts), until]
    assert shifts[0].start == since
    for one, other in pairwise(shifts):
        assert (one.person, one.is_override) != (other.person, other.is_override)
    for each in shifts:
        assert each.start < each.end
        for moment in (each.start, each.start + (each.end - each.start) // 2, each.end - timedelta(seconds=1)):
            assert right.on_call(moment) == each.person
    assert list(right.gaps(since, until)) == [each for each in shifts if each.person is None]
    following = right.next_shift(since)
    others = [each for each in shifts if each.person != shifts[0].person]
    if others:
        assert following is not None
        assert (following.start, following.person) == (others[0].start, others[0].person)


_CLOCK_CHANGES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/Havana": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
}


@pytest.mark.parametrize(
    ("zone", "change"), [(zone, change) for zone, changes in _CLOCK_CHANGES.items() for change in changes]
)
def test_each_quarter_of_a_night_in_which_clocks_change(zone: str, change: date) -> None:
    """With each handover of that night, and a layer that begins and ends in it."""
    first = change - 3 * DAY
    for handover in (*range(0, 270, 15), 1410, 1425):
        start, end = handover + 30, handover + 60
        layers = (
            Layer(PEOPLE[:3], Turn.DAY, start=first),
            Layer(PEOPLE[3:], times=(TimeRange(start % 1440, end % 1440),)),
        )
        rotation = Rotation("r", layers, handover, ZoneInfo(zone))
        days = [first + number * DAY for number in range(6)]
        # Of a time past midnight the next day is meant.
        spans = [(when(zone, day - DAY, start), when(zone, day - DAY, end)) for day in days]
        moment = when(zone, change - DAY, 720)
        for _ in range(36 * 4):
            day = max(each for each in days if when(zone, each, handover) <= moment)
            is_inside = any(begun <= moment < over for begun, over in spans)
            expected = PEOPLE[3] if is_inside else PEOPLE[(day - first).days % 3]
            assert rotation.on_call(moment) == expected, (handover, moment)
            moment += QUARTER


def at(zone: ZoneInfo, *clock: int) -> datetime:
    return datetime(*clock, tzinfo=zone)  # type: ignore[arg-type, misc]


def weekly(**changes: Any) -> Rotation:
    layer = Layer(PEOPLE[:2], Turn.WEEK, start=date(2026, 11, 30))
    return Rotation("primary", (layer,), **{"handover": 540, "zone": SHANGHAI, **changes})


def test_a_week_begins_at_the_handover_of_its_first_day() -> None:
    rotation = weekly()
    assert rotation.on_call(at(SHANGHAI, 2026, 11, 30, 8, 59)) is None
    assert rotation.on_call(at(SHANGHAI, 2026, 11, 30, 9)) == PEOPLE[0]
    assert rotation.on_call(at(SHANGHAI, 2026, 12, 7, 8, 59)) == PEOPLE[0]
    assert rotation.on_call(at(SHANGHAI, 2026, 12, 7, 9)) == PEOPLE[1]
    following = rotation.next_shift(at(SHANGHAI, 2026, 12, 1, 3))
    assert following is not None
    assert (following.start, following.person) == (at(SHANGHAI, 2026, 12, 7, 9), PEOPLE[1])


@pytest.mark.parametrize(
    ("day", "person"),
    [
        (date(2026, 9, 18), 0),  # a Friday
        (date(2026, 9, 19), None),
        (date(2026, 9, 20), 1),  # the Sunday that makes up for the holiday
        (date(2026, 9, 24), 1),
        (date(2026, 9, 25), None),  # Mid-Autumn
        (date(2026, 9, 28), 0),
        (date(2026, 10, 8), 1),
        (date(2026, 10, 10), 1),  # a Saturday that is worked
    ],
)
def test_turns_of_workdays_go_on_after_a_holiday(day: date, person: int | None) -> None:
    """And a Saturday that is worked has one as well."""
    rotation = Rotation(
        "r", (Layer(PEOPLE[:2], Turn.WORKDAY, start=date(2026, 9, 18), calendar=CALENDAR),), 0, SHANGHAI
    )
    expected = None if person is None else PEOPLE[person]
    assert rotation.on_call(at(SHANGHAI, day.year, day.month, day.day, 12)) == expected


def test_a_later_layer_wins_where_it_has_somebody() -> None:
    weekdays = Layer(PEOPLE[:2], start=date(2026, 9, 7))
    holidays = Layer(PEOPLE[2:], Turn.HOLIDAY, start=date(2026, 9, 7), calendar=CALENDAR)
    rotation = Rotation("r", (weekdays, holidays), 540, SHANGHAI)
    assert [
        each.person.name
        for each in rotation.shifts(at(SHANGHAI, 2026, 9, 18, 9), at(SHANGHAI, 2026, 9, 22, 9))
        if each.person
    ] == ["b", "c", "b", "a"]
    assert rotation.on_call(at(SHANGHAI, 2026, 9, 19, 8, 59)) == PEOPLE[1]
    assert rotation.on_call(at(SHANGHAI, 2026, 9, 20, 9)) == PEOPLE[1]  # worked
    assert list(rotation.gaps(at(SHANGHAI, 2026, 9, 7, 9), at(SHANGHAI, 2026, 12, 1, 0))) == []


def test_day_and_night_are_two_layers() -> None:
    day, night = (
        Layer((person,), times=(TimeRange(start, end),))
        for person, start, end in ((PEOPLE[0], 540, 1260), (PEOPLE[1], 1260, 540))
    )
    rotation = Rotation("r", (day, night), 540, SHANGHAI)
    assert rotation.on_call(at(SHANGHAI, 2026, 11, 28, 20, 59)) == PEOPLE[0]
    assert rotation.on_call(at(SHANGHAI, 2026, 11, 28, 21)) == PEOPLE[1]
    assert rotation.on_call(at(SHANGHAI, 2026, 11, 29, 8, 59)) == PEOPLE[1]


def test_the_last_override_wins() -> None:
    sick = Override(at(SHANGHAI, 2026, 12, 1, 9), at(SHANGHAI, 2026, 12, 4, 9), PEOPLE[2])
    swap = Override(at(SHANGHAI, 2026, 12, 2, 9), at(SHANGHAI, 2026, 12, 3, 9), PEOPLE[3])
    rotation = weekly(overrides=(sick, swap))
    shifts = list(rotation.shifts(at(SHANGHAI, 2026, 11, 30, 9), at(SHANGHAI, 2026, 12, 7, 9)))
    assert [(each.person.name if each.person else None, each.is_override) for each in shifts] == [
        ("a", False),
        ("c", True),
        ("d", True),
        ("c", True),
        ("a", False),
    ]


@pytest.mark.parametrize(
    ("handover", "day", "expected"),
    [
        (150, (2026, 3, 8), (2026, 3, 8, 7, 30)),  # 02:30 doesn't exist: an hour later, at 03:30
        (90, (2026, 11, 1), (2026, 11, 1, 5, 30)),  # 01:30 comes twice: the first one
        (540, (2026, 3, 8), (2026, 3, 8, 13, 0)),
        (540, (2026, 3, 7), (2026, 3, 7, 14, 0)),
    ],
)
def test_each_day_has_one_handover_also_when_clocks_change(
    handover: int, day: tuple[int, int, int], expected: tuple[int, ...]
) -> None:
    daily = Layer(PEOPLE[:2], Turn.DAY, start=date(2026, 1, 1))
    rotation = Rotation("r", (daily,), handover, NEW_YORK)
    assert rotation.begins(date(*day)) == datetime(*expected, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    since = datetime(*day, tzinfo=timezone.utc) - DAY
    assert len(list(rotation.shifts(since, since + 3 * DAY))) == 4


def test_one_person_needs_no_start_and_has_no_end() -> None:
    rotation = Rotation("lead", (Layer((PEOPLE[0],)),))
    moment = datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert rotation.on_call(moment) == PEOPLE[0]
    assert rotation.next_shift(moment) is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"people": ()}, "needs people"),
        ({"people": PEOPLE}, "needs a start"),
        ({"people": PEOPLE[:1], "length": 0}, "1 to 366"),
        ({"people": PEOPLE[:1], "every": Turn.MONTH, "start": date(2026, 1, 31)}, "first 28 days"),
    ],
)
def test_an_invalid_layer_doesnt_exist(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Layer(**values)


def test_an_override_ends_after_it_begins() -> None:
    """By the clock it does, but the second half past one in that night is an hour after the first."""
    with pytest.raises(ValueError, match="ends after it begins"):
        Override(at(NEW_YORK, 2026, 11, 1, 1, 30).replace(fold=1), at(NEW_YORK, 2026, 11, 1, 1, 45), PEOPLE[0])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 365), st.integers(0, 365))
def test_workdays_are_counted_as_one_by_one(first: int, days: int) -> None:
    start = date(2026, 1, 1) + first * DAY
    end = start + days * DAY
    one_by_one = sum(CALENDAR.is_workday(start + number * DAY) for number in range(days))
    assert CALENDAR.workdays_between(start, end) == one_by_one


def test_a_calendar_knows_its_years() -> None:
    assert CALENDAR.knows_year(2026)
    assert not CALENDAR.knows_year(2027)
    assert Calendar().knows_year(2027)
