"""Reports with lone newlines read as they were written, through every channel and from every place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages import ActionCard, Button, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Group, Users, WorkNotification

REPORT = "### 日报\n订单：12\n失败：3\n\n- a\n- b\n\n```\nx\ny\n```"
READABLE = "### 日报\n订单：12  \n失败：3\n\n- a\n- b\n\n```\nx\ny\n```"
BUTTONS = [Button("open", "https://example.com")]


def shown(sandbox: Sandbox) -> list[str]:
    """The Markdown of what arrived."""
    return [message.shown[message.shown["msgtype"]]["text"] for message in sandbox.messages]


def test_a_robot(connected: Sandbox) -> None:
    """In Markdown and in a card, also as DingTalk's own shape."""
    hook = DingTalkRobotHook()
    hook.send(Markdown("t", REPORT))
    hook.send(ActionCard("t", REPORT, BUTTONS))
    hook.send({"msgtype": "markdown", "markdown": {"title": "t", "text": REPORT.replace("\n", "\r\n")}})
    assert shown(connected) == [READABLE] * 3


@pytest.mark.parametrize(
    "to", [Group, lambda _: Users("lisi"), lambda _: WorkNotification("lisi")], ids=["g", "u", "n"]
)
def test_an_app(app_connected: Sandbox, to: Any) -> None:
    """To a group, to people, as a work notification."""
    hook, target = DingTalkAppHook(), to(app_connected.group.open_conversation_id)
    hook.send(Markdown("t", REPORT), to=target)
    hook.send(ActionCard("t", REPORT, BUTTONS), to=target)
    assert shown(app_connected) == [READABLE] * 2


def test_operator_notifier_and_command(connected: Sandbox, tmp_path: Path) -> None:
    """Whoever sends it."""
    DingTalkOperator(task_id="send", message=Markdown("t", REPORT)).execute({})
    DingTalkNotifier(message=Markdown("t", REPORT)).notify({})
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"msgtype": "markdown", "markdown": {"title": "t", "text": REPORT}}), "utf-8")
    assert main(["send", "--message", str(report)]) == 0
    assert main(["send", "--markdown", "--title", "t", REPORT]) == 0
    assert shown(connected) == [READABLE] * 4


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (r"a\nb", "a\nb"),
        (r"C:\\new", r"C:\new"),
        (r"a\\nb\nc\\d\t", "a\\nb\nc\\\\d\\t"),
        ("a\nb", "a\nb"),
        (r"\\\n", "\\\\n"),
    ],
)
def test_a_newline_can_be_typed(connected: Sandbox, words: str, text: str) -> None:
    r"""A shell passes ``\n`` on as two characters; two backslashes keep them."""
    assert main(["send", words]) == 0
    assert connected.messages[0].payload["text"]["content"] == text


def test_a_typed_newline_breaks_markdown(connected: Sandbox) -> None:
    """And makes the first line the title."""
    assert main(["send", "--markdown", r"first\nsecond"]) == 0
    assert connected.messages[0].payload["markdown"] == {"title": "first", "text": "first  \nsecond"}


def test_nothing_but_newlines_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error message, not a traceback."""
    assert main(["send", r"\n \n", "--language", "en"]) == 2
    assert "Nothing to send" in capsys.readouterr().err


@pytest.mark.parametrize("lines", [100, 4_990, 5_000, 6_500, 9_990])
def test_the_limit_holds_with_the_blanks(connected: Sandbox, lines: int) -> None:
    """Split where it is sent whole; every part is taken, and every line breaks."""
    receipt = DingTalkRobotHook().send(Markdown("t", "\n".join(["x"] * lines)))
    assert receipt.parts == len(connected.messages)
    texts = shown(connected)
    assert sum(text.count("x") for text in texts) == lines
    assert not any("x\nx" in text for text in texts)


def test_a_work_notification_that_just_fits_is_sent(app_connected: Sandbox) -> None:
    """With run-on lines rather than not at all; what has room gets its breaks."""
    hook, text = DingTalkAppHook(), "\n".join(["x" * 8] * 190)
    hook.send(Markdown("t", text), to=WorkNotification("lisi"))
    hook.send(Markdown("t", text[:1_000]), to=WorkNotification("lisi"))
    whole, short = shown(app_connected)
    assert whole == text
    assert short.count("  \n") == short.count("\n") > 100
