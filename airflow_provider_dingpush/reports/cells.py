"""One value of a table as a person reads it.

Numbers have separators of thousands, times are local, and NULL is visible. Numbers that name something are shown as
they are: nobody reads order 20261128001 as an amount, or 2026 as 2,026. Whether a column holds such numbers follows
from its name, or else from all of its values: :func:`column_forms`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any

NULL = "NULL"
_SHOWN_BYTES = 16
_FLOAT_DECIMALS = 6
# Beyond these a float has fewer digits than a person would read.
_LARGE_FLOAT, _SMALL_FLOAT = 1e16, 1e-4
_MOST_DIGITS = 60
_TRUTH = {"zh": ("是", "否"), "en": ("yes", "no")}
_BYTES = {"zh": "{start}…（{count:,} 字节）", "en": "{start}… ({count:,} bytes)"}
_DAYS = {"zh": "{days:,} 天 ", "en": "{days:,} d "}

# The last word of a name says what it is: an order_id is an id, an id_count is a count.
_IDENTIFIERS = frozenset(
    {
        *("id", "ids", "uid", "gid", "pid", "oid", "vid", "uuid", "guid", "key", "pk", "fk", "code", "no", "nr", "num"),
        *("sku", "spu", "upc", "ean", "isbn", "imei", "imsi", "barcode", "serial", "hash", "version", "ver", "port"),
        *("phone", "mobile", "tel", "telephone", "fax", "zip", "zipcode", "postcode", "account", "card", "qq", "ip"),
        *(
            "year",
            "yr",
            "month",
            "mon",
            "quarter",
            "week",
            "weekday",
            "day",
            "date",
            "dt",
            "ds",
            "hour",
            "hh",
            "minute",
        ),
        *("yyyymmdd", "yyyymm", "ymd", "ym", "ts", "timestamp", "time", "epoch", "at", "partition", "rank", "seq"),
    }
)
_AMOUNTS = frozenset(
    {
        *(
            "count",
            "cnt",
            "counts",
            "total",
            "sum",
            "amount",
            "amt",
            "rows",
            "sales",
            "revenue",
            "gmv",
            "cost",
            "price",
        ),
        *(
            "qty",
            "quantity",
            "volume",
            "avg",
            "mean",
            "max",
            "min",
            "pv",
            "uv",
            "dau",
            "mau",
            "users",
            "orders",
            "size",
        ),
        *("bytes", "seconds", "days", "hours", "minutes", "balance", "profit", "income", "fee", "budget", "stock"),
    }
)
_CHINESE_IDENTIFIER = re.compile(
    r"(?:号|号码|编号|编码|代码|条码|邮编|邮政编码|电话|手机|年|年份|年度|月|月份|季度|周|周次|日|日期|时间|小时|版本|排名|名次|序号|标识|ID)$"
)
_CHINESE_AMOUNT = re.compile(
    r"(?:数|量|额|价|费|款|值|数量|金额|人次|人数|件数|次数|收入|成本|利润|余额|库存|销售|合计|总计|均值)$"
)
_AGGREGATE = re.compile(r"(?i)\s*(?:count|sum|avg|total)\s*\(")
_ONE_VALUE = re.compile(r"(?i)\s*(?:max|min|first|last|any_value)\s*\((.*)\)\s*$")
_UNIT = r"[(（\[【][^()（）]*[)）\]】]\s*$"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[\u4e00-\u9fff]+")
_YEARS = range(1900, 2101)


@dataclass(frozen=True)
class ColumnForm:
    """How the values of one column are shown, which one value doesn't say.

    :param grouped: whether its numbers have separators of thousands.
    :param dates_only: whether its times are all midnight without a zone, so that they are dates.
    """

    grouped: bool = True
    dates_only: bool = False


_PLAIN = ColumnForm()


def cell_text(value: Any, *, zone: tzinfo, language: str, form: ColumnForm = _PLAIN) -> str:
    """One value as a person reads it; it may have several lines.

    A float has at most six decimals, since nobody reads more of them: a workbook has all. A Decimal has the digits
    that the database gave.

    :param zone: in which times that know their zone are shown.
    :param language: ``zh`` or ``en``.
    :param form: of the value's column.
    """
    return _Writer(zone, language, form).text(value)


def column_forms(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[ColumnForm, ...]:
    """How the values of each column are shown.

    :param rows: those that are shown; they are read once.
    """
    shown = [*rows]
    return tuple(_form(name, [_native(row[index]) for row in shown]) for index, name in enumerate(columns))


def is_number(value: Any) -> bool:
    """Whether a value is a number, to be aligned at its end."""
    value = _native(value)
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _form(name: str, values: Sequence[Any]) -> ColumnForm:
    numbers = [each for each in values if is_number(each)]
    times = [each for each in values if isinstance(each, datetime)]
    return ColumnForm(
        grouped=not _names_something(name, numbers),
        dates_only=bool(times) and all(each.tzinfo is None and each.time() == time() for each in times),
    )


def _names_something(name: str, numbers: Sequence[Any]) -> bool:
    """Whether the numbers of a column are ids, codes or dates rather than amounts."""
    if _AGGREGATE.match(name):
        return False
    one_of_them = _ONE_VALUE.match(name)
    words = _WORDS.findall(one_of_them[1] if one_of_them else re.sub(_UNIT, "", name))
    last = words[-1] if words else ""
    if words[-2:-1] == ["per"]:
        return False
    if last.lower() in _IDENTIFIERS or _CHINESE_IDENTIFIER.search(last):
        return True
    if last.lower() in _AMOUNTS or _CHINESE_AMOUNT.search(last):
        return False
    wholes = [_whole(each) for each in numbers]
    return bool(wholes) and all(each is not None and _reads_as_identifier(each) for each in wholes)


def _whole(number: Any) -> int | None:
    """The number as an int, if it is whole and not so large that only its size counts."""
    if isinstance(number, int):
        return number
    if isinstance(number, float):
        return int(number) if number.is_integer() and abs(number) < _LARGE_FLOAT else None
    finite: Decimal = number
    if not finite.is_finite() or finite.adjusted() > _MOST_DIGITS or finite != finite.to_integral_value():
        return None
    return int(finite)


def _reads_as_identifier(number: int) -> bool:
    """Whether a number looks like a year, a month, a date, a mobile number, or an id that begins with a date."""
    if number < 0 or number.bit_length() > 4 * _MOST_DIGITS:
        return False
    digits = str(number)
    is_date = len(digits) >= 6 and int(digits[:4]) in _YEARS and 1 <= int(digits[4:6]) <= 12
    if is_date and len(digits) != 6:
        is_date = len(digits) >= 8 and 1 <= int(digits[6:8]) <= 31
    is_mobile = len(digits) == 11 and digits[0] == "1" and digits[1] in "3456789"
    # Snowflake ids have up to 19 digits; an amount of as many is round, or has more.
    is_snowflake = 15 <= len(digits) <= 19 and number % 1_000_000 != 0
    return number in _YEARS or is_date or is_mobile or is_snowflake


def _native(value: Any) -> Any:
    """The Python value of a numpy scalar, and the value itself of anything else."""
    return (
        value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") and not _has_size(value) else value
    )


def _has_size(value: Any) -> bool:
    return getattr(value, "ndim", 0) > 0


@dataclass(frozen=True)
class _Writer:
    """Writes values of each type, for readers of one language, in one time zone, in one column."""

    zone: tzinfo
    language: str
    form: ColumnForm

    def text(self, value: Any) -> str:
        """Any value."""
        value = _native(value)
        if value is None:
            return NULL
        if isinstance(value, Enum):
            value = value.value
        for kinds, text_of in _TEXTS:
            if isinstance(value, kinds):
                return text_of(self, value)
        return self.other(value)

    def string(self, value: str) -> str:
        return str(value)

    def truth(self, value: bool) -> str:
        return _TRUTH[self.language][0 if value else 1]

    def whole(self, value: int) -> str:
        if value.bit_length() > 4 * _MOST_DIGITS:
            return _scientific(Decimal(value))
        return f"{value:,}" if self.form.grouped else str(value)

    def floating(self, value: float) -> str:
        size = abs(value)
        if not math.isfinite(value):
            return _not_finite(value)
        if size and (size >= _LARGE_FLOAT or size < _SMALL_FLOAT):
            return _scientific(Decimal(value))
        # Adding zero makes the zero of -0.0 positive.
        rounded = round(value, _FLOAT_DECIMALS) + 0.0
        text = f"{rounded:,.{_FLOAT_DECIMALS}f}" if self.form.grouped else f"{rounded:.{_FLOAT_DECIMALS}f}"
        return text.rstrip("0").rstrip(".")

    def decimal(self, value: Decimal) -> str:
        if not value.is_finite():
            return _not_finite(value)
        if abs(value.adjusted()) > _MOST_DIGITS:
            return _scientific(value)
        return f"{value:,f}" if self.form.grouped else f"{value:f}"

    def moment(self, value: datetime) -> str:
        if self.form.dates_only:
            return value.date().isoformat()
        if value.tzinfo is None:
            return _trimmed(value.isoformat(sep=" "))
        try:
            return _trimmed(value.astimezone(self.zone).replace(tzinfo=None).isoformat(sep=" "))
        except (OverflowError, ValueError):  # at an end of the calendar
            return value.isoformat(sep=" ")

    def day(self, value: date) -> str:
        return value.isoformat()

    def time_of_day(self, value: time) -> str:
        return _trimmed(value.replace(tzinfo=None).isoformat()) + (f"{value:%z}" if value.tzinfo else "")

    def duration(self, value: timedelta) -> str:
        sign, size = ("-", -value) if value < timedelta() else ("", value)
        minutes, seconds = divmod(size.seconds, 60)
        days = _DAYS[self.language].format(days=size.days) if size.days else ""
        fraction = f".{size.microseconds:06d}".rstrip("0") if size.microseconds else ""
        return f"{sign}{days}{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{fraction}"

    def binary(self, value: bytes | bytearray | memoryview) -> str:
        data = value.tobytes() if isinstance(value, memoryview) else bytes(value)
        start = f"0x{data[:_SHOWN_BYTES].hex()}"
        return start if len(data) <= _SHOWN_BYTES else _BYTES[self.language].format(start=start, count=len(data))

    def json(self, value: Any) -> str:
        if isinstance(value, (set, frozenset)):
            value = sorted(value, key=str)
        try:
            return json.dumps(value, ensure_ascii=False, default=self.text)
        except (TypeError, ValueError, RecursionError):  # keys that JSON has none of, or a circle
            return self.other(value)

    def other(self, value: Any) -> str:
        try:
            return str(value)
        except Exception:  # noqa: BLE001 - the __str__ of a driver's own type may fail
            return f"<{type(value).__name__}>"


def _not_finite(value: float | Decimal) -> str:
    if isinstance(value, Decimal) and value.is_nan():  # math.isnan() refuses a signalling one
        return "NaN"
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def _scientific(value: Decimal) -> str:
    """Such as 1e20, of a number with more digits than a person reads."""
    digits, _, exponent = f"{value:.{_FLOAT_DECIMALS}E}".partition("E")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def _trimmed(text: str) -> str:
    """A time without the zeros at the end of its fraction of a second."""
    return text.rstrip("0") if "." in text else text


# The first that fits: bool is an int, datetime a date.
_TEXTS: tuple[tuple[Any, Callable[[_Writer, Any], str]], ...] = (
    (str, _Writer.string),
    (bool, _Writer.truth),
    (int, _Writer.whole),
    (float, _Writer.floating),
    (Decimal, _Writer.decimal),
    (datetime, _Writer.moment),
    (date, _Writer.day),
    (time, _Writer.time_of_day),
    (timedelta, _Writer.duration),
    ((bytes, bytearray, memoryview), _Writer.binary),
    ((Mapping, list, tuple, set, frozenset), _Writer.json),
)
