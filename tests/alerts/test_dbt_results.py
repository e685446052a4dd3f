"""The results of dbt, from recorded files, outputs and exceptions of dbt 1.11.16 and Cosmos 1.15.1."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.dbt_exception import results_in_exception, without_results
from airflow_provider_dingpush.alerts.dbt_output import results_in_output
from airflow_provider_dingpush.alerts.dbt_results import (
    DbtResult,
    combined,
    results_in,
    results_of_warnings,
    summary_of,
)
from airflow_provider_dingpush.alerts.dbt_tasks import is_dbt
from airflow_provider_dingpush.alerts.dbt_warnings import warnings_of

GOLDEN = Path(__file__).parents[1] / "golden" / "dbt"
NOT_NULL, UNIQUE = "not_null_stg_orders_customer_id", "unique_stg_orders_order_id"
YAML = "models/schema.yml"
BROKEN = 'Binder Error: Referenced column "no_such_column" not found in FROM clause!'
BUILT = (
    DbtResult(NOT_NULL, "fail", 3, YAML, None, "test"),
    DbtResult(UNIQUE, "warn", 1, YAML, None, "test"),
    *(DbtResult(name, "skipped") for name in ("daily_sales", "broken_report", "report_of_broken")),
)
RAN = (
    DbtResult("broken_report", "error", None, "models/marts/broken_report.sql", BROKEN, "model"),
    DbtResult("report_of_broken", "skipped"),
)


def plain(text: str) -> str:
    return text


def recorded(name: str) -> str:
    return (GOLDEN / name).read_text("utf-8")


def artifact(name: str) -> Any:
    return json.loads(recorded(name))["results"]


def nodes(name: str) -> list[Any]:
    """What ``dbtRunner`` returns: objects with the same fields, statuses of an Enum, and the node."""
    found = []
    for each in artifact(name):
        node = SimpleNamespace(unique_id=each["unique_id"], original_file_path=YAML)
        found.append(
            SimpleNamespace(
                node=node,
                status=SimpleNamespace(value=each["status"]),
                message=each["message"],
                failures=each["failures"],
            )
        )
    return found


def test_run_results_have_names_statuses_and_rows() -> None:
    found = combined(results_in(artifact("build_results.json"), plain))
    assert [each._replace(path=None, kind=None) for each in found] == [
        each._replace(path=None, kind=None) for each in BUILT
    ]
    assert [each.kind for each in found] == ["test", "test", "model", "model", "model"]


def test_run_results_name_the_file_of_a_broken_model() -> None:
    """Only in their message."""
    found = results_in(artifact("run_results.json"), plain)
    assert found == (RAN[0], RAN[1]._replace(kind="model"))


def test_the_objects_of_a_runner_have_the_file_of_each_node() -> None:
    assert [each.path for each in results_in(nodes("build_results.json"), plain)] == [YAML] * 5


@pytest.mark.parametrize("name", ["build_output.txt", "build_output.jsonl"])
def test_an_output_has_them_all(name: str) -> None:
    """Lines with colours as on a terminal, and JSON."""
    assert results_in_output(recorded(name), plain) == BUILT


def test_an_output_has_the_error_of_a_model() -> None:
    assert results_in_output(recorded("run_output.txt"), plain) == RAN


LINES = """
WARN 2 unique_a | [WARNING]: in test unique_a (models/a.yml) | Got 2 results, configured to warn if != 0
FAIL 2 unique_a | 10:00:00  [ERROR]: in test unique_a (models/a.yml) | Got 2 results, configured to fail if >1
ERROR orders: no such table: raw | 10:00:00  Database Error in model orders (models/orders.sql) | no such table: raw
ERROR orders: 'x' is undefined | Compilation Error in model orders (models/orders.sql) | 'x' is undefined
ERROR raw.orders | 10:00:00  1 of 1 ERROR STALE freshness of raw.orders ........ [ERROR STALE in 0.05s]
WARN raw.orders | 10:00:00  1 of 1 WARN freshness of raw.orders ........ [WARN in 0.05s]
FAIL 12 unique_a | 10:00:00.123456 [info ] [Thread-1 ]: 1 of 1 FAIL 12 unique_a ... [FAIL 12 in 0.1s]
ERROR regions | 10:00:00  1 of 2 ERROR loading seed file main.regions .. [ERROR in 0.1s]
FAIL orders.is_rounded | 10:00:00  1 of 2 FAIL 1 orders::is_rounded [FAIL 1 in 0.1s]
ERROR a_name_without_dots | 10:00:00  3 of 9 ERROR a_name_without_dots [ERROR in 1s]
SKIPPED unique_a | 10:00:00  3 of 9 SKIP test unique_a ..... [SKIP]
"""


@pytest.mark.parametrize("case", LINES.strip().split("\n"), ids=lambda case: case.partition(" |")[0])
def test_lines_of_other_versions_and_kinds(case: str) -> None:
    result, *lines = case.split(" | ")
    assert [each.in_brief for each in results_in_output("\n".join(lines), plain)] == [result]


@pytest.mark.parametrize(
    "line",
    [
        "10:00:00  1 of 6 OK created sql view model main.stg_orders ... [OK in 0.05s]",
        "10:00:00  2 of 6 PASS unique_a ... [PASS in 0.05s]",
        "10:00:00  1 of 1 START freshness of raw.orders ... [RUN]",
        "Error in line 5 (see log)",
        '{"info": 5}',
        '{"info": {"msg": 5, "level": "error"}}',
        '{"info": "half',
        "",
    ],
)
def test_what_is_right_or_of_something_else_is_no_result(line: str) -> None:
    assert results_in_output(line, plain) == ()


@pytest.mark.parametrize(
    "listed",
    [None, "results", {}, [None], [5], [{}], [{"status": "fail"}], [{"status": 5, "unique_id": 7, "message": b"x"}]],
)
def test_damaged_results_are_left_out(listed: Any) -> None:
    assert results_in(listed, plain) == ()


def test_a_source_that_is_too_old_and_a_versioned_model() -> None:
    """``sources.json`` has no message; a version is a part of the name."""
    found = results_in(
        [
            {"unique_id": "source.shop.raw.orders", "status": "error"},
            {"unique_id": "model.shop.orders.v2", "status": "error", "message": "boom"},
        ],
        plain,
    )
    assert found == (
        DbtResult("raw.orders", "error", kind="source"),
        DbtResult("orders.v2", "error", message="boom", kind="model"),
    )
    assert [each.in_brief for each in combined(found, [DbtResult("orders_v2", "error")])] == [
        "ERROR raw.orders",
        "ERROR orders.v2: boom",
    ]


def test_a_message_is_redacted_before_it_is_cut() -> None:
    listed = [{"unique_id": "model.s.m", "status": "error", "message": "x" * 150 + " hunter2-and-more"}]
    (found,) = results_in(listed, lambda text: text.replace("hunter2-and-more", "***"))
    assert found.message is not None
    assert found.message.endswith("***")


# Exceptions


class FullOutputSubprocessResult(SimpleNamespace):
    """Of Cosmos' module, which most installations lack."""


FullOutputSubprocessResult.__module__ = "cosmos.hooks.subprocess"


class dbtRunnerResult(SimpleNamespace):  # noqa: N801 - as dbt calls it
    pass


dbtRunnerResult.__module__ = "dbt.cli.main"


def raised(text: str, result: Any) -> Exception:
    """As Cosmos raises it: what dbt returned lies in the frame."""

    def handle_exception(result: Any) -> None:
        raise RuntimeError(text)

    with pytest.raises(RuntimeError) as caught:
        handle_exception(result)
    return caught.value


def test_an_exception_has_what_the_runner_returned() -> None:
    result = dbtRunnerResult(result=SimpleNamespace(results=nodes("build_results.json")))
    found = results_in_exception(raised("dbt failed", result), plain)
    assert [each.in_brief for each in found] == [each.in_brief for each in BUILT]


def test_an_exception_has_what_the_command_printed() -> None:
    result = FullOutputSubprocessResult(full_output=recorded("build_output.txt").split("\n"))
    assert results_in_exception(raised("dbt command failed", result), plain) == BUILT


def test_so_has_the_exception_that_caused_it() -> None:
    error = ValueError("the report failed")
    error.__cause__ = raised(
        "dbt failed", FullOutputSubprocessResult(full_output=recorded("run_output.txt").split("\n"))
    )
    assert results_in_exception(error, plain) == RAN


COSMOS = (
    f"dbt invocation completed with errors: {NOT_NULL}: Got 3 results, configured to fail if != 0\n"
    "broken_report: Runtime Error in model broken_report (models/marts/broken_report.sql)\n"
    f"  {BROKEN}\n  Candidate bindings: \"orders\""
)  # fmt: skip


@pytest.mark.parametrize("error", [RuntimeError(COSMOS), COSMOS], ids=["exception", "text"])
def test_the_text_of_cosmos_names_them_too(error: Any) -> None:
    """In a process that has no frames of it."""
    assert results_in_exception(error, plain) == (
        DbtResult(NOT_NULL, "fail", 3),
        RAN[0]._replace(kind=None),
    )
    assert without_results(COSMOS) == "dbt invocation completed with errors"
    assert without_results("no such table") == "no such table"


def test_a_failed_command_of_ones_own() -> None:
    error = subprocess.CalledProcessError(1, ["dbt", "build"], output=recorded("build_output.txt").encode())
    assert is_dbt(None, error)
    assert results_in_exception(error, plain) == BUILT


def test_an_exception_that_names_its_node() -> None:
    """As those of dbt itself."""
    error = RuntimeError("Compilation Error in model orders (models/orders.sql)\n  'x' is undefined")
    error.node = SimpleNamespace(name="orders", resource_type="model", original_file_path="models/orders.sql")  # type: ignore[attr-defined]
    assert results_in_exception(error, plain) == (
        DbtResult("orders", "error", None, "models/orders.sql", "'x' is undefined", "model"),
    )


class Evil:
    @property
    def command(self) -> Any:
        raise RuntimeError("command")

    def __str__(self) -> str:
        raise RuntimeError("str")


@pytest.mark.parametrize("error", [None, 5, ValueError(), ValueError(Evil()), "", KeyError("dbt")])
def test_other_exceptions_have_none(error: Any) -> None:
    assert results_in_exception(error, plain) == ()


# Warnings, while Cosmos calls


def handled(result: Any, names: list[str], messages: list[str]) -> tuple[DbtResult, ...]:
    """As Cosmos calls: what dbt returned lies in the frame of the caller."""
    module: dict[str, Any] = {"__name__": "cosmos.operators.local", "warnings_of": warnings_of, "plain": plain}
    code = "def _handle_warnings(result, names, messages):\n    return warnings_of(names, messages, plain)"
    exec(code, module)  # noqa: S102 - a function in a module of that name
    found: tuple[DbtResult, ...] = module["_handle_warnings"](result, names, messages)
    return found


def test_a_build_in_a_subprocess_lists_its_tests() -> None:
    """Which Cosmos doesn't name."""
    result = FullOutputSubprocessResult(full_output=recorded("build_output.txt").split("\n"))
    assert handled(result, [], []) == (BUILT[1],)


def test_the_runner_knows_the_files_of_warnings() -> None:
    result = dbtRunnerResult(result=SimpleNamespace(results=nodes("build_results.json")))
    assert handled(result, [UNIQUE], ["Got 1 result, configured to warn if != 0"]) == (BUILT[1],)


def test_another_caller_has_only_the_names() -> None:
    """On Kubernetes, for example."""
    assert handled(None, ["unique_a"], []) == warnings_of(["unique_a"], [], plain)
    assert warnings_of([], [], plain) == ()


# Tasks


class OfCosmos:
    pass


OfCosmos.__module__ = "cosmos.operators.local"


@pytest.mark.parametrize(
    "task",
    [
        OfCosmos(),
        SimpleNamespace(bash_command="cd /opt/shop && dbt build"),
        SimpleNamespace(bash_command="/opt/venv/bin/dbt --quiet test"),
        SimpleNamespace(command="dbt run"),
        SimpleNamespace(cmds=["dbt"], arguments=["run", "-s", "x"]),
    ],
)
def test_tasks_that_run_dbt(task: Any) -> None:
    assert is_dbt(task, None)


@pytest.mark.parametrize(
    "task",
    [None, Evil(), SimpleNamespace(bash_command="echo mydbt dbt_orders"), SimpleNamespace(cmds=[5], command=None)],
)
def test_tasks_that_do_not(task: Any) -> None:
    assert not is_dbt(task, ValueError("no such table"))


# Warnings and summaries


def test_warnings_as_cosmos_gives_them() -> None:
    """Of a runner a message, of a command its line; of the freshness of a source the line without a reason."""
    assert results_of_warnings(
        [UNIQUE, "orders", "raw.orders", "unnamed", 5],
        [
            "Got 1 result, configured to warn if != 0",
            "None",
            "10:00:00  1 of 1 WARN freshness of raw.orders .... [WARN in 0.05s]",
        ],
        plain,
    ) == (
        DbtResult(UNIQUE, "warn", 1, kind="test"),
        DbtResult("orders", "warn", kind="test"),
        DbtResult("raw.orders", "warn", kind="source"),
        DbtResult("unnamed", "warn", kind="test"),
    )


@pytest.mark.parametrize("names", [[], (), None, "unique_a", [None]])
def test_no_warnings(names: Any) -> None:
    assert results_of_warnings(names, [], plain) == ()


def test_a_summary_is_one_line_as_dbt_writes_it() -> None:
    assert summary_of(BUILT, 5) == f"dbt: FAIL 3 {NOT_NULL} (+4)"
    assert summary_of(RAN[:1], 1) == f"dbt: ERROR broken_report: {BROKEN}"
    assert summary_of((), 0) == ""


def test_sources_complete_each_other() -> None:
    """The file has the rows, the log has the path."""
    found = combined([DbtResult("a", "fail", 3)], [DbtResult("a", "fail", None, YAML), DbtResult("b", "error")])
    assert found == (DbtResult("a", "fail", 3, YAML), DbtResult("b", "error"))
