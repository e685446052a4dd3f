"""How a table is arranged in a picture for a phone: size of the letters, widths of the columns, what is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDEST, NARROWEST = 1080, 750
"""The width of a picture, in pixels: a phone's screen at most, and no fewer than it needs to fill one."""
MARGIN = 28
"""Between the table and the border of the picture, in pixels."""
PADDING = 0.6
"""Left and right of a cell's text, in widths of the letter M (em), as all widths of columns here."""

_SIZES = (34, 30, 26)  # of letters in pixels; smaller ones can't be read on a phone
_NARROWEST_TEXT = 6.0
_WIDEST_NUMBER = 16.0
_CUT = "…"

Measure = Callable[[str], float]
"""Returns the width of a text, in em."""


@dataclass(frozen=True)
class Layout:
    """Where everything goes.

    :ivar size: of the letters, in pixels.
    :ivar widths: of the columns that fit, from the left, in pixels.
    """

    size: int
    widths: tuple[float, ...]

    @property
    def width(self) -> int:
        """The width of the picture, in pixels."""
        return round(sum(self.widths)) + 2 * MARGIN

    def room(self, column: int) -> float:
        """What a cell's text may take, in em."""
        return self.widths[column] / self.size - 2 * PADDING


def arrange(natural: Sequence[float], is_number: Sequence[bool]) -> Layout:
    """The largest letters with which all columns fit; if none, narrower columns of text, and then fewer columns.

    :param natural: the width that each column needs if nothing in it is cut, in em.
    :param is_number: whether a column holds numbers, which are cut last.
    """
    most = WIDEST - 2 * MARGIN
    for size in _SIZES:
        if sum(natural) * size <= most:
            return Layout(size, _stretched(natural, size))
    size = _SIZES[-1]
    widths = _squeezed(natural, is_number, most / size)
    return Layout(size, tuple(width * size for width in widths))


def _stretched(natural: Sequence[float], size: int) -> tuple[float, ...]:
    """Widths in pixels, so that a narrow table fills a phone's screen."""
    missing = max(NARROWEST - 2 * MARGIN - sum(natural) * size, 0)
    return tuple(width * size + missing / len(natural) for width in natural)


def _squeezed(natural: Sequence[float], is_number: Sequence[bool], room: float) -> list[float]:
    """The widths of as many columns as fit, which fill the room."""
    widths: list[float] = []
    for width, number in zip(natural, is_number, strict=True):
        least = min(width, _WIDEST_NUMBER if number else _NARROWEST_TEXT + 2 * PADDING)
        if widths and sum(widths) + least > room:
            break
        widths.append(min(least, room))
    # What is left goes to those that need more, in equal shares.
    while (left := room - sum(widths)) > 0.01:
        needy = [index for index, width in enumerate(widths) if natural[index] - width > 0.01]
        if not needy:
            break
        for index in needy:
            widths[index] += min(left / len(needy), natural[index] - widths[index])
    return widths


def cut(text: str, room: float, measure: Measure) -> str:
    """The text, or as much of its beginning as fits together with ``…``."""
    if measure(text) <= room:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if measure(text[:middle] + _CUT) <= room else (least, middle - 1)
    return text[:least].rstrip() + _CUT


def wrapped(text: str, room: float, measure: Measure, most_lines: int) -> list[str]:
    """The text in lines that fit; the last one is cut if there are more."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most_lines - 1 and measure(rest) > room:
        head = cut(rest, room + measure(_CUT), measure).removesuffix(_CUT) or rest[0]
        blank = head.rfind(" ")
        # Between Chinese letters a line may end anywhere, within a word of Latin letters it shouldn't.
        if blank > len(head) // 2 and rest[len(head) : len(head) + 1].isascii():
            head = head[:blank]
        lines.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return [*lines, cut(rest, room, measure)] if rest else lines
