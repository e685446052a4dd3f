"""``dingpush ack`` and ``unack``: by id, by name, ambiguous, unknown; in both languages and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.notes import OPEN, Note
from tests.callback_contexts import task_context
from tests.cli.conftest import is_chinese


@pytest.fixture
def failed(connected: Sandbox, unhurried: None, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Two open incidents: their ids by task."""
    for task_id in ("one", "two"):
        DingTalkNotifier()(task_context(task_id))
    capsys.readouterr()
    return {str(each.failure.task_id): each.id for each in incidents_in(outbox())}


def claims() -> dict[str, str]:
    return {str(each.failure.task_id): each.claim.by for each in incidents_in(outbox()) if each.claim}


def plain(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_is_claimed_and_given_back(
    failed: dict[str, str], capsys: pytest.CaptureFixture[str], language: str
) -> None:
    word = f"i-{failed['one'][:6]}"
    assert main(["ack", word, "--by", "张三", "--note", "磁盘满", "--language", language]) == 0
    assert f"{word} etl_daily · one" in capsys.readouterr().out
    assert claims() == {"one": "张三"}
    assert main(["ack", word, "--by", "lisi", "--language", language]) == 0
    before = capsys.readouterr().out
    assert "张三" in before
    assert "磁盘满" in before
    assert claims() == {"one": "lisi"}
    for _ in range(2):
        assert main(["unack", "etl_daily.one", "--language", language]) == 0
        assert is_chinese(capsys.readouterr().out) is (language == "zh")
    assert claims() == {}


def test_by_default_the_user_of_the_shell_claims(
    failed: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOGNAME", "wangwu")
    claimed = plain(capsys, "ack", failed["two"])
    assert claimed["incidents"][0]["claim"]["by"] == "wangwu"
    assert claimed["incidents"][0]["claim"]["how"] == "command"
    assert plain(capsys, "unack", failed["two"])["incidents"][0]["claim"] is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_ambiguous_word_lists_what_it_means(
    failed: dict[str, str], capsys: pytest.CaptureFixture[str], language: str
) -> None:
    assert main(["ack", "etl_daily", "--by", "a", "--language", language]) == 1
    said = capsys.readouterr()
    assert "--all" in said.err
    assert is_chinese(said.err) is (language == "zh")
    for each in failed.values():
        assert f"i-{each[:6]}" in said.out
    assert claims() == {}
    answer = plain(capsys, "ack", "etl_daily", code=1)
    assert {each["id"] for each in answer["candidates"]} == set(failed.values())
    assert main(["ack", "etl_daily", "--by", "a", "--all"]) == 0
    assert claims() == {"one": "a", "two": "a"}


def test_one_failure_in_two_groups_is_claimed_for_both(
    failed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    one = next(each for each in incidents_in(outbox()) if each.failure.task_id == "one")
    other = replace(one.failure, conn_id="other")
    outbox().store.set_notes([Note(OPEN, "0123456789abcdef01234567", other.to_bytes())])
    assert main(["ack", "etl_daily.one", "--by", "a"]) == 0
    assert [each.claim.by for each in incidents_in(outbox()) if each.claim] == ["a", "a"]
    assert main(["unack", one.id]) == 0
    assert claims() == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unknown_word_says_what_is_open(
    failed: dict[str, str], capsys: pytest.CaptureFixture[str], language: str
) -> None:
    assert main(["ack", "nothing", failed["one"], "--by", "a", "--language", language]) == 1
    said = capsys.readouterr()
    assert "'nothing'" in said.err
    assert "etl_daily · two" in said.out
    assert claims() == {}, "all or nothing"
    assert plain(capsys, "unack", "nothing", code=1) == {
        "schema_version": 1,
        "action": "unack",
        "incidents": [],
        "candidates": [],
    }


def test_if_nothing_is_open_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ack", "7f3a"]) == 1
    assert "Nothing is open" in capsys.readouterr().err


def test_somebody_claims(failed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ack", failed["one"], "--by", " "]) == 2
    assert "--by NAME" in capsys.readouterr().err
    assert main(["ack"]) == 2


def test_no_secret_is_kept_in_a_note(failed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://oapi.dingtalk.com/robot/send?access_token=" + "0123456789abcdef" * 4
    assert main(["ack", failed["one"], "--by", "a", "--note", f"see {url}"]) == 0
    assert "0123456789abcdef" not in str(incidents_in(outbox()))
