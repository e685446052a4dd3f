"""What is wrong with a command line is named in the language of the run, with what was probably meant."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.options import parser_of
from airflow_provider_dingpush.cli.parsing import wrapped
from tests.cli.conftest import is_chinese


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        (["stauts"], "unknown command 'stauts'; did you mean 'status'?", "未知命令 'stauts'，是否想输入 'status'？"),
        (["--hlep"], "unknown option '--hlep'; did you mean '--help'?", "未知选项 '--hlep'，是否想输入 '--help'？"),
        (["send", "--titel=T", "x"], "unknown option '--titel'; did you mean '--title'?", "未知选项 '--titel'"),
        (["send", "--titl", "T"], "unknown option '--titl'; did you mean '--title'?", "未知选项 '--titl'"),
        (["status", "x"], "unexpected argument 'x'", "多余的参数 'x'"),
        (["send", "--title"], "--title needs a value", "--title 缺少值"),
        (["send", "--title", "--markdown", "x"], "--title needs a value", "--title 缺少值"),
        (["send", "--title="], "the value of --title is empty", "--title 的值为空"),
        (["send", "--markdown=1"], "--markdown takes no value", "--markdown 不带值"),
        (["send", "--title", "a", "--title", "b"], "--title can be given only once", "--title 只能给出一次"),
        (["demo", "--port", "70000"], "--port must be a whole number from 0 to 65535, not '70000'", "--port 应为"),
        (["demo", "--storm", "0"], "--storm must be a whole number from 1, not '0'", "--storm 应为不小于 1 的整数"),
        (["flush", "--within", "soon"], "--within must be a number, not 'soon'", "--within 应为数字，而不是 'soon'"),
        (["flush", "--within", "-1"], "--within must be a number above 0, not '-1'", "--within 应为大于 0 的数字"),
        (["dead-letters", "lst"], "must be one of list, show, retry, drop, not 'lst'; did you mean 'list'?", "只能是"),
        (["demo", "https://x/robot/send?access_token=abc"], "unexpected argument 'https://x/robot/send'", "多余的参数"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_line(words: list[str], english: str, chinese: str, capsys: pytest.CaptureFixture[str]) -> None:
    for language, problem in ("en", english), ("zh", chinese):
        assert main(["--language", language, *words]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        line, usage, hint = printed.err.splitlines()
        assert problem in line
        assert line.startswith("dingpush")
        assert usage.startswith("用法：dingpush" if language == "zh" else "usage: dingpush")
        assert hint.endswith("--help")
        assert is_chinese(printed.err) is (language == "zh")
        assert "abc" not in printed.err


def test_a_wrong_language_is_named_in_the_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--language", "cn"]) == 2
    assert "--language must be one of zh, en, not 'cn'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["dead-letters", "show", "3f9a", "--language", "zh"],
        ["dead-letters", "show", "--language", "zh", "3f9a"],
        ["--language", "zh", "dead-letters", "show", "3f9a"],
    ],
    ids=" ".join,
)
def test_options_may_stand_anywhere(words: list[str]) -> None:
    """Argparse itself loses an argument behind an option."""
    parsed = parser_of("en").parse_args(words)
    assert (parsed.command, parsed.action, parsed.key, parsed.language) == ("dead-letters", "show", "3f9a", "zh")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("一二三四五六", ["一二三四", "五六"]),
        ("一二三四，五六", ["一二三四，", "五六"]),
        ("用 --markdown 时", ["用", "--markdown", "时"]),
        ("  in 一二", ["  in 一", "二"]),
        ("", []),
    ],
)
def test_lines_are_as_wide_as_they_look(text: str, lines: list[str]) -> None:
    """A Chinese character takes two columns, and closing punctuation stays with its word."""
    assert wrapped(text, 8) == lines
