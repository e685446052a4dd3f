"""Pieces of Markdown that single alerts and digests are made of."""

from __future__ import annotations

from collections.abc import Iterable

NAME_CHARACTERS = 60
"""Of each name; a phone shows less than that."""


def dotted(parts: Iterable[str]) -> str:
    """Those of the parts that aren't empty, on one line with dots between them."""
    return " · ".join(part for part in parts if part)


def broken_lines(lines: Iterable[str]) -> str:
    """One paragraph of several lines."""
    # DingTalk swallows a lone newline; with two blanks before it, it breaks the line.
    return "  \n".join(lines)


def quoted(lines: Iterable[str]) -> str:
    """A block quote."""
    return broken_lines(f"> {line}" for line in lines)


def cut(text: str, characters: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"


def plain_name(text: str) -> str:
    """A name on one line, without what can't be seen, and not too long."""
    visible = "".join(each for each in text if each.isprintable() or each.isspace())
    return cut(" ".join(visible.split()), NAME_CHARACTERS)
