"""The help of each command."""

from __future__ import annotations

import re
import shlex
import unicodedata

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
    assert main([*command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert ("用法：dingpush" if language == "zh" else "usage: dingpush") in printed
    assert not (
        language == "zh" and {"usage", "options", "OPTIONS", "Options"} & set(re.findall(r"[A-Za-z]+", printed))
    )
    assert ("示例" if language == "zh" else "Example") in printed
    assert not command or ("退出码" if language == "zh" else "Exit codes") in printed
    examples = "".join(each.example for each in COMMANDS.values())
    assert is_chinese("".join(each for each in printed if each not in examples)) is (language == "zh")
    # What is to be pasted isn't wrapped.
    pasted = [f"  {each.example}" for each in COMMANDS.values()]
    assert all(columns(line) <= 80 for line in printed.splitlines() if line not in pasted)


@pytest.mark.parametrize("arguments", [["--language", "zh", "status", "--help"], ["status", "--help", "--language=zh"]])
def test_the_language_is_named_anywhere(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert "用法：dingpush status" in capsys.readouterr().out


def columns(line: str) -> int:
    """The width of a line on a terminal."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_right(name: str) -> None:
    """They name the command, and all of their options exist."""
    _, _, arguments = COMMANDS[name].example.partition(" | ")[0].rstrip(')"').rpartition("dingpush ")
    assert parser_of("en").parse_args(shlex.split(arguments)).command == name
