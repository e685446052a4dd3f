"""What commands print: tables and colour for people, plain text for programs."""

from __future__ import annotations

import io
import string
from contextlib import redirect_stdout
from importlib import import_module

import pytest

from airflow_provider_dingpush.cli.options import COMMANDS
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from tests.cli.conftest import is_chinese

COLUMNS = ["连接", "State"]
ROWS = [["dingtalk_default", "正常"], ["钉钉群", "held [until] " + "x" * 200]]


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """One of 80 columns, with colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_piped_table_is_plain_and_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is one line; wide characters take two columns."""
    monkeypatch.setenv("COLUMNS", "40")
    print_table(COLUMNS, ROWS, ["green", "red"])
    assert capsys.readouterr().out == (
        f"连接              State\ndingtalk_default  正常\n钉钉群            {ROWS[1][1]}\n"
    )


def test_a_table_on_a_terminal_has_its_width_and_colours(terminal: Terminal) -> None:
    """What is too long goes on in the next line."""
    with redirect_stdout(terminal):
        print_table(COLUMNS, ROWS, ["green", "red"])
    printed = terminal.getvalue()
    assert "─" in printed
    assert "\x1b[32m正常" in printed
    assert len(printed.splitlines()) > 5


def test_no_color_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org"""
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stdout(terminal):
        print_table(COLUMNS, ROWS, ["green", "red"])
        Screen("en", {}).marked("✓", "green", "fine")
    assert "\x1b" not in terminal.getvalue()
    assert terminal.getvalue().endswith("✓ fine\n")


def test_a_mark_has_its_colour_on_a_terminal_only(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    Screen("en", {}).marked("✓", "green", "fine")
    with redirect_stdout(terminal):
        Screen("en", {}).marked("✓", "green", "fine")
    assert capsys.readouterr().out == "✓ fine\n"
    assert terminal.getvalue() == "\x1b[32m✓\x1b[0m fine\n"


def test_a_terminal_without_the_letters_gets_no_lines(terminal: Terminal) -> None:
    """They would be written as escapes."""
    terminal.encoding = "ascii"
    with redirect_stdout(terminal):
        print_table(["a", "b"], [["1", "2"]])
    assert terminal.getvalue().isascii()


# The command `rules` has a module for each of its actions.
_WITH_TEXTS = [
    *(each.module for each in COMMANDS.values() if each.module != "rules"),
    *("storm", "demo_pages", "rules_check", "rules_explain"),
]


@pytest.mark.parametrize("module", _WITH_TEXTS)
def test_each_text_is_in_both_languages(module: str) -> None:
    """With the same values."""
    texts: Texts = import_module(f"airflow_provider_dingpush.cli.{module}")._TEXTS
    for english, chinese in texts.values():
        assert not is_chinese(english)
        assert is_chinese(chinese) or not any(each.isalpha() for each in without_values(english))
        assert values_of(english) == values_of(chinese)


def values_of(text: str) -> set[str]:
    """The names of a text's values."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def without_values(text: str) -> str:
    """What is written around them."""
    return "".join(literal for literal, *_ in string.Formatter().parse(text))


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("en", 0, "0 messages"),
        ("en", 1, "1 message"),
        ("en", 1_000, "1,000 messages"),
        ("zh", 1, "1 条消息"),
        ("zh", 1_000, "1,000 条消息"),
    ],
)
def test_a_number_has_its_noun(language: str, number: int, text: str) -> None:
    assert Screen(language, {}).count(number, "message") == text


def test_a_step_prints_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe without the dots that show that it goes on."""
    for language in ("en", "zh"):
        with Screen(language, {"name": ("Working on {what}", "正在处理 {what}")}).step("name", what="it"):
            pass
    assert capsys.readouterr().out == "Working on it 0 s\n正在处理 it 0 秒\n"
