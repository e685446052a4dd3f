"""A query's result as an Excel workbook, written row by row.

Excel's limits: Microsoft, "Excel specifications and limits" (read 2026-11-28). A number has 15 digits, a cell 32,767
characters, a sheet 1,048,576 rows and 16,384 columns; the first day is in 1900.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.sizes import FILE_BYTES
from airflow_provider_dingpush.reports.file_limits import require_library, require_size, too_large
from airflow_provider_dingpush.reports.spreadsheet_values import (
    PlainValue,
    duration_text,
    legal_text,
    may_be_formula,
    moment_text,
    number_text,
    plain_value,
    wall_time,
)

if TYPE_CHECKING:
    from openpyxl import Workbook

MOST_ROWS = 1_048_575
"""The rows of one sheet below its header."""
MOST_COLUMNS = 16_384

_MOST_CHARACTERS = 32_767  # counted as UTF-16 does: an emoji is two
_MEASURED_ROWS = 200
_NARROWEST, _WIDEST = 8, 60
_FILTER_BUTTON = 3  # what it covers of the header
# Excel rounds what has more digits, and shows a number of more than 11 as 1.23E+11 unless it has a format.
_FIRST_ROUNDED = 10**15
_FIRST_SHORTENED = 10**11
_LARGEST_EXPONENT = 307
_LARGEST = 1e307
_MOST_DECIMALS = 8  # that are shown; averages of PostgreSQL have 16
# Excel counts a 29 February 1900 that LibreOffice doesn't, so that both agree only afterwards.
_FIRST_DAY = date(1900, 3, 1)
# Excel reads _x000D_ as the character of this number.
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ERROR_CODES = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_LONGEST_NAME = 31
_WORDS = {
    "zh": {"sheet": "数据", "cut": "…（已截断，原文共 {count:,} 个字符）"},
    "en": {"sheet": "Data", "cut": "… (cut; {count:,} characters in all)"},
}


def write_workbook(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    file: str | os.PathLike[str] | IO[bytes],
    *,
    title: str | None,
    zone: tzinfo,
    language: str = "zh",
    most_bytes: int | None = FILE_BYTES,
    rows_per_sheet: int = MOST_ROWS,
) -> int:
    """Write an .xlsx file and return the number of rows, the header not counted.

    Values keep their types where Excel has them. Text stays as it is and is never a formula. Integers of more than 15
    digits, dates before March 1900 and numbers that aren't finite are text; a cell of more than 32,767 characters is
    cut, and says so. Rows beyond those of a sheet go to the next one. Memory doesn't grow with the rows: they pass
    through a file in the temporary folder.

    :param rows: the rows, which are read once.
    :param file: the path, or a binary file that can seek.
    :param title: the name of the sheet, as far as Excel allows it.
    :param zone: whose wall time a moment with a zone is written in: Excel has no zones.
    :param language: ``zh`` or ``en``, for the words in the file.
    :param most_bytes: the largest size of the file; by default what DingTalk accepts, ``None`` for any.
    :param rows_per_sheet: after how many rows the next sheet begins.
    :raises InvalidMessageError: if openpyxl is missing, there are too many columns, or the file is too large.
    """
    require_library("openpyxl", ("A workbook", "工作簿"), "workbooks")
    from openpyxl import Workbook

    if len(columns) > MOST_COLUMNS:
        raise InvalidMessageError(
            f"A workbook has at most {MOST_COLUMNS:,} columns, not {len(columns):,}.",
            'Select fewer columns, or use render="csv". 请减少列，或使用 render="csv"。',
            problem_zh=f"工作簿最多有 {MOST_COLUMNS:,} 列，而结果有 {len(columns):,} 列。",
        )
    sheets = _Sheets(Workbook(write_only=True), columns, title=title, zone=zone, language=language)
    try:
        count = sheets.fill(rows, rows_per_sheet, most_bytes)
        sheets.book.save(file)
    finally:
        sheets.remove_temporary_files()
    require_size(_size_of(file), count, len(columns), most_bytes)
    return count


def _size_of(file: str | os.PathLike[str] | IO[bytes]) -> int:
    if isinstance(file, (str, os.PathLike)):
        return os.stat(file).st_size
    return file.seek(0, os.SEEK_END)


class _Sheets:
    """The sheets of one workbook, and how their cells are made.

    :param book: an empty workbook in write-only mode.
    """

    def __init__(
        self, book: Workbook, columns: Sequence[str], *, title: str | None, zone: tzinfo, language: str
    ) -> None:
        from openpyxl.cell import WriteOnlyCell

        self.book = book
        self._columns = columns
        self._title = title
        self._zone = zone
        self._words = _WORDS["en" if language == "en" else "zh"]
        self._new_cell = WriteOnlyCell
        self._sheet: Any = None
        self._makers: dict[type, Callable[[Any], Any]] = {
            bool: lambda value: value,
            int: self._integer,
            float: self._float,
            Decimal: self._decimal,
            str: self._text,
            datetime: self._moment,
            date: lambda day: day if day >= _FIRST_DAY else self._text(moment_text(day)),
            time: lambda clock: clock if clock.tzinfo is None else self._text(moment_text(clock)),
            timedelta: lambda length: length if length >= timedelta() else self._text(duration_text(length)),
        }

    def fill(self, rows: Iterable[Sequence[Any]], rows_per_sheet: int, most_bytes: int | None) -> int:
        """Write all rows and return their number."""
        remaining = iter(rows)
        first = list(islice(remaining, _MEASURED_ROWS))
        widths = _widths(self._columns, first)
        written = cells = 0
        on_sheet = self._begin(1, widths)
        for row in chain(first, remaining):
            if on_sheet == rows_per_sheet:
                self._end(on_sheet)
                on_sheet = self._begin(len(self.book.worksheets) + 1, widths)
            made = [self._cell(value) for value in row]
            self._sheet.append(made)
            written += 1
            on_sheet += 1
            cells += len(made) - made.count(None)
            # Even cells of the same value take more than one byte, so that the disk needn't fill up to know.
            if most_bytes is not None and cells > most_bytes:
                raise too_large(written, len(self._columns), most_bytes, "too many values", "过多的值")
        self._end(on_sheet)
        return written

    def remove_temporary_files(self) -> None:
        """Remove what openpyxl would remove at the end of the process, which a task of Airflow doesn't come to."""
        for sheet in self.book.worksheets:
            writer = getattr(sheet, "_writer", None)
            if writer is not None and os.path.exists(writer.out):
                _close(sheet)
                writer.cleanup()

    def _begin(self, number: int, widths: Sequence[float]) -> int:
        from openpyxl.styles import Font, PatternFill
        from openpyxl.utils import get_column_letter

        names = {sheet.title.lower() for sheet in self.book.worksheets}
        self._sheet = self.book.create_sheet(_sheet_name(self._title or self._words["sheet"], number, names))
        self._sheet.freeze_panes = "A2"
        for index, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(index)].width = width
        header = []
        for name in self._columns:
            cell = self._forced_text(self._fitted(str(name)))
            cell.font = Font(bold=True)
            cell.fill = PatternFill("solid", fgColor="E8EEF7")
            header.append(cell)
        self._sheet.append(header)
        return 0

    def _end(self, rows: int) -> None:
        from openpyxl.utils import get_column_letter

        if self._columns:
            self._sheet.auto_filter.ref = f"A1:{get_column_letter(len(self._columns))}{rows + 1}"

    def _cell(self, value: Any) -> Any:
        plain = plain_value(value)
        if plain is None or plain == "":
            return None
        return self._makers[_plain_type(plain)](plain)

    def _integer(self, number: int) -> Any:
        if abs(number) < _FIRST_SHORTENED:
            return number
        return self._long_number(str(number)) if abs(number) >= _FIRST_ROUNDED else self._formatted(number, "0")

    def _float(self, number: float) -> Any:
        if not abs(number) < _LARGEST:
            return self._text(number_text(number))
        # openpyxl writes 16 digits, which is one too few for some numbers.
        return number if float(f"{number:.16g}") == number else self._exact(repr(number), "General")

    def _decimal(self, number: Decimal) -> Any:
        if not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
            return self._text(number_text(number))
        parts = number.as_tuple()
        if number.adjusted() >= 15 and len(parts.digits) > 15:
            return self._long_number(str(number))
        decimals = -int(parts.exponent)
        if 0 < decimals <= _MOST_DECIMALS:
            return self._exact(str(number), "0." + "0" * decimals)
        return self._exact(str(number), "0" if 11 <= number.adjusted() < 15 else "General")

    def _moment(self, moment: datetime) -> Any:
        try:
            local = wall_time(moment, self._zone)
        except OverflowError:
            local = moment
        if local.tzinfo is not None or local.date() < _FIRST_DAY:
            return self._text(moment_text(local))
        return self._formatted(local, "yyyy-mm-dd hh:mm:ss.000" if local.microsecond else "yyyy-mm-dd hh:mm:ss")

    def _text(self, text: str) -> Any:
        text = self._fitted(text)
        return self._forced_text(text) if may_be_formula(text) or text in _ERROR_CODES else text

    def _fitted(self, text: str) -> str:
        # Excel's line break within a cell is one character.
        text = legal_text(text).replace("\r\n", "\n").replace("\r", "\n")
        length = len(text)
        text = _LOOKS_ESCAPED.sub("_x005F_", text)
        if len(text) * 2 <= _MOST_CHARACTERS:
            return text
        encoded = text.encode("utf-16-le")
        if len(encoded) <= _MOST_CHARACTERS * 2:
            return text
        note = self._words["cut"].format(count=length)
        return encoded[: (_MOST_CHARACTERS - len(note)) * 2].decode("utf-16-le", "ignore") + note

    def _forced_text(self, text: str) -> Any:
        """Text that stays text, also if a person edits the cell: what Excel does with an apostrophe in front."""
        cell = self._new_cell(self._sheet, text)
        cell.data_type = "s"
        cell.quotePrefix = True
        return cell

    def _long_number(self, digits: str) -> Any:
        cell = self._forced_text(digits)
        cell.number_format = "@"
        return cell

    def _exact(self, digits: str, number_format: str) -> Any:
        """A number with all of its digits."""
        cell = self._formatted(digits, number_format)
        cell.data_type = "n"
        return cell

    def _formatted(self, value: Any, number_format: str) -> Any:
        cell = self._new_cell(self._sheet, value)
        cell.number_format = number_format
        return cell


def _plain_type(value: PlainValue) -> type:
    """The type by which the cell is made; those derived from date, time and Decimal are like these."""
    found = type(value)
    if found.__module__ in ("builtins", "datetime", "decimal"):
        return found
    return next(each for each in (date, time, Decimal) if isinstance(value, each))


def _close(sheet: Any) -> None:
    """Close a sheet that won't be saved, so that its temporary file can be removed."""
    try:
        sheet.close()
    except Exception:  # noqa: BLE001 - the error that is being raised says what is wrong
        return


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[float]:
    """How wide columns are, in characters: as the header and the first rows need."""
    widths = []
    for index, name in enumerate(columns):
        shown = (_shown_width(plain_value(row[index])) for row in rows if index < len(row))
        widest = max(_text_width(str(name)) + _FILTER_BUTTON, *shown, 0)
        widths.append(float(min(max(widest + 2, _NARROWEST), _WIDEST)))
    return widths


def _shown_width(value: PlainValue) -> int:
    if isinstance(value, str):
        return _text_width(value)
    if isinstance(value, datetime):
        return 23 if value.microsecond else 19
    return 0 if value is None else len(str(value))


def _text_width(text: str) -> int:
    lines = text[: _WIDEST * 4].split("\n")
    return max(sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line) for line in lines)


def _sheet_name(title: str, number: int, names: set[str]) -> str:
    """A name that Excel accepts: at most 31 characters, some not in it, not "History", each only once."""
    title = legal_text(_NOT_IN_A_NAME.sub(" ", title)).strip(" '") or _WORDS["zh"]["sheet"]
    title = f"{title}_" if title.lower() == "history" else title
    for serial in _serials(number):
        kept = title.encode("utf-16-le")[: (_LONGEST_NAME - len(serial)) * 2].decode("utf-16-le", "ignore")
        name = f"{kept.rstrip(' ' + chr(39))}{serial}"
        if name.lower() not in names:
            return name
    raise AssertionError("one of endless names is free")


def _serials(number: int) -> Iterator[str]:
    yield "" if number == 1 else f" ({number})"
    while True:
        number += 1
        yield f" ({number})"
