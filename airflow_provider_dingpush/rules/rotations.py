"""Rotations: who is on call when. The words are PagerDuty's, Opsgenie's and Grafana OnCall's.

A rotation has layers, of which a later one wins where it has somebody (as in PagerDuty), and overrides, which win over
all layers. Its day begins at the handover: with a handover at 09:00, three o'clock on Saturday morning belongs to
Friday. Every limit is a moment and not a time of the clock, so that also a night in which the clocks change has one
handover.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.rules.people import Person
from airflow_provider_dingpush.rules.time_intervals import MINUTES_OF_A_DAY, DayKind, Span, TimeRange
from airflow_provider_dingpush.rules.workdays import Calendar

LAST_START_OF_MONTH = 28
"""The latest day of the month on which a turn of a month can begin: every month has it."""
LONGEST_TURN = 366
"""The most days, weeks or months of one turn."""
MOST_DAYS = 400
"""How far ahead the next handover is looked for."""
_DAY = timedelta(days=1)
_DAYS_OF_A_WEEK, _MONTHS_OF_A_YEAR = 7, 12


class Turn(Enum):
    """After what the next person's turn comes."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WORKDAY = "workday"
    """After each workday of the calendar; other days are nobody's."""
    HOLIDAY = "holiday"
    """After each day that isn't a workday, weekends included; workdays are nobody's."""


@dataclass(frozen=True)
class Layer:
    """People who take turns.

    :param people: in the order of their turns.
    :param every: what a turn is counted in.
    :param length: how many of these one turn has.
    :param start: the day on which the first turn of the first person begins; nobody is on call before. Without one,
        which is for a single person, there is no beginning.
    :param days: only workdays, or only other days, by the calendar.
    :param weekdays: only these, from 0 for Monday; none means all.
    :param times: only these parts of the day; none means all of it.
    :param calendar: of workdays.
    :raises ValueError: for nobody, several people without a start, or a turn that has no length.
    """

    people: tuple[Person, ...]
    every: Turn = Turn.WEEK
    length: int = 1
    start: date | None = None
    days: DayKind | None = None
    weekdays: tuple[Span, ...] = ()
    times: tuple[TimeRange, ...] = ()
    calendar: Calendar = field(default_factory=Calendar, repr=False)

    def __post_init__(self) -> None:
        if not self.people:
            raise ValueError("a layer needs people")
        if self.start is None and len(self.people) > 1:
            raise ValueError("a layer of several people needs a start")
        if not 1 <= self.length <= LONGEST_TURN:
            raise ValueError(f"a turn has 1 to {LONGEST_TURN} days, weeks or months")
        if self.every is Turn.MONTH and self.start is not None and self.start.day > LAST_START_OF_MONTH:
            raise ValueError("a turn of a month begins on one of the first 28 days")

    @property
    def uses_calendar(self) -> bool:
        """Whether it depends on which days are worked."""
        return self.days is not None or self.every in (Turn.WORKDAY, Turn.HOLIDAY)

    def person_of(self, day: date) -> Person | None:
        """Whose day it is; ``None`` if it is nobody's."""
        if not self._is_such_a_day(day):
            return None
        if self.start is None:
            return self.people[0]
        if day < self.start:
            return None
        return self.people[self._counted_until(day, self.start) // self.length % len(self.people)]

    def _is_such_a_day(self, day: date) -> bool:
        if self.weekdays and not any(each.first <= day.weekday() <= each.last for each in self.weekdays):
            return False
        if not self.uses_calendar:
            return True
        is_worked = self.calendar.is_workday(day)
        return not (
            (is_worked and (self.days is DayKind.HOLIDAYS or self.every is Turn.HOLIDAY))
            or (not is_worked and (self.days is DayKind.WORKDAYS or self.every is Turn.WORKDAY))
        )

    def _counted_until(self, day: date, start: date) -> int:
        """How many days, weeks, months, workdays or holidays there are from the start to a day."""
        days = (day - start).days
        if self.every is Turn.WEEK:
            return days // _DAYS_OF_A_WEEK
        if self.every is Turn.MONTH:
            months = (day.year - start.year) * _MONTHS_OF_A_YEAR + day.month - start.month
            return months - (day.day < start.day)
        if self.every is Turn.DAY:
            return days
        workdays = self.calendar.workdays_between(start, day)
        return workdays if self.every is Turn.WORKDAY else days - workdays


@dataclass(frozen=True)
class Override:
    """Somebody who is on call instead: a swap, a leave.

    :param start: when that begins, a time with its zone.
    :param end: when it ends.
    :param person: who is on call.
    :raises ValueError: if it doesn't end after it begins.
    """

    start: datetime
    end: datetime
    person: Person

    def __post_init__(self) -> None:
        # Times of the same zone would be compared by the clock, also in an hour that comes twice.
        for name in ("start", "end"):
            object.__setattr__(self, name, getattr(self, name).astimezone(timezone.utc))
        if self.start >= self.end:
            raise ValueError("an override ends after it begins")


class Shift(NamedTuple):
    """A time in which the same person is on call.

    :param start: its first moment, in UTC.
    :param end: the moment after it, in UTC.
    :param person: who is on call; ``None`` for nobody.
    :param is_override: whether an override says so.
    """

    start: datetime
    end: datetime
    person: Person | None
    is_override: bool = False


class _Duty(NamedTuple):
    person: Person | None
    is_override: bool = False


@dataclass(frozen=True)
class Rotation:
    """Who is on call, one person at a time.

    :param name: by which rules and commands refer to it.
    :param layers: of which the last one that has somebody wins.
    :param handover: when the day of the rotation begins, in minutes since midnight. In a night without that minute it
        is as many minutes later as the clocks go forward; of a minute that comes twice it is the first.
    :param zone: of the handover and of all times.
    :param overrides: in the order of the file; where several overlap the last one wins.
    :param line: where it begins in the file, from 1.
    """

    name: str
    layers: tuple[Layer, ...]
    handover: int = 0
    zone: tzinfo = timezone.utc
    overrides: tuple[Override, ...] = ()
    line: int = field(default=0, compare=False)

    def on_call(self, moment: datetime) -> Person | None:
        """Who is on call; ``None`` for nobody.

        :param moment: a time with its zone.
        """
        moment = moment.astimezone(timezone.utc)
        return self._duty(self._day_of(moment), moment).person

    def next_shift(self, moment: datetime) -> Shift | None:
        """The shift in which somebody else is on call, or nobody; ``None`` if that is more than 400 days away.

        :param moment: a time with its zone.
        """
        present = self.on_call(moment)
        following = self.shifts(moment, moment + MOST_DAYS * _DAY)
        return next((each for each in following if each.person != present), None)

    def shifts(self, since: datetime, until: datetime) -> Iterator[Shift]:
        """All shifts of a time in their order, without a gap between them: where nobody is on call, that is one, too.

        The first and the last one are cut to that time.

        :param since: its first moment, a time with its zone.
        :param until: the moment after it.
        """
        since, until = since.astimezone(timezone.utc), until.astimezone(timezone.utc)
        begun, duty = since, _Duty(None)
        for day, moment in self._changes(since, until):
            found = self._duty(day, moment)
            if found != duty:
                if moment > begun:
                    yield Shift(begun, moment, *duty)
                begun, duty = moment, found
        if until > begun:
            yield Shift(begun, until, *duty)

    def gaps(self, since: datetime, until: datetime) -> Iterator[Shift]:
        """The times in which nobody is on call."""
        return (each for each in self.shifts(since, until) if each.person is None)

    def uses_calendar_beyond(self, moment: datetime) -> bool:
        """Whether it depends on which days are worked in a year of which the calendar has no day."""
        year = moment.astimezone(self.zone).year
        return any(each.uses_calendar and not each.calendar.knows_year(year) for each in self.layers)

    def begins(self, day: date) -> datetime:
        """The first moment of a day of the rotation, in UTC."""
        return self._moment(day, self.handover)

    def _moment(self, day: date, minute: int) -> datetime:
        days, minute = divmod(minute, MINUTES_OF_A_DAY)
        clock = time(minute // 60, minute % 60)
        return datetime.combine(day + days * _DAY, clock, self.zone).astimezone(timezone.utc)

    def _day_of(self, moment: datetime) -> date:
        day = moment.astimezone(self.zone).date()
        while self.begins(day) > moment:
            day -= _DAY
        return day

    def _duty(self, day: date, moment: datetime) -> _Duty:
        """Who is on call at a moment of a day of the rotation."""
        for override in reversed(self.overrides):
            if override.start <= moment < override.end:
                return _Duty(override.person, is_override=True)
        for layer in reversed(self.layers):
            person = layer.person_of(day)
            if person is not None and (not layer.times or self._is_in(layer, day, moment)):
                return _Duty(person)
        return _Duty(None)

    def _is_in(self, layer: Layer, day: date, moment: datetime) -> bool:
        return any(start <= moment < end for start, end in self._times_near(layer, day))

    def _times_near(self, layer: Layer, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The parts of days that a layer has around a day of the rotation, which covers parts of two days."""
        for near in (day - _DAY, day, day + _DAY):
            for each in layer.times:
                end = each.end + MINUTES_OF_A_DAY if each.ends_next_day else each.end
                yield self._moment(near, each.start), self._moment(near, end)

    def _changes(self, since: datetime, until: datetime) -> Iterator[tuple[date, datetime]]:
        """The moments at which somebody else may be on call, each with its day; the first is the beginning."""
        day = self._day_of(since)
        begin = since
        while begin < until:
            end = min(self.begins(day + _DAY), until)
            found = {begin}
            for layer in self.layers:
                found.update(each for times in self._times_near(layer, day) for each in times)
            for override in self.overrides:
                found.update((override.start, override.end))
            yield from ((day, each) for each in sorted(found) if begin <= each < end)
            day, begin = day + _DAY, max(begin, end)
