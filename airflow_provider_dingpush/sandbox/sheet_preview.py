"""The first rows of an uploaded workbook, or of the csv in a zip, for the chat page.

Uploads are data of strangers: little of them is unpacked, XML may declare nothing, and what can't be read has no
preview. Format of workbooks: ECMA-376 part 1, section 18.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from xml.parsers import expat

MOST_ROWS = 6
"""How many rows are shown, the header among them."""
MOST_COLUMNS = 8
_MOST_CHARACTERS = 60
_MOST_BYTES = 4 * 1024 * 1024  # of one part, unpacked
_MOST_STRINGS = 10_000
_CHUNK_BYTES = 64 * 1024
_DATE_FORMATS = frozenset({*range(14, 23), 45, 46, 47})
_NOT_IN_A_FORMAT = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - serial numbers of days have no zone
# What the libraries raise for files that aren't what their names say.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, expat.ExpatError, csv.Error),
    *(KeyError, IndexError, ValueError, OverflowError, RuntimeError, NotImplementedError, OSError, EOFError),
)

Preview = dict[str, Any]
_Event = tuple[str, dict[str, str] | None, str]


def preview_of(name: str, content: bytes) -> Preview | None:
    """The name of the first sheet or csv, its first rows as texts, and whether there is more; None without any.

    :param name: the file's name, whose ending says what it is.
    """
    readers = {".xlsx": _of_workbook, ".zip": _of_zip}
    reader = readers.get(PurePosixPath(name).suffix.lower())
    if reader is None or not content:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            title, rows = reader(archive)
            return _shown(title, rows)
    except _UNREADABLE:
        return None


def _shown(title: str, rows: Iterator[list[str]]) -> Preview | None:
    first = []
    for row in rows:
        first.append(row)
        if len(first) > MOST_ROWS:
            break
    if not first:
        return None
    width = max(map(len, first))
    return {
        "title": title,
        "rows": [[_cut(text) for text in row[:MOST_COLUMNS]] for row in first[:MOST_ROWS]],
        "hasMore": len(first) > MOST_ROWS or width > MOST_COLUMNS,
    }


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _of_zip(archive: zipfile.ZipFile) -> tuple[str, Iterator[list[str]]]:
    """The only file in a zip, if it is a csv."""
    (name,) = archive.namelist()
    if not name.lower().endswith(".csv"):
        raise ValueError(name)
    with archive.open(name) as file:
        start = file.read(_CHUNK_BYTES * 4)
    # The last character may be cut in two.
    text = start.decode("utf-8-sig", "ignore" if len(start) == _CHUNK_BYTES * 4 else "strict")
    return name, iter(csv.reader(io.StringIO(text, newline="")))


def _of_workbook(archive: zipfile.ZipFile) -> tuple[str, Iterator[list[str]]]:
    sheet = next(
        attributes for tag, attributes, _ in _events(archive, "xl/workbook.xml") if tag == "sheet" and attributes
    )
    wanted = next(value for name, value in sheet.items() if name.endswith(":id"))
    targets = {
        attributes["Id"]: attributes["Target"]
        for tag, attributes, _ in _events(archive, "xl/_rels/workbook.xml.rels")
        if tag == "Relationship" and attributes
    }
    target = targets[wanted]
    part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    parts = set(archive.namelist())
    strings = [*_strings(archive)] if "xl/sharedStrings.xml" in parts else []
    formats = [*_formats(archive)] if "xl/styles.xml" in parts else []
    return sheet.get("name", ""), _rows(archive, part, strings, formats)


def _events(archive: zipfile.ZipFile, part: str) -> Iterator[_Event]:
    """Tags that begin (with attributes) and end (without, but with the text since the last tag)."""
    found: list[_Event] = []
    text: list[str] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        text.clear()
        found.append((tag.rpartition(":")[2], attributes, ""))

    def end(tag: str) -> None:
        found.append((tag.rpartition(":")[2], None, "".join(text)))
        text.clear()

    def refuse(*_: Any) -> None:
        raise ValueError("a document type can declare entities that are endless")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    with archive.open(part) as file:
        for _ in range(_MOST_BYTES // _CHUNK_BYTES):
            chunk = file.read(_CHUNK_BYTES)
            parser.Parse(chunk, not chunk)
            yield from found
            found.clear()
            if not chunk:
                return


def _strings(archive: zipfile.ZipFile) -> Iterator[str]:
    """The texts that cells refer to by number; the first of them."""
    pieces: list[str] = []
    count = 0
    for tag, attributes, text in _events(archive, "xl/sharedStrings.xml"):
        if attributes is None and tag == "t":
            pieces.append(text)
        elif attributes is None and tag == "si":
            yield "".join(pieces)
            pieces.clear()
            count += 1
            if count == _MOST_STRINGS:
                return


def _formats(archive: zipfile.ZipFile) -> Iterator[str]:
    """For each style that cells refer to by number: ``date``, ``duration``, or nothing."""
    codes: dict[int, str] = {}
    in_styles = False
    for tag, attributes, _ in _events(archive, "xl/styles.xml"):
        if attributes is None:
            in_styles = in_styles and tag != "cellXfs"
        elif tag == "numFmt":
            codes[int(attributes["numFmtId"])] = _NOT_IN_A_FORMAT.sub("", attributes["formatCode"]).lower()
        elif tag == "cellXfs":
            in_styles = True
        elif tag == "xf" and in_styles:
            number = int(attributes.get("numFmtId", "0"))
            code = codes.get(number, "y" if number in _DATE_FORMATS else "")
            yield "duration" if "[" in code else "date" if set(code) & set("ymdhs") and "general" not in code else ""


def _rows(archive: zipfile.ZipFile, part: str, strings: list[str], formats: list[str]) -> Iterator[list[str]]:
    row: list[str] = []
    cell: dict[str, str] = {}
    content = ""
    for tag, attributes, text in _events(archive, part):
        if attributes is not None:
            if tag == "row":
                row = []
            elif tag == "c":
                cell, content = attributes, ""
        elif tag == "v":
            content = text
        elif tag == "t":
            content += text
        elif tag == "c":
            column = _column_of(cell.get("r", ""), len(row))
            row.extend([""] * (min(column, MOST_COLUMNS + 1) - len(row)))
            row.append(_cell_text(cell, content, strings, formats))
        elif tag == "row":
            yield row


def _column_of(reference: str, otherwise: int) -> int:
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return otherwise
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _cell_text(cell: dict[str, str], content: str, strings: list[str], formats: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "s":
        index = int(content)
        return _unescaped(strings[index]) if index < len(strings) else "…"
    if kind == "b":
        return "TRUE" if content == "1" else "FALSE"
    style = int(cell.get("s", "0"))
    form = formats[style] if style < len(formats) else ""
    if kind != "n" or not content:
        return _unescaped(content)
    if not form:
        # As Excel does: libraries write the last digits of 617283.94 as they are in binary.
        return f"{float(content):.15g}" if "." in content else content
    length = timedelta(days=float(content))
    seconds = round(length.total_seconds())
    if form == "duration" or seconds < 24 * 3600:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    moment = _DAY_ZERO + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d}" if seconds % 86400 == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


def _unescaped(text: str) -> str:
    """Text as it was before characters were written by their numbers."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
