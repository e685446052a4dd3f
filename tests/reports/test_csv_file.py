"""A table as csv in a zip."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.reports.csv_file import write_csv_zip
from tests.reports.awkward_values import AWKWARD, MANY, SHANGHAI

csv.field_size_limit(10_000_000)  # the reader's: some values are large


def written(columns: Any, rows: Any, **options: Any) -> bytes:
    """The csv in the zip."""
    file = io.BytesIO()
    write_csv_zip(columns, rows, file, **{"name": "日报", **options})
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return archive.read(archive.namelist()[0])


def cell(value: Any, **options: Any) -> str:
    content = written(["值"], [[value]], **options).decode("utf-8-sig")
    (_, (text,)) = csv.reader(io.StringIO(content, newline=""))
    return text


def test_content_byte_by_byte() -> None:
    rows = [(1, "上海", None), (-2.5, 'a "quoted", cell', "two\nlines")]
    assert (
        written(["n", "城市", "note"], rows)
        == ('\ufeffn,城市,note\r\n1,上海,\r\n-2.5,"a ""quoted"", cell","two\nlines"\r\n').encode()
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "TRUE"),
        (1_234_567_890_123_456_789, "1234567890123456789"),
        (1e20, "1e+20"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("sNaN"), "NaN"),
        (date(1066, 10, 14), "1066-10-14"),
        (datetime(2026, 11, 28, 9, 0, 1), "2026-11-28 09:00:01"),
        (datetime(2026, 11, 28, 1, tzinfo=timezone.utc), "2026-11-28 01:00:00+00:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "30:00:00"),
        (-timedelta(hours=1), "-1:00:00"),
        ({"城市": "上海"}, '{"城市": "上海"}'),
        (b"\xff", "0xff"),
        ("half\ud83d nul\x00", "half� nul�"),
        (MANY, MANY),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_value(value: Any, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "-", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", " =1+1", "=cmd|'/C calc'!A0"]
)
def test_text_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert written([text], []).decode("utf-8-sig").lstrip('"').startswith("'")


@pytest.mark.parametrize("value", [-5, -12.5, Decimal("-0.05"), "a=b", "上海", "007", "'quoted"])
def test_negative_numbers_and_other_text_have_none(value: Any) -> None:
    assert cell(value) == str(value)


def test_times_in_the_zone_of_the_reader() -> None:
    moment = datetime(2026, 11, 28, 1, tzinfo=timezone.utc)
    assert cell(moment, zone=SHANGHAI) == "2026-11-28 09:00:00"
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))
    assert cell(first, zone=timezone.utc) == "0001-01-01 00:00:00+09:00"


def test_all_awkward_values_can_be_read_again() -> None:
    content = written(["n", "v"], enumerate(each.value for each in AWKWARD)).decode("utf-8-sig")
    rows = [*csv.reader(io.StringIO(content, newline=""))]
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(len(AWKWARD))]
    assert {len(row) for row in rows} == {2}


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("日报", "日报.csv"),
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("a:b*c?", "a_b_c_.csv"),
        (" . ", "data.csv"),
        ("x" * 200, "x" * 100 + ".csv"),
    ],
)
def test_name_of_the_csv(name: str, entry: str) -> None:
    file = io.BytesIO()
    assert write_csv_zip(["n"], [[1]], file, name=name) == 1
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [entry]


def noise(rows: int) -> Iterator[list[str]]:
    """Rows of 1 KB that can't be made smaller."""
    numbers = random.Random(13)  # noqa: S311 - no secret
    return ([numbers.randbytes(1_000).hex()] for _ in range(rows))


def test_writing_stops_as_soon_as_the_zip_is_too_large(tmp_path: Path) -> None:
    rows = noise(1_000_000)
    with pytest.raises(InvalidMessageError, match=r"2,000 rows .* DingTalk accepts at most 1\.5 MB.*fewer rows"):
        write_csv_zip(["noise"], rows, tmp_path / "large.zip", name="noise", most_bytes=3 * 1024**2 // 2)
    assert next(rows)
    assert write_csv_zip(["noise"], noise(2_000), tmp_path / "any.zip", name="noise", most_bytes=None) == 2_000


def test_too_large_after_the_last_check() -> None:
    with pytest.raises(InvalidMessageError, match="500 rows and 1 columns"):
        written(["noise"], noise(500), most_bytes=400_000)
