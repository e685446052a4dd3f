"""What is a table, and how its rows are read."""

from __future__ import annotations

import json
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import Text
from airflow_provider_dingpush.reports.table import Table, read_table

Named = namedtuple("Named", ["city", "sales"])  # noqa: PYI024 - what others have, without types


def rows_of(table: Table | None) -> list[list[Any]]:
    assert table is not None
    return [list(row) for row in table]


def test_sequences_with_columns() -> None:
    """As a cursor has them."""
    table = Table.from_rows([(1, "a"), [2, "b"]], columns=["n", "x"], title="t")
    assert (table.columns, rows_of(table), table.title) == (("n", "x"), [[1, "a"], [2, "b"]], "t")


@pytest.mark.parametrize(
    "rows",
    [
        [{"city": "a", "sales": 1}, {"city": "b", "sales": 2}],
        [Named("a", 1), Named("b", 2)],
    ],
    ids=["dicts", "named tuples"],
)
@pytest.mark.parametrize("once", [False, True], ids=["list", "iterator"])
def test_rows_name_their_columns(rows: list[Any], once: bool) -> None:
    """Whether they can be read again or not."""
    table = Table.from_rows(iter(rows) if once else rows)
    assert (table.columns, rows_of(table)) == (("city", "sales"), [["a", 1], ["b", 2]])


def test_rows_of_sqlite_name_their_columns() -> None:
    """They are neither dicts nor tuples."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT 1 AS a, 2 AS b UNION SELECT 3, 4").fetchall()
    connection.close()
    assert rows_of(Table.from_rows(rows)) == [[1, 2], [3, 4]]


def test_dicts_may_differ() -> None:
    """The columns are all keys in the order of their first appearance; what one lacks is NULL."""
    table = read_table([{"a": 1}, {"b": 2, "a": 3}])
    assert table is not None
    assert (table.columns, rows_of(table)) == (("a", "b"), [[1, None], [3, 2]])


def test_chosen_columns() -> None:
    """Of rows with names, in the given order; or other names for all of them."""
    rows = [{"a": 1, "b": 2}]
    assert rows_of(Table.from_rows(rows, columns=["b"])) == [[2]]
    renamed = Table.from_rows(rows, columns=["甲", "乙"])
    assert (renamed.columns, rows_of(renamed)) == (("甲", "乙"), [[1, 2]])
    with pytest.raises(InvalidMessageError, match=r"no column 'c'.*They have 'a', 'b'"):
        Table.from_rows(rows, columns=["a", "b", "c"])


def test_rows_are_read_only_when_they_are_needed() -> None:
    """A million rows aren't in memory."""
    read = []

    def rows() -> Iterator[dict[str, int]]:
        for number in range(3):
            read.append(number)
            yield {"n": number}

    table = Table.from_rows(rows())
    assert read == [0]
    assert rows_of(table) == [[0], [1], [2]]


def test_a_data_frame_of_pandas() -> None:
    """With its missing values as NULL, and the index of a groupby."""
    pandas = pytest.importorskip("pandas", reason="pandas isn't installed: pip install pandas")
    frame = pandas.DataFrame({"city": ["b", "a", "b"], "n": [1.0, None, 3.0], "t": [pandas.NaT] * 3})
    table = read_table(frame)
    assert table is not None
    assert (table.columns, rows_of(table)) == (("city", "n", "t"), [["b", 1, None], ["a", None, None], ["b", 3, None]])
    assert repr(table) == "Table(3 columns, 3 rows)"
    grouped = read_table(frame.groupby("city")[["n"]].sum())
    assert grouped is not None
    assert (grouped.columns, rows_of(grouped)) == (("city", "n"), [["a", 0], ["b", 4]])
    several = read_table(frame.groupby(["city", "n"]).agg({"t": ["count"]}))
    assert several is not None
    assert (several.columns, rows_of(several)) == (("city", "n", "t / count"), [["b", 1, 0], ["b", 3, 0]])
    assert rows_of(Table.from_rows(frame, columns=["n"], title="t")) == [[1], [None], [3]]


def test_a_data_frame_of_polars() -> None:
    """Neither is a dependency."""
    polars = pytest.importorskip("polars", reason="polars isn't installed: pip install polars")
    table = read_table(polars.DataFrame({"n": [1, None], "x": ["a", "b"]}))
    assert table is not None
    assert (table.columns, rows_of(table)) == (("n", "x"), [[1, "a"], [None, "b"]])


def test_the_plain_form_comes_back_from_xcom() -> None:
    """Whatever is an option is in it, and nothing else."""
    table = Table(["n"], [(1,)], title="t", render="list", max_rows=5)
    plain = json.loads(json.dumps(table.to_dict()))
    assert plain == {"columns": ["n"], "rows": [[1]], "title": "t", "render": "list", "max_rows": 5}
    again = read_table(plain)
    assert again is not None
    assert again.to_dict() == plain


@pytest.mark.parametrize(
    "value",
    [None, "a", 1, (), Text("x"), {"msgtype": "text"}, {"columns": 1, "rows": [], "more": 1}, [1], [{}, 1]],
    ids=repr,
)
def test_anything_else_is_no_table(value: Any) -> None:
    """It may be a message."""
    assert read_table(value) is None


def test_an_empty_list_is_a_table_without_rows() -> None:
    """What a query found."""
    assert rows_of(read_table([])) == rows_of(Table.from_rows([])) == []
    assert Table.from_rows([], columns=["a"]).columns == ("a",)
    assert Table.from_rows(iter(())).columns == ()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Table("ab", []), "columns must be a list of names"),
        (lambda: Table(["a"], "rows"), r"rows must be rows of values, not a str"),
        (lambda: Table(["a"], [], render="html"), "render must be one of auto, table, list, picture, workbook, csv"),
        (lambda: Table(["a"], [], max_rows=0), "max_rows must be a whole number above 0, not '0'"),
        (lambda: Table(["a"], [], max_rows=True), "max_rows must be"),
        (lambda: Table.from_rows([(1, 2)]), r"don't name their columns.*columns="),
        (lambda: Table.from_rows(5), "can't be made of a int"),
        (lambda: list(Table(["a"], [(1,), (1, 2)])), "Row 2 of the table has 2 values, not one for each of 1 columns"),
        (lambda: list(Table(["a"], ["a"])), "Row 1 of the table has a str"),
        (lambda: list(Table.from_rows(iter([{"a": 1}, {"b": 2}]))), r"none of the columns 'a'.*It has 'b'"),
    ],
)
def test_what_is_wrong_is_said(make: Any, problem: str) -> None:
    """With what would be right."""
    with pytest.raises(InvalidMessageError, match=f"(?s){problem}"):
        make()


def test_rows_are_found_by_position_and_by_name() -> None:
    """In conditions; of columns with the same name the first."""
    (row,) = Table(["a", "b", "a"], [(1, 2, 3)]).named_rows()
    assert (row[0], row["a"], row["b"], row[-1], row[:2], len(row)) == (1, 1, 2, 3, (1, 2), 3)
    with pytest.raises(KeyError, match="'c': the columns are 'a', 'b'"):
        row["c"]


def test_the_repr_is_short() -> None:
    """It lands in the serialized DAG, and must be the same in each process."""
    assert repr(Table(["a"], [("secret",)] * 3, title="t" * 90)) == f"Table('{'t' * 40}', 1 columns, 3 rows)"
    assert repr(Table(["a"], iter(()))) == "Table(1 columns)"
