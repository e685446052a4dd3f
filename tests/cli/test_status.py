"""``dingpush status``: what is pending, why, and how much was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.outboxes import outbox
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
    first, line, incidents, flush = printed.splitlines()[-4:]
    assert incidents.startswith(("2 open incidents, 0 claimed", "2 个未恢复的故障，已认领 0 个"))
    assert re.fullmatch(heading, first)
    assert re.match(rf"dingtalk_default +1 +2/18 +1 +1 / 3,000 +0 +{held}", line)
    assert flush in ("flush DAG or cron: never ran", "补发：从未运行")
    assert is_chinese(first + flush) is (language == "zh")
    assert connected.robot.access_token not in printed


def test_json_has_values_for_programs(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Numbers, times with their offset and names of states, the same in each language."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    DingTalkNotifier()(task_context("one"))
    connected.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context("two"))
    main(["flush"])
    capsys.readouterr()
    assert main(["status", "--json", "--language", "zh"]) == 0
    status = json.loads(capsys.readouterr().out)
    (receiver,) = status.pop("receivers")
    (receiver_id,) = outbox().receivers()
    until, detail = receiver.pop("until"), receiver.pop("detail")
    assert receiver == {
        "receiver_id": receiver_id,
        "conn_ids": ["dingtalk_default"],
        "state": "held",
        "reason": "throttled",
        "pending": 1,
        "held": 0,
        "silenced": 0,
        "inhibited": 0,
        "notified": 1,
        "counted": 0,
        "dropped": 0,
        "written": 2,
        "sent_last_minute": 2,
        "rate_limit_per_minute": 18,
        "sent_today": 1,
        "max_messages_per_day": None,
        "sent_this_month": 1,
        "monthly_quota": 3000,
        "dead_letters": 0,
        "folder": None,
        "problem": None,
    }
    assert "errcode 130101" in detail
    flushed_at = datetime.fromisoformat(status.pop("last_flush_at"))
    assert datetime.fromisoformat(until) > flushed_at
    assert flushed_at.utcoffset() == timedelta(hours=8)
    place = {"kind": "files", "location": str(outbox_home), "was_used": True, "writable": True, "problem": None}
    incidents = {"open": 2, "claimed": 0, "claims": []}
    assert status == {"schema_version": 1, "outbox": place, "silences": [], "incidents": incidents, "problems": []}


@pytest.mark.parametrize(
    ("language", "empty", "flush"),
    [
        ("en", r"Outbox: files in /\S+\nNo alert was ever written to this outbox\.", "flush DAG or cron: never ran"),
        ("zh", r"发件箱：文件，位于 /\S+\n这个发件箱从未写入过告警。", "补发：从未运行"),
    ],
)
def test_before_the_first_alert(capsys: pytest.CaptureFixture[str], language: str, empty: str, flush: str) -> None:
    assert main(["status", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert re.fullmatch(rf"{empty}\n{flush}\n", printed)


@pytest.mark.parametrize(("language", "all_sent"), [("en", "everything was sent"), ("zh", "全部已发送")])
def test_an_outbox_of_which_everything_was_sent(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, all_sent: str
) -> None:
    """Is another thing than one that nobody ever wrote to."""
    DingTalkNotifier()(task_context("one"))
    capsys.readouterr()
    assert main(["status", "--language", language]) == 0
    assert all_sent in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_outbox_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str
) -> None:
    """Alerts would go elsewhere, or be lost."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "file" / "home"))
    assert main(["status", "--language", language]) == 1
    assert str(tmp_path / "file" / "home") in capsys.readouterr().err
    assert main(["status", "--json"]) == 1
    place = json.loads(capsys.readouterr().out)["outbox"]
    assert place["writable"] is False
    assert str(tmp_path / "file") in place["problem"]


def test_the_outbox_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, start_redis: Callable[..., str]
) -> None:
    url = start_redis("--requirepass", "pa55word").replace("://", "://:pa55word@")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^Outbox: (redis|unix)://\S+\nNo alert was ever written", printed, re.MULTILINE)
    assert "pa55word" not in printed
    assert main(["status", "--json"]) == 0
    printed = capsys.readouterr().out
    place = json.loads(printed)["outbox"]
    assert (place["kind"], place["was_used"], place["writable"]) == ("redis", False, True)
    assert "pa55word" not in printed


def test_a_redis_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, start_redis: Callable[..., str]
) -> None:
    """Such as a replica: everything can be read there."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", start_redis("--replicaof", "127.0.0.1", "1"))
    assert main(["status", "--language", "en"]) == 0
    assert "can't be written" in capsys.readouterr().err
    assert main(["status", "--json"]) == 0
    assert "replica" in json.loads(capsys.readouterr().out)["outbox"]["problem"]


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
