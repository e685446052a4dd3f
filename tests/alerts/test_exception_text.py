"""The texts of real exceptions."""

from __future__ import annotations

import builtins
import copy
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.alert_text import built_in_alert
from airflow_provider_dingpush.alerts.exception_text import WhatWentWrong, gap_in, read_exception, shortened
from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event


def read(error: BaseException | str, hidden: str = "hunter2") -> WhatWentWrong:
    """An exception as read, with one secret."""
    return read_exception(error, lambda text: text.replace(hidden, "***"))


def named(name: str, text: str, **attributes: Any) -> Exception:
    """An exception of a library that isn't installed here."""
    error: Exception = type(name, (Exception,), attributes)(text)
    return error


def group(text: str, *parts: BaseException) -> BaseException:
    """An exception group as Python 3.11 and the backport for 3.10 have it: recognised by its ``exceptions``."""
    return named("ExceptionGroup", f"{text} ({len(parts)} sub-exceptions)", exceptions=parts)


def raised(raise_it: Callable[[], object]) -> BaseException:
    """The exception that a function raises, with its causes."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - any, that is the point
        raise_it()
    return caught.value


NOTEBOOK = named(
    "PapermillExecutionError",
    "\n" + "-" * 75 + '\nException encountered at "In [3]":\n' + "-" * 75 + "\n"
    "ZeroDivisionError                         Traceback (most recent call last)\n"
    "Cell \x1b[0;32mIn[3], line 1\x1b[0m\n----> 1 \x1b[38;5;241m1\x1b[39m/0\n"
    + "".join(f"File /opt/lib/y{place}.py:{place}, in f()\n   {place} call()\n" for place in range(60))
    + "\nZeroDivisionError: division by zero\n",
)
SPARK = named(
    "Py4JJavaError",
    "An error occurred while calling o45.save.\n: org.apache.spark.SparkException: Job aborted due to stage failure\n"
    + "".join(f"\tat org.apache.spark.scheduler.DAG$A.$anonfun$x$1(DAG.scala:{place})\n" for place in range(80))
    + "Driver stacktrace:\n"
    + "".join(f"\tat org.apache.B.run(B.java:{place})\n" for place in range(40))
    + "Caused by: java.lang.ArithmeticException: / by zero\n\tat com.acme.Job.run(Job.java:7)\n\t... 1 more\n",
)
SQLALCHEMY = named(
    "OperationalError",
    "(psycopg2.OperationalError) connection refused\n\n[SQL: SELECT a,\n b,\n c,\n d,\n e,\n f,\n g\n FROM t]\n"
    "(Background on this error at: https://sqlalche.me/e/20/e3q8)",
)
COMMAND = subprocess.CalledProcessError(
    1,
    ["dbt", "run"],
    output="log\n" * 500,
    stderr=b'Running\n\x1b[31mDatabase Error\x1b[0m in model orders\n  column "amount" does not exist\n',
)
DBT = named(
    "DbtRuntimeError",
    'Runtime Error\n  Database Error in model orders (models/orders.sql)\n    column "amount" does not exist\n'
    "    LINE 5: select amount\n    compiled code at target/run/orders.sql",
)
POD = named(
    "AirflowException",
    "Pod etl-7f9 returned a failure.\nremote_pod: {'api_version': 'v1',\n"
    + "".join(f" 'field_{place}': None,\n" for place in range(300))
    + " 'reason': 'OOMKilled'}}",
)
NO_TABLE = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `orders` cannot be found."
REAL: dict[str, tuple[BaseException | str, str, str]] = {
    "notebook": (
        NOTEBOOK,
        "ZeroDivisionError: division by zero",
        "PapermillExecutionError: ZeroDivisionError: division",
    ),
    "Spark": (SPARK, "Caused by: java.lang.ArithmeticException: / by zero", "Py4JJavaError: java.lang.ArithmeticExc"),
    "Spark's analysis": (
        named("AnalysisException", f"{NO_TABLE}\n'Project [*]\n+- 'UnresolvedRelation [orders], [], false\n"),
        NO_TABLE,
        f"AnalysisException: {NO_TABLE}",
    ),
    "SQLAlchemy": (SQLALCHEMY, "FROM t]", "OperationalError: (psycopg2.OperationalError) connection refused"),
    "command": (
        COMMAND,
        'column "amount" does not exist',
        'CalledProcessError: column "amount" does not exist (Command ',
    ),
    "command that took too long": (
        subprocess.TimeoutExpired(["spark-submit"], 30.0, output=b"waiting for lock on table orders\n"),
        "waiting for lock on table orders",
        "TimeoutExpired: waiting for lock on table orders (Command ",
    ),
    "dbt": (
        DBT,
        'column "amount" does not exist',
        'DbtRuntimeError: Runtime Error: Database Error in model orders (models/orders.sql): column "amount" does not',
    ),
    "pod": (POD, "'reason': 'OOMKilled'}}", "AirflowException: Pod etl-7f9 returned a failure."),
    "traceback in the text": (
        named(
            "AirflowException",
            'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nmy.Broken: no disk',
        ),
        "my.Broken: no disk",
        "AirflowException: my.Broken: no disk",
    ),
    "AWS": (
        named("ClientError", "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"),
        "Access Denied",
        "ClientError: An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
    ),
    "HTTP": (
        named("HTTPError", "401 Client Error: Unauthorized for url: https://api.example.com/v1"),
        "401 Client Error",
        "HTTPError: 401 Client Error: Unauthorized for url: https://api.example.com/v1",
    ),
    "pandas": (KeyError("amount"), "'amount'", "KeyError: 'amount'"),
    "bash": (
        named("AirflowException", "Bash command failed. The command returned a non-zero exit code 1."),
        "non-zero exit code 1",
        "AirflowException: Bash command failed. The command returned a non-zero exit code 1.",
    ),
    "text of Airflow 2": ("Task failed due to SystemExit(1)", "SystemExit(1)", "Task failed due to SystemExit(1)"),
}


@pytest.mark.parametrize("case", REAL)
def test_the_reason_is_shown(case: str) -> None:
    """At any position of the text, in the alert and in a digest's line."""
    error, reason, summary = REAL[case]
    what = read(error)
    assert reason in (what.text or "")
    assert (what.summary or "").startswith(summary)
    assert len((what.text or "").splitlines()) <= 9
    assert "\x1b" not in (what.text or "") + (what.summary or "")
    for language in ("zh", "en"):
        facts = RunFacts(Event.TASK_FAILED, "d", exception_type=what.type_name, exception_text=what.text)
        assert escape_markdown(reason[:20]) in built_in_alert(facts, language=language).text


def test_omitted_lines_are_counted() -> None:
    """A reader sees how much is missing."""
    text = read(ValueError("\n".join(f"line {place}" for place in range(1, 130)))).text or ""
    assert text.splitlines() == [
        "line 1",
        "line 2",
        "line 3",
        "… 122 …",
        *(f"line {place}" for place in range(126, 130)),
    ]
    facts = RunFacts(Event.TASK_FAILED, "d", exception_text=text)
    assert "> ……（省略 122 行）……" in built_in_alert(facts, language="zh").text
    assert "> … (122 lines left out) …" in built_in_alert(facts, language="en").text


def test_a_shorter_alert_keeps_the_end_of_the_exception() -> None:
    """A work notification is shorter; the reason is in the last line."""
    text = read(ValueError("\n".join([*("x" * 90 for _ in range(100)), "the reason"]))).text
    facts = RunFacts(Event.TASK_FAILED, "d", exception_text=text)
    shown = built_in_alert(facts, language="en", at_most_bytes=300).text
    assert "the reason" in shown
    assert "lines left out" in shown


@pytest.mark.parametrize("characters", [0, 1, 20, 60, 200, 10_000])
@pytest.mark.parametrize("text", ["x" * 5000, "a\nb", "a\n… 7 …\nb\nc", "\n".join("日志" * 40 for _ in range(9)), ""])
def test_shortened_keeps_both_ends(text: str, characters: int) -> None:
    """For any limit, and lines that were omitted before stay counted."""
    short = shortened(text, characters)
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]
    lines = short.splitlines()
    if "\n" in text:
        hidden = sum(gap_in(line) or 0 for line in lines)
        shown = sum(gap_in(line) is None for line in lines)
        assert hidden + shown == sum(gap_in(line) or 1 for line in text.splitlines())


# Groups, causes, notes


def test_a_group_names_its_exceptions() -> None:
    """Its own text has only their number; nested groups are opened."""
    inner = group("inner", TimeoutError(), KeyError("x"))
    what = read(group("unhandled errors in a TaskGroup", ValueError("bad row 17\ndetails"), inner, OSError("disk")))
    assert (what.text or "").splitlines() == [
        "unhandled errors in a TaskGroup (3 sub-exceptions)",
        "• ValueError: bad row 17",
        "• TimeoutError",
        "• KeyError: 'x'",
        "• OSError: disk",
    ]
    assert what.summary == "ExceptionGroup: ValueError: bad row 17 (+3)"


def test_a_large_group_names_the_first_five() -> None:
    """And counts the others."""
    lines = (read(group("many", *(ValueError(str(place)) for place in range(40)))).text or "").splitlines()
    assert lines[1:] == [*(f"• ValueError: {place}" for place in range(5)), "• … +35"]


def test_pythons_own_group() -> None:
    """The real one, as a cause of another exception."""
    kind: Any = getattr(builtins, "ExceptionGroup", None)
    if kind is None:
        pytest.skip("Python 3.10 has none")

    def fail() -> None:
        try:
            raise kind("load", [ValueError("bad row"), kind("deep", [OSError("no space")])])
        except Exception as several:
            raise RuntimeError("report failed") from several

    what = read(raised(fail))
    assert (what.text or "").splitlines() == ["report failed", "Caused by: ExceptionGroup: ValueError: bad row (+1)"]
    assert what.summary == "RuntimeError: report failed; caused by ExceptionGroup: ValueError: bad row (+1)"


def from_cause() -> None:
    try:
        raise ConnectionError("db.example.com refused the connection")
    except ConnectionError as refused:
        raise RuntimeError("daily report failed") from refused


def while_handling() -> None:
    try:
        raise ConnectionError("db.example.com refused the connection")
    except ConnectionError:
        raise RuntimeError("daily report failed")  # noqa: B904 - as many people write it


def from_none() -> None:
    try:
        raise ConnectionError("db.example.com refused the connection")
    except ConnectionError:
        raise RuntimeError("daily report failed") from None


def with_the_same_words() -> None:
    try:
        raise ConnectionError("refused")
    except ConnectionError as refused:
        raise RuntimeError(f"daily report failed: {refused}") from refused


def deep() -> None:
    error: Exception = KeyError("amount")
    for place in range(100):
        outer = ValueError(f"layer {place}")
        outer.__cause__, error = error, outer
    raise error


CAUSE = "Caused by: ConnectionError: db.example.com refused the connection"


@pytest.mark.parametrize(
    ("raise_it", "expected"),
    [
        (from_cause, ["daily report failed", CAUSE]),
        (while_handling, ["daily report failed", CAUSE]),
        (from_none, ["daily report failed"]),
        (with_the_same_words, ["daily report failed: refused"]),
    ],
)
def test_a_cause_is_shown_where_it_adds_something(raise_it: Callable[[], None], expected: list[str]) -> None:
    """``__cause__`` or ``__context__``, except after ``from None``."""
    what = read(raised(raise_it))
    assert (what.text or "").splitlines() == expected
    assert ("; caused by ConnectionError: db" in (what.summary or "")) == (len(expected) > 1)


def test_of_many_causes_the_nearest_and_a_deep_one_are_shown() -> None:
    """Bounded time for a chain of any length."""
    lines = (read(raised(deep)).text or "").splitlines()
    assert lines[0] == "layer 99"
    assert lines[1] == "Caused by: ValueError: layer 98"
    assert len(lines) == 3


def test_the_reason_of_a_long_line_is_early_in_the_summary() -> None:
    """As of urllib3, whose line ends with it: a digest shows the beginning only."""
    refused = ConnectionRefusedError(111, "Connection refused")
    pool = "HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded with url: /v1/reports/daily "
    outer = named("ConnectionError", f"{pool}(Caused by NewConnectionError('[Errno 111] Connection refused'))")
    outer.__cause__ = refused
    what = read(outer)
    assert what.text == str(outer)
    summary = what.summary or ""
    assert summary.startswith("ConnectionError: HTTPSConnectionPool(host='api.example.com'")
    assert summary.endswith("…; caused by ConnectionRefusedError: [Errno 111] Connection refused")
    assert len(summary) < 130


def test_notes_are_shown() -> None:
    """Python 3.11 keeps them in ``__notes__``; other values are left out."""
    error = ValueError("bad row")
    error.__notes__ = ["file orders.csv\nrow 17", 7, "password hunter2"]  # type: ignore[attr-defined]
    assert (read(error).text or "").splitlines() == ["bad row", "file orders.csv", "row 17", "password ***"]
    error.__notes__ = 7  # type: ignore[attr-defined]
    assert read(error).text == "bad row"


def test_cycles_end() -> None:
    """Exceptions that cause each other, and a group in itself."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert read(one).text == "one\nCaused by: ValueError: two"
    several = group("g", one)
    several.exceptions = (several, one)  # type: ignore[attr-defined]
    one.__cause__ = several
    assert "• ValueError: one" in (read(several).text or "")


# Invisible characters


JOINED = "👨\u200d👩\u200d👧 ok می\u200cخواهم"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\x1b[1;31mERROR\x1b[0m \x1b[38;2;1;2;3mx\x1b[K", "ERROR x", id="colours"),
        pytest.param("\x9b31mERROR\x9b0m", "ERROR", id="colours in one byte"),
        pytest.param("\x1b]0;title\x07a \x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "a link", id="title and link"),
        pytest.param("\x1b(B\x1b)0\x1b=\x1b>a\x1bPq#0\x1b\\b\x1b", "ab", id="character sets and the rest"),
        pytest.param("a\x1b]0;never closed\nb", "a\nb", id="unfinished"),
        pytest.param("b'\\x1b[31mERROR\\x1b[0m' \\u001b[1mx ^[[0m", "b'ERROR' x", id="printed"),
        pytest.param("10%|█ |\r 50%|█████ |\r100%|██████████|\r\ndone", "100%|██████████|\ndone", id="progress bar"),
        pytest.param("a\r\r\nb\r\nc\x85d\u2028e", "a\nb\nc\nd\ne", id="ends of lines"),
        pytest.param("|\x08/\x08-\x08done", "done", id="spinner"),
        pytest.param("pass\u200bword\u202e\u2066\ufeff\u00ad\u2060\u200d!", "password!", id="no width, turned around"),
        pytest.param(JOINED, JOINED, id="joiners that join"),
        pytest.param("a\tb\x00\x07c", "a\tbc", id="control characters"),
        pytest.param("hun\x1b[31mter2 hunter2", "*** ***", id="a coloured secret"),
        pytest.param("secret\nhunter2\nafter", "secret\n***\nafter", id="secret in a line"),
    ],
)
def test_as_a_terminal_shows_it(text: str, expected: str) -> None:
    """Whole sequences are dropped, and of an overwritten line the last state is kept."""
    assert read(ValueError(text)).text == expected


def test_a_secret_of_several_lines_is_removed() -> None:
    """It is redacted before the text is split."""
    key = "-----BEGIN\nabc\ndef\n-----END"
    assert read(ValueError(f"key {key}!"), hidden=key).text == "key ***!"


# Limits


@pytest.mark.parametrize(
    ("piece", "times", "end"),
    [
        ("x", 5_000_000, ""),
        ("line\n", 1_000_000, ""),
        ("\r", 3_000_000, ""),
        ("\x1b[", 1_000_000, ""),
        ("\x08a", 1_000_000, ""),
        ("Error", 500_000, "-"),
        (" ", 2_000_000, "a"),
        ("A ", 1_000_000, ""),
        ("hunter2", 500_000, ""),
    ],
)
def test_megabytes_take_bounded_time(piece: str, times: int, end: str) -> None:
    """Only the ends are read, and no half of a secret is shown where the middle is missing."""
    what = read(ValueError(piece * times + end))
    assert len(what.text or "") < 800
    assert len(what.summary or "") <= 201
    assert "hunter2"[:4] not in (what.text or "").replace("***", "")


class HostileError(Exception):
    """One that raises on every access."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    @property
    def exceptions(self) -> Any:
        raise ValueError

    @property
    def __notes__(self) -> Any:
        raise OSError


def test_an_exception_that_raises_keeps_its_class() -> None:
    """Alone, as a cause, and in a group."""
    assert read(HostileError()) == WhatWentWrong("HostileError", None, "HostileError")
    outer = ValueError("outer")
    outer.__cause__ = HostileError()
    assert read(outer).text == "outer\nCaused by: HostileError"
    assert "• HostileError" in (read(group("g", HostileError())).text or "")


# Copies: an exception that is given a cause keeps it, and the tests above read these two without one.
PIECES = (
    st.builds(ValueError, st.text(max_size=300))
    | st.builds(HostileError)
    | st.builds(copy.copy, st.sampled_from([NOTEBOOK, COMMAND]))
)


def _linked(error: BaseException, cause: BaseException, other: BaseException) -> BaseException:
    error.__cause__, error.__context__ = cause, other
    return error


TREES: st.SearchStrategy[BaseException] = st.recursive(
    PIECES,
    lambda deeper: (
        st.builds(_linked, PIECES, deeper, deeper)
        | st.builds(lambda parts: group("g", *parts), st.lists(deeper, max_size=4))
    ),
    max_leaves=12,
)


@given(TREES)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_exception_is_too_odd(error: BaseException) -> None:
    """It has some lines and a summary."""
    what = read(error)
    assert what.summary
    assert "\n" not in what.summary
    assert len(what.text or "") < 4_000


class Words(str):
    """A str that doesn't behave like one."""

    __slots__ = ()

    def split(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing of the kind."""
        raise RuntimeError


@pytest.mark.parametrize("text", [b"bytes", None, 7], ids=["bytes", "nothing", "a number"])
def test_without_a_text_the_arguments_are_shown(text: Any) -> None:
    """As ``Exception`` itself shows them."""
    error = named("DriverError", "no route to hunter2", __str__=lambda self: text)
    assert read(error) == WhatWentWrong("DriverError", "no route to ***", "DriverError: no route to ***")


def test_a_text_of_another_class_is_read_as_it_is() -> None:
    """Independent of that class."""
    error = named("E", "", __str__=lambda self: Words("out of disk"))
    assert read(error).summary == "E: out of disk"


def test_the_name_of_a_class_takes_one_line() -> None:
    """Programs make classes of any name."""
    assert read(named("Remote\n\x1b[31mError\u200b ", "x")) == WhatWentWrong("Remote Error", "x", "Remote Error: x")
    assert read(named("", "x")).type_name == "Exception"


def test_a_note_that_is_no_list_is_a_note() -> None:
    """As an old backport sets it."""
    error = ValueError("x")
    setattr(error, "__notes__", "while loading hunter2")  # noqa: B010 - Python 3.10 has none
    assert read(error).text == "x\nwhile loading ***"


@pytest.mark.parametrize("name", ["_RemoteTraceback", "RemoteTraceback"])
def test_the_traceback_of_another_process_adds_nothing(name: str) -> None:
    """``concurrent.futures`` and ``multiprocessing`` raise from a text that repeats class and text."""
    error = ValueError("no such order")
    error.__cause__ = named(
        name, '\n"""\nTraceback (most recent call last):\n  File "p.py", line 3, in f\nValueError: no such order\n"""'
    )
    assert read(error) == WhatWentWrong("ValueError", "no such order", "ValueError: no such order")
    error.__cause__ = named(name, '"""\nTraceback (most recent call last):\nKeyError: \'city\'\n"""')
    assert read(error).text == f"no such order\nCaused by: {name}: KeyError: 'city'"
