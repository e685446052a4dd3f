"""The help of each command."""

from __future__ import annotations

import shlex

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.options import COMMANDS, parser_of
from tests.cli.conftest import is_chinese


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("command", [[], *([each] for each in COMMANDS)], ids=" ".join)
def test_help_is_in_one_language(
    command: list[str], language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an example to paste, and what the exit code means."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8" if language == "zh" else "en_GB.UTF-8")
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "usage: dingpush" in printed
    assert ("示例" if language == "zh" else "Example") in printed
    assert not command or ("退出码" if language == "zh" else "Exit codes") in printed
    examples = "".join(each.example for each in COMMANDS.values())
    assert is_chinese("".join(each for each in printed if each not in examples)) is (language == "zh")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_right(name: str) -> None:
    """They name the command, and all of their options exist."""
    _, _, arguments = COMMANDS[name].example.partition(" | ")[0].rpartition("dingpush ")
    assert parser_of("en").parse_args(shlex.split(arguments)).command == name
