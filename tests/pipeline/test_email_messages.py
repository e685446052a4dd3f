"""An e-mail of a person's own: its text as Markdown, to the group or to its recipients, and its attachments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import mask_secret
from airflow_provider_dingpush.email_backend import send_email
from airflow_provider_dingpush.errors import TargetError
from airflow_provider_dingpush.sandbox import Sandbox
from tests.default_robot import chat, connect, texts, titles

REPORT = "<h1>Sales</h1><p>Total: <b>1,204</b> <a href='https://bi.example.com/1'>chart</a></p><script>x</script>"


def connect_app(sandbox: Sandbox, env: pytest.MonkeyPatch, **extra: Any) -> None:
    """Point the default connection to the app."""
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"] |= {"language": "en", **extra}
    if not extra.get("open_conversation_id", True):
        del connection["extra"]["open_conversation_id"]
    env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps(connection))


def test_its_text_is_markdown(connected: Sandbox) -> None:
    send_email("a@example.com", "Daily *report*", REPORT)
    assert titles(connected) == ["Daily *report*"]
    assert texts(connected) == [
        "## Daily \\*report\\*\n\n## Sales\n\nTotal: **1,204** [chart](https://bi.example.com/1)"
    ]


def test_recipients_are_mentioned_but_hidden_ones(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole group would see for whom a blind copy is."""
    people = {"a@example.com": "13800000000", "b@example.com": "13900000000", "c@example.com": "13700000000"}
    connect(sandbox, monkeypatch, mentions=json.dumps(people))
    send_email("A@example.com", "Report", "<p>text</p>", cc="b@example.com", bcc="c@example.com")
    (message,) = sandbox.messages
    assert message.payload["at"]["atMobiles"] == ["13800000000", "13900000000"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "附件未发送（自定义机器人不能发文件）：report.xlsx、b.csv"),
        ("en", "(a custom robot can't send files): report.xlsx, b.csv"),
    ],
)
def test_a_robot_names_the_attachments(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    connect(sandbox, monkeypatch, language=language)
    send_email("a@example.com", "Report", "<p>text</p>", files=["/tmp/x/report.xlsx", "b.csv"])  # noqa: S108
    assert words in chat(sandbox)


def test_a_secret_is_masked_wherever_it_is(connected: Sandbox) -> None:
    """Also one with characters that Markdown needs escaped, and in an address."""
    mask_secret("hunter_2_*_secret")
    html = (
        "<p>password hunter_2_*_secret</p><a href='https://x.example/?p=hunter_2_*_secret'>link hunter_2_*_secret</a>"
    )
    send_email("a@example.com", "on hunter_2_*_secret", html)
    assert "hunter" not in str([message.payload for message in connected.messages])


def test_an_empty_e_mail(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(sandbox, monkeypatch, language="en")
    send_email("a@example.com", "", "")
    assert texts(sandbox) == ["## (no subject)"]


def test_a_long_one_is_split_and_at_last_cut(connected: Sandbox) -> None:
    """Never refused."""
    send_email("a@example.com", "Report", "".join(f"<p>row {number} of a table</p>" for number in range(20_000)))
    assert 1 < len(connected.messages) <= 5
    assert "row 0 of" in chat(connected)


def test_through_an_app_it_goes_to_its_recipients(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each in their own chat, the hidden ones too; unknown ones are named in the log."""
    connect_app(sandbox, monkeypatch, mentions={"boss@example.com": "lisi", "wang@example.com": "13800000003"})
    report = tmp_path / "report.csv"
    report.write_text("a,b\n")
    send_email(
        ["wang@example.com", "nobody@example.com"],
        "Report",
        "<p>text</p>",
        files=[str(report), str(tmp_path / "gone.xlsx")],
        bcc="Boss@example.com",
    )
    texts_sent = [each for each in sandbox.messages if each.payload["msgKey"] == "sampleMarkdown"]
    files_sent = [each for each in sandbox.messages if each.payload["msgKey"] == "sampleFile"]
    assert len(texts_sent) == len(files_sent) == 2
    assert "Attachment left out: gone.xlsx" in str(texts_sent[0].payload)
    assert "report.csv.zip" in str(files_sent[0].payload)
    assert "nobody@example.com" in caplog.text


def test_without_a_known_recipient_it_goes_to_the_apps_group(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_app(sandbox, monkeypatch)
    send_email("nobody@example.com", "Report", "<p>text</p>")
    (message,) = sandbox.messages
    assert message.conversation.name == sandbox.group.name


def test_without_either_it_is_refused(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Visibly: the task of an ``EmailOperator`` fails."""
    connect_app(sandbox, monkeypatch, open_conversation_id="")
    with pytest.raises(TargetError, match=r"knows none of the recipients: nobody@example\.com"):
        send_email("nobody@example.com", "Report", "<p>text</p>")
    assert sandbox.messages == ()
