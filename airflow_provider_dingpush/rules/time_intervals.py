"""Named times of the week, month and year, in which a rule is muted or active: Alertmanager's time intervals."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.rules.workdays import Calendar

MINUTES_OF_A_DAY = 24 * 60
_LONGEST_DAYS = 400
"""How far the end of an interval is looked for; one that lasts longer has none."""


class DayKind(Enum):
    """Days by the calendar file."""

    WORKDAYS = "workdays"
    HOLIDAYS = "holidays"
    """Every day that isn't a workday, weekends included."""


class Span(NamedTuple):
    """From one number to another, both included. In a month, -1 is the last day.

    :param first: the first one.
    :param last: the last one.
    """

    first: int
    last: int


class TimeRange(NamedTuple):
    """A part of a day, in minutes since midnight; one that ends before it starts ends on the next day.

    :param start: the first minute.
    :param end: the minute after the last one, up to 1440.
    """

    start: int
    end: int

    @property
    def ends_next_day(self) -> bool:
        """Whether it goes past midnight."""
        return self.end <= self.start


@dataclass(frozen=True)
class TimeInterval:
    """Times that satisfy all of the given conditions; one that isn't given is always satisfied.

    :param times: parts of the day. One that goes past midnight belongs to the day on which it starts.
    :param weekdays: from 0 for Monday to 6 for Sunday.
    :param days_of_month: from 1; negative ones from the end of the month.
    :param months: from 1.
    :param years: such as 2026.
    :param days: workdays or holidays by the calendar.
    :param zone: of the times; by default that of the site.
    :param calendar: of workdays.
    """

    times: tuple[TimeRange, ...] = ()
    weekdays: tuple[Span, ...] = ()
    days_of_month: tuple[Span, ...] = ()
    months: tuple[Span, ...] = ()
    years: tuple[Span, ...] = ()
    days: DayKind | None = None
    zone: tzinfo = timezone.utc
    calendar: Calendar = field(default_factory=Calendar, repr=False)

    def contains(self, moment: datetime) -> bool:
        """Whether it is such a time.

        :param moment: a time with its zone.
        """
        local = moment.astimezone(self.zone)
        today, minute = local.date(), local.hour * 60 + local.minute
        if not self.times:
            return self._is_such_a_day(today)
        if self._is_such_a_day(today) and any(_has_begun(each, minute) for each in self.times):
            return True
        return any(each.ends_next_day and minute < each.end for each in self.times) and self._is_such_a_day(
            today - timedelta(days=1)
        )

    def changes_after(self, moment: datetime) -> Iterator[datetime]:
        """The times after a moment at which it may begin or end, in their order, for the next 400 days."""
        local = moment.astimezone(self.zone)
        minutes = sorted({0, *(minute % MINUTES_OF_A_DAY for each in self.times for minute in each)})
        for days in range(_LONGEST_DAYS):
            day = local.date() + timedelta(days=days)
            for minute in minutes:
                change = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
                if change > moment:
                    yield change.astimezone(timezone.utc)

    def _is_such_a_day(self, day: date) -> bool:
        return (
            _is_in(self.weekdays, day.weekday())
            and _is_in(self.months, day.month)
            and _is_in(self.years, day.year)
            and self._is_such_a_day_of_month(day)
            and (self.days is None or self.calendar.is_workday(day) == (self.days is DayKind.WORKDAYS))
        )

    def _is_such_a_day_of_month(self, day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]

        def from_start(number: int) -> int:
            return number if number > 0 else last + 1 + number

        return not self.days_of_month or any(
            from_start(each.first) <= day.day <= from_start(each.last) for each in self.days_of_month
        )


def _has_begun(times: TimeRange, minute: int) -> bool:
    return minute >= times.start and (times.ends_next_day or minute < times.end)


def _is_in(spans: tuple[Span, ...], number: int) -> bool:
    return not spans or any(each.first <= number <= each.last for each in spans)


@dataclass(frozen=True)
class NamedInterval:
    """Times under one name: those of any of its intervals.

    :param name: by which rules refer to it.
    :param intervals: of which one must contain a time.
    """

    name: str
    intervals: tuple[TimeInterval, ...]

    def contains(self, moment: datetime) -> bool:
        """Whether it is such a time."""
        return any(each.contains(moment) for each in self.intervals)


def end_of(intervals: tuple[NamedInterval, ...], moment: datetime) -> datetime | None:
    """When the first moment comes that is in none of the intervals; ``None`` if that is more than 400 days away.

    :param moment: a time with its zone, in one of the intervals.
    """
    return _first(intervals, moment, inside=False)


def start_of(intervals: tuple[NamedInterval, ...], moment: datetime) -> datetime | None:
    """When the first moment comes that is in one of the intervals; ``None`` if that is more than 400 days away.

    :param moment: a time with its zone, in none of the intervals.
    """
    return _first(intervals, moment, inside=True)


def _first(intervals: tuple[NamedInterval, ...], moment: datetime, *, inside: bool) -> datetime | None:
    changes = (change for named in intervals for each in named.intervals for change in each.changes_after(moment))
    return next((each for each in sorted(changes) if any(named.contains(each) for named in intervals) is inside), None)
