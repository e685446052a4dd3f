"""A table as Markdown that fits into a number of bytes: a table of few columns, or a list for more.

DingTalk documents lists, and no tables: recent clients show them, older ones show their raw text. That is why a list is
a form of its own.

Nothing is left out in silence. A cell that is too wide is cut with "…", and the last line says how many were, and how
many rows and columns of how many are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import islice
from typing import Any

from airflow_provider_dingpush.alerts.markdown import escape_markdown, plain_line
from airflow_provider_dingpush.errors import MessageTooLongError
from airflow_provider_dingpush.messages.fitting import cut, whole_characters
from airflow_provider_dingpush.messages.sizes import json_bytes
from airflow_provider_dingpush.reports.cells import ColumnForm, cell_text, column_forms, is_number
from airflow_provider_dingpush.reports.table import Table

DEFAULT_ROWS = 20
_MOST_TABLE_COLUMNS = 4
_COMPACT_COLUMNS = 2
# Wider cells are cut; where not even the first row fits, the next width is tried.
_TABLE_WIDTHS, _LIST_WIDTHS = (40, 20, 10), (200, 60, 20)
_TITLE_CHARACTERS = 64
_WORDS = {
    "zh": {
        "colon": "：",
        "empty": "没有数据（0 行）。",
        "title": "查询结果",
        "rows": "前 {shown:,} 行，共 {total:,} 行",
        "columns": "前 {shown:,} 列，共 {total:,} 列",
        "cells": "{count:,} 处内容过长，在“…”处截断",
        "and": "；",
    },
    "en": {
        "colon": ": ",
        "empty": "No data (0 rows).",
        "title": "Query result",
        "rows": "first {shown:,} of {total:,} rows",
        "columns": "first {shown:,} of {total:,} columns",
        "cells": "{count:,} long cell(s) cut at “…”",
        "and": "; ",
    },
}
# In a cell an @ that begins a mention, of a number or a user id, isn't one; an address of e-mail stays as it is.
_MENTION = re.compile(r"(?<![\w.+-])[@＠](?=\S)|[@＠](?![\w-]+(?:\.[\w-]+)+)(?=\S)")
_BREAKS_MENTION = "\u2060"
_UNESCAPED_PIPE = re.compile(r"\\.|\|")


@dataclass(frozen=True)
class Readers:
    """For whom a table is written, and what they must not see.

    :param zone: in which times are shown.
    :param language: ``zh`` or ``en``.
    :param redact: returns a text without its secrets.
    """

    zone: tzinfo
    language: str
    redact: Callable[[str], str]


@dataclass(frozen=True)
class MarkdownTable:
    """A table as Markdown.

    :param title: for the conversation list.
    :param text: the whole text, with the title.
    :param total: the number of all rows.
    """

    title: str
    text: str
    total: int


def markdown_table(table: Table, room: int, readers: Readers) -> MarkdownTable:
    """A table as Markdown of at most ``room`` bytes; all its rows are read, to count them.

    :param room: bytes of the text inside a JSON string.
    :raises MessageTooLongError: if not even one cell fits.
    """
    shown, total = first_rows(table, table.max_rows or DEFAULT_ROWS)
    head = heading(table, room // 2, readers)
    words = _WORDS[readers.language]
    if not shown or not table.columns:
        return MarkdownTable(title_of(table, readers), _joined([*head, words["empty"]]), total)
    longest = note(readers.language, rows=(total, total + 1), columns=(10**4, 10**5), cells=10**5)
    left = room - json_bytes(_joined([*head, longest])) - 8
    body = _fitted(table, shown, left, readers)
    last = note(
        readers.language,
        rows=(body.rows, total),
        columns=(body.columns, len(table.columns)),
        cells=body.cut_cells,
    )
    return MarkdownTable(title_of(table, readers), _joined([*head, "\n".join(body.lines), last]), total)


def first_rows(table: Table, most: int) -> tuple[list[Sequence[Any]], int]:
    """The first rows, and the number of all; the others are counted and forgotten."""
    rows = iter(table)
    shown = list(islice(rows, most))
    total = len(table.rows) if isinstance(table.rows, Sized) else len(shown) + sum(1 for _ in rows)
    return shown, total


def title_of(table: Table, readers: Readers) -> str:
    """The title on one line, or what it is."""
    title = plain_line(readers.redact(table.title or ""))
    return title[: whole_characters(title, _TITLE_CHARACTERS)] or _WORDS[readers.language]["title"]


def heading(table: Table, room: int, readers: Readers) -> list[str]:
    """The title as a heading and the intro, each if there is one; an intro that is too long is cut with a note."""
    title = f"### {escape_markdown(title_of(table, readers))}" if table.title and table.title.strip() else ""
    intro = readers.redact(table.intro or "").strip()
    if intro:
        intro = cut(intro, room - json_bytes(title), language=readers.language)
    return [each for each in (title, intro) if each]


def note(language: str, *, rows: tuple[int, int], columns: tuple[int, int] = (0, 0), cells: int = 0) -> str:
    """What isn't shown; empty if everything is.

    :param rows: the number of rows that are shown, and of all.
    :param columns: the same of columns.
    :param cells: the number of cells that are cut.
    """
    words = _WORDS[language]
    said = [
        words[name].format(shown=shown, total=total)
        for name, (shown, total) in (("rows", rows), ("columns", columns))
        if shown < total
    ]
    if cells:
        said.append(words["cells"].format(count=cells))
    text = words["and"].join(said)
    return text[:1].upper() + text[1:]


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


@dataclass
class _Body:
    """The lines of a table or list so far."""

    columns: int
    lines: list[str] = field(default_factory=list)
    rows: int = 0
    cut_cells: int = 0


def _fitted(table: Table, shown: Sequence[Sequence[Any]], room: int, readers: Readers) -> _Body:
    """The table with as many rows as fit; with narrower cells or fewer columns if not even the first one would."""
    many = len(table.columns) > _MOST_TABLE_COLUMNS
    as_list = table.render == "list" or (table.render != "table" and many)
    cells = _Cells(table.columns, column_forms(table.columns, shown), readers, in_table=not as_list)
    layout = _List(cells, len(table.columns), len(shown)) if as_list else _PipeTable(cells, shown)
    widths = _LIST_WIDTHS if as_list else _TABLE_WIDTHS
    for width in widths:
        body = _filled(layout, shown, len(table.columns), width, room)
        if body.rows:
            return body
    low, high = 0, len(table.columns) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _filled(layout, shown[:1], middle, widths[-1], room).rows:
            low = middle
        else:
            high = middle - 1
    body = _filled(layout, shown, max(low, 1), widths[-1], room)
    if not body.rows:
        raise MessageTooLongError(
            f"Not even one value of the table fits: only {room} bytes are left.", "Shorten the title and the intro."
        )
    return body


def _filled(layout: _List | _PipeTable, shown: Sequence[Sequence[Any]], columns: int, width: int, room: int) -> _Body:
    body = _Body(columns)
    body.lines, body.cut_cells = layout.head(columns, width)
    used = sum(json_bytes(line) + 2 for line in body.lines)
    for number, row in enumerate(shown, 1):
        lines, cut_cells = layout.row(number, row[:columns], width)
        used += sum(json_bytes(line) + 2 for line in lines)
        if used > room:
            break
        body.lines += lines
        body.rows, body.cut_cells = number, body.cut_cells + cut_cells
    return body


@dataclass(frozen=True)
class _Cells:
    """Writes cells and names, cut to a width and escaped."""

    names: Sequence[str]
    forms: Sequence[ColumnForm]
    readers: Readers
    in_table: bool

    def value(self, value: Any, column: int, width: int, *, begins: bool = False) -> tuple[str, bool]:
        """One cell, and whether it is cut.

        :param begins: whether it begins a line, where a minus would be the mark of a list.
        """
        readers = self.readers
        text = cell_text(value, zone=readers.zone, language=readers.language, form=self.forms[column])
        return self._written(text, width, begins)

    def name(self, column: int, width: int) -> tuple[str, bool]:
        """The name of a column, and whether it is cut."""
        return self._written(self.names[column], width, begins=not self.in_table)

    def _written(self, text: str, width: int, begins: bool) -> tuple[str, bool]:
        text = self.readers.redact(text)
        # A line of what can be shown: cleaning a megabyte takes long, and most of it is cut.
        line = plain_line(text[: 20 * width])
        is_cut = len(line) > width or len(text) > 20 * width
        if is_cut:
            line = f"{line[: whole_characters(line, width)].rstrip()}…"
        # Behind a letter nothing is the beginning of a line.
        escaped = escape_markdown(line) if begins else escape_markdown(f"x{line}")[1:]
        escaped = _MENTION.sub(rf"\g<0>{_BREAKS_MENTION}", escaped)
        if self.in_table:
            escaped = _UNESCAPED_PIPE.sub(lambda found: "\\|" if found[0] == "|" else found[0], escaped)
        return escaped, is_cut


class _PipeTable:
    """A Markdown table: one line for each row, numbers aligned at their end."""

    def __init__(self, cells: _Cells, shown: Sequence[Sequence[Any]]) -> None:
        self._cells = cells
        self._marks = [
            "--:" if any(is_number(row[column]) for row in shown) else ":--" for column in range(len(cells.names))
        ]

    def head(self, columns: int, width: int) -> tuple[list[str], int]:
        names = [self._cells.name(column, width) for column in range(columns)]
        lines = [_piped(name for name, _ in names), _piped(self._marks[:columns])]
        return lines, sum(is_cut for _, is_cut in names)

    def row(self, number: int, values: Sequence[Any], width: int) -> tuple[list[str], int]:  # noqa: ARG002 - as the list
        texts = [self._cells.value(value, column, width) for column, value in enumerate(values)]
        return [_piped(text for text, _ in texts)], sum(is_cut for _, is_cut in texts)


def _piped(cells: Iterable[str]) -> str:
    # Where DingTalk shows no tables, the two blanks make each row a line of its own.
    return f"| {' | '.join(cells)} |  "


class _List:
    """A list: of up to two columns one item for each row, and for more a card, which has an item for each column."""

    def __init__(self, cells: _Cells, columns: int, rows: int) -> None:
        self._cells = cells
        self._colon = _WORDS[cells.readers.language]["colon"]
        self._is_compact = columns <= _COMPACT_COLUMNS and rows > 1
        self._is_single = rows == 1

    def head(self, columns: int, width: int) -> tuple[list[str], int]:
        if not self._is_compact:
            return [], 0
        names = [self._cells.name(column, width) for column in range(columns)]
        # An empty name would leave asterisks.
        title = self._colon.join(name for name, _ in names if name)
        return ([f"**{title}**", ""] if title else []), sum(is_cut for _, is_cut in names)

    def row(self, number: int, values: Sequence[Any], width: int) -> tuple[list[str], int]:
        texts = [
            self._cells.value(value, column, width, begins=self._is_compact and column == 0)
            for column, value in enumerate(values)
        ]
        cut_cells = sum(is_cut for _, is_cut in texts)
        if self._is_compact:
            return [f"- {self._colon.join(text for text, _ in texts)}"], cut_cells
        items = []
        for column, (text, _) in enumerate(texts):
            name, is_cut = self._cells.name(column, width)
            items.append(f"{name}{self._colon}{text}".rstrip())
            cut_cells += is_cut
        if self._is_single:
            return [f"- {item}" for item in items], cut_cells
        gap = [""] if number > 1 else []
        after_title = [""] if len(items) > 1 else []
        return [*gap, f"**{number:,} · {items[0]}**", *after_title, *(f"- {item}" for item in items[1:])], cut_cells
