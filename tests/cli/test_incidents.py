"""``dingpush incidents``: what is open, in both languages and as JSON."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.notes import OPEN, Note
from tests.callback_contexts import success_context, task_context
from tests.cli.conftest import is_chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_open_is_listed(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, unhurried: None
) -> None:
    assert main(["incidents", "--language", language]) == 0
    assert is_chinese(capsys.readouterr().out) is (language == "zh")
    for task_id in ("one", "two"):
        DingTalkNotifier()(task_context(task_id))
    first = next(each for each in incidents_in(outbox()) if each.failure.task_id == "one")
    claim(outbox(), first, "lisi", time.time(), note="restarting")
    capsys.readouterr()
    assert main(["incidents", "--language", language]) == 0
    printed = capsys.readouterr().out
    for each in (first.short_id, "etl_daily · one", "etl_daily · two", "zhangsan", "P2", "lisi", "restarting"):
        assert each in printed
    assert ("2 open incidents, of which 1 claimed." in printed) is (language == "en")
    assert ("2 个未恢复的故障，其中 1 个已认领。" in printed) is (language == "zh")
    assert main(["status", "--language", language]) == 0
    assert ("claimed by lisi" in capsys.readouterr().out) is (language == "en")
    DingTalkNotifier()(success_context("one"))
    capsys.readouterr()
    assert main(["incidents", "--json"]) == 0
    [left] = json.loads(capsys.readouterr().out)["incidents"]
    assert (left["task_id"], left["failures"], left["claim"]) == ("two", 1, None)


def test_those_of_one_connection(connected: Sandbox, capsys: pytest.CaptureFixture[str], unhurried: None) -> None:
    DingTalkNotifier()(task_context("one"))
    capsys.readouterr()
    for conn_id, count in (("dingtalk_default", 1), ("other", 0)):
        assert main(["incidents", "--json", "--conn-id", conn_id]) == 0
        assert len(json.loads(capsys.readouterr().out)["incidents"]) == count


def test_a_table_of_very_many_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    outbox().store.set_notes(
        Note(OPEN, f"{number:024x}", OpenFailure("task_failed", now, now, dag_id=f"dag_{number}").to_bytes())
        for number in range(150)
    )
    capsys.readouterr()
    for options, lines in (([], 103), (["--limit", "10"], 13), (["--limit", "0"], 152)):
        assert main(["incidents", *options]) == 0
        assert len(capsys.readouterr().out.splitlines()) - 1 == lines
