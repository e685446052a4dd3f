"""One value of a table as a person reads it, and which numbers are amounts."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from airflow_provider_dingpush.reports.cells import ColumnForm, cell_text, column_forms, is_number

SHANGHAI = timezone(timedelta(hours=8))


class Color(Enum):
    RED = "red"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def shown(value: Any, language: str = "zh", form: ColumnForm | None = None) -> str:
    return cell_text(value, zone=SHANGHAI, language=language, form=form or ColumnForm())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("", ""),
        ("a\nb 🙂", "a\nb 🙂"),
        (True, "是"),
        (0, "0"),
        (-1234567, "-1,234,567"),
        (1 << 20_000, "3.980277e6020"),
        (1e20, "1e20"),
        (-1.25e-7, "-1.25e-7"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (1234.5, "1,234.5"),
        (2.0, "2"),
        (1e15 + 0.5, "1,000,000,000,000,000.5"),
        (float("nan"), "NaN"),
        (float("-inf"), "-∞"),
        (Decimal("1234.50"), "1,234.50"),
        (Decimal("1E+20"), "100,000,000,000,000,000,000"),
        (Decimal("1E+999999"), "1e999999"),
        (Decimal("NaN"), "NaN"),
        (Decimal("sNaN"), "NaN"),
        (Decimal("Infinity"), "∞"),
        (date(1800, 1, 2), "1800-01-02"),
        (datetime.fromisoformat("0001-01-01"), "0001-01-01 00:00:00"),
        (datetime.fromisoformat("2026-11-28 01:00:00.500"), "2026-11-28 01:00:00.5"),
        (datetime(2026, 11, 28, 1, 0, tzinfo=timezone.utc), "2026-11-28 09:00:00"),
        (datetime.max.replace(tzinfo=timezone.utc), "9999-12-31 23:59:59.999999+00:00"),
        (time(9, 0), "09:00:00"),
        (time(9, 0, tzinfo=SHANGHAI), "09:00:00+0800"),
        (timedelta(days=2, hours=3, minutes=4, seconds=5, milliseconds=60), "2 天 03:04:05.06"),
        (timedelta(seconds=-5), "-00:00:05"),
        (b"", "0x"),
        (b"abc", "0x616263"),
        (bytearray(b"abc"), "0x616263"),
        (memoryview(b"\xff" * 1204), "0x" + "ff" * 16 + "…（1,204 字节）"),
        ({"a": [1, None, Decimal("1.5")], "城": date(2026, 1, 2)}, '{"a": [1, null, "1.5"], "城": "2026-01-02"}'),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ({2, 1}, "[1, 2]"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Color.RED, "red"),
        (Unprintable(), "<Unprintable>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_type_is_read_in_chinese(value: Any, text: str) -> None:
    """Nothing is in a form that only a program reads."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(False, "no"), (b"x" * 17, "0x" + "78" * 16 + "… (17 bytes)"), (timedelta(days=1), "1 d 00:00:00")],
    ids=repr,
)
def test_what_has_words_is_read_in_english(value: Any, text: str) -> None:
    """The rest is the same in both languages."""
    assert shown(value, "en") == text


def test_a_circle_has_a_text() -> None:
    """No value makes a report fail."""
    circle: list[Any] = []
    circle.append(circle)
    assert shown(circle) == "[[...]]"


AMOUNTS = [
    ("amount", [2026]),
    ("销售额", [202611]),
    ("销售额（万元）", [2026]),
    ("amount (USD)", [2026]),
    ("id_count", [2026]),
    ("idCount", [2026]),
    ("订单数", [2026]),
    ("count(distinct user_id)", [2026]),
    ("SUM(year)", [2026]),
    ("sales_per_day", [2026]),
    ("paid", [1204]),
    ("x", [1204, 2026]),
    ("x", [12_345_678_901]),
    ("x", [202613]),
    ("x", [10**15]),
    ("x", [Decimal("1E+20")]),
    ("x", [2026.5]),
    ("x", [-2026]),
    ("", []),
]
NAMES = [
    ("id", [1]),
    ("order_id", [5]),
    ("orderId", [5]),
    ("user ID", [5]),
    ("订单号", [5]),
    ("员工编号", [5]),
    ("年份", [5]),
    ("year", [5]),
    ("dt", [5]),
    ("max(order_id)", [5]),
    ("x", [2026]),
    ("x", [2025, 2026, None]),
    ("x", [202611]),
    ("x", [20261128]),
    ("x", [20261128001]),
    ("x", [Decimal(20261128001)]),
    ("x", [20261128001.0]),
    ("x", [13800001111]),
    ("x", [1_234_567_890_123_456_789]),
]


@pytest.mark.parametrize(("name", "values"), AMOUNTS, ids=repr)
def test_amounts_are_grouped(name: str, values: list[Any]) -> None:
    """By the last word of the name, which says what it is, or by values of which one can only be an amount."""
    assert column_forms([name], [[value] for value in values])[0].grouped


@pytest.mark.parametrize(("name", "values"), NAMES, ids=repr)
def test_ids_and_dates_are_not(name: str, values: list[Any]) -> None:
    """Nobody reads order 20261128001 as an amount, or 2026 as 2,026."""
    (form,) = column_forms([name], [[value] for value in values])
    assert not form.grouped
    assert "," not in shown(values[0], form=form)


def test_midnights_are_dates() -> None:
    """As pandas has them; one time of day in the column, and all are times."""
    midnight, noon = datetime.fromisoformat("2026-11-28"), datetime.fromisoformat("2026-11-28 12:00")
    (form,) = column_forms(["day"], [[midnight], [None]])
    assert shown(midnight, form=form) == "2026-11-28"
    (form,) = column_forms(["day"], [[midnight], [noon]])
    assert shown(midnight, form=form) == "2026-11-28 00:00:00"
    (form,) = column_forms(["day"], [[midnight.replace(tzinfo=timezone.utc)]])
    assert not form.dates_only


def test_a_numpy_value_is_a_number() -> None:
    """DataFrames are full of them."""
    numpy = pytest.importorskip("numpy", reason="numpy isn't installed: pip install pandas")
    assert shown(numpy.int64(1204)) == "1,204"
    assert shown(numpy.float32(0.5)) == "0.5"
    assert shown(numpy.bool_(True)) == "是"
    assert shown(numpy.array([1, 2])) == "[1 2]"
    assert is_number(numpy.int64(1))
    assert not is_number(True)
    assert not is_number("1")
