"""A table to be sent: columns and rows, and how they are shown.

pandas and polars are recognised by what their frames can do: neither is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, fields, replace
from math import isnan
from typing import Any, ClassVar, Protocol

from airflow_provider_dingpush.errors import InvalidMessageError

__all__ = ["Frame", "Row", "Table", "read_table"]

FILES = ("picture", "workbook", "csv")
"""The forms that need an upload, which only an enterprise app can do."""
RENDERS = ("auto", "table", "list", *FILES)
"""How a table can be shown; ``auto`` is a table of few columns, and a list for more."""
_OPTIONS = ("title", "intro", "render", "max_rows")


@dataclass(frozen=True, repr=False)
class Table:
    """Columns and rows, sent as a table, a list, a picture, a workbook or a zipped csv.

    Everywhere that a message is taken, a table is as well: ``hook.send(table)``, ``DingTalkOperator(message=table)``,
    the result of ``@task.dingtalk``. So are a pandas or polars DataFrame, and a list of dicts.

    :param columns: the name of each column; names may repeat.
    :param rows: one sequence of values for each row. An iterable that can be read only once is sent as it is read, so
        that a million rows need little memory; such a table can be sent once.
    :param title: shown above the rows, and in the conversation list; the name of a file.
    :param intro: Markdown between the title and the rows; before a file or a picture, a message of its own.
    :param render: ``auto`` (a table of up to four columns, else a list), ``table``, ``list``, ``picture``,
        ``workbook`` or ``csv``. The last three need an enterprise app.
    :param max_rows: how many rows are shown; the number of all of them is said. By default 20, in a workbook or csv
        all of them.
    :raises InvalidMessageError: if an argument is wrong; or when the rows are read, if one has not as many values as
        there are columns.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    title: str | None = None
    intro: str | None = None
    render: str = "auto"
    max_rows: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.columns, (str, bytes)) or not isinstance(self.columns, Iterable):
            raise InvalidMessageError("Table.columns must be a list of names.", 'Write columns=["city", "sales"].')
        object.__setattr__(self, "columns", tuple(_name(each) for each in self.columns))
        if isinstance(self.rows, (str, bytes, Mapping)) or not isinstance(self.rows, Iterable):
            raise InvalidMessageError(f"Table.rows must be rows of values, not a {type(self.rows).__name__}.")
        check_render(self.render)
        check_max_rows(self.max_rows)

    def __repr__(self) -> str:
        title = f"{self.title[:40]!r}, " if isinstance(self.title, str) else ""
        rows = f", {len(self.rows)} rows" if isinstance(self.rows, Sized) else ""
        return f"Table({title}{len(self.columns)} columns{rows})"

    @classmethod
    def from_rows(
        cls,
        rows: Any,
        columns: Sequence[str] | None = None,
        title: str | None = None,
        *,
        intro: str | None = None,
        render: str = "auto",
        max_rows: int | None = None,
    ) -> Table:
        """A table of rows in any usual form: sequences, dicts, named tuples, or a pandas or polars DataFrame.

        :param rows: read only when the table is sent, if they can be read only once.
        :param columns: the columns that are shown; by default those that the rows name. Sequences need it.
        :param title: as of a table, and the others as well.
        :raises InvalidMessageError: if the columns are unknown.
        """
        named = read_table(rows) if not _is_unnamed(rows) else None
        if named is None:
            named = _of_iterable(rows, columns)
        elif columns is not None and tuple(columns) != tuple(named.columns):
            named = _picked(named, columns)
        given = {"title": title, "intro": intro, "max_rows": max_rows, "render": None if render == "auto" else render}
        return replace(named, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which is taken wherever a table is; it reads all rows."""
        plain = {"columns": list(self.columns), "rows": [list(each) for each in self]}
        options = {name: getattr(self, name) for name in _OPTIONS}
        return plain | {name: value for name, value in options.items() if value not in (None, "auto")}

    def __iter__(self) -> Iterator[Sequence[Any]]:
        width = len(self.columns)
        for number, row in enumerate(self.rows, 1):
            values = tuple(row.values()) if isinstance(row, Mapping) else row
            if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or len(values) != width:
                size = f"{len(values)} values" if isinstance(values, (list, tuple)) else f"a {type(row).__name__}"
                raise InvalidMessageError(f"Row {number} of the table has {size}, not one for each of {width} columns.")
            yield values

    def named_rows(self) -> list[Row]:
        """All rows, whose values are found by position and by column; for conditions."""
        positions: dict[str, int] = {}
        for index, name in enumerate(self.columns):
            positions.setdefault(name, index)
        kind = type("Row", (Row,), {"positions": positions})
        return [kind(each) for each in self]

    def first_and_others(self) -> Iterable[Sequence[Any]] | None:
        """All rows, of which one is read already if they can be read once; ``None`` if there are none."""
        if isinstance(self.rows, Sequence):
            return self.rows or None
        rows = iter(self)
        first = next(rows, None)
        return None if first is None else self.rows if isinstance(self.rows, Sized) else _First(first, rows)

    @property
    def is_file(self) -> bool:
        """Whether it is shown as a file or a picture, which is uploaded."""
        return self.render in FILES


class Row(tuple[Any, ...]):  # noqa: SLOT001 - the columns are of the subclass for one table
    """A row, whose values are found by position (``row[0]``) and by column (``row["sales"]``)."""

    positions: ClassVar[Mapping[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        try:
            return super().__getitem__(self.positions[key])
        except KeyError:
            raise KeyError(f"{key!r}: the columns are {', '.join(map(repr, self.positions))}") from None


class Frame(Protocol):
    """A DataFrame of pandas or polars."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of its rows and columns."""


TableLike = Table | Frame | Sequence[Mapping[str, Any]]
"""What is sent as a table."""


def read_table(value: Any) -> Table | None:
    """The table that a value is; ``None`` if it is none.

    :param value: a :class:`Table`, its plain form, a pandas or polars DataFrame, or a list of dicts. An empty list is
        a table without rows: what a query found.
    :raises InvalidMessageError: if it is a table in which something is wrong.
    """
    if isinstance(value, Table):
        return value
    if isinstance(value, Mapping):
        known = {each.name for each in fields(Table)}
        return Table(**value) if {"columns", "rows"} <= set(value) <= known else None
    if _is_polars(value) or _is_pandas(value):
        frame = _PolarsRows(value) if _is_polars(value) else _PandasRows(value)
        return Table(frame.columns, frame)
    if isinstance(value, (list, tuple)) and all(isinstance(each, Mapping) for each in value):
        # A tuple may be empty for other reasons.
        return _of_dicts(value) if value or isinstance(value, list) else None
    return None


def check_render(render: Any) -> None:
    """Refuse what is no form of a table.

    :raises InvalidMessageError: naming the forms.
    """
    if render not in RENDERS:
        raise InvalidMessageError(f"render must be one of {', '.join(RENDERS)}, not {str(render)[:40]!r}.")


def check_max_rows(max_rows: Any) -> None:
    """Refuse what is no number of rows.

    :raises InvalidMessageError: if it isn't a whole number above 0.
    """
    if max_rows is not None and (not isinstance(max_rows, int) or isinstance(max_rows, bool) or max_rows < 1):
        raise InvalidMessageError(f"max_rows must be a whole number above 0, not {str(max_rows)[:40]!r}.")


def _name(column: Any) -> str:
    """The name of a column as text; pandas has tuples for several levels, and numbers."""
    return " / ".join(map(str, column)) if isinstance(column, tuple) else str(column)


def _is_unnamed(rows: Any) -> bool:
    return isinstance(rows, (list, tuple)) and not rows


def _of_iterable(rows: Any, columns: Sequence[str] | None) -> Table:
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise InvalidMessageError(f"A table can't be made of a {type(rows).__name__}.", "Give it rows of values.")
    reread = isinstance(rows, Sequence)
    each = iter(rows)
    first = next(each, None)
    names = tuple(columns) if columns is not None else _names_of(first)
    if names is None and first is None:
        return Table((), ())
    if names is None:
        raise InvalidMessageError(
            "The rows don't name their columns.", 'Write Table.from_rows(rows, columns=["city", "sales"]).'
        )
    if not reread and first is not None:
        rows = _First(first, each)
    return Table(names, _ByName(rows, names) if _names_of(first) and not isinstance(first, tuple) else rows)


def _names_of(row: Any) -> tuple[str, ...] | None:
    """The columns that a row names: a dict, a named tuple, or a row of a database driver."""
    names = getattr(row, "_fields", None)
    if names is None and callable(getattr(row, "keys", None)):
        names = row.keys()
    return tuple(names) if names is not None else None


@dataclass(frozen=True)
class _First:
    """Rows that can be read once, and the first of them, which is read already."""

    first: Any
    others: Iterator[Any]

    def __iter__(self) -> Iterator[Any]:
        yield self.first
        yield from self.others


@dataclass(frozen=True)
class _ByName:
    """Rows of dicts, as values in the order of the columns; a column that a dict lacks is ``None``."""

    rows: Iterable[Mapping[str, Any]]
    names: Sequence[str]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        known = set(self.names)
        for row in self.rows:
            keys = row.keys()
            if not known.intersection(keys) and known:
                raise InvalidMessageError(
                    f"A row has none of the columns {', '.join(map(repr, self.names[:5]))}.",
                    f"It has {', '.join(map(repr, list(keys)[:5]))}.",
                )
            yield tuple(row[name] if name in keys else None for name in self.names)


def _of_dicts(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The columns are the keys of all rows, in the order in which they first appear."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    return Table(names, [tuple(row.get(name) for name in names) for row in rows])


def _picked(table: Table, columns: Sequence[str]) -> Table:
    """The same table with some of its columns; or with other names for all of them."""
    positions = {name: index for index, name in reversed(list(enumerate(table.columns)))}
    if all(name in positions for name in columns):
        kept = [positions[name] for name in columns]
        return replace(table, columns=columns, rows=_Picked(table, kept))
    if len(columns) == len(table.columns):
        return replace(table, columns=columns)
    missing = [name for name in columns if name not in positions]
    raise InvalidMessageError(
        f"The rows have no column {', '.join(map(repr, missing[:5]))}.",
        f"They have {', '.join(map(repr, table.columns[:20]))}.",
    )


@dataclass(frozen=True)
class _Picked:
    """Some of the columns of a table's rows."""

    table: Table
    positions: Sequence[int]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return (tuple(row[index] for index in self.positions) for row in self.table)


def _is_polars(value: Any) -> bool:
    return hasattr(value, "iter_rows") and hasattr(value, "columns") and hasattr(value, "height")


def _is_pandas(value: Any) -> bool:
    return hasattr(value, "itertuples") and hasattr(value, "columns") and hasattr(value, "index")


class _PolarsRows:
    """The rows of a polars DataFrame."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.columns = list(frame.columns)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._frame.iter_rows())

    def __len__(self) -> int:
        return int(self._frame.height)


class _PandasRows:
    """The rows of a pandas DataFrame, with its index if that has a name, as after ``groupby``."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        names = list(frame.index.names)
        self._index_names = (
            ["" if name is None else name for name in names] if any(n is not None for n in names) else []
        )
        self.columns = [*self._index_names, *frame.columns]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for values in self._frame.itertuples(index=bool(self._index_names), name=None):
            several = len(self._index_names) > 1
            flat = (*values[0], *values[1:]) if several else values
            yield tuple(None if _is_missing(each) else each for each in flat)

    def __len__(self) -> int:
        return len(self._frame)


def _is_missing(value: Any) -> bool:
    """Whether it is one of the marks with which pandas fills cells that have no value."""
    return type(value).__name__ in ("NaTType", "NAType") or (isinstance(value, float) and isnan(value))
