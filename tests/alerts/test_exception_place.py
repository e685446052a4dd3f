"""The place of an exception in the author's own code."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.alerts.exception_place import exception_place

OWN = """import json
import jinja2

def parse(text):
    return json.loads(text)

def load():
    parse("{broken")

def chained():
    try:
        load()
    except ValueError as problem:
        raise RuntimeError("orders can't be loaded") from problem

def chained_in_library(library):
    library.wrapped(lambda: {}["id"])

def without_cause():
    try:
        load()
    except ValueError:
        raise RuntimeError("orders") from None

def recursive():
    recursive()

def rendered(folder):
    jinja2.Environment(loader=jinja2.FileSystemLoader(folder)).get_template("sql/load.sql").render(rows=None)

in_lambda = lambda: 1 / 0
"""
LIBRARY = """
class ClientError(Exception):
    pass

def wrapped(work):
    try:
        connect()
    except OSError as problem:
        raise ClientError("no orders") from problem

def connect():
    raise OSError("connection refused")
"""


def module_of(file: Path, text: str) -> ModuleType:
    """A module of its own, imported from that file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """A DAG file."""
    return module_of(tmp_path / "dags" / "team" / "etl_orders.py", OWN)


def raised_by(call: Callable[[], object]) -> BaseException:
    """The exception, with its traceback from the called function on: this file isn't installed, as Airflow is."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - of any class
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def test_it_is_the_last_own_frame_and_not_the_library(own: Any, tmp_path: Path) -> None:
    """``json`` raises; what helps is which line called it."""
    assert exception_place(raised_by(own.load), [str(tmp_path / "dags")]) == "team/etl_orders.py:5 in parse"


def test_the_innermost_folder_is_left_out(own: Any, tmp_path: Path) -> None:
    error = raised_by(own.load)
    assert exception_place(error, ["", "/", str(tmp_path), f"{tmp_path}/dags/team/"]) == "etl_orders.py:5 in parse"
    assert exception_place(error, [str(tmp_path)]) == "dags/team/etl_orders.py:5 in parse"


def test_without_a_known_folder_the_name_of_the_file_remains(own: Any) -> None:
    """The path of a bundle is different on each machine, and long."""
    assert exception_place(raised_by(own.load)) == "etl_orders.py:5 in parse"


def test_of_a_chain_it_is_the_root_cause(own: Any) -> None:
    """Where it happened, not where it was reported."""
    assert exception_place(raised_by(own.chained)) == "etl_orders.py:5 in parse"


def test_a_cause_that_the_author_hid_is_not_looked_at(own: Any) -> None:
    assert exception_place(raised_by(own.without_cause)) == "etl_orders.py:23 in without_cause"


def test_a_cause_inside_a_library_has_no_place_but_its_consequence_has(own: Any, tmp_path: Path) -> None:
    """A client wraps a socket's error: the own line is in the outer traceback only."""
    library = module_of(tmp_path / "site-packages" / "orders_client.py", LIBRARY)
    error = raised_by(lambda: own.chained_in_library(library))
    assert isinstance(error.__cause__, OSError)
    assert exception_place(error) == "etl_orders.py:17 in chained_in_library"


def test_a_dag_file_in_a_package_is_own_code(tmp_path: Path) -> None:
    """Some installations ship their DAGs as a package."""
    packaged = module_of(tmp_path / "site-packages" / "our_dags" / "etl_orders.py", OWN)
    error = raised_by(packaged.load)
    assert exception_place(error) is None
    assert exception_place(error, dag_file=str(packaged.__file__)) == "etl_orders.py:5 in parse"


def test_a_function_without_a_name_is_left_out(own: Any) -> None:
    assert exception_place(raised_by(own.in_lambda)) == "etl_orders.py:31"


def test_an_endless_recursion_takes_no_time(own: Any) -> None:
    assert exception_place(raised_by(own.recursive)) == "etl_orders.py:26 in recursive"


def test_a_template_in_a_file_is_own_code(own: Any, tmp_path: Path) -> None:
    """Jinja gives its tracebacks the lines of the template."""
    (tmp_path / "dags" / "sql").mkdir()
    (tmp_path / "dags" / "sql" / "load.sql").write_text("SELECT\n{{ rows.count }}\n{{ rows.count.x }}")
    error = raised_by(lambda: own.rendered(str(tmp_path / "dags")))
    assert isinstance(error, jinja2.UndefinedError)
    assert exception_place(error, [str(tmp_path / "dags")]) == "sql/load.sql:3 in top-level template code"


def test_only_libraries() -> None:
    """An operator's exception has no line in the DAG file."""

    def of_library() -> object:
        return json.loads("{")

    error = raised_by(of_library)
    assert error.__traceback__ is not None
    assert exception_place(error.with_traceback(error.__traceback__.tb_next)) is None
    assert exception_place(ValueError("never raised")) is None


def test_a_group_has_the_place_of_its_first_exception(own: Any) -> None:
    class Group(Exception):  # noqa: N818 - as ExceptionGroup, which Python 3.10 lacks
        exceptions = (raised_by(own.load), ValueError())

    assert exception_place(Group()) == "etl_orders.py:5 in parse"


def test_a_circle_of_causes_ends(own: Any) -> None:
    error = raised_by(own.load)
    other = RuntimeError()
    error.__cause__, other.__cause__ = other, error
    assert exception_place(error) == "etl_orders.py:5 in parse"
