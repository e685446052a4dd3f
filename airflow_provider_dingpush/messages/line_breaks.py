"""Line breaks of Markdown as DingTalk needs them.

DingTalk ignores a single newline (docs: two blanks before it break the line), and people write reports with single
newlines. So in a paragraph two blanks are added before each. Newlines that have a meaning stay unchanged: in code,
lists, tables, headings, HTML.
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
# A list directly below a paragraph begins with 1 and a non-empty item; otherwise it belongs to the paragraph.
_LIST_BELOW_TEXT = re.compile(r"\s*(?:[-*+]|1[.)])\s+\S")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)\s*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_QUOTE = re.compile(r" {0,3}>[ \t]?")
# CommonMark's HTML blocks; <font>, which DingTalk supports, is none of them and is part of text.
_HTML = re.compile(
    r" {0,3}<(?:!--|\?|![A-Za-z\[]|(?:pre|script|style|textarea)(?=[\s>]|$)|"
    r"/?(?:address|article|aside|blockquote|body|center|dd|details|dialog|dir|div|dl|dt|"
    r"fieldset|figcaption|figure|footer|form|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|nav|ol|p|"
    r"section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul)(?=[\s/>]|$))",
    re.IGNORECASE,
)
_VERBATIM = {
    "<!--": "-->",
    "<pre": "</pre>",
    "<script": "</script>",
    "<style": "</style>",
    "<textarea": "</textarea>",
}
"""The ends of HTML blocks that a blank line doesn't end."""
_DASHES = re.compile(r":?-+:?")
_BREAK_TAG = re.compile(r"<br\s?/?>$", re.IGNORECASE)


class _Kind(Enum):
    """The kind of a line."""

    BLANK = 0
    TEXT = 1
    LIST = 2
    QUOTE = 3
    OTHER = 4
    """Code, a table, a heading, a rule, HTML."""


def with_line_breaks(message: SameKind) -> SameKind:
    """The message, with two blanks in its Markdown before each newline that should break a line."""
    if not is_markdown(message):
        return message
    text = long_text_of(message)
    broken = breaking(text)
    changes: dict[str, Any] = {message.long_text.field: broken}  # type: ignore[union-attr]
    return message if text == broken else replace(message, **changes)


def breaking(text: str) -> str:
    r"""The Markdown with two blanks before each single newline in a paragraph, and ``\n`` for every end of a line.

    Applying it twice has no further effect.
    """
    lines = _NEWLINE.split(text)
    return "\n".join(_with_blanks(lines)[0]) if len(lines) > 1 else text


def _with_blanks(lines: Sequence[str], depth: int = 0) -> tuple[list[str], _Kind]:
    """The lines with their blanks, and the kind of the last one."""
    kinds = _kinds(lines)
    result = list(lines)
    ends = list(kinds)  # the kind at the end of each line: in a quote, that of the quoted line
    for first, last in _runs(kinds, _Kind.QUOTE):
        marks = [_mark(line) for line in lines[first:last]]
        inner = [line[len(mark) :] for mark, line in zip(marks, lines[first:last], strict=True)]
        if depth < _DEEPEST_QUOTE:
            broken, ends[last - 1] = _with_blanks(inner, depth + 1)
            result[first:last] = [mark + line for mark, line in zip(marks, broken, strict=True)]
    within_code = _newlines_in_code(lines, kinds)
    for index, kind in enumerate(kinds):
        if kind is _Kind.BLANK and result[index].strip(" \t"):
            # In Markdown a full-width or non-breaking blank is text, and would join the lines around it.
            result[index] = ""
    for index in range(len(lines) - 1):
        is_lone = kinds[index + 1] is _Kind.TEXT and ends[index] in (_Kind.TEXT, _Kind.LIST)
        if is_lone and index not in within_code and not _is_broken(result[index]):
            result[index] = f"{result[index].rstrip()}  "
    return result, ends[-1]


def _is_broken(line: str) -> bool:
    """Whether the line ends with a break already: two blanks, a backslash, or a tag."""
    backslashes = len(line) - len(line.rstrip("\\"))
    return line.endswith("  ") or backslashes % 2 == 1 or _BREAK_TAG.search(line.rstrip()[-6:]) is not None


def _mark(line: str) -> str:
    found = _QUOTE.match(line)
    return found.group() if found else ""


def _runs(kinds: Sequence[_Kind], kind: _Kind) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of lines of that kind."""
    runs: list[tuple[int, int]] = []
    for index, each in enumerate(kinds):
        if each is not kind:
            continue
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
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


def _block(lines: Sequence[str], index: int) -> tuple[_Kind, int, Callable[[str], bool] | None]:
    """The kind of block that begins in this line, its number of lines, and a test for its end if that is unknown."""
    line = lines[index]
    if _QUOTE.match(line):
        return _Kind.QUOTE, 1, None
    if _HTML.match(line):
        start = line.lstrip().lower()
        closing = next((closing for opening, closing in _VERBATIM.items() if start.startswith(opening)), "")
        if closing:
            return _Kind.OTHER, 1, None if closing in start else lambda line: closing in line.lower()
        end = next((at for at in range(index, len(lines)) if not lines[at].strip()), len(lines))
        return _Kind.OTHER, end - index, None
    if "|" in line and index + 1 < len(lines) and _is_table_rule(lines[index + 1]):
        end = next((at for at in range(index + 2, len(lines)) if "|" not in lines[at]), len(lines))
        return _Kind.OTHER, end - index, None
    return _Kind.TEXT, 1, None


def _is_table_rule(line: str) -> bool:
    cells = line.strip().strip("|").split("|")
    return "|" in line and all(_DASHES.fullmatch(cell.strip()) for cell in cells)


def _newlines_in_code(lines: Sequence[str], kinds: Sequence[_Kind]) -> set[int]:
    """The lines whose newline is inside an inline code span."""
    inside: set[int] = set()
    for first, last in _paragraphs(lines, kinds):
        text = "\n".join(lines[first:last])
        ends = [index for index, each in enumerate(text) if each == "\n"] if "`" in text else []
        for start, stop in _code_spans(text) if ends else ():
            inside.update(first + at for at in range(bisect(ends, start), bisect_left(ends, stop)))
    return inside


def _paragraphs(lines: Sequence[str], kinds: Sequence[_Kind]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of lines that may be one paragraph."""
    found: list[tuple[int, int]] = []
    for index, kind in enumerate(kinds):
        if kind in (_Kind.BLANK, _Kind.OTHER):
            continue
        begins = kind is _Kind.LIST and _LIST_ITEM.match(lines[index]) is not None
        if found and found[-1][1] == index and not begins:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found


def _code_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each inline code span: between two runs of backticks of the same length."""
    marks = [(found.start(), found.end()) for found in re.finditer("`+", text)]
    starts: dict[int, list[int]] = {}
    for start, end in marks:
        starts.setdefault(end - start, []).append(start)
    spans: list[tuple[int, int]] = []
    behind = 0
    for start, end in marks:
        if start < behind:
            continue
        before = start
        while before and text[before - 1] == "\\":
            before -= 1
        opening = start + (start - before) % 2
        same = starts.get(end - opening, [])
        at = bisect(same, start)
        if end > opening and at < len(same):
            behind = same[at] + end - opening
            spans.append((opening, behind))
    return spans
