"""The first rows of uploads, which may be anything."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox.sheet_preview import MOST_COLUMNS, MOST_ROWS, preview_of

ROWS = [
    ["城市", "n", "at", "day", "length", "ok", "text"],
    ["上海", 12.5, datetime(2026, 11, 28, 9, 0, 1), date(2026, 11, 28), timedelta(hours=30), True, "<b>&\n"],  # noqa: DTZ001
    [None, -3, None, None, None, False, "_x0041_ is escaped"],
]
SHOWN = [
    ["城市", "n", "at", "day", "length", "ok", "text"],
    ["上海", "12.5", "2026-11-28 09:00:01", "2026-11-28", "30:00:00", "TRUE", "<b>&\n"],
    ["", "-3", "", "", "", "FALSE", "A is escaped"],
]


def workbook(rows: Any, *, write_only: bool = True) -> bytes:
    openpyxl = pytest.importorskip("openpyxl", reason="needs openpyxl")
    book = openpyxl.Workbook(write_only=write_only)
    sheet = book.create_sheet("销售", 0)
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zipped(**parts: str | bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def minimal(sheet: str) -> bytes:
    """A workbook whose sheet is this XML."""
    book = '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>'
    links = '<Relationships><Relationship Id="a" Target="/xl/s.xml"/></Relationships>'
    return zipped(**{"xl/workbook.xml": book, "xl/_rels/workbook.xml.rels": links, "xl/s.xml": sheet})


@pytest.mark.parametrize("write_only", [True, False], ids=["texts in cells", "texts in a table of their own"])
def test_workbook(write_only: bool) -> None:
    found = preview_of("a.XLSX", workbook(ROWS, write_only=write_only))
    assert found == {"title": "销售", "rows": SHOWN, "hasMore": False}


def test_only_the_beginning() -> None:
    found = preview_of("a.xlsx", workbook([range(300)] * 50))
    assert found is not None
    assert found["hasMore"] is True
    assert found["rows"] == [[str(n) for n in range(MOST_COLUMNS)]] * MOST_ROWS
    found = preview_of("a.xlsx", workbook([["x" * 1_000]]))
    assert found is not None
    assert found["rows"] == [["x" * 60 + "…"]]


def test_csv_in_a_zip() -> None:
    found = preview_of("a.zip", zipped(**{"日报.csv": '\ufeff城市,n\r\n"a, b",1\r\n'}))
    assert found == {"title": "日报.csv", "rows": [["城市", "n"], ["a, b", "1"]], "hasMore": False}
    long = "\n".join(f"上海,{number}" for number in range(100_000))
    found = preview_of("a.zip", zipped(**{"a.csv": long}))
    assert found is not None
    assert len(found["rows"]) == MOST_ROWS


def test_numbers_have_the_digits_that_excel_shows() -> None:
    found = preview_of("a.xlsx", workbook([[617283.94, 0.1 + 0.2, 123456789012345, 1e20]]))
    assert found is not None
    assert found["rows"] == [["617283.94", "0.3", "123456789012345", "1e+20"]]


def test_empty_sheet() -> None:
    assert preview_of("a.xlsx", workbook([])) is None


BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<worksheet><sheetData><row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", b""),
        ("a.xlsx", b"x" * 2048),
        ("a.xlsx", zipped(other="x")),
        ("a.xlsx", minimal(BILLION_LAUGHS)),
        ("a.xlsx", minimal("<worksheet><sheetData><row><c t='s'><v>x</v></c></row></sheetData></worksheet>")),
        ("a.xlsx", minimal("<worksheet><row><c><v>1</v></c>")),
        ("a.xlsx", minimal("x" * 9_000_000)),
        ("a.zip", zipped(**{"a.txt": "x"})),
        ("a.zip", zipped(**{"a.csv": "x", "b.csv": "y"})),
        ("a.zip", zipped(**{"a.csv": b"\xff\xfe"})),
        ("a.pdf", zipped(**{"a.csv": "x"})),
        ("no ending", zipped(**{"a.csv": "x"})),
    ],
)
def test_what_can_not_be_read_has_no_preview(name: str, content: bytes) -> None:
    assert preview_of(name, content) is None


def test_a_part_that_unpacks_without_end_is_not_read_to_its_end() -> None:
    cell = "<row><c t='inlineStr'><is><t>" + "x" * 1_000 + "</t></is></c></row>"
    bomb = "<worksheet><sheetData>" + "<c/>" * 20_000_000 + cell
    packed = minimal(bomb)
    assert len(packed) < 1_000_000
    assert preview_of("a.xlsx", packed) is None


def test_a_cell_far_to_the_right_makes_no_long_row() -> None:
    sheet = "<worksheet><sheetData><row><c r='XFD1'><v>1</v></c></row></sheetData></worksheet>"
    found = preview_of("a.xlsx", minimal(sheet))
    assert found == {"title": "S", "rows": [[""] * MOST_COLUMNS], "hasMore": True}
