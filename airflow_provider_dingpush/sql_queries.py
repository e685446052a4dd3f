"""A query whose rows are read as they are needed, and which is cancelled when nobody needs them any more.

It runs in a thread of its own. A driver that waits for its database in C, as psycopg2 does, doesn't let Python handle
signals: the task would not notice that it is to end, and the query would go on until the worker kills the process.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, final
from urllib.parse import quote, quote_plus

from airflow_provider_dingpush.airflow_compat import database_hook
from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError, QueryError
from airflow_provider_dingpush.pipeline.redaction import redact_text

__all__ = ["RunningQuery", "Statements"]

_log = logging.getLogger(__name__)
_BATCH_ROWS = 2_000
_POLL_SECONDS = 0.5
# A cancelled query ends within moments; a driver that can't cancel must not keep the task.
_CANCEL_SECONDS = 10.0
_MOST_ERROR_CHARACTERS = 1_000
_SHORTEST_SECRET = 3
_NOT_SUPPORTED = "0A000"
_ENDS = re.compile(r"[;\s]+\Z")
_FIRST_WORD = re.compile(r"[\s(]*(\w+)")
# Statements that return no rows, but for RETURNING.
_NO_ROWS = frozenset(
    {
        *("alter", "analyze", "begin", "comment", "commit", "copy", "create", "delete", "drop", "grant", "insert"),
        *("load", "lock", "merge", "refresh", "replace", "reset", "revoke", "rollback", "set", "start", "truncate"),
        *("unset", "update", "use", "vacuum"),
    }
)
# PostgreSQL has no cursor for a query that writes.
_READS = frozenset({"select", "values", "with", "table"})
_WRITES = re.compile(r"(?i)\b(?:insert|update|delete|merge|into)\b")


@dataclass(frozen=True)
class Statements:
    """The statements of one task: those before the query, the query, and those after it, such as a DROP TABLE.

    :param before: run first.
    :param query: the last statement that returns rows.
    :param after: run when all rows were read.
    """

    before: tuple[str, ...]
    query: str
    after: tuple[str, ...] = ()

    @classmethod
    def read(cls, sql: str | Sequence[str], hook: Any) -> Statements:
        """Split SQL into statements, as the hook of the database does.

        :raises InvalidMessageError: if there is none.
        """
        if not isinstance(sql, str) and not all(isinstance(each, str) for each in sql):
            raise InvalidMessageError("sql must be a str or a list of str.")
        texts = [sql] if isinstance(sql, str) else [*sql]
        found: list[str] = []
        for text in texts:
            several = [each for each in hook.split_sql_string(text) if each.strip(" \t\r\n;")]
            # A single one as it is: comments may be hints.
            found += [text] if len(several) == 1 else several
        if not found:
            raise InvalidMessageError("sql has no statement.", 'Write sql="SELECT …", or the path of a .sql file.')
        at = next((index for index in reversed(range(len(found))) if _returns_rows(found[index])), len(found) - 1)
        return cls(tuple(found[:at]), _ENDS.sub("", found[at]), tuple(found[at + 1 :]))

    @property
    def only_reads(self) -> bool:
        """Whether the query is one for which PostgreSQL has a cursor."""
        return _first_word(self.query) in _READS and not _WRITES.search(self.query)


def _first_word(statement: str) -> str:
    without_comments = re.sub(r"(?s)/\*.*?\*/|--[^\n]*", " ", statement)
    found = _FIRST_WORD.match(without_comments)
    return found.group(1).lower() if found else ""


def _returns_rows(statement: str) -> bool:
    return _first_word(statement) not in _NO_ROWS or re.search(r"(?i)\breturning\b", statement) is not None


@dataclass(frozen=True)
class _Start:
    """The query runs, and has these columns."""

    columns: tuple[str, ...]


class _End:
    """All rows were read."""


@final
class RunningQuery:
    """A query of any database that ``apache-airflow-providers-common-sql`` knows; a context that ends it.

    :param conn_id: id of the database's connection.
    :param sql: one statement or several, of which the last that returns rows is the query.
    :param parameters: of the statements, as the driver takes them.
    :param hook_params: arguments of the hook.
    :ivar columns: the names of the columns, once the context has begun.
    :raises ConfigurationError: if there is no such connection, or it isn't a database's, or a package is missing.
    """

    def __init__(
        self,
        conn_id: str,
        sql: str | Sequence[str],
        *,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.columns: tuple[str, ...] = ()
        self._conn_id = conn_id
        self._hook, self._password = database_hook(conn_id, hook_params)
        self._statements = Statements.read(sql, self._hook)
        self._arguments = () if parameters is None else (parameters,)
        self._batches: queue.Queue[_Start | Sequence[Any] | type[_End] | DingTalkError] = queue.Queue(maxsize=2)
        self._cancelled, self._abandoned = threading.Event(), threading.Event()
        self._is_over = False
        self._connection: Any = None
        self._cursor: Any = None
        self._thread = threading.Thread(target=self._work, name="dingpush-query", daemon=True)

    def __enter__(self) -> RunningQuery:
        """Run the query, until its first rows are there.

        :raises QueryError: if the database refuses it.
        :raises InvalidMessageError: if it returns no rows.
        """
        _log.info("Running the query through connection %r.", self._conn_id)
        self._thread.start()
        try:
            start = self._next()
        except BaseException:
            self._end()
            raise
        self.columns = start.columns
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def rows(self) -> Iterator[Sequence[Any]]:
        """The rows, in batches of the database; they can be read once.

        :raises QueryError: if the database fails, or the query was cancelled.
        """
        while (batch := self._next()) is not _End:
            for row in batch:
                yield tuple(row.values()) if isinstance(row, Mapping) else row

    def cancel(self) -> None:
        """Cancel the query in the database; from any thread, and from the handler of a signal."""
        self._cancelled.set()
        connection, cursor = self._connection, self._cursor
        # psycopg and Oracle; SQLite and DuckDB; Trino and ODBC. Any other can only be closed.
        for owner, name in (
            (connection, "cancel"),
            (connection, "interrupt"),
            (cursor, "cancel"),
            (connection, "close"),
        ):
            cancel = getattr(owner, name, None)
            if callable(cancel):
                try:
                    cancel()
                except Exception as error:  # noqa: BLE001 - the next way may work
                    _log.info("%s() of the database's driver failed (%s).", name, type(error).__name__)
                else:
                    return

    def _end(self) -> None:
        self._abandoned.set()
        deadline = time.monotonic() + _CANCEL_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            if not self._is_over:
                # Again and again: it may have been about to begin.
                self.cancel()
            self._thread.join(_POLL_SECONDS)
        if self._thread.is_alive():
            _log.warning(
                "The query was cancelled, but its driver waits for the database until the task's process ends."
            )

    def _next(self) -> Any:
        found = None
        while found is None:
            # Waiting here lets Python handle signals.
            with suppress(queue.Empty):
                found = self._batches.get(timeout=_POLL_SECONDS)
            if found is None and self._cancelled.is_set():
                raise self._cancelled_error()
        self._is_over = found is _End or isinstance(found, DingTalkError)
        if isinstance(found, DingTalkError):
            raise found
        return found

    # What follows runs in the thread.

    def _work(self) -> None:
        last: DingTalkError | type[_End] = _End
        try:
            # Here, because SQLite accepts calls of this thread only.
            with closing(self._hook.get_conn()) as self._connection:
                try:
                    self._run(self._connection)
                finally:
                    self._close_cursor()
        except DingTalkError as error:
            last = error
        except Exception as error:  # noqa: BLE001 - of any driver
            last = self._error(error)
        while not self._abandoned.is_set():
            with suppress(queue.Full):
                self._batches.put(last, timeout=_POLL_SECONDS)
                return

    def _run(self, connection: Any) -> None:
        if getattr(self._hook, "supports_autocommit", False):
            self._hook.set_autocommit(connection, False)
        for statement in self._statements.before:
            self._execute(connection.cursor(), statement)
        batch = self._first_batch(connection)
        self._put(_Start(tuple(str(column[0]) for column in self._cursor.description or ())))
        while batch:
            self._put(batch)
            batch = self._cursor.fetchmany(_BATCH_ROWS)
        self._close_cursor()
        for statement in self._statements.after:
            self._execute(connection.cursor(), statement)
        if not self._hook.get_autocommit(connection):
            connection.commit()

    def _first_batch(self, connection: Any) -> Sequence[Any]:
        statements = self._statements
        cursor = _streaming_cursor(connection) if statements.only_reads else None
        try:
            if cursor is not None:
                self._execute(cursor, statements.query)
                return self._fetched(cursor)
        except Exception as error:
            if statements.before or getattr(error, "sqlstate", getattr(error, "pgcode", None)) != _NOT_SUPPORTED:
                raise
            # A database that speaks PostgreSQL's protocol may lack its cursors.
            self._close_cursor()
            connection.rollback()
        cursor = connection.cursor()
        self._execute(cursor, statements.query)
        if cursor.description is None:
            raise InvalidMessageError(
                "The SQL returns no rows.", "End it with a SELECT. SQL 没有返回结果，请以 SELECT 结尾。"
            )
        return self._fetched(cursor)

    def _fetched(self, cursor: Any) -> Sequence[Any]:
        batch: Sequence[Any] = cursor.fetchmany(_BATCH_ROWS)
        return batch

    def _close_cursor(self) -> None:
        with suppress(Exception):  # some drivers close it by themselves
            self._cursor.close()

    def _execute(self, cursor: Any, statement: str) -> None:
        self._close_cursor()
        self._cursor = cursor
        if self._cancelled.is_set():
            raise self._cancelled_error()
        cursor.execute(statement, *self._arguments)

    def _put(self, item: _Start | Sequence[Any]) -> None:
        while not self._cancelled.is_set():
            with suppress(queue.Full):
                self._batches.put(item, timeout=_POLL_SECONDS)
                return
        raise self._cancelled_error()

    def _error(self, error: Exception) -> QueryError:
        """The error of a driver without secrets: some print the address of the database with its password."""
        if self._cancelled.is_set():
            return self._cancelled_error()
        try:
            text = " ".join(str(error).split())
        except Exception:  # noqa: BLE001 - the __str__ of a foreign error may fail
            text = ""
        if len(self._password) >= _SHORTEST_SECRET:
            for form in {self._password, quote(self._password, safe=""), quote_plus(self._password)}:
                text = text.replace(form, "***")
        described = f"{type(error).__name__}: {redact_text(text)[:_MOST_ERROR_CHARACTERS]}".rstrip(": ")
        return QueryError(
            f"The query through connection {self._conn_id!r} failed: {described}",
            problem_zh=f"通过连接 {self._conn_id!r} 的查询失败：{described}",
        )

    def _cancelled_error(self) -> QueryError:
        return QueryError(
            f"The query through connection {self._conn_id!r} was cancelled, because its task ended.",
            problem_zh=f"任务已结束，通过连接 {self._conn_id!r} 的查询已取消。",
        )


def _streaming_cursor(connection: Any) -> Any:
    """A cursor that leaves the rows in the database, if the driver has one beside those that load them all."""
    driver = type(connection).__module__.partition(".")[0]
    if driver in ("psycopg2", "psycopg"):
        return None if connection.autocommit else connection.cursor(name=f"dingpush_{uuid.uuid4().hex}")
    if driver in ("MySQLdb", "pymysql"):
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return None
