"""Cleaning of pasted values: invisible characters in or around them, and full-width characters of an input method.

Nothing here depends on the kind of value. The reader of a value chooses the functions that are safe for it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

# Format characters (zero-width blanks and joiners, direction marks, byte order mark, soft hyphen) and invisible
# fillers. Not variation selectors, which belong to the emoji before them.
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# The full-width forms of ! to ~, and the full-width blank.
_NARROW = {code + 0xFEE0: code for code in range(0x21, 0x7F)} | {0x3000: 0x20}
_QUOTES = "\"'`“”„‘’«»‹›「」『』《》〈〉【】<>"
_AROUND = _QUOTES + ",;，；。、"
# "加签：SEC…", "access_token=…", "AppKey: ding…": the label of a value on the page from which it is copied.
_LABEL = (
    r"(?i)(?:[^:=/?\n]{0,40}[\u4e00-\u9fff][^:=/?\n]{0,40}"
    r"|[a-z _-]{0,30}(?:token|secret|key|webhook|url|id|code))\s{0,5}[:=]\s{0,5}(?=\S)"
)
_UNNAMED = {"\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\t": "CHARACTER TABULATION", "\x1b": "ESCAPE", "\0": "NULL"}


def visible(text: str) -> str:
    """The text without invisible characters."""
    return _INVISIBLE.sub("", text)


def edges_clean(text: str) -> str:
    """The text without blanks and invisible characters around it; the inside is unchanged."""
    start, end = 0, len(text)
    while start < end and _is_nothing(text[start]):
        start += 1
    while start < end and _is_nothing(text[end - 1]):
        end -= 1
    return text[start:end]


def narrow(text: str) -> str:
    """The text with full-width letters, digits and signs as plain ones."""
    return text.translate(_NARROW)


def one_word(value: Any) -> str:
    """A value that is one word of plain characters, such as a token, an id or a URL, without pasted extras.

    Invisible characters, quotes around it and punctuation after it are removed, and full-width characters are made
    plain. The result may still contain blanks or other invalid characters: see :func:`foreign_character`.
    """
    return narrow(visible(str(value))).strip().strip(_AROUND).strip()


def without_label(text: str) -> str:
    """The value without the label before it, such as ``SEC…`` of ``加签: SEC…``."""
    label = re.match(_LABEL, text)
    return text[label.end() :].strip().strip(_AROUND) if label else text


def foreign_character(text: str) -> str | None:
    """The first character that is invalid in a token, secret, id or URL, by its name: a blank, or not plain ASCII."""
    found = next((each for each in text if not "!" <= each <= "~"), None)
    return None if found is None else named(found)


def invisible_character(text: str) -> str | None:
    """The first invisible character, by its name."""
    found = _INVISIBLE.search(text)
    return None if found is None else named(found.group())


def named(character: str) -> str:
    """A character by code point and Unicode name, such as ``U+200B ZERO WIDTH SPACE``."""
    name = _UNNAMED.get(character) or unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()


def _is_nothing(character: str) -> bool:
    return character.isspace() or _INVISIBLE.match(character) is not None
