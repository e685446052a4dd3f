"""The last lines of a task's log, in the formats of Airflow 2 and 3."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_dingpush.alerts.exception_text import explains_nothing
from airflow_provider_dingpush.alerts.log_tail import (
    MAX_LOG_CHARACTERS,
    has_failure,
    log_tail,
    summary_with,
)

Log = Callable[..., str]

BASH = "airflow.task.hooks.airflow.providers.standard.hooks.subprocess.SubprocessHook"
EXIT_CODE = "Bash command failed. The command returned a non-zero exit code 2."


def record(text: str, logger: str = BASH, **more: object) -> str:
    """A line of Airflow 3's log."""
    return json.dumps({"timestamp": "2026-11-27T19:33:45.6Z", "level": "info", "event": text, "logger": logger, **more})


def airflow_3(*lines: str) -> str:
    return "\n".join(
        [
            record("::group::Pre Execute", "task"),
            record("DAG bundles loaded: dags-folder", "airflow.dag_processing.bundles.manager.DagBundlesManager"),
            record("Tmp dir root location: /tmp"),
            record("Running command: ['/usr/bin/bash', '-c', 'dbt run']"),
            record("Output:"),
            *map(record, lines),
            record("Command exited with return code 2"),
            record("Task failed with exception", "task", error_detail=[{"exc_value": EXIT_CODE}]),
            record("::group::Post Execute", "task"),
            record("Not sent yet", "airflow_provider_dingpush.pipeline.callback"),
        ]
    )


def airflow_2(*lines: str) -> str:
    def plain(text: str, file: str = "subprocess.py:106", level: str = "INFO") -> str:
        return f"[2026-11-27T19:33:45.605+0000] {{{file}}} {level} - {text}"

    return "\n".join(
        [
            plain("Dependencies all met for dep_context=non-requeueable deps", "taskinstance.py:2613"),
            plain("::endgroup::", "taskinstance.py:731"),
            plain("Running command: ['/usr/bin/bash', '-c', 'dbt run']", "subprocess.py:88"),
            plain("Output:", "subprocess.py:99"),
            *map(plain, lines),
            plain("Command exited with return code 2", "subprocess.py:116"),
            plain("Task failed with exception", "taskinstance.py:3313", "ERROR"),
            "Traceback (most recent call last):",
            f"airflow.exceptions.AirflowException: {EXIT_CODE}",
            plain("Marking task as FAILED. dag_id=etl", "taskinstance.py:1226"),
        ]
    )


both_formats = pytest.mark.parametrize("log", [airflow_3, airflow_2])
DBT = ("1 of 9 OK", "\x1b[31mDatabase Error in model orders\x1b[0m", '  relation "stg.orders" does not exist')


def unchanged(text: str) -> str:
    return text


@both_formats
def test_the_command_s_lines_and_nothing_of_airflow_s(log: Log) -> None:
    """As a terminal would show them."""
    expected = ("1 of 9 OK", "Database Error in model orders", 'relation "stg.orders" does not exist')
    assert log_tail(log(*DBT), unchanged) == expected


@both_formats
def test_the_last_eight(log: Log) -> None:
    lines = tuple(f"line {chr(97 + each)}" for each in range(20))
    assert log_tail(log(*lines), unchanged) == lines[-8:]


@both_formats
def test_progress_is_shown_once(log: Log) -> None:
    """In one line that was written over, or in many."""
    bar = "\r".join(f"{each}%|{'█' * each}| {each}/40 [00:0{each}, {each}.2it/s]" for each in range(1, 9))
    many = [f"Downloading {each * 10}% 00:0{each}" for each in range(1, 9)]
    assert log_tail(log("begin", bar, *many, "disk full"), unchanged) == (
        "begin",
        f"8%|{'█' * 8}| 8/40 [00:08, 8.2it/s]",
        "Downloading 80% 00:08",
        "disk full",
    )


@both_formats
def test_secrets_are_redacted_and_long_lines_cut(log: Log) -> None:
    lines = log_tail(log("password=hunter2hunter2", *["x" * 5_000] * 7), lambda text: text.replace("hunter2", "***"))
    assert lines[0] == "password=******"
    assert sum(map(len, lines)) <= MAX_LOG_CHARACTERS + 8 * 3


@both_formats
def test_what_the_exception_shows_is_not_repeated(log: Log) -> None:
    assert log_tail(log("no such table", "see above"), unchanged, shown="no such table\nmore") == ("see above",)


@both_formats
def test_a_stack_trace_keeps_its_reasons(log: Log) -> None:
    """Spark's positions would push the reason out."""
    trace = ["java.lang.ArithmeticException: / by zero", *[f"\tat com.acme.Job.run(Job.java:{n})" for n in range(30)]]
    assert log_tail(log("begin", *trace), unchanged) == ("begin", "java.lang.ArithmeticException: / by zero")


@both_formats
def test_what_only_fills_a_line_is_left_out(log: Log) -> None:
    """dbt and Maven draw leaders and rulers, and lines with a time alone."""
    lines = ("9 of 10 OK created model ......................... [OK]", "19:07:14", "=====", "--- FAILED ---------")
    assert log_tail(log(*lines), unchanged) == ("9 of 10 OK created model ... [OK]", "--- FAILED ---")


@both_formats
def test_only_the_last_failure_of_a_file_counts(log: Log) -> None:
    """A task that was marked and runs again writes into the same file."""
    assert log_tail(log("first") + "\n" + log("second"), unchanged) == ("second",)


def test_a_print_and_a_logger_of_the_author() -> None:
    """Everything but Airflow's own loggers."""
    log = "\n".join(
        [
            record("loading", "etl"),
            record("printed", "task.stdout"),
            record("query 1 failed", "airflow.task.operators.airflow.providers.postgres.Operator"),
            record("Task failed with exception", "task"),
        ]
    )
    assert log_tail(log, unchanged) == ("loading", "printed", "query 1 failed")


@pytest.mark.parametrize(
    "log",
    ["", "\n\n", "half a record", '{"event": ', '{"event": 5}', '["event"]', '{"logger": "x"}', "{}", "\x00\ufffd"],
)
def test_any_file_is_survived(log: str) -> None:
    """The first line of the end of a file may be a part of one, and a file may be anything."""
    assert log_tail(log, unchanged) in ((), ("5",))


def test_a_log_that_is_still_written_has_no_failure() -> None:
    whole = airflow_3(*DBT)
    assert has_failure(whole)
    assert not has_failure(whole[: whole.index("Task failed")])
    assert log_tail(whole[: whole.index("Task failed")], unchanged)[-1] == 'relation "stg.orders" does not exist'


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "1",
        EXIT_CODE,
        "Command '['dbt', 'run']' returned non-zero exit status 1.",
        "Cannot execute: spark-submit --master yarn etl.py. Error code is: 1.",
        "SSH operator error: exit status = 127",
        "Pod etl-7f9 returned a failure.\nremote_pod: {'api_version': 'v1'}",
        "Docker container failed: {'StatusCode': 137}",
        "Process exited with 3",
        "dbt command failed",
    ],
)
def test_an_exit_code_is_no_reason(text: str | None) -> None:
    assert explains_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "no such table: orders",
        "Command '['dbt']' returned non-zero exit status 1.\nDatabase Error in model orders",
        'duplicate key value violates unique constraint "orders_pkey"',
        "Error 1064 (42000): You have an error in your SQL syntax",
        "503 Server Error: Service Unavailable",
        "the code of the return is missing",
    ],
)
def test_a_reason_is_one(text: str) -> None:
    """Its alert needs no log."""
    assert not explains_nothing(text)


@pytest.mark.parametrize(
    ("tail", "summary"),
    [
        (
            ("9 of 10 OK", "Database Error in model orders", "no such relation", "Done. PASS=9 ERROR=1"),
            f"AirflowException: Database Error in model orders ({EXIT_CODE})",
        ),
        (("x = 1", "KeyError: 'id'", "make: *** failed"), f"AirflowException: KeyError: 'id' ({EXIT_CODE})"),
        (("step 1", "step 2"), f"AirflowException: step 2 ({EXIT_CODE})"),
        ((), f"AirflowException: {EXIT_CODE}"),
    ],
)
def test_a_digest_shows_the_most_telling_line(tail: tuple[str, ...], summary: str) -> None:
    """It has one line for a failure, in which an exit code says nothing."""
    assert summary_with(tail, f"AirflowException: {EXIT_CODE}") == summary


def test_the_last_line_of_a_killed_task_is_no_reason() -> None:
    """It shows where the task was; that it was killed is the reason, unless a line names an error."""
    assert summary_with(("allocated 31 GB",), None) == "allocated 31 GB"
    assert summary_with(("allocated 31 GB",), None, was_killed=True) is None
    assert summary_with(("ValueError: no such table", "done"), None, was_killed=True) == "ValueError: no such table"


def test_json_that_a_task_prints_is_no_record_of_airflow_3() -> None:
    """Programs of their own may log in the same form as Airflow 3."""
    log = airflow_2("orders:", "done").replace("orders:", 'orders:\n{"event": "no such table", "logger": "etl"}')
    assert log_tail(log, unchanged) == ("orders:", '{"event": "no such table", "logger": "etl"}', "done")


def test_json_that_is_nested_too_deeply_is_no_record() -> None:
    nested = '{"event": ' + "[" * 100_000
    assert log_tail(f"{nested}\n{record('done')}", unchanged) == ("done",)
