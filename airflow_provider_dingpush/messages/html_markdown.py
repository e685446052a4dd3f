"""The HTML of an e-mail as Markdown that DingTalk shows: headings, lists, links, tables as text, images by name.

E-mails are written by anybody: HTML that isn't closed, scripts and hidden text are read without an error, and nothing
of a text becomes Markdown that its author didn't write as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html.parser import HTMLParser
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

Escape = Callable[[str], str]
"""Escapes one line of text, so that Markdown shows it as it is."""

_MOST_CHARACTERS = 200_000
_DROPPED = {"script", "style", "head", "title", "template", "noscript", "svg", "object", "iframe", "select", "textarea"}
_VOID = {"br", "hr", "img", "input", "meta", "link", "col", "area", "base", "embed", "source", "track", "wbr"}
_BOLD = {"b", "strong", "th"}
_INLINE = {"a", "abbr", "b", "code", "em", "font", "i", "img", "kbd", "label", "q", "s", "small", "span", "strong"} | {
    *("sub", "sup", "tt", "u", "wbr", "tbody", "thead", "tfoot", "colgroup", "col", "html", "body", "center")
}
_HEADINGS = {"h1": "## ", "h2": "### ", "h3": "#### ", "h4": "#### ", "h5": "#### ", "h6": "#### "}
_DEEPEST_LIST = 6
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_TAG = re.compile(r"<(?:!--|!doctype|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_NO_TAG = re.compile(r"""<(?!/?[A-Za-z][^<>"']*(?:(?:"[^<>"]*"|'[^<>']*')[^<>"']*)*>)""")
_LINK_SCHEMES = ("http", "https", "mailto")
_IMAGE = "🖼"
"""Stands for a picture, before its name: a robot can show none."""
_SMALLEST_IMAGE = 3
"""A picture of fewer pixels counts who opens an e-mail, and shows nothing."""


def html_to_markdown(html: str, *, escape: Escape) -> str:
    """The text of an e-mail as Markdown; that of plain text keeps its lines.

    :param escape: for each piece of text.
    """
    html, reader = html[:_MOST_CHARACTERS], _Reader(escape)
    if _TAG.search(html):
        reader.feed(_well_formed(html))
        reader.close()
    else:
        reader.plain(html)
    return reader.markdown()


def _well_formed(html: str) -> str:
    """The HTML without comments and declarations, each other ``<`` that begins no whole tag as text.

    For each of them that isn't closed, the parser of older Pythons searches all of the rest, and some let it fail.
    """
    return _NO_TAG.sub("&lt;", _DECLARATION.sub("", _without_comments(html)))


def _without_comments(html: str) -> str:
    """The HTML without comments; one that isn't closed goes on to the end, as in a browser."""
    pieces, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        pieces.append(html[at:start])
        end = html.find("-->", start + 4)
        at = len(html) if end < 0 else end + 3
    return "".join([*pieces, html[at:]])


class _Run(NamedTuple):
    """A piece of text in one style."""

    text: str
    bold: bool = False
    href: str | None = None


class _Line(NamedTuple):
    """A finished line.

    :param kind: lines of the same kind, but paragraphs, follow each other without an empty line.
    """

    kind: str
    text: str


class _Reader(HTMLParser):
    """Reads HTML from top to bottom; it keeps the line that is being written, and the lines that are finished."""

    def __init__(self, escape: Escape) -> None:
        super().__init__(convert_charrefs=True)
        self._escape = escape
        self._lines: list[_Line] = []
        self._cells: list[list[_Run]] = [[]]
        self._kind, self._prefix = "text", ""
        self._is_row = self._breaks = False
        self._bold, self._pre = 0, 0
        self._href: str | None = None
        self._lists: list[int | None] = []
        self._skipped: str | None = None
        self._skipped_depth = 0
        self._starts: Mapping[str, Callable[[], None]] = {
            "td": self._cell,
            "th": self._cell,
            "tr": self._end_line,
            "li": self._item,
            "ul": partial(self._list, None),
            "ol": partial(self._list, 1),
            "br": self._new_line,
            "hr": self._rule,
            "pre": self._preformatted,
        }

    def markdown(self) -> str:
        """What was read."""
        self._end_line()
        blocks = []
        for kind, lines in groupby(self._lines, key=lambda each: each.kind):
            texts = [each.text for each in lines]
            blocks.append({"row": "  \n", "item": "\n"}.get(kind, "\n\n").join(texts))
        return "\n\n".join(blocks)

    def plain(self, text: str) -> None:
        """Read a text without any tag."""
        self._pre = 1
        self.handle_data(text.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skips(tag, dict(attrs)):
            return
        given = {name: value or "" for name, value in attrs}
        self._bold += tag in _BOLD
        if tag in _HEADINGS:
            self._end_line()
            self._prefix = _HEADINGS[tag]
        elif tag == "a":
            self._href = _link(given.get("href", ""))
        elif tag == "img":
            self._picture(given)
        elif tag in self._starts:
            self._starts[tag]()
        elif tag not in _INLINE:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        if self._skipped is not None:
            self._skipped_depth -= tag == self._skipped
            if not self._skipped_depth:
                self._skipped = None
            return
        if tag in _BOLD:
            self._bold = max(0, self._bold - 1)
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag == "a":
            self._href = None
        if tag in ("tr", "table", "li") or tag in _HEADINGS:
            self._end_line()
        elif tag not in _INLINE and tag not in ("td", "th") and tag not in _VOID:
            self._break()

    def handle_data(self, data: str) -> None:
        if self._skipped is not None:
            return
        if self._pre:
            for number, line in enumerate(data.splitlines()):
                if number:
                    self._new_line()
                self._add(line)
            return
        text = re.sub(r"[ \t\r\n\f\u200b]+", " ", data)
        if text.strip() or self._cells[-1]:
            self._add(text)

    def _add(self, text: str) -> None:
        if self._breaks and text.strip():
            self._breaks = False
            if self._cells[-1]:
                self._end_line()
        self._cells[-1].append(_Run(text, bool(self._bold), self._href))

    def _skips(self, tag: str, attributes: Mapping[str, str | None]) -> bool:
        """Whether this element isn't shown, with everything in it."""
        if self._skipped is not None:
            if tag == "body":  # The head before it was never closed.
                self._skipped = None
                return False
            self._skipped_depth += tag == self._skipped
            return True
        if tag in _VOID:
            return False
        hidden = "hidden" in attributes or _HIDDEN.search(attributes.get("style") or "")
        if tag in _DROPPED or hidden:
            self._skipped, self._skipped_depth = tag, 1
            return True
        return False

    def _break(self) -> None:
        """End the line as soon as more text comes: in a cell of a table nothing may come."""
        if self._is_row:
            self._breaks = True
        else:
            self._end_line()

    def _new_line(self) -> None:
        self._cells[-1].append(_Run("\n"))

    def _rule(self) -> None:
        self._end_line()
        self._lines.append(_Line("text", "---"))

    def _preformatted(self) -> None:
        self._break()
        self._pre += 1

    def _list(self, first: int | None) -> None:
        self._break()
        self._lists.append(first)

    def _cell(self) -> None:
        self._breaks = False
        if self._is_row:
            self._cells.append([])
            return
        self._end_line()
        self._is_row, self._kind = True, "row"

    def _item(self) -> None:
        self._end_line()
        depth = min(max(len(self._lists) - 1, 0), _DEEPEST_LIST)
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        self._kind, self._prefix = "item", "   " * depth + ("- " if number is None else f"{number}. ")

    def _picture(self, given: Mapping[str, str]) -> None:
        if any(_is_tiny(given.get(name, "")) for name in ("width", "height")):
            return
        source = given.get("src", "")
        name = "" if source.lower().startswith("data:") else unquote(re.split(r"[?#]", source)[0].rpartition("/")[2])
        name = given.get("alt", "").strip() or name.removeprefix("cid:").strip()
        self._add(f"{_IMAGE} {name}".rstrip())
        self._add(" ")

    def _end_line(self) -> None:
        texts = [self._cell_text(each) for each in self._cells]
        while texts and not texts[-1]:
            texts.pop()
        if any(texts):
            self._lines.append(_Line(self._kind, self._prefix + " | ".join(each or "–" for each in texts)))
        if any(texts) or not self._prefix or self._kind != "item":
            self._kind, self._prefix = "text", ""
        self._cells, self._is_row, self._breaks = [[]], False, False

    def _cell_text(self, runs: Iterable[_Run]) -> str:
        pieces = []
        for (bold, href), group in groupby(runs, key=lambda each: each[1:]):
            text = "".join(each.text for each in group)
            pieces.append("".join(self._styled(line, bold=bold, href=href) for line in re.split(r"(\n)", text)))
        lines = [" ".join(line.split()) for line in "".join(pieces).split("\n")]
        return "  \n".join(_without_edges(lines))

    def _styled(self, text: str, *, bold: bool, href: str | None) -> str:
        if not text.strip():
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        shown = self._escape(text.strip())
        if href is not None:
            shown = f"[{shown}]({href})"
        if bold:
            shown = f"**{shown}**"
        return f"{before}{shown}{after}"


def _without_edges(lines: list[str]) -> list[str]:
    """The lines without empty ones: they would end the paragraph."""
    return [each for each in lines if each]


def _link(href: str) -> str | None:
    """The address as it may stand in Markdown's brackets; ``None`` for one that isn't opened in a browser."""
    address = href.strip()
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return None
    if scheme not in _LINK_SCHEMES or not address.isprintable():
        return None
    return quote(address, safe="!#$%&'*+,/:;=?@[]~-._")


def _is_tiny(size: str) -> bool:
    digits = re.match(r"\s*(\d{1,5})\s*(?:px)?\s*$", size)
    return digits is not None and int(digits[1]) < _SMALLEST_IMAGE
