"""Alerts about dbt: what failed is listed in the group, and a warning is an event of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3, mask_secret, task_log_file
from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.callback_context import facts_of
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import WorkNotification
from tests.callback_contexts import task_context
from tests.default_robot import connect, texts

# The first look-up of a connection in a process loads a part of Airflow.
pytestmark = pytest.mark.usefixtures("unhurried")

GOLDEN = Path(__file__).parents[1] / "golden" / "dbt"
EXIT_CODE = "Bash command failed. The command returned a non-zero exit code 1."
COSMOS = "dbt invocation completed with errors: "


class CosmosDbtRunError(Exception):
    """Of Cosmos' module, which most installations lack."""


CosmosDbtRunError.__module__ = "cosmos.exceptions"


def warned(names: list[str], results: list[str], **changes: Any) -> dict[str, Any]:
    """What Cosmos calls an ``on_warning_callback`` with, while the task runs."""
    context = task_context("test_orders", test_names=names, test_results=results, **changes)
    del context["exception"]
    context["ti"].state, context["ti"].end_date = "running", None
    return context


def failed(*lines: str, **changes: Any) -> dict[str, Any]:
    return task_context(exception=CosmosDbtRunError(COSMOS + "\n".join(lines)), **changes)


def test_a_failure_of_cosmos_lists_its_tests(connected: Sandbox) -> None:
    DingTalkNotifier(language="zh")(
        failed("unique_a: Got 3 results, configured to fail if != 0", "orders: no such column")
    )
    (text,) = texts(connected)
    assert (
        "> CosmosDbtRunError: dbt invocation completed with errors\n\ndbt 未通过（2 个）：\n\n"
        "- unique\\_a · 失败，3 行\n- orders · 出错 · no such column\n\n[查看日志"
    ) in text


def test_at_most_ten_are_listed_and_the_others_counted(connected: Sandbox) -> None:
    lines = [f"test_{number}: Got {number} results, configured to fail if != 0" for number in range(14)]
    DingTalkNotifier(language="en")(failed(*lines))
    (text,) = texts(connected)
    assert "dbt: not passed (14):" in text
    assert text.count("· failed, ") == 10
    assert "- test\\_9 · failed, 9 rows\n- …and 4 more\n" in text


def test_a_digest_has_the_first_of_them(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for task in ("load", "save"):
        DingTalkNotifier()(failed("unique_a: Got 3 results, configured to fail if != 0", "b: x", task_id=task))
    connect(sandbox, monkeypatch)
    assert main(["flush", "--now", "--within", "20"]) == 0
    assert "dbt: FAIL 3 unique\\_a (+1)" in texts(sandbox)[-1]


@pytest.fixture
def in_bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The context of a failed Bash task whose log is on this machine."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))

    def context(output: str, command: str = "dbt build") -> Any:
        context = task_context(exception=RuntimeError(EXIT_CODE))
        context["task"].bash_command = command
        file = task_log_file(context["ti"])
        assert file is not None
        Path(file).parent.mkdir(parents=True)
        records = [("task.hooks.SubprocessHook", "subprocess.py:106", each) for each in output.splitlines()]
        records.append(("task", "taskinstance.py:3313", "Task failed with exception"))
        if is_airflow_3():
            written = "".join(json.dumps({"event": text, "logger": logger}) + "\n" for logger, _, text in records)
        else:
            written = "".join(f"[2026-11-22T01:02:03.000+0000] {{{name}}} INFO - {text}\n" for _, name, text in records)
        Path(file).write_text(written)
        return context

    return context


@pytest.mark.parametrize("output", ["build_output.txt", "build_output.jsonl"])
def test_a_command_lists_what_dbt_printed(connected: Sandbox, in_bash: Callable[..., Any], output: str) -> None:
    """Instead of the last lines of the log, which would say the same at greater length."""
    DingTalkNotifier(language="en")(in_bash((GOLDEN / output).read_text("utf-8")))
    (text,) = texts(connected)
    assert (
        "- not\\_null\\_stg\\_orders\\_customer\\_id · failed, 3 rows · models/schema.yml\n"
        "- unique\\_stg\\_orders\\_order\\_id · warning, 1 row · models/schema.yml\n"
        "- daily\\_sales · skipped\n"
    ) in text
    assert "End of the log" not in text


def test_another_command_shows_the_end_of_its_log(connected: Sandbox, in_bash: Callable[..., Any]) -> None:
    DingTalkNotifier(language="en")(in_bash((GOLDEN / "build_output.txt").read_text("utf-8"), "make all"))
    (text,) = texts(connected)
    assert "dbt: not passed" not in text
    assert "End of the log" in text


def test_a_command_that_fails_before_dbt_does_shows_the_end_of_its_log(
    connected: Sandbox, in_bash: Callable[..., Any]
) -> None:
    DingTalkNotifier(language="en")(in_bash("Could not find profile named 'shop'"))
    assert "End of the log:\n\n> Could not find profile named 'shop'" in texts(connected)[0]


def test_secrets_in_messages_are_masked(connected: Sandbox) -> None:
    mask_secret("s3cret-word-of-dbt")
    DingTalkNotifier()(failed("orders: can't log in with s3cret-word-of-dbt at postgresql://etl:hunter2@db/x"))
    assert "can't log in with \\*\\*\\*" in texts(connected)[0]
    assert "hunter2" not in texts(connected)[0]


def test_what_the_sender_knows_to_be_secret_is_masked_as_well(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may know more than the process that wrote the alert."""
    facts = facts_of(failed("orders: can't log in with later-secret-word"))
    assert facts.dbt_results[0].message == "can't log in with later-secret-word"
    mask_secret("later-secret-word")
    from airflow_provider_dingpush.pipeline.airflow_events import write_alerts

    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    write_alerts(facts)
    assert main(["flush", "--now", "--within", "20"]) == 0
    assert "can't log in with \\*\\*\\*" in texts(connected)[0]


def test_stored_results_are_read_again() -> None:
    """Also those of a newer version, and damaged ones are refused like other facts."""
    facts = facts_of(failed("unique_a: Got 3 results, configured to fail if != 0"))
    plain = facts.to_dict()
    assert type(facts).from_dict(plain) == facts
    newer = {**plain, "dbt_results": [{**plain["dbt_results"][0], "owner": "zhangsan"}]}
    assert type(facts).from_dict(newer) == facts
    with pytest.raises(ValueError, match="this isn't a dict made by"):
        type(facts).from_dict({**plain, "dbt_results": ["unique_a"]})


def test_a_work_notification_lists_fewer_and_keeps_the_links(app_connected: Sandbox) -> None:
    """It holds a tenth of what a robot does."""
    lines = [f"a_test_with_a_long_name_{number}_{'x' * 150}: Got 3 results, configured to fail" for number in range(14)]
    notifier = DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", to=WorkNotification("lisi"), language="zh")
    notifier(failed(*lines))
    text = app_connected.messages[0].shown["markdown"]["text"]
    assert "dbt 未通过（14 个）" in text
    assert "还有" in text
    assert "[查看日志" in text


# Warnings


def test_a_warning_of_cosmos_says_that_it_is_one(connected: Sandbox) -> None:
    DingTalkNotifier(language="zh")(warned(["unique_a"], ["Got 2 results, configured to warn if != 0"]))
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "警告：etl_daily · test_orders"
    assert "### ⚠️ 警告：" in message.payload["markdown"]["text"]
    assert "dbt 警告（1 个）：\n\n- unique\\_a · 警告，2 行\n" in message.payload["markdown"]["text"]


def test_one_warning_is_one_alert(connected: Sandbox) -> None:
    """If Cosmos calls twice for the same try."""
    for _ in range(2):
        DingTalkNotifier()(warned(["unique_a"], ["Got 2 results, configured to warn if != 0"]))
    assert len(connected.messages) == 1


def test_a_build_without_a_warning_sends_nothing(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Cosmos calls after each build, with empty lists."""
    with caplog.at_level(logging.INFO):
        DingTalkNotifier()(warned([], []))
        DingTalkNotifier(message="warning!")(warned([], []))
    assert not connected.messages
    assert "No warning is reported" in caplog.text


def test_a_warning_opens_no_incident(connected: Sandbox) -> None:
    """So the success of the task that follows isn't a recovery."""
    DingTalkNotifier()(warned(["unique_a"], []))
    context = task_context("test_orders")
    del context["exception"]
    context["ti"].state = "success"
    DingTalkNotifier()(context)
    assert len(connected.messages) == 1


def test_names_that_are_left_in_the_context_make_no_warning_of_a_failure(connected: Sandbox) -> None:
    """Cosmos on Kubernetes leaves them there for the callbacks that follow."""
    DingTalkNotifier(language="en")(task_context(test_names=["unique_a"], test_results=["Got 2 results"]))
    assert connected.messages[0].payload["markdown"]["title"].startswith("Failed: ")


def test_a_digest_names_a_warning(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    DingTalkNotifier()(warned(["unique_a"], ["Got 2 results, configured to warn if != 0"]))
    DingTalkNotifier()(task_context("load"))
    connect(sandbox, monkeypatch, language="en")
    assert main(["flush", "--now", "--within", "20"]) == 0
    assert "⚠️ " in texts(sandbox)[-1]
    assert "has warnings · dbt: WARN 2 unique\\_a" in texts(sandbox)[-1]


def test_a_custom_text_can_use_the_results(connected: Sandbox) -> None:
    notifier = DingTalkNotifier(
        message="{% for each in facts.dbt_results %}{{ each.name }}: {{ each.failures }}{% endfor %}"
    )
    notifier(warned(["unique_a"], ["Got 2 results, configured to warn if != 0"]))
    assert texts(connected) == ["unique_a: 2"]


def test_an_alert_of_this_version_can_be_stored_and_read() -> None:
    from airflow_provider_dingpush.pipeline.routes import Route

    alert = Route("dingtalk_default").alert(facts_of(warned(["unique_a"], [])), at=0.0)
    assert Alert.from_json(alert.to_json()) == alert
    assert SimpleNamespace(**alert.facts).dbt_results == [{"name": "unique_a", "status": "warn", "kind": "test"}]
