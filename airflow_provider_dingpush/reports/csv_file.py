"""A query's result as csv in a zip: DingTalk takes no csv (docs 0646, read 2026-08-22).

The csv begins with a byte order mark: without one, Excel takes UTF-8 for the encoding of the machine.
"""

from __future__ import annotations

import csv
import io
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as clock_time
from decimal import Decimal
from typing import IO, Any

from airflow_provider_dingpush.messages.sizes import FILE_BYTES
from airflow_provider_dingpush.reports.file_limits import require_size, too_large
from airflow_provider_dingpush.reports.spreadsheet_values import (
    duration_text,
    legal_text,
    may_be_formula,
    moment_text,
    number_text,
    plain_value,
    wall_time,
)

_NOT_IN_A_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
_LONGEST_NAME = 100
_CHECK_EVERY_ROWS = 1_000
# A character is up to 4 bytes, and a zip that every program reads holds less than 2 GiB.
_MOST_CHARACTERS = 500_000_000


def write_csv_zip(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    file: str | os.PathLike[str] | IO[bytes],
    *,
    name: str,
    zone: tzinfo | None = None,
    most_bytes: int | None = FILE_BYTES,
) -> int:
    """Write a zip with one csv in it and return the number of rows, the header not counted.

    Every value is whole and exact; an empty cell is NULL or an empty text. Text that a spreadsheet program could take
    for a formula gets an apostrophe in front. Writing stops as soon as the zip is too large.

    :param rows: the rows, which are read once.
    :param file: the path, or a binary file that can seek.
    :param name: the name of the csv in the zip, with or without its extension.
    :param zone: whose wall time a moment with a zone is written in; ``None`` writes it with its own offset.
    :param most_bytes: the largest size of the zip; by default what DingTalk accepts, ``None`` for any.
    :raises InvalidMessageError: if the zip is too large.
    """
    if isinstance(file, (str, os.PathLike)):
        with open(file, "wb") as opened:
            return write_csv_zip(columns, rows, opened, name=name, zone=zone, most_bytes=most_bytes)
    begin = file.tell()
    written = 0
    entry = zipfile.ZipInfo(_entry_name(name), time.localtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(entry, "w") as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\r\n")
        characters = writer.writerow([_cell(name, zone) for name in columns])
        for row in rows:
            characters += writer.writerow([_cell(value, zone) for value in row])
            written += 1
            if written % _CHECK_EVERY_ROWS == 0:
                require_size(file.tell() - begin, written, len(columns), most_bytes)
            if characters > _MOST_CHARACTERS:
                raise too_large(written, len(columns), most_bytes or FILE_BYTES, "too much text", "过多的文字")
    require_size(file.seek(0, os.SEEK_END) - begin, written, len(columns), most_bytes)
    return written


def _cell(value: Any, zone: tzinfo | None) -> str:
    plain = plain_value(value)
    if plain is None:
        return ""
    if isinstance(plain, datetime):
        return _moment(plain, zone)
    return next(text_of(plain) for kinds, text_of in _TEXTS if isinstance(plain, kinds))


def _text(text: str) -> str:
    text = legal_text(text)
    return f"'{text}" if may_be_formula(text) else text


def _moment(moment: datetime, zone: tzinfo | None) -> str:
    try:
        return moment_text(wall_time(moment, zone))
    except OverflowError:
        return moment_text(moment)


# The first that fits: bool is an int.
_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, _text),
    (bool, lambda truth: "TRUE" if truth else "FALSE"),
    ((int, float, Decimal), number_text),
    ((date, clock_time), moment_text),
    (timedelta, duration_text),
)


def _entry_name(name: str) -> str:
    """A file name that every system accepts, with the extension."""
    stem = legal_text(_NOT_IN_A_NAME.sub("_", name)).strip()
    stem = stem[:-4] if stem.lower().endswith(".csv") else stem
    return f"{stem[:_LONGEST_NAME].strip(' .') or 'data'}.csv"
