"""``dingpush rules replay``: what a site had in the last days beside what it would have had, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import outboxes
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import task_context
from tests.cli.conftest import is_chinese

RULES = """\
rules:
  - match: {task_id: "two"}
    receiver: null
  - receiver: dingtalk_default
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new.yaml"
    path.write_text(RULES, "utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["rules", "replay", *arguments]) == code
    return capsys.readouterr().out


def notify(*tasks: str) -> None:
    for each in tasks:
        DingTalkNotifier()(task_context(each))


def test_had_and_would_have_had(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], unhurried: None
) -> None:
    """The DAG's own notifiers go on, so nothing changes for their receiver."""
    notify("one", "two")
    assert len(connected.messages) == 2
    lines = printed(capsys, "--file", str(file)).splitlines()
    assert re.fullmatch(r".*new.yaml, 2 events recorded from .* to .*\. Messages with alerts:", lines[0])
    assert lines[2].split() == ["Receiver", "Had", "Would", "have", "had"]
    assert lines[3].split() == ["dingtalk_default", "2", "2"]
    assert lines[5].startswith("! Complete only since ")
    assert lines[6] == "– Events that nobody was notified of are not recorded, so they are missing here."
    chinese = printed(capsys, "--file", str(file), "--language", "zh").splitlines()
    assert all(is_chinese(line) for line in chinese if line and "dingtalk_default" not in line)
    document: dict[str, Any] = json.loads(printed(capsys, "--file", str(file), "--json", "--since", "24h"))
    (receiver,) = document["receivers"]
    assert (receiver["conn_ids"], receiver["had"], receiver["would_have"]) == (["dingtalk_default"], 2, 2)
    assert document["events"] == 2
    assert len(connected.messages) == 2


def test_a_receiver_that_does_not_exist(
    file: Path, connected: Sandbox, capsys: pytest.CaptureFixture[str], unhurried: None
) -> None:
    file.write_text("rules: [{receiver: dingtalk_gone}]")
    notify("one")
    lines = printed(capsys, "--file", str(file)).splitlines()
    (row,) = (line for line in lines if line.startswith("dingtalk_gone"))
    assert "can't be used: " in row
    assert lines[5].split()[:3] == ["All", "1", "1"] or lines[6].split()[:3] == ["All", "1", "1"]


def test_nothing_is_recorded_yet(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--file", str(file)).startswith("No event is recorded from ")
    document = json.loads(printed(capsys, "--file", str(file), "--json"))
    assert (document["receivers"], document["complete_since"], document["events"]) == ([], None, 0)


def test_it_works_while_another_process_leads(
    file: Path, connected: Sandbox, outbox_home: Path, capsys: pytest.CaptureFixture[str], unhurried: None
) -> None:
    notify("one")
    outbox = Outbox(outboxes.files_in(outbox_home))
    (receiver_id,) = outbox.receivers()
    with outbox.leadership(receiver_id) as book:
        assert book is not None
        assert "dingtalk_default  1" in printed(capsys, "--file", str(file))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--since", "8d"], "--since: at most 7d"),
        (["--since", "soon"], "a duration such as 90s, 30m, 2h or 7d"),
        (["--since", "0d"], "a duration such as 90s, 30m, 2h or 7d"),
        (["--event", "task_failed"], "--event doesn't belong to 'rules replay'"),
        (["new.yaml"], "replay takes a file with --file: new.yaml"),
    ],
)
def test_wrong_options(file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str) -> None:
    assert main(["rules", "replay", "--file", str(file), *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_since_is_no_option_of_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", str(file), "--since", "1d"]) == 2
    assert "--since doesn't belong to 'rules check'" in capsys.readouterr().err


def test_a_file_with_mistakes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("rules: [{reciever: x}]")
    assert main(["rules", "replay", "--file", str(file)]) == 1
    assert "did you mean 'receiver'?" in capsys.readouterr().err
