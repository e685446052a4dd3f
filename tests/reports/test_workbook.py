"""A table as an Excel workbook: what Excel, openpyxl and LibreOffice find in it."""

from __future__ import annotations

import csv
import inspect
import io
import itertools
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest

from airflow_provider_dingpush.dingtalk.media import RULES
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.reports.workbook import MOST_COLUMNS, write_workbook
from tests.parameter_ids import shown
from tests.reports.awkward_values import AWKWARD, SHANGHAI

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def written(columns: Sequence[str], rows: Any, title: str | None = "日报", **options: Any) -> Any:
    """The workbook as openpyxl reads it."""
    file = io.BytesIO()
    write_workbook(columns, rows, file, title=title, zone=SHANGHAI, **options)
    return openpyxl.load_workbook(file)


def values_of(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(min_row=2, values_only=True))


def unescaped(text: Any) -> Any:
    """Excel's escape for what looks like one of its escapes; openpyxl doesn't read it in a cell's own text."""
    return text.replace("_x005F_", "_") if isinstance(text, str) else text


@pytest.mark.parametrize("awkward", AWKWARD, ids=lambda each: shown(each.value)[:30])
def test_value(awkward: Any) -> None:
    sheet = written(["值"], [[awkward.value]]).active
    cell = sheet["A2"]
    assert unescaped(cell.value) == awkward.stored
    assert type(cell.value) is type(awkward.stored)
    assert cell.data_type not in ("f", "e")


def test_text_like_a_formula_stays_text_when_it_is_edited() -> None:
    sheet = written(["=SUM(A:A)"], [["=1+1"], ["plain"], [10**17]]).active
    assert [sheet[f"A{row}"].quotePrefix for row in (1, 2, 3, 4)] == [True, True, False, True]
    assert [sheet[f"A{row}"].data_type for row in (1, 2, 3, 4)] == ["s"] * 4
    assert sheet["A4"].number_format == "@"


def test_header_is_bold_frozen_and_has_a_filter() -> None:
    sheet = written(["城市", "城市", "x" * 300], [["上海", 1, "y"], ["北京", 2, "z"]]).active
    assert [cell.value for cell in sheet[1]] == ["城市", "城市", "x" * 300]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C3"


def test_columns_are_as_wide_as_the_header_and_first_rows_need() -> None:
    row = ["上海市浦东新区", 1, "word " * 100, datetime(2026, 1, 1, 1, 1, 1), "short\nlong line here"]
    sheet = written(["city", "n", "text", "at", "lines"], [row]).active
    widths = [round(sheet.column_dimensions[letter].width) for letter in "ABCDE"]
    assert widths == [16, 8, 60, 21, 16]


def test_rows_beyond_a_sheet_go_to_the_next_one() -> None:
    book = written(["n"], ([n] for n in range(25)), title="销售", rows_per_sheet=10)
    assert book.sheetnames == ["销售", "销售 (2)", "销售 (3)"]
    assert [len(values_of(sheet)) for sheet in book] == [10, 10, 5]
    assert [sheet["A1"].value for sheet in book] == ["n"] * 3
    assert [sheet.freeze_panes for sheet in book] == ["A2"] * 3
    assert [sheet.auto_filter.ref for sheet in book] == ["A1:A11", "A1:A11", "A1:A6"]
    assert [row[0] for sheet in book for row in values_of(sheet)] == list(range(25))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        (None, "数据"),
        ("", "数据"),
        ("2026/11/27 [销售]: a*b?", "2026 11 27  销售   a b"),
        ("'quoted'", "quoted"),
        ("History", "History_"),
        ("很" * 40, "很" * 31),
        ("x" * 30 + "😀😀", "x" * 30),
        ("=1+1", "=1+1"),
        ("\x00\ud83d", "�"),
    ],
)
def test_name_of_the_sheet(title: str | None, name: str) -> None:
    assert written(["n"], [[1]], title=title).sheetnames == [name]


def test_names_of_further_sheets_are_no_longer_and_differ() -> None:
    names = written(["n"], ([n] for n in range(3)), title="x" * 40, rows_per_sheet=1).sheetnames
    assert names == ["x" * 31, "x" * 27 + " (2)", "x" * 27 + " (3)"]


def test_no_rows() -> None:
    sheet = written(["a", "b"], []).active
    assert values_of(sheet) == []
    assert sheet.auto_filter.ref == "A1:B1"


def test_300_columns() -> None:
    names = [f"列{n}" for n in range(300)]
    sheet = written(names, [range(300)]).active
    assert values_of(sheet) == [tuple(range(300))]


def test_english_words() -> None:
    book = written(["text"], [["x" * 40_000]], title=None, language="en")
    assert book.sheetnames == ["Data"]
    assert book.active["A2"].value.endswith("x… (cut; 40,000 characters in all)")
    assert len(book.active["A2"].value) == 32_767


def test_values_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    row = [
        numpy.int64(7),
        numpy.float32(0.5),
        numpy.bool_(True),
        numpy.datetime64("2026-11-28T09:00:00.000000000"),
        numpy.datetime64("NaT", "s"),
        numpy.timedelta64(90, "m"),
        numpy.str_("=1"),
        numpy.array([1, 2]),
    ]
    values = values_of(written(list("abcdefgh"), [row]).active)[0]
    moment = datetime(2026, 11, 28, 9)
    assert values == (7, 0.5, True, moment, None, timedelta(minutes=90), "=1", "[1, 2]")


def test_values_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    local = pandas.Timestamp("2026-11-28 01:00:00.000000001", tz="UTC")
    row = [pandas.NaT, pandas.NA, local, pandas.Timedelta(hours=2)]
    assert values_of(written(list("abcd"), [row]).active) == [
        (None, None, datetime(2026, 11, 28, 9), timedelta(hours=2))
    ]


def test_too_many_columns() -> None:
    with pytest.raises(InvalidMessageError, match=r"16,384 columns, not 16,385.*csv"):
        written(["x"] * (MOST_COLUMNS + 1), [])


def noise(rows: int) -> Iterator[list[str]]:
    """Rows of 10 KB that can't be made smaller."""
    numbers = random.Random(13)  # noqa: S311 - no secret
    return ([numbers.randbytes(10_000).hex()] for _ in range(rows))


def test_larger_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "large.xlsx"
    with pytest.raises(InvalidMessageError) as raised:
        write_workbook(["noise"], noise(150), path, title=None, zone=SHANGHAI, most_bytes=1024**2)
    size = f"{path.stat().st_size / 1024**2:.1f} MB"
    assert f"150 rows and 1 columns has {size}; DingTalk accepts at most 1 MB" in str(raised.value)
    assert "send a Link" in raised.value.advice
    assert raised.value.in_language("zh").startswith(f"150 行、1 列的文件有 {size}，钉钉最多接受 1 MB。请减少")
    assert write_workbook(["noise"], noise(150), path, title=None, zone=SHANGHAI, most_bytes=None) == 150


def test_by_default_what_dingtalk_accepts() -> None:
    rule = inspect.signature(write_workbook).parameters["most_bytes"]
    assert rule.default == RULES["file"].at_most_bytes == 20 * 1024**2


def test_query_stops_when_its_values_can_not_fit() -> None:
    """Each value takes more than a byte, so that a query without an end doesn't fill the disk."""
    rows = ([1] * 10 + [None] * 90 for _ in itertools.count())
    with pytest.raises(InvalidMessageError, match="1,001 rows and 100 columns has too many values"):
        write_workbook(["n"] * 100, rows, io.BytesIO(), title=None, zone=SHANGHAI, most_bytes=10_000)
    smallest = io.BytesIO()
    write_workbook(["n"] * 100, [[1] * 100] * 1_000, smallest, title=None, zone=SHANGHAI)
    assert smallest.tell() > 100_000


def test_temporary_files_are_removed_when_the_query_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def rows() -> Iterator[list[int]]:
        yield from ([n] for n in range(500))
        raise RuntimeError("connection lost")

    with pytest.raises(RuntimeError, match="connection lost"):
        write_workbook(["n"], rows(), io.BytesIO(), title=None, zone=SHANGHAI, rows_per_sheet=100)
    assert list(tmp_path.iterdir()) == []
    assert write_workbook(["n"], [[1]], io.BytesIO(), title=None, zone=SHANGHAI, rows_per_sheet=100) == 1
    assert list(tmp_path.iterdir()) == []


def test_openpyxl_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InvalidMessageError) as raised:
        write_workbook(["n"], [], io.BytesIO(), title=None, zone=SHANGHAI)
    assert "pip install 'airflow-provider-dingpush[workbooks]'" in str(raised.value)
    assert raised.value.in_language("zh") == (
        "工作簿需要 openpyxl，但尚未安装。请在每台 worker 上安装：pip install 'airflow-provider-dingpush[workbooks]'"
    )


MEMORY = """
import sys
from datetime import timezone
import openpyxl.cell, openpyxl.styles
from airflow_provider_dingpush.reports.workbook import write_workbook

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

row = ["x" * 50] * 20
write_workbook(["a"] * 20, (row for _ in range(300)), sys.argv[1], title=None, zone=timezone.utc)
before = peak()
write_workbook(["a"] * 20, (row for _ in range(3_000)), sys.argv[1], title=None, zone=timezone.utc)
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "rows.xlsx")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Held as cells of openpyxl, 2,700 more rows would be more than 15 MB.
    assert int(done.stdout) < 6


@pytest.mark.skipif(SOFFICE is None, reason="needs LibreOffice (Debian: apt-get install libreoffice-calc-nogui)")
def test_libreoffice_shows_the_same_values(tmp_path: Path) -> None:
    path = tmp_path / "awkward.xlsx"
    write_workbook(
        ["行号", "值"],
        enumerate(each.value for each in AWKWARD),
        path,
        title="奇怪的值",
        zone=SHANGHAI,
        rows_per_sheet=50,
    )
    # Comma, quote, UTF-8; as shown; all sheets.
    options = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [str(SOFFICE), profile, "--headless", "--convert-to", options, "--outdir", str(tmp_path), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    names = ["awkward-奇怪的值.csv", "awkward-奇怪的值 (2).csv"]
    shown = [
        row
        for name in names
        for row in [*csv.reader(io.StringIO((tmp_path / name).read_text("utf-8"), newline=""))][1:]
    ]
    assert [text for _, text in shown] == [each.shown for each in AWKWARD]
    assert [int(number) for number, _ in shown] == list(range(len(AWKWARD)))


def test_dates_are_in_the_zone_of_the_reader() -> None:
    moment = datetime(2026, 11, 28, 1, tzinfo=timezone.utc)
    file = io.BytesIO()
    write_workbook(["at"], [[moment]], file, title=None, zone=timezone(timedelta(hours=-5)))
    assert values_of(openpyxl.load_workbook(file).active) == [(datetime(2026, 11, 27, 20),)]


def test_file_is_one_that_excel_opens() -> None:
    """No character that XML lacks, no attribute of a formula."""
    file = io.BytesIO()
    rows = [[each.value] for each in AWKWARD]
    write_workbook(["值"], rows, file, title="t", zone=SHANGHAI)
    with zipfile.ZipFile(file) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))  # noqa: S314 - written above
    assert "<f>" not in sheet
    assert 't="e"' not in sheet
    assert re.search(r'<pane [^>]*state="frozen"', sheet)
