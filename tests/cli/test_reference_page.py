"""The reference of the command line: docs/en/cli.md and docs/zh/cli.md list every command as its help does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from airflow_provider_dingpush.cli.options import COMMANDS, command_parsers
from airflow_provider_dingpush.cli.parsing import Argument

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- commands: begin -->\n", "<!-- commands: end -->\n"
# The options of every command have a table of their own, before the commands.
COMMON = frozenset({"--language", "--verbose", "--help"})
WORDS = {
    "en": ("| Option | Meaning |", "Exit codes: {codes}.", "; "),
    "zh": ("| 选项 | 说明 |", "退出码：{codes}。", "；"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_is_listed_with_its_options(language: str) -> None:
    """After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    page = DOCS / language / "cli.md"
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    right = f"{before}{BEGIN}{reference(language)}{END}{after}"
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(right, "utf-8")
    assert text == right
    listed = set(re.findall(r"`(--[a-z]+)", before))
    assert listed >= COMMON | {"--version"}


def reference(language: str) -> str:
    """The part of the page that is made of the parsers' tables."""
    heading, codes_line, separator = WORDS[language]
    index = 1 if language == "zh" else 0
    parts = []
    for name, parser in command_parsers(language).items():
        command = COMMANDS[name]
        rows = [row(each) for each in parser.arguments if each.names[-1] not in COMMON]
        table = "\n".join([heading, "|---|---|", *rows]) + "\n\n" if rows else ""
        codes = separator.join(re.split(r"[;；]\s*", command.exit_codes[index]))
        parts.append(
            f"\n## dingpush {name}\n\n{command.description[index]}\n\n"
            f"```text\n{command.example}\n```\n\n{table}{codes_line.format(codes=codes)}\n"
        )
    return "".join(parts) + "\n"


def row(argument: Argument) -> str:
    """One row of the table."""
    shown = ", ".join(argument.names) if argument.is_option else argument.metavar
    value = f" {argument.metavar}" if argument.is_option and argument.metavar else ""
    # A backslash, or a placeholder in angle brackets, is Markdown outside of code.
    about = re.sub(r"\\+n", lambda found: f"`{found.group()}`", argument.help)
    return f"| `{shown}{value}` | {about} |"
