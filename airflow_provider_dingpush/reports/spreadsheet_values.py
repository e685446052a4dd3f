"""Values of a query's result as spreadsheets can hold them: what workbook and csv have in common."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

PlainValue = bool | int | float | Decimal | str | datetime | date | time | timedelta | None

_PLAIN_TYPES = frozenset({type(None), bool, int, float, Decimal, str, datetime, date, time, timedelta})
# XML 1.0 has none of these, and half characters (surrogates) have no UTF-8.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# The characters of OWASP's page on CSV injection (read 2026-11-28), also in full width, and after blanks.
_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")


def plain_value(value: Any) -> PlainValue:
    """The value as a plain Python value; what no spreadsheet has a type for becomes text.

    Missing values of pandas and numpy are ``None``, their scalars plain numbers and dates. Bytes are text if they hold
    text, hexadecimal digits otherwise; dictionaries and lists are JSON; anything else is its ``str``.
    """
    if type(value) in _PLAIN_TYPES:
        return value  # type: ignore[no-any-return] # one of them, by its type
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        return _of_numpy_or_pandas(value)
    return _of_subclass(value)


def _of_numpy_or_pandas(value: Any) -> PlainValue:
    name = type(value).__name__
    if name in ("NaTType", "NAType"):
        return None
    if name in ("datetime64", "timedelta64"):
        # Microseconds are the finest that Python has; of nanoseconds it makes a number.
        return plain_value(value.astype(f"{name}[us]").item())
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain_value(value.item())
    return plain_value(value.tolist()) if hasattr(value, "tolist") else _of_subclass(value)


def _of_subclass(value: Any) -> PlainValue:
    """The plain form of a value of a class that is derived from a plain one, or of any other class."""
    if isinstance(value, datetime):
        # Those of pandas and pendulum behave differently in places, so each becomes one of the standard library.
        clock = (value.hour, value.minute, value.second, value.microsecond)
        return datetime(value.year, value.month, value.day, *clock, tzinfo=value.tzinfo, fold=value.fold)
    if isinstance(value, timedelta):
        return timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    if isinstance(value, (date, time, Decimal)):
        return value
    for number in (bool, int, float):
        if isinstance(value, number):
            return number(value)
    return _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes_text(bytes(value))
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return _json(value)
    return str(value)


def bytes_text(content: bytes) -> str:
    """The text in the bytes, or ``0x`` and their hexadecimal digits if they aren't text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{content.hex()}"
    return f"0x{content.hex()}" if _ILLEGAL.search(text) else text


def _json(value: Any) -> str:
    value = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # keys that aren't text, or a list within itself
        return str(value)


def legal_text(text: str) -> str:
    """The text with ``�`` in place of characters that neither XML nor UTF-8 has."""
    return _ILLEGAL.sub("\ufffd", text)


def may_be_formula(text: str) -> bool:
    """Whether a spreadsheet program could read the text as a formula."""
    return _FORMULA.match(text) is not None


def wall_time(moment: datetime, zone: tzinfo | None) -> datetime:
    """The date and time that a clock in the zone shows at this moment, without a zone.

    :param moment: one without a zone is such a clock's time already.
    :param zone: ``None`` keeps the moment as it is.
    :raises OverflowError: if the clock would show a year before 1 or after 9999.
    """
    if moment.tzinfo is None or zone is None:
        return moment
    return moment.astimezone(zone).replace(tzinfo=None)


def duration_text(length: timedelta) -> str:
    """Hours, minutes and seconds, as spreadsheet programs read them: ``30:00:00``, ``-0:00:01.5``."""
    sign, length = ("-", -length) if length < timedelta() else ("", length)
    minutes, seconds = divmod(length.seconds, 60)
    fraction = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    return f"{sign}{length.days * 24 + minutes // 60}:{minutes % 60:02d}:{seconds:02d}{fraction}"


def number_text(number: float | Decimal) -> str:
    """The digits of a number; ``NaN``, ``Infinity`` or ``-Infinity`` if it isn't finite."""
    if number.is_finite() if isinstance(number, Decimal) else isinstance(number, int) or math.isfinite(number):
        return str(number)
    is_nan = number.is_nan() if isinstance(number, Decimal) else math.isnan(number)
    return "NaN" if is_nan else "Infinity" if number > 0 else "-Infinity"


def moment_text(moment: date | time) -> str:
    """ISO 8601 with a blank in place of the T, as spreadsheet programs read it."""
    return moment.isoformat(" ") if isinstance(moment, datetime) else moment.isoformat()
