"""A log in a receiver's book: lines, oldest first, that are kept for a week.

The lines lie in a few records, each one text: the open one takes new lines, full ones are compressed. A leader that
loads the book parses none of them, and a line costs no write of its own.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_dingpush.delivery.record_kinds import RECORDED_SINCE, RecordKind
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

KEPT_SECONDS = 7 * 86_400.0
MOST_LINES = 10_000
"""About so many of the newest lines are kept."""

# The open record is written with each new line, so it is small; but a few long lines compress badly.
_OPEN_LINES = 64
_MOST_LINES_OF_RECORD = 512
_OPEN, _PACKED = "open", "packed"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HistoryLog:
    """The log of one kind.

    :param table: the records of the book.
    :param kind: of its records.
    :param most_lines: the oldest records are dropped beyond so many lines.
    """

    table: RecordTable
    kind: RecordKind[str]
    most_lines: int = MOST_LINES

    def add(self, lines: Sequence[str], now: float, changes: Changes) -> None:
        """Add lines; drop those that are older than a week, or too many.

        :param now: in seconds since 1970.
        """
        records = dict(sorted(self.table.of(self.kind).items()))
        number, open_lines = self._open(records)
        open_lines += lines
        while len(open_lines) > _OPEN_LINES:
            some, open_lines = open_lines[:_MOST_LINES_OF_RECORD], open_lines[_MOST_LINES_OF_RECORD:]
            records[_key(number)] = _record(now, len(some), _PACKED, _packed(some))
            changes.put(self.kind, records[_key(number)], _key(number))
            number += 1
        records[_key(number)] = _record(now, len(open_lines), _OPEN, "\n".join(open_lines))
        changes.put(self.kind, records[_key(number)], _key(number))
        self._drop_oldest(records, now, changes)

    def lines(self) -> Iterator[str]:
        """All lines, the oldest first; a damaged record is skipped."""
        for key, record in sorted(self.table.of(self.kind).items()):
            try:
                _, _, form, content = _parts(record)
                yield from _unpacked(content) if form == _PACKED else filter(None, content.split("\n"))
            except (ValueError, binascii.Error):
                _log.error("The record %s %s of the history is damaged and skipped.", self.kind.name, key)

    @property
    def dropped_until(self) -> float:
        """Up to when lines were dropped because they were too many, in seconds since 1970; 0 if none ever were."""
        return self.table.get(RECORDED_SINCE, self.kind.name) or 0.0

    def _open(self, records: dict[str, str]) -> tuple[int, list[str]]:
        """Number and lines of the record that takes new lines."""
        if not records:
            return 0, []
        key, record = max(records.items())
        number = int(key) if key.isdigit() else 0
        try:
            _, _, form, content = _parts(record)
        except ValueError:
            return number + 1, []
        return (number, list(filter(None, content.split("\n")))) if form == _OPEN else (number + 1, [])

    def _drop_oldest(self, records: dict[str, str], now: float, changes: Changes) -> None:
        kept = 0
        for number, (key, record) in enumerate(sorted(records.items(), reverse=True)):
            try:
                newest_at, count, _, _ = _parts(record)
            except ValueError:
                newest_at, count = 0.0, 0
            kept += count
            is_old = newest_at < now - KEPT_SECONDS
            # The open one stays, or its lines would be lost while they are added.
            if number == 0 or (not is_old and kept <= self.most_lines):
                continue
            changes.delete(self.kind, key)
            if not is_old:
                changes.put(RECORDED_SINCE, max(newest_at, self.dropped_until), self.kind.name)


def _key(number: int) -> str:
    return f"{number:010}"


def _record(newest_at: float, count: int, form: str, content: str) -> str:
    return f"{newest_at:.0f} {count} {form} {content}"


def _parts(record: str) -> tuple[float, int, str, str]:
    newest_at, count, form, content = record.split(" ", 3)
    return float(newest_at), int(count), form, content


def _packed(lines: Sequence[str]) -> str:
    import zlib

    return base64.b64encode(zlib.compress("\n".join(lines).encode("utf-8", "surrogatepass"))).decode()


def _unpacked(content: str) -> list[str]:
    import zlib

    try:
        return zlib.decompress(base64.b64decode(content)).decode("utf-8", "surrogatepass").split("\n")
    except zlib.error as problem:
        raise ValueError("packed lines") from problem
