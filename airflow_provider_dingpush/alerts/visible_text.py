"""A text as a terminal would show it: without escape sequences, control characters and invisible marks."""

from __future__ import annotations

import re

INVISIBLE = {
    point: None
    for point in (
        *range(0x20),  # control characters
        *range(0x7F, 0xA0),
        0xAD,  # soft hyphen
        0x61C,
        0x180E,
        *range(0x200B, 0x2010),  # blanks without a width, joiners, marks of direction
        *range(0x202A, 0x202F),  # marks that change the direction of writing: a name could look like another one
        *range(0x2060, 0x2070),
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
        *range(0xE0000, 0xE0080),
    )
    if not chr(point).isspace() and point not in (0x200C, 0x200D)
}
"""For :meth:`str.translate`: characters without a width, or that turn or hide their neighbours."""

# Both joiners are needed between letters and emojis only.
_IDLE_JOINER = r"\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])|(?<![\u0600-\u0dff])\u200c"

# ECMA-48 and extensions of terminals. A sequence that isn't closed ends with its line, not with the text.
_ESCAPE = r"""
      (?: \x1b\] | \x9d ) [^\x07\x1b\x9c\n]* (?: \x07 | \x1b\\ | \x9c )?         # OSC: titles, links
    | (?: \x1b[PX^_] | [\x90\x98\x9e\x9f] ) [^\x1b\x9c\n]* (?: \x1b\\ | \x9c )?   # DCS, SOS, PM, APC
    | (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]?                                    # CSI: colours, movements
    | \x1b [ -/]+ [0-~]?                                                          # character sets
    | \x1b [0-~]?
    | (?: \\x1b | \\u001b | \\033 | \\e | \u241b | \^\[ ) \[ [0-9;?]* [A-Za-z]    # the same, printed by a repr
"""
_MAY_ESCAPE = r"[\x1b\x80-\x9f\u241b]|\\|\^\["
_LINE_END = r"(?<!\r)\r+\n|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"
_STRUCK_OVER = r"[^\x08\n]\x08"
_MOST_STRIKES = 20


def as_shown(text: str) -> str:
    r"""The text that a terminal would finally show.

    Whole escape sequences are dropped, also unfinished ones; of an overwritten line (``\r``, backspaces), such as a
    progress bar, the last state is kept; invisible characters are dropped; every line ends with ``\n``.
    """
    # Most texts are plain, and compiling the patterns costs more than all the rest of one.
    if text.isascii() and text.replace("\n", "").isprintable() and "\\" not in text and "^[" not in text:
        return text
    text = re.sub(_LINE_END, "\n", text.encode("utf-8", "replace").decode())
    text = without_escapes(text)
    for _ in range(_MOST_STRIKES):
        if "\x08" not in text:
            break
        text = re.sub(_STRUCK_OVER, "", text)
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    return without_invisible(text)


def without_escapes(text: str) -> str:
    """The text without a terminal's escape sequences, each of them whole."""
    # Few texts have any, and compiling the pattern costs more than all other steps for a short one.
    return re.sub(_ESCAPE, "", text, flags=re.VERBOSE) if re.search(_MAY_ESCAPE, text) else text


def without_invisible(text: str) -> str:
    """The text without :data:`INVISIBLE` characters, and without unneeded joiners."""
    return re.sub(_IDLE_JOINER, "", text.translate(INVISIBLE))


def _last_state(line: str) -> str:
    return next((state for state in reversed(line.split("\r")) if state.strip()), "")
