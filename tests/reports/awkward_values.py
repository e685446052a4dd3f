"""Values that spreadsheets and pictures get wrong, each with what a workbook shows of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
MANY = "一二三四五六七八九十" * 100_000  # 3 MB


@dataclass(frozen=True)
class Awkward:
    """A value.

    :ivar stored: what the cell holds, as openpyxl reads it.
    :ivar shown: what a person sees, by LibreOffice.
    """

    value: Any
    stored: Any
    shown: str


def same(text: str) -> Awkward:
    return Awkward(text, text, text)


def as_text(value: Any, text: str) -> Awkward:
    return Awkward(value, text, text)


CUT = "…（已截断，原文共 1,000,000 个字符）"
CUT_EMOJI = "…（已截断，原文共 20,000 个字符）"
AWKWARD = (
    Awkward(None, None, ""),
    Awkward("", None, ""),
    Awkward(True, True, "TRUE"),
    Awkward(0, 0, "0"),
    Awkward(-5, -5, "-5"),
    Awkward(-12.5, -12.5, "-12.5"),
    Awkward(1_795_812_345_678, 1_795_812_345_678, "1795812345678"),
    Awkward(999_999_999_999_999, 999_999_999_999_999, "999999999999999"),
    as_text(10**15, "1000000000000000"),
    as_text(1_234_567_890_123_456_789, "1234567890123456789"),
    as_text(-(10**18), "-1000000000000000000"),
    Awkward(1e20, 1e20, "1E+020"),
    Awkward(617283.94, 617283.94, "617283.94"),
    Awkward(0.1 + 0.2, 0.1 + 0.2, "0.3"),
    as_text(float("nan"), "NaN"),
    as_text(float("inf"), "Infinity"),
    as_text(float("-inf"), "-Infinity"),
    Awkward(Decimal("12.50"), 12.5, "12.50"),
    Awkward(Decimal("-0.05"), -0.05, "-0.05"),
    Awkward(Decimal("617283.94"), 617283.94, "617283.94"),
    Awkward(Decimal("0.000000001"), 1e-9, "0.000000001"),
    Awkward(Decimal("12.5000000000000000"), 12.5, "12.5"),
    Awkward(Decimal("1E+20"), 1e20, "1E+020"),
    as_text(Decimal(1234567890123456789), "1234567890123456789"),
    as_text(Decimal("12345678901234567.89"), "12345678901234567.89"),
    as_text(Decimal("NaN"), "NaN"),
    as_text(Decimal("-Infinity"), "-Infinity"),
    as_text(Decimal("1E+400"), "1E+400"),
    Awkward(date(2026, 11, 28), datetime(2026, 11, 28), "2026-11-28"),
    as_text(date(1899, 12, 31), "1899-12-31"),
    as_text(date(1900, 2, 28), "1900-02-28"),
    Awkward(date(1900, 3, 1), datetime(1900, 3, 1), "1900-03-01"),
    Awkward(date(9999, 12, 31), datetime(9999, 12, 31), "9999-12-31"),
    Awkward(datetime(2026, 11, 28, 9, 0, 1), datetime(2026, 11, 28, 9, 0, 1), "2026-11-28 09:00:01"),
    Awkward(datetime(2026, 11, 27, 17, 30, tzinfo=timezone.utc), datetime(2026, 11, 28, 1, 30), "2026-11-28 01:30:00"),
    as_text(datetime(1066, 10, 14, 9, 0), "1066-10-14 09:00:00"),
    as_text(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))), "0001-01-01 00:00:00+09:00"),
    Awkward(datetime(2026, 1, 1, 1, 2, 3, 456_000), datetime(2026, 1, 1, 1, 2, 3, 456_000), "2026-01-01 01:02:03.456"),
    Awkward(time(9, 30), time(9, 30), "9:30:00"),
    as_text(time(9, 30, tzinfo=timezone.utc), "09:30:00+00:00"),
    Awkward(timedelta(hours=30), timedelta(hours=30), "30:00:00"),
    as_text(-timedelta(hours=1, milliseconds=500), "-1:00:00.5"),
    *map(
        same, ("=1+1", "=", "+1", "-1", "-", "@SUM(A1:A9)", "\t=1+1", "＝1+1", " =1+1", "'=1+1", "=cmd|' /C calc'!A0")
    ),
    *map(same, ("#N/A", "#DIV/0!", "TRUE", "007", "1e5", "2026-11-28", "12%", "+86 13800138000")),
    *map(same, ("😀 🇨🇳", "a|b", 'he said "hi", twice', "  blanks  ", "<b>&amp;</b>", "两\n行", "_x000D_", "x_x0041_")),
    as_text("carriage\r\nreturn\rs", "carriage\nreturn\ns"),
    as_text("nul\x00 bell\x07 half\ud83d \uffff", "nul� bell� half� �"),
    as_text(b"bytes", "bytes"),
    as_text("中文".encode("gbk"), "0xd6d0cec4"),
    as_text(memoryview(b"\x00\xff"), "0x00ff"),
    as_text({"city": "上海", "at": date(2026, 1, 2)}, '{"city": "上海", "at": "2026-01-02"}'),
    as_text([1, None, "=1"], '[1, null, "=1"]'),
    as_text({(1, 2): 3}, "{(1, 2): 3}"),
    as_text(uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    as_text(MANY, MANY[: 32_767 - len(CUT)] + CUT),
    # Excel counts an emoji as two characters, and half of one is none.
    as_text("😀" * 20_000, "😀" * ((32_767 - len(CUT_EMOJI)) // 2) + CUT_EMOJI),
    same("x" * 32_767),
)
