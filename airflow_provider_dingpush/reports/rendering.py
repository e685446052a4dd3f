"""A table as the messages that carry it: Markdown, a picture, a workbook or a zipped csv."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.reports.cells import cell_text
from airflow_provider_dingpush.reports.markdown import (
    DEFAULT_ROWS,
    Readers,
    first_rows,
    heading,
    markdown_table,
    note,
    title_of,
)
from airflow_provider_dingpush.reports.table import Table

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import Message

_NOT_IN_FILE_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')
_MOST_FILE_NAME_CHARACTERS = 60


@dataclass(frozen=True)
class Report:
    """A table as messages.

    :param messages: in the order in which they are sent.
    :param rows: the number of all rows of the table.
    """

    messages: tuple[Message, ...]
    rows: int


@contextmanager
def report_of(table: Table, room: int, readers: Readers) -> Iterator[Report]:
    """The messages of a table; a file that belongs to them exists until the end of the context.

    A table without rows is always a text: nobody opens an empty workbook.

    :param room: the bytes that a text may have inside a JSON string.
    :raises InvalidMessageError: if the table is wrong, or what draws or writes it isn't installed.
    """
    if not table.is_file:
        yield _as_text(table, room, readers)
        return
    rows = table.first_and_others()
    if rows is None:
        yield _as_text(replace(table, rows=()), room, readers)
        return
    table = replace(table, rows=rows)
    if table.render == "picture":
        yield _as_picture(table, room, readers)
        return
    with TemporaryDirectory(prefix="dingpush-") as folder:
        yield _as_file(table, Path(folder), room, readers)


def _as_text(table: Table, room: int, readers: Readers) -> Report:
    written = markdown_table(table, room, readers)
    return Report((Markdown(written.title, written.text),), written.total)


def _as_picture(table: Table, room: int, readers: Readers) -> Report:
    from airflow_provider_dingpush.messages.app_kinds import Image
    from airflow_provider_dingpush.reports.picture import MOST_ROWS, draw_picture

    shown, total = first_rows(table, min(table.max_rows or DEFAULT_ROWS, MOST_ROWS))
    picture = draw_picture(
        _names(table, readers),
        [_redacted(row, readers) for row in shown],
        title=readers.redact(table.title) if table.title else None,
        note=note(readers.language, rows=(len(shown), total)) or None,
        zone=readers.zone,
        language=readers.language,
    )
    return Report((*_lead(table, room, readers, ""), Image(picture)), total)


def _as_file(table: Table, folder: Path, room: int, readers: Readers) -> Report:
    from airflow_provider_dingpush.messages.app_kinds import File

    counted = _Counted(table)
    name = _file_name(title_of(table, readers))
    rows = (_redacted(row, readers) for row in islice(counted, table.max_rows))
    path = folder / f"{name}.{'xlsx' if table.render == 'workbook' else 'zip'}"
    with path.open("wb") as file:
        if table.render == "workbook":
            from airflow_provider_dingpush.reports.workbook import write_workbook

            names, language = _names(table, readers), readers.language
            shown = write_workbook(names, rows, file, title=name, zone=readers.zone, language=language)
        else:
            from airflow_provider_dingpush.reports.csv_file import write_csv_zip

            shown = write_csv_zip(_names(table, readers), rows, file, name=f"{name}.csv", zone=readers.zone)
    total = counted.all()
    lead = _lead(table, room, readers, note(readers.language, rows=(shown, total)))
    return Report((*lead, File(str(path), name=path.name)), total)


class _Counted:
    """Rows that are counted as they are read."""

    def __init__(self, table: Table) -> None:
        self._rows, self._count = iter(table), 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self._count += 1
            yield row

    def all(self) -> int:
        """The number of all rows; the rest is read now."""
        for _ in self:
            pass
        return self._count


def _lead(table: Table, room: int, readers: Readers, left_out: str) -> tuple[Markdown, ...]:
    """The text before a file or picture, which can't carry an intro or a note."""
    if not (table.intro or left_out):
        return ()
    # Half of the room is for the intro.
    return (Markdown(title_of(table, readers), "\n\n".join([*heading(table, room // 2, readers), left_out]).strip()),)


def _names(table: Table, readers: Readers) -> list[str]:
    return [readers.redact(name) for name in table.columns]


def _redacted(row: Sequence[Any], readers: Readers) -> list[Any]:
    return [_without_secrets(value, readers) for value in row]


def _without_secrets(value: Any, readers: Readers) -> Any:
    if isinstance(value, str):
        return readers.redact(value)
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        text = cell_text(value, zone=readers.zone, language=readers.language)
        clean = readers.redact(text)
        return value if clean == text else clean
    return value


def _file_name(title: str) -> str:
    return _NOT_IN_FILE_NAMES.sub("_", title)[:_MOST_FILE_NAME_CHARACTERS].strip(" .") or "report"
