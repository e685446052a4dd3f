"""A book as a SQLite file: only the holder of its lock opens it for writing.

It has a rollback journal instead of a write-ahead log: one writer needs none, and SQLite before 3.51.3 can lose
commits of it (https://www.sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import REMEMBERED_SECONDS, Change, Lock, RecordId
from airflow_provider_dingpush.storage.files.disk import outbox_errors, remedy

FORMAT = 1
"""``PRAGMA user_version``. A file of a newer format is set aside; only its alerts are kept."""
RESTART: RecordId = ("restart", "at")
"""The record of a book that replaced an unusable one: since when."""

_BUSY_SECONDS = 5.0  # the records may be read while they are written
_ASKED_AT_ONCE = 500  # SQLite before 3.32 allows 999 variables
_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS record (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (key TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS known_at ON known (at);
PRAGMA user_version = 1;
COMMIT;
"""

_DAMAGE = "no such", "malformed", "unsupported file format", "Could not decode to UTF-8"
_log = logging.getLogger(__name__)


class StateFile:
    """The :class:`~airflow_provider_dingpush.storage.contract.Records` of one file.

    :param path: the file; created if it doesn't exist. One that is damaged or newer than :data:`FORMAT` is renamed to
        ``….bad``, and the new one has a :data:`RESTART` record.
    :param lock: must be held to write.
    :param clock: seconds since 1970.
    :raises OutboxError: if it can't be opened.
    """

    def __init__(self, path: Path, lock: Lock, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._lock = lock
        self._clock = clock
        with _outbox_errors(path):
            try:
                self._connection = _opened(path)
            except sqlite3.DatabaseError as problem:
                if not _is_damage(problem):
                    raise
                self._connection = _started_anew(path, problem, clock())

    def load(self) -> dict[RecordId, Any]:
        """All records; those of a new file if this one is damaged."""
        with _outbox_errors(self._path):
            try:
                return _records(self._connection)
            except (sqlite3.DatabaseError, ValueError, TypeError, RecursionError) as problem:
                if not _is_damage(problem):
                    raise
                self._start_anew(problem)
                return _records(self._connection)

    def write(self, change: Change) -> None:
        """Make a change in one durable step."""
        self._lock.check()
        now = self._clock()
        rows = [(*record_id, json.dumps(value, separators=(",", ":"))) for record_id, value in change.puts.items()]
        # A range of the primary key with exactly the keys of this prefix.
        ranges = [(each, _after(each)) for each in change.forget_prefixes]
        with self._watched():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("DELETE FROM record WHERE kind = ? AND key = ?", change.deletes)
                self._connection.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
                self._connection.executemany("DELETE FROM known WHERE key = ?", [(key,) for key in change.forget])
                self._connection.executemany("DELETE FROM known WHERE key >= ? AND key < ?", ranges)
                if change.remember:
                    stamped = [(key, now) for key in change.remember]
                    self._connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?)", stamped)
                    self._connection.execute("DELETE FROM known WHERE at < ?", (now - REMEMBERED_SECONDS,))
                self._connection.execute("COMMIT")
            except BaseException:  # also a task's timeout, which is raised anywhere
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are remembered."""
        found: set[str] = set()
        since = self._clock() - REMEMBERED_SECONDS
        with self._watched():
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                some = keys[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(
                    f"SELECT key FROM known WHERE at >= ? AND key IN ({marks})",  # noqa: S608 - only question marks
                    (since, *some),
                )
                found.update(key for (key,) in rows)
        return found

    def newest_keys(self, at_most: int) -> list[str]:
        """The keys that were remembered last."""
        with self._watched():
            rows = self._connection.execute("SELECT key FROM known ORDER BY at DESC LIMIT ?", (at_most,)).fetchall()
        return [key for (key,) in rows]

    def drop(self) -> None:
        """Remove the file."""
        self._lock.check()
        with _outbox_errors(self._path):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Damage found in a step fails the step, and the next leader finds a new file."""
        with _outbox_errors(self._path):
            try:
                yield
            except sqlite3.DatabaseError as problem:
                if _is_damage(problem):
                    self._start_anew(problem)
                raise

    def _start_anew(self, problem: Exception) -> None:
        self._connection.close()
        self._connection = _started_anew(self._path, problem, self._clock())


def read_records(path: Path) -> dict[RecordId, Any]:
    """The records of a book whose lock another process may hold; none if there is no book.

    :raises OutboxError: if they can't be read.
    """
    with _outbox_errors(path):
        if not path.exists():
            return {}
        with closing(_second_connection(path)) as connection:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return {}  # created a moment ago
            try:
                return _records(connection)
            except (ValueError, TypeError, RecursionError) as problem:
                raise OutboxError(
                    f"{path}: a record isn't JSON ({problem}); its next leader starts a new book"
                ) from problem


@contextmanager
def _outbox_errors(path: Path) -> Iterator[None]:
    """As :func:`outbox_errors`, for errors of SQLite as well."""
    with outbox_errors(path):
        try:
            yield
        except sqlite3.Error as problem:
            raise OutboxError(f"{path}: {problem}. {remedy(None)}") from problem


def _second_connection(path: Path) -> sqlite3.Connection:
    """A connection besides that of the lock's holder."""
    _refuse_link(path)
    # Not read-only: the write of a leader that died has to be rolled back before reading.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


class _NewerFormatError(sqlite3.DatabaseError):
    """The file was written by a newer version of this package."""


def _after(prefix: str) -> str:
    """The first text after all texts with this prefix."""
    return f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"


def _opened(path: Path) -> sqlite3.Connection:
    # SQLite would make it readable by others; its journal gets the permissions of the file.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    # SQLite opens both by their names; other users can't put a link into the folder after this.
    _refuse_link(path.with_name(path.name + "-journal"))
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise _NewerFormatError(f"its format is {version}, and this version reads {FORMAT}")
        if version < FORMAT:
            connection.executescript(_TABLES)
        connection.execute("SELECT kind, key, value FROM record LIMIT 1").fetchone()
        connection.execute("SELECT key, at FROM known LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _started_anew(path: Path, problem: Exception, now: float) -> sqlite3.Connection:
    aside = path.with_name(path.name + ".bad")
    _log.error(
        "The records of a DingTalk receiver can't be used (%s): they are kept as %s; a new book starts after a pause.",
        problem,
        aside,
    )
    alerts = _alerts_left(path)
    # The journal first: SQLite would apply it to a new file.
    journal = path.with_name(path.name + "-journal")
    if journal.exists():
        journal.replace(aside.with_name(aside.name + "-journal"))
    if path.exists():
        path.replace(aside)
    connection = _opened(path)
    rows = [(*RESTART, json.dumps(now)), *(("alert", key, value) for key, value in alerts.items())]
    connection.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
    return connection


def _alerts_left(path: Path) -> dict[str, str]:
    """The readable alerts of a damaged file, by key: an alert sent twice is better than one not sent."""
    found: dict[str, str] = {}
    with suppress(sqlite3.Error, OSError), closing(_second_connection(path)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        for key, value in connection.execute("SELECT key, value FROM record WHERE kind = 'alert'"):
            with suppress(ValueError, TypeError, RecursionError):
                json.loads(value)
                found[key] = value
    return found


def _records(connection: sqlite3.Connection) -> dict[RecordId, Any]:
    rows = connection.execute("SELECT kind, key, value FROM record").fetchall()
    return {(kind, key): json.loads(value) for kind, key, value in rows}


def _is_damage(problem: Exception) -> bool:
    """Whether the file itself is damaged, and not the disk, its permissions or another process at fault."""
    if isinstance(problem, sqlite3.OperationalError):
        return any(words in str(problem) for words in _DAMAGE)
    # "not a database" and "malformed" are of the class itself; its other subclasses are about a statement.
    return type(problem) in {sqlite3.DatabaseError, _NewerFormatError} or isinstance(
        problem, (ValueError, TypeError, RecursionError)
    )
