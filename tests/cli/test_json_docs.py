"""The examples in the docs on JSON have the fields and the types that the commands print."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli import send
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.rules_check import WarningKind
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.errors import ContentRefusedError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.oncall.baselines import Outlook, Progress
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState
from airflow_provider_dingpush.pipeline.receivers import RobotReceiver
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from tests.callback_contexts import task_context
from tests.docs.pages import DOCS, names_in, table_under

PAGE = Path(__file__).parents[2] / "docs" / "en" / "json.md"
RULES_FILE = os.path.join(os.environ["AIRFLOW_HOME"], "json_docs_rules.yaml")
APP = ["--conn-id", "dingtalk_app_default"]


def example(name: str) -> Any:
    """The JSON after a mark in the page."""
    found = re.search(rf"^<!-- json-{name} -->\n```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, name
    return json.loads(found[1])


def shape(value: Any) -> Any:
    """The names and types of a value; of a list, those of its first element."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def agree(one: Any, other: Any) -> bool:
    """Whether two shapes are alike; what is ``null`` in one may be anything in the other, and a list may be empty."""
    if "NoneType" in (one, other) or (isinstance(one, list) and isinstance(other, list) and not (one and other)):
        return True
    if isinstance(one, list) and isinstance(other, list):
        return agree(one[0], other[0])
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(agree(one[name], other[name]) for name in one)
    return bool(one == other)


def _held(sandbox: Sandbox) -> None:
    DingTalkNotifier()(task_context("one"))
    sandbox.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context("two"))


def _refused(sandbox: Sandbox) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ContentRefusedError("DingTalk refused the text.")

    with pytest.MonkeyPatch.context() as refusing:
        refusing.setattr(RobotReceiver, "prepare", refuse)
        DingTalkNotifier()(task_context())
    assert sandbox.messages == ()


def _claimed(_: Sandbox) -> None:
    DingTalkNotifier()(task_context("one"))
    assert main(["ack", "etl_daily", "--by", "zhangsan", "--note", "on it"]) == 0


def _rules(_: Sandbox) -> None:
    Path(RULES_FILE).write_text(
        "rules:\n"
        "  - {name: retries, match: {event: task_retrying}, receiver: null}\n"
        "  - {match: {dag_id: x}, receiver: dingtalk_gone}\n"
        "  - receiver: dingtalk_default\n"
    )


def _duty(_: Sandbox) -> None:
    Path(RULES_FILE).write_text(
        "people:\n"
        "  - {name: zhangsan, user_id: u1, mobile: 13800000001, email: z@example.com}\n"
        "  - {name: lisi, user_id: u2}\n"
        "rotations: [{name: primary, people: [zhangsan, lisi], start: 2026-11-30}]\n"
    )


def _baselines(_: Sandbox) -> None:
    Path(RULES_FILE).write_text("baselines: [{name: x, dags: d, due: '08:30'}]\n")


def _rules_after_alerts(sandbox: Sandbox) -> None:
    _rules(sandbox)
    DingTalkNotifier()(task_context("one"))


def _nothing(_: Sandbox) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "before", "arguments"),
    [
        ("error", _nothing, ["send", "hello", "--conn-id", "nowhere"]),
        ("send", _nothing, ["send", "hello", *APP, "--notify-user", "lisi", "--notify-user", "nobody", "--wait"]),
        ("ding", _nothing, ["send", "hello", *APP, "--user", "lisi", "--user", "nobody", "--ding", "app"]),
        ("doctor", _nothing, ["doctor", "dingtalk_default"]),
        ("status", _held, ["status"]),
        ("flush", _held, ["flush"]),
        ("dead-letters", _refused, ["dead-letters", "list"]),
        ("watch", _nothing, ["watch", "--url", "http://127.0.0.1:1", "--for", "0s"]),
        ("incidents", _claimed, ["incidents"]),
        ("ack", _claimed, ["ack", "etl_daily", "--by", "zhangsan", "--note", "on it"]),
        ("report", _claimed, ["report"]),
        ("rules-check", _rules, ["rules", "check", RULES_FILE]),
        ("rules-explain", _rules, ["rules", "explain", "etl_orders.load", "--file", RULES_FILE]),
        ("oncall", _duty, ["oncall", "--at", "2026-12-01T10:00", "--days", "7", "--file", RULES_FILE]),
        ("baselines", _baselines, ["baselines", "--at", "2026-12-01T07:20", "--file", RULES_FILE]),
        ("rules-replay", _rules_after_alerts, ["rules", "replay", "--file", RULES_FILE]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_example_is_what_the_command_prints(
    connected: Sandbox,
    app_connected: Sandbox,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    before: Callable[[Sandbox], None],
    arguments: list[str],
) -> None:
    monkeypatch.setattr(send, "_POLL_SECONDS", 0.02)
    before(connected)
    capsys.readouterr()
    main([*arguments, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert app_connected.app.app_secret not in str(printed)
    assert agree(shape(example(name)), shape(printed)), (shape(example(name)), shape(printed))


def test_names_are_listed() -> None:
    """A new state or reason has a place in the docs."""
    text = PAGE.read_text("utf-8")
    for each in (*ReceiverState, *Reason, *WarningKind, *Outlook, *Progress):
        assert f"`{each.value}`" in text, each


@pytest.mark.parametrize(("page", "header"), [("en/production.md", "Field"), ("zh/production.md", "字段")])
def test_fields_to_monitor_are_printed(page: str, header: str) -> None:
    """The production checklist names fields of a receiver as ``status --json`` prints them."""
    (receiver,) = example("status")["receivers"]
    rows = table_under(DOCS / page, header)
    assert rows
    assert set(names_in([cell for row in rows for cell in row])) <= {*receiver, *(each.value for each in ReceiverState)}
