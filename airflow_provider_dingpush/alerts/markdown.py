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
    r"""One line of Markdown that shows this text as it is, without any link, heading, list, emphasis or tag.

    DingTalk documents no escaping. Backslashes work in every Markdown parser since the first one, and widely used
    alert bridges send them to DingTalk for ``_``, ``*`` and the backtick. The alternatives degrade worse where they
    aren't supported: look-alikes and zero-width characters are copied with a task id out of the chat, ``&#95;`` can't
    be read at all, and code spans are undocumented and differ between clients. ``<`` has no backslash form in older
    parsers, so it and an ``&`` that would begin an entity become entities, which DingTalk documents for blanks.

    Characters without a meaning at their position (``a < b``, ``[3]``, ``C:\temp``, ``1.5``) aren't escaped, so that
    a client which shows backslashes shows few of them. A line that begins with this text is safe as well. Line breaks
    become blanks; invisible characters, and ones that UTF-8 can't encode, are dropped.
    """
    return _SPECIAL.sub(_escaped, plain_line(text))


def plain_line(text: str) -> str:
    """The text on one line, without invisible and invalid characters; for titles, which have no Markdown."""
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
"""Of each name; a phone shows fewer."""


def dotted(parts: Iterable[str]) -> str:
    """Those of the parts that aren't empty, on one line with dots between them."""
    return " · ".join(part for part in parts if part)


def broken_lines(lines: Iterable[str]) -> str:
    """One paragraph of several lines."""
    # DingTalk drops a single newline; two blanks before it make a line break.
    return "  \n".join(lines)


def quoted(lines: Iterable[str]) -> str:
    """A block quote."""
    return broken_lines(f"> {line}" for line in lines)


def cut(text: str, characters: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"


def plain_name(text: str) -> str:
    """A name on one line, without invisible characters, and cut."""
    visible = "".join(each for each in text if each.isprintable() or each.isspace())
    return cut(" ".join(visible.split()), NAME_CHARACTERS)
