"""Line breaks of Markdown as DingTalk needs them.

DingTalk swallows a lone newline (docs: two blanks before it break the line), and people write reports with lone
newlines. So within a paragraph each gets its two blanks. Where a newline means something already it stays as it is:
code, lists, tables, headings, HTML.
"""

from __future__ import annotations

import re
from bisect import bisect, bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dingpush.messages.kinds import is_markdown, long_text_of

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import Message

    SameKind = TypeVar("SameKind", bound=Message)

_DEEPEST_QUOTE = 8
_NEWLINE = re.compile(r"\r\n?|\n")
_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
# A list that begins right below a paragraph begins with 1, and its first item isn't empty; or it is that paragraph's.
_LIST_BELOW_TEXT = re.compile(r"\s*(?:[-*+]|1[.)])\s+\S")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)\s*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_QUOTE = re.compile(r" {0,3}>[ \t]?")
# Of CommonMark's kinds of HTML blocks; <font>, which DingTalk supports, is none of them and is part of text.
_HTML = re.compile(
    r" {0,3}<(?:!--|\?|![A-Za-z\[]|/?(?:address|article|aside|blockquote|body|center|dd|details|dialog|dir|div|dl|dt|"
    r"fieldset|figcaption|figure|footer|form|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|nav|ol|p|pre|"
    r"script|section|style|summary|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul)(?=[\s/>]|$))",
    re.IGNORECASE,
)
_VERBATIM = {
    "<!--": "-->",
    "<pre": "</pre>",
    "<script": "</script>",
    "<style": "</style>",
    "<textarea": "</textarea>",
}
"""Of HTML blocks that a blank line doesn't end: what does."""
_DASHES = re.compile(r":?-+:?")
_BREAK_TAG = re.compile(r"<br\s?/?>$", re.IGNORECASE)


class _Kind(Enum):
    """What a line is."""

    BLANK = 0
    TEXT = 1
    LIST = 2
    QUOTE = 3
    OTHER = 4
    """Code, a table, a heading, a rule, HTML."""


def with_line_breaks(message: SameKind) -> SameKind:
    """The message, its Markdown with two blanks before each newline that is to break a line."""
    if not is_markdown(message):
        return message
    text = long_text_of(message)
    broken = breaking(text)
    changes: dict[str, Any] = {message.long_text.field: broken}  # type: ignore[union-attr]
    return message if text == broken else replace(message, **changes)


def breaking(text: str) -> str:
    r"""The Markdown with two blanks before each lone newline of a paragraph, and ``\n`` for every end of a line.

    Applying it twice changes nothing more.
    """
    lines = _NEWLINE.split(text)
    return "\n".join(_with_blanks(lines)[0]) if len(lines) > 1 else text


def _with_blanks(lines: Sequence[str], depth: int = 0) -> tuple[list[str], _Kind]:
    """The lines with their blanks, and what the last one is."""
    kinds = _kinds(lines)
    result = list(lines)
    ends = list(kinds)  # as what each line ends: a line of a quote as what is quoted
    for first, last in _runs(kinds, _Kind.QUOTE):
        marks = [_mark(line) for line in lines[first:last]]
        inner = [line[len(mark) :] for mark, line in zip(marks, lines[first:last], strict=True)]
        if depth < _DEEPEST_QUOTE:
            broken, ends[last - 1] = _with_blanks(inner, depth + 1)
            result[first:last] = [mark + line for mark, line in zip(marks, broken, strict=True)]
    within_code = _newlines_in_code(lines, kinds)
    for place, kind in enumerate(kinds):
        if kind is _Kind.BLANK and result[place].strip(" \t"):
            # A wide or a non-breaking blank is text to Markdown, and the lines around it would be one paragraph.
            result[place] = ""
    for place in range(len(lines) - 1):
        is_lone = kinds[place + 1] is _Kind.TEXT and ends[place] in (_Kind.TEXT, _Kind.LIST)
        if is_lone and place not in within_code and not _is_broken(result[place]):
            result[place] = f"{result[place].rstrip()}  "
    return result, ends[-1]


def _is_broken(line: str) -> bool:
    """Whether the line ends with a break already: two blanks, a backslash, or a tag."""
    backslashes = len(line) - len(line.rstrip("\\"))
    return line.endswith("  ") or backslashes % 2 == 1 or _BREAK_TAG.search(line.rstrip()[-6:]) is not None


def _mark(line: str) -> str:
    found = _QUOTE.match(line)
    return found.group() if found else ""


def _runs(kinds: Sequence[_Kind], kind: _Kind) -> list[tuple[int, int]]:
    """First and behind last of each stretch of lines of that kind."""
    runs: list[tuple[int, int]] = []
    for place, each in enumerate(kinds):
        if each is not kind:
            continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs


def _kinds(lines: Sequence[str]) -> list[_Kind]:
    kinds: list[_Kind] = []
    closes: Callable[[str], bool] | None = None
    in_list = False
    while len(kinds) < len(lines):
        line, before, rows = lines[len(kinds)], kinds[-1] if kinds else _Kind.BLANK, 1
        wide = line.expandtabs(4)
        indent = len(wide) - len(wide.lstrip())
        kind = _Kind.OTHER
        if closes:
            closes = None if closes(line) else closes
        elif not line.strip():
            kind = _Kind.BLANK
        elif indent >= 4 and not in_list and before in (_Kind.BLANK, _Kind.OTHER):
            pass  # code, by its indent
        elif (fence := _FENCE.match(line)) and (in_list or indent < 4):
            closes = partial(_closes_fence, fence[1])
        elif _RULE.match(line) or _HEADING.match(line) or (before is _Kind.TEXT and _UNDERLINE.match(line)):
            in_list = False
        elif (_LIST_ITEM.match(line) and (in_list or indent < 4) and _may_begin(line, before)) or (
            in_list and (indent >= 2 or (indent and before is _Kind.LIST))
        ):
            in_list, kind = True, _Kind.LIST
        else:
            in_list = False
            kind, rows, closes = _block(lines, len(kinds))
        kinds += [kind] * rows
    return kinds


def _may_begin(item: str, before: _Kind) -> bool:
    return before is not _Kind.TEXT or _LIST_BELOW_TEXT.match(item) is not None


def _closes_fence(fence: str, line: str) -> bool:
    marks = line.strip()
    return len(marks) >= len(fence) and set(marks) == {fence[0]}


def _block(lines: Sequence[str], place: int) -> tuple[_Kind, int, Callable[[str], bool] | None]:
    """What begins in this line, how many lines it takes, and what ends it if that isn't enough."""
    line = lines[place]
    if _QUOTE.match(line):
        return _Kind.QUOTE, 1, None
    if _HTML.match(line):
        start = line.lstrip().lower()
        closing = next((closing for opening, closing in _VERBATIM.items() if start.startswith(opening)), "")
        if closing:
            return _Kind.OTHER, 1, None if closing in start else lambda line: closing in line.lower()
        end = next((at for at in range(place, len(lines)) if not lines[at].strip()), len(lines))
        return _Kind.OTHER, end - place, None
    if "|" in line and place + 1 < len(lines) and _is_table_rule(lines[place + 1]):
        end = next((at for at in range(place + 2, len(lines)) if "|" not in lines[at]), len(lines))
        return _Kind.OTHER, end - place, None
    return _Kind.TEXT, 1, None


def _is_table_rule(line: str) -> bool:
    cells = line.strip().strip("|").split("|")
    return "|" in line and all(_DASHES.fullmatch(cell.strip()) for cell in cells)


def _newlines_in_code(lines: Sequence[str], kinds: Sequence[_Kind]) -> set[int]:
    """Behind which lines the newline stands within an inline code span."""
    inside: set[int] = set()
    for first, last in _paragraphs(lines, kinds):
        text = "\n".join(lines[first:last])
        ends = [place for place, each in enumerate(text) if each == "\n"] if "`" in text else []
        for start, stop in _code_spans(text) if ends else ():
            inside.update(first + at for at in range(bisect(ends, start), bisect_left(ends, stop)))
    return inside


def _paragraphs(lines: Sequence[str], kinds: Sequence[_Kind]) -> list[tuple[int, int]]:
    """First and behind last of the stretches of lines that may be one paragraph."""
    found: list[tuple[int, int]] = []
    for place, kind in enumerate(kinds):
        if kind in (_Kind.BLANK, _Kind.OTHER):
            continue
        begins = kind is _Kind.LIST and _LIST_ITEM.match(lines[place]) is not None
        if found and found[-1][1] == place and not begins:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def _code_spans(text: str) -> list[tuple[int, int]]:
    """Where inline code begins and ends: between two equally long stretches of backticks."""
    marks = [(found.start(), found.end()) for found in re.finditer("`+", text)]
    places: dict[int, list[int]] = {}
    for start, end in marks:
        places.setdefault(end - start, []).append(start)
    spans: list[tuple[int, int]] = []
    behind = 0
    for start, end in marks:
        if start < behind:
            continue
        before = start
        while before and text[before - 1] == "\\":
            before -= 1
        opening = start + (start - before) % 2
        same = places.get(end - opening, [])
        at = bisect(same, start)
        if end > opening and at < len(same):
            behind = same[at] + end - opening
            spans.append((opening, behind))
    return spans
