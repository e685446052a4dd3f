"""Which days are worked: Monday to Friday, but for a country's holidays and the weekend days that make up for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_SATURDAY, _DAYS_OF_A_WEEK = 5, 7


@dataclass(frozen=True)
class Calendar:
    """The days that differ from Monday to Friday (调休).

    :param holidays: days off.
    :param workdays: days that are worked although they are of a weekend.
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        """Whether a day is worked."""
        if day in self.workdays:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays

    def workdays_between(self, first: date, end: date) -> int:
        """How many days are worked.

        :param first: the first day.
        :param end: the day after the last one, not before the first.
        """
        weeks, rest = divmod((end - first).days, _DAYS_OF_A_WEEK)
        weekdays = weeks * _SATURDAY + sum(
            (first.weekday() + each) % _DAYS_OF_A_WEEK < _SATURDAY for each in range(rest)
        )
        made_up = sum(first <= each < end and each.weekday() >= _SATURDAY for each in self.workdays)
        off = sum(
            first <= each < end and each.weekday() < _SATURDAY for each in self.holidays if each not in self.workdays
        )
        return weekdays + made_up - off

    def knows_year(self, year: int) -> bool:
        """Whether it names a day of the year; one without any names the days of every year."""
        every = self.holidays | self.workdays
        return not every or any(each.year == year for each in every)
