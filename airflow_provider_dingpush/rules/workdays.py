"""Which days are worked: Monday to Friday, but for a country's holidays and the weekend days that make up for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_SATURDAY = 5


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
