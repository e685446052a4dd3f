"""A leader's copy of its book: read once; each change is written through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_dingpush.delivery.record_kinds import KINDS, ONLY, RecordKind, Value, read_record
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook, RecordId

_log = logging.getLogger(__name__)


class Changes:
    """Changes to be made in one step. Of a put and a delete of the same record the later one counts.

    ``keys`` are keys for the book to remember; before that it forgets keys with a prefix in ``forget``.
    """

    def __init__(self) -> None:
        self.puts: dict[RecordId, Any] = {}
        self.deletes: dict[RecordId, None] = {}
        self.keys: Iterable[str] = ()
        self.forget: Iterable[str] = ()

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes)

    def put(self, kind: RecordKind[Value], value: Value, key: str = ONLY) -> None:
        """Put a record."""
        self.deletes.pop((kind.name, key), None)
        self.puts[kind.name, key] = value

    def delete(self, kind: RecordKind[Any], key: str = ONLY) -> None:
        """Delete a record, if there is one."""
        self.puts.pop((kind.name, key), None)
        self.deletes[kind.name, key] = None

    def put_or_delete(self, kind: RecordKind[Value], value: Value | None, key: str = ONLY) -> None:
        """Put a record, or delete it if the value is empty."""
        if value:
            self.put(kind, value, key)
        else:
            self.delete(kind, key)


class RecordTable:
    """The values of records in memory. A damaged record is skipped.

    :param plain: the records of a book, as plain JSON data.
    """

    def __init__(self, plain: Mapping[RecordId, Any]) -> None:
        self._kinds: dict[str, dict[str, Any]] = {}
        for (kind, key), record in plain.items():
            try:
                self._kinds.setdefault(kind, {})[key] = read_record(kind, record)
            except ValueError:
                _log.error("The record %r %r of a receiver's book is damaged and skipped.", kind, key[:100])

    def get(self, kind: RecordKind[Value], key: str = ONLY) -> Value | None:
        """A record, or ``None``."""
        return self._kinds.get(kind.name, {}).get(key)

    def of(self, kind: RecordKind[Value]) -> Mapping[str, Value]:
        """All records of one kind, by key."""
        return self._kinds.get(kind.name, {})

    def apply(self, changes: Changes) -> None:
        """Change the records."""
        for kind, key in changes.deletes:
            self._kinds.get(kind, {}).pop(key, None)
        for (kind, key), value in changes.puts.items():
            self._kinds.setdefault(kind, {})[key] = value

    def all(self) -> dict[RecordId, Any]:
        """Every record's value."""
        return {(kind, key): value for kind, records in self._kinds.items() for key, value in records.items()}


class Records:
    """The records of a book, and the changes that are not stored yet.

    When the storage fails (disk full, server down) the work goes on in memory: an alert sent twice is better than one
    that isn't sent. A failed change is written again with the next one, so the book never has a later change without
    the earlier one. Records that couldn't be read are never overwritten.

    ``problem`` is why the last write, or the first read, failed; ``None`` if it didn't.

    :param book: their storage.
    :param after_write: called when a change is durable.
    :raises LeadershipLostError: if another process leads; so does every method that writes.
    """

    def __init__(self, book: LedgerBook, after_write: Callable[[], None] = lambda: None) -> None:
        self.problem: OutboxError | None = None
        self._book = book
        self._after_write = after_write
        self._unreadable = False
        self._deleted: set[RecordId] = set()
        self._unremembered: set[str] = set()
        self._unforgotten: set[str] = set()
        plain: Mapping[RecordId, Any] = {}
        try:
            plain = book.load()
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self.problem = problem
            self._unreadable = True
        self.table = RecordTable(plain)

    def change(self, changes: Changes) -> bool:
        """Change records in one step; ``True`` if it is durable."""
        forget = tuple(changes.forget)
        self.table.apply(changes)
        gone, unforgotten = {*self._deleted, *changes.deletes} - changes.puts.keys(), {*self._unforgotten, *forget}
        unremembered = {*(each for each in self._unremembered if not each.startswith(forget)), *changes.keys}
        # After a failure all records are written: the stored book may lack some, or was replaced by an empty one.
        if self._is_written(self.table.all() if self.problem else changes.puts, gone, unremembered, unforgotten):
            self._deleted, self._unremembered, self._unforgotten, self.problem = set(), set(), set(), None
            self._after_write()
            return True
        self._deleted, self._unremembered, self._unforgotten = gone, unremembered, unforgotten
        return False

    def _is_written(
        self, puts: Mapping[RecordId, Any], deletes: set[RecordId], keys: set[str], forget: set[str]
    ) -> bool:
        if self._unreadable:
            return False
        plain = {(kind, key): _to_json(kind, value) for (kind, key), value in puts.items()}
        try:
            self._book.write(plain, deletes, keys, forget)
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self.problem = problem
            return False
        return True


def _to_json(kind: str, value: Any) -> Any:
    known = KINDS.get(kind)
    return value if known is None else known.to_json(value)
