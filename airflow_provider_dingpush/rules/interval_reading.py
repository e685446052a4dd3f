"""Reading time intervals and the calendar of workdays from YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_dingpush.rules.mistakes import WrongValueError
from airflow_provider_dingpush.rules.time_intervals import (
    MINUTES_OF_A_DAY,
    DayKind,
    NamedInterval,
    Span,
    TimeInterval,
    TimeRange,
)
from airflow_provider_dingpush.rules.workdays import Calendar
from airflow_provider_dingpush.rules.yaml_nodes import Document, Node, one_of

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_FIELDS = ("times", "weekdays", "days_of_month", "months", "years", "days", "location")
_LONGEST_HOLIDAY_DAYS = 366


def read_calendar(document: Document, node: Node) -> Calendar:
    """The calendar of a file: ``holidays`` and ``workdays``, each a list of days or of ``2026-10-01..2026-10-07``."""
    found = document.mapping(node, "A calendar", ("holidays", "workdays"))

    def days(name: str) -> frozenset[date]:
        if name not in found:
            return frozenset()
        none: tuple[date, ...] = ()
        read = (document.value(each, "A day", read_days, none) for each in document.items(found[name], name))
        return frozenset(day for each in read for day in each)

    calendar = Calendar(days("holidays"), days("workdays"))
    if both := sorted(calendar.holidays & calendar.workdays):
        document.note(node, "day_in_both", day=both[0])
    return calendar


def read_days(text: str) -> tuple[date, ...]:
    """Reads ``2026-10-01`` or ``2026-10-01..2026-10-07``.

    :raises WrongValueError: for anything else.
    """
    first_text, _, last_text = text.partition("..")
    try:
        first = date.fromisoformat(first_text.strip())
        last = date.fromisoformat(last_text.strip()) if last_text else first
    except ValueError:
        raise WrongValueError("day") from None
    if not 0 <= (last - first).days <= _LONGEST_HOLIDAY_DAYS:
        raise WrongValueError("order_of_days")
    return tuple(first + timedelta(days=each) for each in range((last - first).days + 1))


def read_intervals(document: Document, node: Node, calendar: Calendar, zone: tzinfo) -> dict[str, NamedInterval]:
    """The named intervals of a rules file, by name.

    :param calendar: of workdays.
    :param zone: where an interval has no ``location``.
    """
    named: dict[str, NamedInterval] = {}
    for item in document.items(node, "time_intervals"):
        found = document.mapping(item, "A time interval", ("name", "time_intervals"))
        if not found:
            continue
        name = document.text(found["name"], "name") if "name" in found else ""
        if not name:
            document.note(item, "interval_no_name")
        elif name in named:
            document.note(item, "interval_name_twice", name=name)
        if "time_intervals" not in found:
            document.note(item, "interval_empty")
            continue
        nodes = document.items(found["time_intervals"], "time_intervals")
        named[name] = NamedInterval(name, tuple(_interval(document, each, calendar, zone) for each in nodes))
    return named


def _interval(document: Document, node: Node, calendar: Calendar, zone: tzinfo) -> TimeInterval:
    found = document.mapping(node, "An interval", _FIELDS)
    if "location" in found:
        zone = document.value(found["location"], "location", read_zone, zone)
    interval = read_days_of_interval(document, found, calendar, zone)
    if "times" not in found:
        return interval
    return replace(
        interval, times=tuple(read_time_range(document, each) for each in document.items(found["times"], "times"))
    )


def read_days_of_interval(
    document: Document, found: Mapping[str, Node], calendar: Calendar, zone: tzinfo
) -> TimeInterval:
    """The days that ``days``, ``weekdays``, ``days_of_month``, ``months`` and ``years`` name, whole.

    :param found: the values by key; other keys are ignored.
    :param calendar: of workdays.
    :param zone: of the days.
    """

    def spans(name: str, read: Callable[[str], Span]) -> tuple[Span, ...]:
        if name not in found:
            return ()
        nodes = document.one_or_more(found[name])
        return tuple(document.value(each, name, read, Span(0, -1)) for each in nodes)

    values: dict[str, Any] = {
        "weekdays": spans("weekdays", read_weekdays),
        "days_of_month": spans("days_of_month", _day_of_month),
        "months": spans("months", _span_of(_MONTHS, 1)),
        "years": spans("years", _year),
        "calendar": calendar,
        "zone": zone,
    }
    if "days" in found:
        kinds: Mapping[str, DayKind | None] = {each.value: each for each in DayKind}
        values["days"] = document.value(found["days"], "days", one_of(kinds), None)
    return TimeInterval(**values)


def read_zone(text: str) -> tzinfo:
    """Reads a time zone such as ``Asia/Shanghai``.

    :raises WrongValueError: if there is none of that name.
    """
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise WrongValueError("zone") from None


def read_time_range(document: Document, node: Node) -> TimeRange:
    """A part of a day: ``start_time`` and ``end_time``."""
    found = document.mapping(node, "A time", ("start_time", "end_time"))
    if found and len(found) < 2:
        document.note(node, "time_incomplete")
    start, end = (
        document.value(found[name], name, read_minute, 0) if name in found else 0 for name in ("start_time", "end_time")
    )
    if found and start == MINUTES_OF_A_DAY:
        document.note(node, "start_too_late")
    return TimeRange(start, end)


def read_minute(text: str) -> int:
    """Reads a time such as ``08:00``, as minutes since midnight.

    :raises WrongValueError: for anything else.
    """
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)", text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minutes <= MINUTES_OF_A_DAY:
        raise WrongValueError("clock")
    return minutes


def _span_of(names: tuple[str, ...], lowest: int) -> Callable[[str], Span]:
    """Reads ``monday:friday``, a single name, and numbers where they are usual (months)."""

    def number(text: str) -> int:
        name = text.strip().lower()
        if lowest and name.isdecimal() and lowest <= int(name) < lowest + len(names):
            return int(name)
        full = [place for place, each in enumerate(names, lowest) if each == name or (each[:3] == name)]
        if not full:
            raise WrongValueError("name", first=names[0], last=names[4])
        return full[0]

    def read(text: str) -> Span:
        return _ordered(text, number)

    return read


read_weekdays = _span_of(_WEEKDAYS, 0)
"""Reads ``monday`` or ``monday:friday``, from 0 for Monday."""


def _day_of_month(text: str) -> Span:
    def number(part: str) -> int:
        if not re.fullmatch(r"-?\d{1,2}", part.strip()) or not 1 <= abs(int(part)) <= 31:
            raise WrongValueError("day_of_month")
        return int(part)

    first, _, last = text.partition(":")
    span = Span(number(first), number(last or first))
    if (span.first > 0) == (span.last > 0) and span.first > span.last:
        raise WrongValueError("order")
    return span


def _year(text: str) -> Span:
    def number(part: str) -> int:
        if not re.fullmatch(r"\d{4}", part.strip()):
            raise WrongValueError("year")
        return int(part)

    return _ordered(text, number)


def _ordered(text: str, number: Callable[[str], int]) -> Span:
    first, _, last = text.partition(":")
    span = Span(number(first), number(last or first))
    if span.first > span.last:
        raise WrongValueError("order_of_items")
    return span
