"""``dingpush silence``: mute, list, end; and what status says meanwhile."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_database import StoredDag
from airflow_provider_dingpush.cli.known_dags import KnownDags
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context
from tests.cli.conftest import is_chinese


def plain(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_silenced_alert_waits_and_is_sent_when_it_ends(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, unhurried: None
) -> None:
    """From the first message to the digest at the end; the task's log says why nothing was sent."""
    caplog.set_level(logging.INFO)
    assert main(["silence", "add", "dag_id=*", "--for", "30m", "--why", "dba 停机维护"]) == 0
    added = capsys.readouterr().out
    silence_id = re.search(r"Silence (\w+): dag_id=\*, until ", added)
    assert silence_id
    DingTalkNotifier()(task_context("one"))
    assert not connected.messages
    assert "not sent now: alerts wait for the end of quiet hours or of a silence" in caplog.text
    [listed] = plain(capsys, "silence", "list")["silences"]
    assert (listed["id"], listed["alerts"], listed["why"]) == (silence_id[1], 1, "dba 停机维护")
    status = plain(capsys, "status")
    [receiver] = status["receivers"]
    assert (receiver["silenced"], receiver["pending"], receiver["written"], receiver["notified"]) == (1, 0, 1, 0)
    assert [each["id"] for each in status["silences"]] == [silence_id[1]]
    assert main(["status"]) == 0
    assert "1 alert silenced" in capsys.readouterr().out
    assert main(["flush"]) == 0
    assert not connected.messages
    assert main(["silence", "expire", silence_id[1]]) == 0
    assert "1 alert will be reported" in capsys.readouterr().out
    assert main(["flush"]) == 0
    [message] = connected.messages
    assert "静默已结束" in str(message)
    assert plain(capsys, "status")["receivers"][0]["notified"] == 1
    assert plain(capsys, "silence")["silences"] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_says_which_dags_match(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    dags = tuple(StoredDag(f"etl_{number}", (), {"load": "lisi"}) for number in range(7))
    urgent = StoredDag("core", ("severity:P1",), {"load": "lisi"})
    monkeypatch.setattr(KnownDags, "read", classmethod(lambda cls: cls((*dags, urgent))))
    assert main(["silence", "add", "dag_id=etl_*", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert "etl_0, etl_1, etl_2, etl_3, etl_4" in printed
    assert "etl_5" not in printed
    assert is_chinese(printed) is (language == "zh")
    assert main(["silence", "add", "owner=lisi", "--language", language]) == 0
    assert "P1" in capsys.readouterr().out
    assert main(["silence", "add", "dag_id=nothing", "--language", language]) == 0
    assert ("no DAG" in capsys.readouterr().out.replace("No DAG", "no DAG")) is (language == "en")


@pytest.mark.parametrize(
    "arguments",
    [
        ["add"],
        ["add", "etl_*"],
        ["add", "dag=a", "--for", "8d"],
        ["add", "dag=a", "--for", "soon"],
        ["add", "dag=a", "--for", "0s"],
        ["add", "colour=red"],
        ["expire"],
        ["list", "x"],
        ["list", "--for", "2h"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["silence", *arguments]) == 2
    assert capsys.readouterr().err.startswith("dingpush silence: ")


def test_an_unknown_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["silence", "expire", "beef"]) == 1
    assert "There is no silence beef." in capsys.readouterr().out
    assert main(["silence"]) == 0
    assert "Nothing is silenced." in capsys.readouterr().out
