"""How long a Markdown text is on a phone, where alerts are read at night."""

from __future__ import annotations

import re

COLUMNS = 42
"""Of a line: 390 px wide minus DingTalk's margins, in Latin letters; a Chinese character takes two."""

ONE_SCREEN = 28
TWO_SCREENS = 2 * ONE_SCREEN
"""Lines on two screens of a phone."""

_NOT_SHOWN = re.compile(r"\]\([^)\s]*\)|\\(?=[!-/:-@\[-`{-~])|\*\*|^[#>]+ ", re.MULTILINE)
_WIDE = re.compile("[\u2e80-\uffff\U00010000-\U0010ffff]")


def lines_on_phone(text: str) -> int:
    """How many lines a text takes; links have their labels only."""
    return sum(_lines_of(line) for line in _NOT_SHOWN.sub("", text).splitlines() if line.strip())


def _lines_of(line: str) -> int:
    width = len(line.strip()) + len(_WIDE.findall(line))
    return -(-width // COLUMNS)
