"""What is read of the traceback of a DAG file: the line that fails, the reason, and what other files share with it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.import_error_text import ImportProblem, read_import_error

FILE = "etl_orders.py"
ROOTS = ("/opt/airflow/dags", "/opt/airflow/plugins", "/usr/lib/python3/site-packages")
MISSING = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{file}", line 1, in <module>
    import pymysql
ModuleNotFoundError: No module named 'pymysql'
"""
SHARED = """Traceback (most recent call last):
  File "{file}", line {line}, in <module>
    from common.db import connect
  File "/opt/airflow/dags/common/db.py", line 12, in connect
    raise ValueError("no route to db-17")
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
ValueError: no route to db-17 at 0x{address}
"""
RAISES = 'raise ValueError("no route to db-17")'
SYNTAX = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{file}", line 4
    def f(:
          ^
SyntaxError: invalid syntax
"""
IN_LIBRARY = """Traceback (most recent call last):
  File "{file}", line 7, in <module>
    Variable.get("{variable}")
  File "/usr/lib/python3/site-packages/airflow/models/variable.py", line {line}, in get
    raise KeyError(f"Variable {{key}} does not exist.")
KeyError: 'Variable {variable} does not exist.'
"""
CHAINED = """Traceback (most recent call last):
  File "{file}", line 3, in <module>
    open("x")
FileNotFoundError: [Errno 2] No such file or directory: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/lib/a.py", line 9, in load
    raise LoadError("can't load")
lib.errors.LoadError: can't load
"""


def read(text: str, file: str = FILE) -> ImportProblem:
    return read_import_error(text, file, redact=lambda some: some.replace("hunter2", "***"), roots=ROOTS)


@pytest.mark.parametrize(
    ("text", "type_name", "summary", "place", "source"),
    [
        (MISSING, "ModuleNotFoundError", "No module named 'pymysql'", "etl_orders.py:1", "import pymysql"),
        (SHARED, "ValueError", "no route to db-17 at 0x7f", "common/db.py:12 in connect", RAISES),
        (SYNTAX, "SyntaxError", "invalid syntax", "etl_orders.py:4", "def f(:"),
        (IN_LIBRARY, "KeyError", "'Variable dsn does not exist.'", "etl_orders.py:7", 'Variable.get("dsn")'),
        (CHAINED, "LoadError", "can't load", "etl_orders.py:3", 'open("x")'),
    ],
    ids=["missing module", "shared module", "syntax", "in a library", "chained"],
)  # fmt: skip
def test_the_line_that_fails_is_shown(text: str, type_name: str, summary: str, place: str, source: str) -> None:
    """That of the author's own code, relative to the folder of DAGs, without the frames of Airflow and of libraries."""
    text = text.format(file=FILE, line=2, address="7f", variable="dsn")
    assert read(text)[:5] == (type_name, summary, f"{type_name}: {summary}", place, source)


def test_frames_of_libraries_alone_show_no_line() -> None:
    """As Airflow keeps the last two frames only: a line of a library would be no help."""
    problem = read(CHAINED.partition("following exception:\n\n")[2])
    assert (problem.summary, problem.place, problem.source) == ("LoadError: can't load", None, None)


@pytest.mark.parametrize(
    ("text", "type_name", "message"),
    [
        ("AirflowDagCycleException: Cycle detected in DAG: x", "AirflowDagCycleException", "Cycle detected in DAG: x"),
        ("Invalid Cron expression: nothing", None, "Invalid Cron expression: nothing"),
        ("", None, None),
    ],
)
def test_airflow_may_give_a_message_alone(text: str, type_name: str | None, message: str | None) -> None:
    """As with ``[core] dagbag_import_error_tracebacks`` switched off."""
    problem = read(text)
    assert (problem.type_name, problem.text, problem.place, problem.source) == (type_name, message, None, None)


def test_secrets_are_removed_before_anything_is_cut() -> None:
    problem = read(SHARED.format(file=FILE, line=2, address="7f").replace("db-17", "hunter2"))
    assert "hunter2" not in repr(problem)
    assert problem.source == 'raise ValueError("no route to ***")'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SHARED.format(file="a.py", line=2, address="7f01"), SHARED.format(file="b.py", line=80, address="7f99")),
        (MISSING.format(file="a.py"), MISSING.format(file="b.py").replace("import pymysql", "from pymysql import x")),
        (IN_LIBRARY.format(file="a.py", variable="x", line=9), IN_LIBRARY.format(file="b.py", variable="x", line=10)),
        (SYNTAX.format(file="a.py"), SYNTAX.format(file="b.py")),
        ("Error: a.py took 30.1 s", "Error: b.py took 31.0 s"),
        ("Error: /tmp/x1/common/db.py is broken", "Error: /tmp/y2/versions/abc/common/db.py is broken"),
        ("Error: /srv/dags/a.py is broken", "Error: /srv/dags/b.py is broken"),
    ],
    ids=["shared module", "missing module", "in a library", "same line", "numbers", "temporary path", "its own path"],
)
def test_the_same_reason_in_two_files(one: str, other: str) -> None:
    """However the line numbers, addresses and temporary paths differ."""
    assert read(one, "a.py").cause == read(other, "b.py").cause


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MISSING.format(file="a.py"), MISSING.format(file="b.py").replace("pymysql", "boto")),
        (SYNTAX.format(file="a.py"), SYNTAX.format(file="b.py").replace("def f(:", "class A(:")),
        (
            SHARED.format(file="a.py", line=2, address="7f"),
            SHARED.format(file="b.py", line=2, address="7f").replace("common/db.py", "common/web.py"),
        ),
    ],
    ids=["another module", "another line", "another shared module"],
)
def test_another_reason(one: str, other: str) -> None:
    assert read(one, "a.py").cause != read(other, "b.py").cause


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_is_read(text: str, file: str) -> None:
    """Somebody's exception may say anything."""
    for each in (
        text,
        SHARED.replace("{", "").replace("}", "") + text,
        f'Traceback (most recent call last):\n  File "{text}", line 9\n',
    ):
        problem = read(each, file)
        assert re.fullmatch("[0-9a-f]{24}", problem.cause)
        assert len(problem.summary) <= 201


def test_a_huge_text_takes_no_time() -> None:
    problem = read('  File "a", line 1, in b\n    x\n' * 100_000 + "ValueError: the end\n")
    assert problem.summary == "ValueError: the end"
