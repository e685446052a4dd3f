"""What an alert says beyond the context: the end of the task's log, and the last success."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3, mask_secret, task_log_file
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import failure_details
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import WorkNotification
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import START, run_context, task_context
from tests.default_robot import connect, texts

# The first look-up of a connection in a process loads a part of Airflow.
pytestmark = pytest.mark.usefixtures("unhurried")

EXIT_CODE = "Bash command failed. The command returned a non-zero exit code 1."
HOOK = "airflow.task.hooks.airflow.providers.standard.hooks.subprocess.SubprocessHook"


def as_airflow_logs(*lines: str) -> str:
    """A log file of the installed Airflow, up to the callback."""
    records = [(HOOK, "subprocess.py:106", each) for each in lines]
    records.append(("task", "taskinstance.py:3313", "Task failed with exception"))
    if is_airflow_3():
        return "".join(json.dumps({"event": text, "logger": logger}) + "\n" for logger, _, text in records)
    return "".join(f"[2026-11-22T01:02:03.000+0000] {{{file}}} INFO - {text}\n" for _, file, text in records)


@pytest.fixture
def log_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Writes the log file of a failed task, where Airflow writes it, and returns the context of its callback."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))

    def write(*lines: str, error: Exception | None = None) -> Any:
        context = task_context(exception=error or RuntimeError(EXIT_CODE))
        file = task_log_file(context["ti"])
        assert file is not None
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text(as_airflow_logs(*lines))
        return context

    return write


def test_the_alert_of_a_command_shows_what_it_printed(connected: Sandbox, log_of: Callable[..., Any]) -> None:
    DingTalkNotifier(language="en")(log_of("\x1b[31mDatabase Error in model orders\x1b[0m", "Done."))
    (text,) = texts(connected)
    assert "End of the log:\n\n> Database Error in model orders  \n> Done.\n\n[View log" in text


@pytest.mark.parametrize(("option", "shown"), [("0", ""), ("2", "> line 8  \n> line 9\n"), ("8", "> line 2  \n")])
def test_the_connection_decides_how_many_lines(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, log_of: Callable[..., Any], option: str, shown: str
) -> None:
    """Written by one process, sent by another: the connection isn't known when the alert is stored."""
    connect(sandbox, monkeypatch, group_interval_seconds=0, log_tail=option)
    DingTalkNotifier(language="en")(log_of(*[f"line {number}" for number in range(10)]))
    (text,) = texts(sandbox)
    assert text.count("> line") == int(option)
    assert shown in text
    assert ("End of the log" in text) == bool(int(option))


def test_an_exception_with_a_reason_needs_no_log(connected: Sandbox, log_of: Callable[..., Any]) -> None:
    DingTalkNotifier(language="en")(log_of("begin", error=ValueError("no such table: orders")))
    (text,) = texts(connected)
    assert "begin" not in text
    assert "no such table: orders" in text


def test_the_lines_are_redacted(connected: Sandbox, log_of: Callable[..., Any]) -> None:
    """By Airflow's masks, and what only this package knows to be a secret."""
    mask_secret("s3cret-word-of-the-log")
    DingTalkNotifier()(
        log_of("login s3cret-word-of-the-log", "postgresql://etl:hunter2@db/x", "SEC" + "0123456789abcdef" * 4)
    )
    (text,) = texts(connected)
    assert "login \\*\\*\\*" in text
    assert not [each for each in ("s3cret-word", "hunter2", "0123456789abcdef") if each in text]


def test_a_digest_says_what_the_command_printed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, log_of: Callable[..., Any]
) -> None:
    """An exit code is no cause."""
    context = log_of("Database Error in model orders", "Done.")
    facts = failure_details.with_details(facts_of(context), context, Deadline.after(5))
    assert facts.exception_summary == f"RuntimeError: Database Error in model orders ({EXIT_CODE})"


@pytest.mark.parametrize("option", [0, 8])
def test_a_digest_of_a_connection_without_log_lines_has_none(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, log_of: Callable[..., Any], option: int
) -> None:
    """Whoever doesn't want the log in a chat doesn't want its most telling line there either."""
    for context in (log_of("Database Error in model orders"), task_context("other")):
        DingTalkNotifier()(context)  # Without a connection both wait.
    connect(sandbox, monkeypatch, log_tail=option)
    assert main(["flush", "--now", "--within", "20"]) == 0
    text = texts(sandbox)[-1]
    assert ("Database Error in model orders" in text) == bool(option)
    assert "non-zero exit code 1" in text


def test_a_template_can_use_them(connected: Sandbox, log_of: Callable[..., Any]) -> None:
    DingTalkNotifier(message="{{ facts.log_tail | join(', ') }}")(log_of("one", "two"))
    assert texts(connected) == ["one, two"]


def test_a_work_notification_keeps_its_links(app_connected: Sandbox, log_of: Callable[..., Any]) -> None:
    """It holds 2,048 bytes."""
    notifier = DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", to=WorkNotification("lisi"), language="en")
    notifier(log_of(*["数据" * 100] * 8))
    (message,) = app_connected.messages
    text = message.shown["markdown"]["text"]
    assert len(json.dumps(message.payload, ensure_ascii=False).encode()) <= 2048
    assert "[View log" in text
    assert "non-zero exit code" in text


def test_a_log_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    """In Airflow 3 another process writes it."""
    file = tmp_path / "attempt=1.log"
    file.write_text("begin\n")
    seen: list[str] = []

    def is_whole(log: str) -> bool:
        seen.append(log)
        file.write_text("begin\nend\n")
        return "end" in log

    assert failure_details._end_of(str(file), is_whole, Deadline.after(60)) == "begin\nend\n"
    assert seen == ["begin\n", "begin\nend\n"]


def test_a_log_that_never_ends_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "attempt=1.log"
    file.write_text("x" * 10_000_000 + "\nlast\n")
    log = failure_details._end_of(str(file), lambda _: False, Deadline.after(0))
    assert log.endswith("x\nlast\n")
    assert len(log) == 128 * 1024


@pytest.mark.parametrize("broken", ["missing", "folder", "bytes"])
def test_a_log_that_can_not_be_read_costs_nothing(connected: Sandbox, log_of: Callable[..., Any], broken: str) -> None:
    context = log_of("x")
    file = Path(task_log_file(context["ti"]) or "")
    file.unlink()
    if broken == "folder":
        file.mkdir()
    elif broken == "bytes":
        file.write_bytes(bytes(range(256)) * 100)
    DingTalkNotifier(language="en")(context)
    (text,) = texts(connected)
    assert "non-zero exit code" in text
    assert "End of the log" not in text


def test_a_task_instance_that_makes_no_file_name(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, log_of: Callable[..., Any]
) -> None:
    """A template of the installation's own may need anything."""
    context = log_of("x")
    monkeypatch.setenv("AIRFLOW__LOGGING__LOG_FILENAME_TEMPLATE", "{{ ti.nothing.at_all }}")
    DingTalkNotifier()(context)
    assert len(connected.messages) == 1


def test_an_id_leads_to_no_file_elsewhere(log_of: Callable[..., Any]) -> None:
    """Airflow may be set to accept slashes in the ids of runs."""
    context = log_of("x")
    context["ti"].run_id = "manual__/../../dag_id=payroll/run_id=manual__1"
    assert task_log_file(context["ti"]) is None


def test_the_last_success_comes_from_airflow(connected: Sandbox) -> None:
    """It is in every context of a task."""
    DingTalkNotifier(language="en")(task_context(prev_end_date_success=START.replace(day=21)))
    assert "- Last success: yesterday 01:02" in texts(connected)[0]


class _Hangs(dict[str, Any]):
    """A context that asks another process for a value, and gets no answer."""

    def __init__(self, context: Any, release: threading.Event) -> None:
        super().__init__(context)
        self.release = release

    def get(self, name: str, default: Any = None) -> Any:
        if name.startswith("prev_"):
            self.release.wait(60)
        return super().get(name, default)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has the value when it calls back")
def test_a_last_success_that_is_not_known_in_time_is_left_out(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, release: threading.Event
) -> None:
    monkeypatch.setattr(failure_details, "_LAST_SUCCESS_SECONDS", 0.1)
    DingTalkNotifier(language="en")(_Hangs(task_context(), release))
    (text,) = texts(connected)
    assert "Last success" not in text


def test_why_the_failed_tasks_are_unknown_is_logged(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The message names no culprit; the log has the reason for whoever looks."""
    caplog.set_level("INFO")
    DingTalkNotifier(language="en")(run_context())
    (text,) = texts(connected)
    assert "The list of failed tasks isn't available; open the run." in text
    assert "The failed tasks of the run can't be listed" in caplog.text


def test_a_killed_task_of_dbt_lists_what_it_had_found(connected: Sandbox, log_of: Callable[..., Any]) -> None:
    """And where it was, as of any killed task."""
    context = log_of("10:00:00  1 of 2 FAIL 3 unique_a ... [FAIL 3 in 0.1s]", "10:00:01  2 of 2 START test unique_b")
    del context["exception"]
    context["ti"].state = None  # as in the DAG processor
    context["task"].bash_command = "dbt test"
    facts = failure_details.with_details(facts_of(context), context, Deadline.after(5))
    assert facts.killed_from_outside
    assert [each.in_brief for each in facts.dbt_results] == ["FAIL 3 unique_a"]
    assert facts.log_tail[-1].endswith("START test unique_b")
