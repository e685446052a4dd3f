"""The Markdown of alerts and digests: any text escaped so that it is shown as it is, and lines and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_dingpush.alerts.visible_text import without_escapes, without_invisible

_SPECIAL = re.compile(
    r"""
      (?P<backslashed>
          [`*_]                                # code, emphasis
        | \] (?= \s* (?: [(\[:] | $ ) )        # what makes a link, an image or a footnote of the brackets before it
        | ^ \[ (?= [ xX] \] )                  # checkbox
        | \\ (?= [!-/:-@\[-`{-~] | $ )         # a backslash that would hide what follows it
        | ~ (?= ~ ) | (?<= ~ ) ~               # strikethrough
        | (?<= \s ) \#                         # closes a heading
        | ^ [#>+=|~-]                          # heading, quote, list, rule, table, code
        | ^ : (?= - )                          # the line under a table's head
      )
    | ^ (?P<number> \d{1,9} ) (?P<dot> [.)] ) (?= \s | $ )    # numbered list
    | (?P<entity> & ) (?= \#? \w+ ; )
    | (?P<tag> < ) (?= [A-Za-z/!?] | $ )
    """,
    re.VERBOSE,
)


def escape_markdown(text: str) -> str:
    r"""One line of Markdown that shows this text as it is: no link, heading, list, emphasis or tag comes of it.

    DingTalk documents no rule of escaping. Backslashes are what every Markdown parser has understood since the first
    one, and what widely used alert bridges send to DingTalk for ``_``, ``*`` and the backtick. The other ways degrade
    worse where they aren't understood: look-alikes and zero-width characters come along when a person copies a task
    id out of the chat, and ``&#95;`` can't be read at all; code spans are undocumented and differ between clients.
    ``<`` has no backslash form in older parsers, so it and an ``&`` that would begin an entity become entities, which
    DingTalk documents at least for blanks.

    Nothing is escaped that means nothing where it stands (``a < b``, ``[3]``, ``C:\temp``, ``1.5``), so that a
    client which shows backslashes shows few of them. A line that begins with this text is safe as well. Line breaks
    become blanks, invisible characters are dropped and so are ones that no UTF-8 can hold.
    """
    return _SPECIAL.sub(_escaped, plain_line(text))


def plain_line(text: str) -> str:
    """The text on one line, without what can't be seen or sent; for titles, where Markdown means nothing."""
    return " ".join(without_invisible(without_escapes(text.encode("utf-8", "replace").decode())).split())


def _escaped(found: re.Match[str]) -> str:
    if found["entity"]:
        return "&amp;"
    if found["tag"]:
        return "&lt;"
    if found["number"]:
        return f"{found['number']}\\{found['dot']}"
    return f"\\{found['backslashed']}"


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
