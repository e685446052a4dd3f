"""``dingpush status``: what is pending, why, and how much was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from tests.callback_contexts import task_context
from tests.cli.conftest import is_chinese
from tests.outbox_in_use import put_alerts


@pytest.mark.parametrize(
    ("language", "heading", "held"),
    [
        ("en", r"Connection +Pending +Last minute +Today +Month +Dead letters +State", "held until "),
        ("zh", r"连接 +待发送 +近一分钟 +今日已发 +本月已发 +死信 +状态", "暂停至 "),
    ],
)
def test_a_receiver_is_one_line(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, heading: str, held: str
) -> None:
    """Pending alerts, the window, messages of today and the month, dead letters and a hold."""
    DingTalkNotifier()(task_context("one"))
    connected.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context("two"))
    assert main(["status", "--language", language]) == 0
    printed = capsys.readouterr().out
    first, line, flush = printed.splitlines()[-3:]
    assert re.fullmatch(heading, first)
    assert re.match(rf"dingtalk_default +1 +2/18 +1 +1 / 3,000 +0 +{held}", line)
    assert flush in ("flush DAG or cron: never ran", "补发：从未运行")
    assert is_chinese(first + flush) is (language == "zh")
    assert connected.robot.access_token not in printed
    assert main(["status", "--json"]) == 0
    # Airflow 2 logs to standard output, which in a process of its own is silent.
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["pending"] == 1


@pytest.mark.parametrize(
    ("language", "empty", "flush"),
    [
        ("en", r"No alerts in the outbox /\S+ yet\.", "flush DAG or cron: never ran"),
        ("zh", r"发件箱 /\S+ 中还没有告警。", "补发：从未运行"),
    ],
)
def test_before_the_first_alert(capsys: pytest.CaptureFixture[str], language: str, empty: str, flush: str) -> None:
    assert main(["status", "--language", language]) == 0
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert re.fullmatch(empty, first)
    assert second == flush


def test_the_outbox_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, start_redis: Callable[..., str]
) -> None:
    url = start_redis("--requirepass", "pa55word").replace("://", "://:pa55word@")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"No alerts in the outbox (redis|unix)://\S+ yet\.", printed)
    assert "pa55word" not in printed


@pytest.mark.parametrize(
    ("language", "state", "flush"),
    [("en", "not sent yet", "flush DAG or cron: last ran 20"), ("zh", "尚未发送", "补发：最近一次运行于 20")],
)
def test_after_a_flush(capsys: pytest.CaptureFixture[str], language: str, state: str, flush: str) -> None:
    """What has no connection is pending still."""
    main(["flush"])
    put_alerts("nowhere")
    capsys.readouterr()
    assert main(["status", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^nowhere +1 +{state}$", printed, re.MULTILINE)
    assert flush in printed
