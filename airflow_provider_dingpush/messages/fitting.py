"""Fitting a text into a number of bytes: cut it with a note, or split it into parts.

Sizes are bytes of the text inside a UTF-8 JSON string, because that is what is sent: a newline or a quote counts two, a
Chinese character three. A break is never inside a character, a link, an image, a mention, an inline code span or a
``<font>`` tag, and a code fence or ``<font>`` that is open at a break is closed before it and opened again after it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import MessageTooLongError
from airflow_provider_dingpush.messages.kinds import LongText, is_markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import Message

MAX_PARTS = 5
"""A text that needs more parts is refused: it would use a quarter of the messages that a robot may send in a minute."""

# In code points. A longer sequence of marks and joiners isn't treated as one character, or it could not be split.
_LONGEST_CHARACTER = 64
_CUT_NOTE = {
    "zh": "……（内容过长：共 {total} 字，此处省略 {left_out} 字）",
    "en": "… (too long: {left_out} of {total} characters left out)",
}
_FENCE = re.compile(r"[ ]{0,3}(?:`{3,}[^`\n]*|~{3,}[^\n]*)(?:\n|\Z)")
_WHOLE_IN_TEXT = r"https?://[^\s<>()\u3000-\u303f\uff00-\uffef]+|@[0-9A-Za-z_$:.+-]+"
_WHOLE_IN_MARKDOWN = (
    r"!?\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]\((?:[^()\s]|\([^()\s]*\))*(?:[ ]+\"[^\"\n]*\")?\)"
    r"|<font\b[^<>\n]*>|</font>|<[A-Za-z/][^<>\n]*>"
    r"|`[^`\n]+`|\*\*[^*\n]{1,200}\*\*|&#?\w{1,10};|\\[^\n]"
)
_TEXT_SCAN = re.compile(rf"(?P<whole>{_WHOLE_IN_TEXT})|\n|(?:(?!{_WHOLE_IN_TEXT})[^\n])+")
_MARKDOWN_SCAN = re.compile(
    rf"(?P<whole>{_WHOLE_IN_MARKDOWN}|{_WHOLE_IN_TEXT})|\n"
    rf"|(?:(?!{_WHOLE_IN_MARKDOWN}|{_WHOLE_IN_TEXT})[^\n])+"
)
_FENCED_SCAN = re.compile(r"(?P<whole>(?!))|\n|[^\n]+")


@dataclass(frozen=True)
class _Open:
    """What is open at a position in a Markdown text, and must be closed and opened again around a break."""

    fence: str = ""
    fonts: tuple[str, ...] = ()

    def after(self, whole: str) -> _Open:
        if whole.startswith("<font"):
            return replace(self, fonts=(*self.fonts, whole))
        if whole == "</font>":
            return replace(self, fonts=self.fonts[:-1])
        return self

    def opened_again(self) -> str:
        # A fence counts only at the start of a line.
        return "".join(self.fonts) + ("\n" if self.fonts and self.fence else "") + self.fence

    def closed(self, before: str) -> str:
        mark = self.fence.strip()[: len(self.fence.strip()) - len(self.fence.strip().lstrip("`~"))]
        closing = (("" if before.endswith("\n") else "\n") + mark) if mark else ""
        return closing + "</font>" * len(self.fonts)


@dataclass(frozen=True)
class _Atom:
    """A stretch of text with the state after it; only a plain one may be broken inside."""

    text: str
    state: _Open
    plain: bool = False


def _atoms(text: str, index: int, state: _Open, *, markdown: bool) -> Iterator[_Atom]:
    while index < len(text):
        line_starts = index == 0 or text[index - 1] == "\n"
        fence = _FENCE.match(text, index) if markdown and line_starts else None
        if fence and (not state.fence or _closes(fence.group(), state.fence)):
            line = fence.group()
            state = replace(state, fence="" if state.fence else line if line.endswith("\n") else f"{line}\n")
            yield _Atom(line, state)
            index = fence.end()
            continue
        scan = _FENCED_SCAN if state.fence else _MARKDOWN_SCAN if markdown else _TEXT_SCAN
        found = scan.match(text, index)
        # The last branch of every scan matches any character, so there is always a match.
        stretch, whole = (found.group(), found.group("whole")) if found else (text[index], None)
        if whole is not None:
            state = state.after(whole)
        yield _Atom(stretch, state, plain=whole is None and stretch != "\n")
        index += len(stretch)


def _closes(line: str, fence: str) -> bool:
    mark, opened = line.strip(), fence.strip()
    opening = opened[: len(opened) - len(opened.lstrip("`~"))]
    return len(mark) >= len(opening) and set(mark) == {opening[0]}


def whole_characters(text: str, most: int) -> int:
    """The longest prefix of at most so many code points that doesn't split a visible character."""
    index = most
    while 0 < index < len(text) and (_joins(text[index]) or text[index - 1] == "\u200d"):
        index -= 1
        if most - index > _LONGEST_CHARACTER:
            return most
    return index - 1 if 0 < index < len(text) and _halves_flag(text, index) else index


def _joins(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")  # combining marks and variation selectors
        or character == "\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Scotland
    )


def _halves_flag(text: str, index: int) -> bool:
    """Whether the position is inside a flag, which is two regional indicators."""
    before = 0
    while before < index and "\U0001f1e6" <= text[index - before - 1] <= "\U0001f1ff":
        before += 1
    return before % 2 == 1 and "\U0001f1e6" <= text[index] <= "\U0001f1ff"


def _fitting_prefix(text: str, room: int) -> int:
    low, high = 0, min(len(text), max(room, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if json_bytes(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return whole_characters(text, low)


@dataclass(frozen=True)
class _Piece:
    """A part of the text that fits, ready to be sent alone."""

    text: str
    end: int
    state: _Open


def _piece(text: str, start: int, state: _Open, room: int, *, markdown: bool) -> _Piece | None:
    """The longest part from ``start`` on that fits; ``None`` if not even its first atom does.

    A break after a line is preferred if it wastes less than half of the space, one after a blank if less than a fifth.
    """
    opening = state.opened_again()
    used, index, last = json_bytes(opening), start, state
    line_end: tuple[int, _Open] | None = None
    for atom in _atoms(text, start, state, markdown=markdown):
        cost = json_bytes(atom.text)
        # The closing costs at most one more newline than what is counted for a text that ends with one.
        if used + cost + json_bytes(atom.state.closed("")) > room:
            if atom.plain:
                keep = _fitting_prefix(atom.text, room - used - json_bytes(atom.state.closed("")))
                blank = whole_characters(atom.text, atom.text.rfind(" ", 0, keep) + 1)
                index += blank if blank > keep * 0.8 else keep
            if line_end and line_end[0] - start > (index - start) / 2:
                index, last = line_end
            break
        fence_opens = bool(atom.state.fence) and not last.fence
        used, index, last = used + cost, index + len(atom.text), atom.state
        if atom.text.endswith("\n") and not fence_opens:
            line_end = (index, last)
    if index <= start:
        return None
    kept = text[start:index]
    return _Piece(opening + kept + last.closed(kept), index, last)


def cut(text: str, room: int, *, language: str, markdown: bool = True) -> str:
    """Shorten the text to ``room`` bytes, ending with a note of how many characters are left out.

    :param room: bytes inside a JSON string that the result may take.
    :param language: ``zh`` or ``en``, of the note.
    :raises MessageTooLongError: if not even the note fits.
    """
    if json_bytes(text) <= room:
        return text
    note = _CUT_NOTE[language]
    gap = "\n\n" if markdown else "\n"
    longest_note = json_bytes(gap + note.format(total=len(text), left_out=len(text)))
    if longest_note > room:
        raise MessageTooLongError(f"Only {room} bytes are left for the text.", "Shorten the title and the links.")
    piece = _piece(text, 0, _Open(), room - longest_note, markdown=markdown)
    kept, end = (piece.text.rstrip(), piece.end) if piece else ("", 0)
    return kept + gap + note.format(total=len(text), left_out=len(text) - end)


def split(text: str, room: int, *, markdown: bool = True, most: int | None = None) -> tuple[str, ...]:
    """Split the text into parts of at most ``room`` bytes each, without losing any of it.

    :param room: bytes inside a JSON string that one part may take.
    :param most: the most parts that are useful: it stops after one more.
    :raises MessageTooLongError: if something that can't be split, such as a link, is longer than a part.
    """
    parts: list[str] = []
    index, state = 0, _Open()
    end = len(text.rstrip())
    text = text[:end]
    while index < end and (most is None or len(parts) <= most):
        piece = _piece(text, index, state, room, markdown=markdown)
        if piece is None:
            raise MessageTooLongError(f"The link or tag near character {index} has more than {room} bytes.")
        index, state = piece.end, piece.state
        if piece.text.strip():
            parts.append(piece.text)
    return tuple(parts)


def cut_to_size(message: Message, max_bytes: int, *, size_of: Callable[[Message], int], language: str) -> Message:
    """The message, its text cut if necessary so that the whole body has at most ``max_bytes``.

    :param size_of: how many bytes a message has as a body, mentions and envelope included.
    :raises MessageTooLongError: if there is no long text in it to cut.
    """
    if size_of(message) <= max_bytes:
        return message
    name, room = _room(message, max_bytes, size_of)
    shortened = cut(getattr(message, name), room, language=language, markdown=is_markdown(message))
    return _with(message, name, shortened)


def split_to_size(message: Message, max_bytes: int, *, size_of: Callable[[Message], int]) -> tuple[Message, ...]:
    """The message, or if it is too long its parts, numbered (1/3), each at most ``max_bytes`` as a body.

    :param size_of: how many bytes a message has as a body, mentions and envelope included.
    :raises MessageTooLongError: if it needs more than five parts, or is of a kind that can't be split.
    """
    if size_of(message) <= max_bytes:
        return (message,)
    long_text: LongText | None = getattr(message, "long_text", None)
    if long_text is None or not long_text.splits:
        raise MessageTooLongError(
            f"This {type(message).__name__} has {size_of(message):,} bytes; DingTalk accepts at most {max_bytes:,}.",
            "Shorten its text, or send a Markdown, which can be split into several messages.",
        )
    name, room = _room(message, max_bytes, size_of)
    numbers_cost = json_bytes(f"({MAX_PARTS}/{MAX_PARTS})\n\n") + json_bytes(f" ({MAX_PARTS}/{MAX_PARTS})")
    parts = split(getattr(message, name), room - numbers_cost, markdown=is_markdown(message), most=MAX_PARTS)
    if len(parts) > MAX_PARTS:
        raise MessageTooLongError(
            f"This {type(message).__name__} has {size_of(message):,} bytes, which is more than {MAX_PARTS} messages.",
            "Shorten it, or put the details on a page and send a link to it.",
        )
    return tuple(_numbered(message, name, part, f"({index}/{len(parts)})") for index, part in enumerate(parts, 1))


def _numbered(message: Message, name: str, part: str, number: str) -> Message:
    if not is_markdown(message):
        return _with(message, name, f"{number}\n{part}")
    changes: dict[str, Any] = {"title": f"{message.title} {number}"}  # type: ignore[union-attr]
    return replace(_with(message, name, f"{number}\n\n{part}"), **changes)


def _room(message: Message, max_bytes: int, size_of: Callable[[Message], int]) -> tuple[str, int]:
    """Name of the field that can be shortened, and the bytes it may take."""
    long_text: LongText | None = getattr(message, "long_text", None)
    name = long_text.field if long_text else ""
    if not name or not getattr(message, name):
        raise MessageTooLongError(
            f"This {type(message).__name__} has {size_of(message):,} bytes; DingTalk accepts at most {max_bytes:,}.",
            getattr(message, "if_too_long", "Shorten its names and links."),
        )
    # With a text of one character, which is no keyword, the size is that of the rest; mentions and keyword count in
    # full, since a cut may drop them from the text.
    rest = size_of(_with(message, name, "\x7f")) - 1
    if rest >= max_bytes:
        raise MessageTooLongError(
            f"This {type(message).__name__} has {rest:,} bytes without its {name}; DingTalk accepts {max_bytes:,}.",
            "Shorten its title, links and buttons.",
        )
    return name, max_bytes - rest


def _with(message: Message, name: str, text: str) -> Message:
    changes: dict[str, Any] = {name: text}
    return replace(message, **changes)
