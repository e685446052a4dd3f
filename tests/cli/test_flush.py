"""``dingpush flush``: pending alerts are sent, and its result is printed. What it sends is tested with the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox
from tests.outbox_in_use import put_alerts


@pytest.mark.parametrize(("language", "none"), [("en", "No pending alerts."), ("zh", "没有待发送的告警。")])
def test_a_flush_without_pending_alerts_prints_that(
    outbox_home: Path, capsys: pytest.CaptureFixture[str], language: str, none: str
) -> None:
    """Silence would leave it open whether anything was looked at."""
    assert main(["flush", "--language", language]) == 0
    assert capsys.readouterr().out == f"{none}\n"


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        ("en", "✓ dingtalk_default: 1 alert in 1 message sent, 0 alerts left"),
        ("zh", "✓ dingtalk_default：已发 1 条告警（1 条消息），剩余 0 条告警"),
    ],
)
def test_what_was_sent(connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, sent: str) -> None:
    """Of each receiver."""
    put_alerts("dingtalk_default")
    assert main(["flush", "--language", language]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == sent


@pytest.mark.parametrize(
    ("language", "failed", "left"),
    [("en", "✗ nowhere: ", "    1 alert left"), ("zh", "✗ nowhere：", "    剩余 1 条告警")],
)
def test_what_could_not_be_sent(capsys: pytest.CaptureFixture[str], language: str, failed: str, left: str) -> None:
    """Why, and how much is left."""
    put_alerts("nowhere")
    assert main(["flush", "--language", language]) == 1
    printed = capsys.readouterr().err
    assert failed in printed
    assert "There is no Airflow connection 'nowhere'" in printed
    assert left in printed.splitlines()


@pytest.mark.parametrize(
    ("language", "busy"),
    [
        ("en", "– dingtalk_default: another process is sending, 1 alert left"),
        ("zh", "– dingtalk_default：其他进程正在发送，剩余 1 条告警"),
    ],
)
def test_another_process_that_sends(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, busy: str
) -> None:
    """It isn't waited for."""
    put_alerts("dingtalk_default")
    with outbox().leadership(receiver_of_mailbox(Mailbox("dingtalk_default")).receiver_id) as book:
        assert book is not None
        assert main(["flush", "--within", "1", "--language", language]) == 1
    assert busy in capsys.readouterr().out.splitlines()
