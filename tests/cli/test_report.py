"""``dingpush report``: printed, as JSON, and sent."""

from __future__ import annotations

import json

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import success_context, task_context
from tests.cli.conftest import is_chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_is_printed_and_sent(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], unhurried: None, language: str
) -> None:
    for task_id in ("one", "two"):
        DingTalkNotifier()(task_context(task_id))
    DingTalkNotifier()(success_context("one"))
    # On a busy machine the recovery may have to wait for a flush.
    assert main(["flush"]) == 0
    capsys.readouterr()
    assert main(["report", "--since", "24h", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert "etl_daily" in printed
    assert "*" not in printed
    assert is_chinese(printed) is (language == "zh")
    assert main(["report", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["failures"], plain["recovered"], plain["by_dag"]) == (2, 1, {"etl_daily": 2})
    assert [each["task_id"] for each in plain["open"]] == ["two"]
    before = len(connected.messages)
    assert main(["report", "--send", "--conn-id", "dingtalk_default", "--language", language]) == 0
    assert "dingtalk_default" in capsys.readouterr().out
    assert "失败 2 次" in str(connected.messages[-1].payload)
    assert len(connected.messages) == before + 1


@pytest.mark.parametrize("arguments", [["--send"], ["--since", "8d"], ["--since", "soon"], ["x"]])
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *arguments]) == 2
    assert capsys.readouterr().err.startswith("dingpush report: ")


def test_a_connection_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--send", "--conn-id", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
