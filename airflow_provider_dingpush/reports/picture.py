"""A query's result as a picture for a phone, drawn by matplotlib without its global state."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.reports.cells import cell_text, column_forms, is_number
from airflow_provider_dingpush.reports.file_limits import require_library
from airflow_provider_dingpush.reports.picture_fonts import Fonts, find_fonts
from airflow_provider_dingpush.reports.picture_layout import (
    MARGIN,
    PADDING,
    Layout,
    Measure,
    arrange,
    cut,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 100
"""How many rows one picture shows: more is for a workbook."""
_MOST_CHARACTERS = 200  # of a cell that are looked at
_MOST_COLUMNS = 100  # that are looked at; fewer fit
_DECIMALS = re.compile(r"-?[\d,]+(?:\.(\d+))?")
_ROW_HEIGHT = 1.9  # in sizes of the letters, as all heights here
_LINE_HEIGHT = 1.4
_TITLE_SIZE, _NOTE_SIZE = 1.25, 0.85
_COLOURS = {
    "title": "#111827",
    "header": "#1f2d3d",
    "text": "#1f2937",
    "missing": "#8b95a5",
    "note": "#5b6472",
    "header_back": "#e3edfb",
    "even_back": "#f5f8fc",
    "line": "#d5dde8",
}
_WORDS = {
    "zh": {
        "empty": "没有数据",
        "rows": "图中为前 {shown:,} 行，共 {total:,} 行",
        "fewer_rows": "图中为前 {shown:,} 行",
        "columns": "图中为前 {shown:,} 列，共 {total:,} 列",
    },
    "en": {
        "empty": "No rows",
        "rows": "Shown: the first {shown:,} of {total:,} rows",
        "fewer_rows": "Shown: the first {shown:,} rows",
        "columns": "Shown: the first {shown:,} of {total:,} columns",
    },
}


def draw_picture(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None,
    note: str | None,
    zone: tzinfo,
    language: str,
) -> bytes:
    """Draw a table and return the PNG, 750 to 1,080 pixels wide.

    Texts too wide for their column end in ``…``. Columns that don't fit and rows after the first 100 are left out,
    which a line below the table says. Numbers are on the right.

    :param rows: the rows, which are read once.
    :param note: a line below the table, such as how many rows were left out before.
    :param zone: whose wall time a moment with a zone is drawn in.
    :param language: ``zh`` or ``en``.
    :raises InvalidMessageError: if matplotlib or a font with Chinese letters is missing, or there are no columns.
    """
    require_library("matplotlib", ("A picture of a table", "表格图片"), "pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not columns:
        raise InvalidMessageError(
            "A table without columns can't be drawn.",
            "Select at least one column. 请至少查询一列。",
            problem_zh="没有任何列，无法画成图片。",
        )
    table = _read(columns, rows, zone=zone, language=language)
    words = _WORDS["en" if language == "en" else "zh"]
    texts = [text for row in table.rows for text in row]
    fonts = find_fonts([title or "", note or "", *table.header, *texts, *words.values()])
    table = table.drawn_with(fonts)
    figure: Any = Figure(dpi=72, facecolor="white")  # at 72 dpi a point is a pixel
    canvas: Any = FigureCanvasAgg(figure)
    pens = _Pens(figure, canvas.get_renderer(), fonts)
    _Drawing(pens, table, words, title and fonts.drawable(title), note and fonts.drawable(note)).draw()
    picture = io.BytesIO()
    canvas.print_png(picture)
    return picture.getvalue()


@dataclass(frozen=True)
class _Table:
    """The texts of the cells that may be drawn.

    :ivar is_number: for each column, whether it holds numbers.
    :ivar missing: row and column of each NULL.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    missing: frozenset[tuple[int, int]]
    all_rows: int
    all_columns: int

    @property
    def leaves_out_rows(self) -> bool:
        return self.all_rows > len(self.rows)

    def drawn_with(self, fonts: Fonts) -> _Table:
        """The same with texts that the fonts can draw."""
        header = tuple(map(fonts.drawable, self.header))
        rows = tuple(tuple(map(fonts.drawable, row)) for row in self.rows)
        return _Table(header, rows, self.is_number, self.missing, self.all_rows, self.all_columns)


def _read(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, zone: tzinfo, language: str) -> _Table:
    header = tuple(str(name)[:_MOST_CHARACTERS] for name in columns[:_MOST_COLUMNS])
    remaining = iter(rows)
    values = [[*row[: len(header)], *[None] * (len(header) - len(row))] for row in islice(remaining, MOST_ROWS)]
    forms = column_forms(header, values)
    texts = tuple(
        tuple(
            cell_text(value, zone=zone, language=language, form=form)[:_MOST_CHARACTERS]
            for value, form in zip(row, forms, strict=True)
        )
        for row in values
    )
    texts = _aligned(texts, values)
    missing = {(y, x) for y, row in enumerate(values) for x, value in enumerate(row) if value is None}
    numbers = tuple(_are_numbers([row[x] for row in values]) for x in range(len(header)))
    total = len(values) + sum(1 for _ in remaining)
    return _Table(header, texts, numbers, frozenset(missing), total, len(columns))


def _aligned(texts: tuple[tuple[str, ...], ...], values: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], ...]:
    """The same texts, with as many decimals in a column of floats as the longest of them has, so that points align."""
    columns = []
    for cells, column in zip(zip(*texts, strict=True), zip(*values, strict=True), strict=True):
        found = [_DECIMALS.fullmatch(cell) for cell in cells]
        decimals = max((len(each[1] or "") for each in found if each), default=0)
        if decimals and all(isinstance(value, float) or value is None for value in column):
            columns.append(
                [_with_decimals(cell, decimals) if each else cell for cell, each in zip(cells, found, strict=True)]
            )
        else:
            columns.append([*cells])
    return tuple(zip(*columns, strict=True))


def _with_decimals(number: str, count: int) -> str:
    whole, _, decimals = number.partition(".")
    return f"{whole}.{decimals.ljust(count, '0')}"


def _are_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(map(is_number, known))


class _Pens:
    """Writes and measures texts and draws rectangles, in pixels from the upper left corner."""

    def __init__(self, figure: Figure, renderer: Any, fonts: Fonts) -> None:
        from matplotlib.font_manager import FontProperties

        self._figure = figure
        self._renderer = renderer
        self._properties = {
            bold: FontProperties(family=list(fonts.families), weight="bold" if bold else "normal", size=100)
            for bold in (False, True)
        }
        self._known_widths: dict[tuple[bool, str], float] = {}
        self._height = 0

    def set_size(self, width: int, height: int) -> None:
        self._height = height
        self._figure.set_size_inches(width / 72, height / 72)

    def measure(self, *, bold: bool) -> Measure:
        """Widths of texts in em: the sum of their letters', each of which is measured once."""

        def width(text: str) -> float:
            return sum(self._width_of(letter, bold) for letter in text)

        return width

    def _width_of(self, letter: str, bold: bool) -> float:
        known = self._known_widths.get((bold, letter))
        if known is None:
            # Four of it: of a single one some versions measure only what is inked.
            width, _, _ = self._renderer.get_text_width_height_descent(letter * 4, self._properties[bold], ismath=False)
            known = self._known_widths[bold, letter] = width / 400
        return known

    def write(
        self, text: str, x: float, y: float, size: float, colour: str, *, bold: bool = False, right: bool = False
    ) -> None:
        """Write a text whose middle has this height."""
        from matplotlib.transforms import IdentityTransform

        properties = self._properties[bold].copy()
        properties.set_size(size)
        self._figure.text(
            x,
            self._height - y - size * 0.36,  # half of a capital letter
            text,
            fontproperties=properties,
            color=_COLOURS[colour],
            horizontalalignment="right" if right else "left",
            verticalalignment="baseline",
            transform=IdentityTransform(),
            # Otherwise "$" begins a formula, and a site's settings could ask for TeX.
            parse_math=False,
            usetex=False,
        )

    def fill(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        from matplotlib.patches import Rectangle
        from matplotlib.transforms import IdentityTransform

        corner = (x, self._height - y - height)
        self._figure.add_artist(
            Rectangle(corner, width, height, color=_COLOURS[colour], linewidth=0, transform=IdentityTransform())
        )


class _Drawing:
    """One picture: title, header, rows, and the lines below."""

    def __init__(self, pens: _Pens, table: _Table, words: dict[str, str], title: str | None, note: str | None) -> None:
        self._pens = pens
        self._table = table
        self._measure = {bold: pens.measure(bold=bold) for bold in (False, True)}
        self._layout = self._arranged()
        self._inner = self._layout.width - 2 * MARGIN
        self._empty = words["empty"]
        self._title = self._lines(title, _TITLE_SIZE, bold=True, most=2)
        left_out = self._left_out(words, has_note=note is not None)
        notes = [self._lines(each, _NOTE_SIZE, bold=False, most=3) for each in (note, *left_out)]
        self._notes = [line for lines in notes for line in lines]

    def draw(self) -> None:
        size = self._layout.size
        row = size * _ROW_HEIGHT
        title = len(self._title) * size * _TITLE_SIZE * _LINE_HEIGHT + (size * 0.5 if self._title else 0)
        notes = len(self._notes) * size * _NOTE_SIZE * _LINE_HEIGHT + (size * 0.5 if self._notes else 0)
        rows = max(len(self._table.rows), 1)
        self._pens.set_size(self._layout.width, round(2 * MARGIN + title + (rows + 1) * row + notes))
        self._write_lines(self._title, MARGIN, _TITLE_SIZE, "title", bold=True)
        top = MARGIN + title
        self._pens.fill(MARGIN, top, self._inner, row, "header_back")
        self._write_row(self._table.header, top, bold=True)
        for index, texts in enumerate(self._table.rows):
            top += row
            if index % 2:
                self._pens.fill(MARGIN, top, self._inner, row, "even_back")
            self._write_row(texts, top, number=index)
        if not self._table.rows:
            top += row
            self._pens.write(self._empty, MARGIN + PADDING * size, top + row / 2, size, "missing")
        self._pens.fill(MARGIN, top + row, self._inner, 2, "line")
        self._write_lines(self._notes, top + row + size * 0.5, _NOTE_SIZE, "note", bold=False)

    def _arranged(self) -> Layout:
        table = self._table
        natural = [
            max(self._measure[True](name), *(self._measure[False](row[index]) for row in table.rows), 0.0) + 2 * PADDING
            for index, name in enumerate(table.header)
        ]
        return arrange(natural, table.is_number)

    def _left_out(self, words: dict[str, str], *, has_note: bool) -> list[str]:
        shown_columns = len(self._layout.widths)
        lines = []
        if self._table.leaves_out_rows:
            # A note tells how many there are, of which these rows may be a part.
            text = words["fewer_rows" if has_note else "rows"]
            lines.append(text.format(shown=len(self._table.rows), total=self._table.all_rows))
        if shown_columns < self._table.all_columns:
            lines.append(words["columns"].format(shown=shown_columns, total=self._table.all_columns))
        return lines

    def _lines(self, text: str | None, size: float, *, bold: bool, most: int) -> list[str]:
        room = self._inner / (self._layout.size * size)
        return wrapped(text, room, self._measure[bold], most) if text else []

    def _write_lines(self, lines: Sequence[str], top: float, size: float, colour: str, *, bold: bool) -> None:
        pixels = self._layout.size * size
        for line in lines:
            self._pens.write(line, MARGIN, top + pixels * _LINE_HEIGHT / 2, pixels, colour, bold=bold)
            top += pixels * _LINE_HEIGHT

    def _write_row(self, texts: Sequence[str], top: float, *, bold: bool = False, number: int = -1) -> None:
        size = self._layout.size
        middle = top + size * _ROW_HEIGHT / 2
        left = float(MARGIN)
        for column, width in enumerate(self._layout.widths):
            # A little more room than measured: sums of letters and whole texts differ in the last digit.
            text = cut(texts[column], self._layout.room(column) + 0.05, self._measure[bold])
            colour = "header" if bold else "missing" if (number, column) in self._table.missing else "text"
            right = self._table.is_number[column]
            x = left + width - PADDING * size if right else left + PADDING * size
            self._pens.write(text, x, middle, size, colour, bold=bold, right=right)
            left += width
