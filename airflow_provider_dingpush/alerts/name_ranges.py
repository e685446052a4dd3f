"""Many names in few words: those that differ in a number only as a range, such as ``ods_sync_04–22``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_MOST_DIGITS = 9


def ranges_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last number of each range without a gap, of sorted numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def range_texts(numbers: Iterable[int], *, digits: int = 0) -> list[str]:
    """The ranges as texts, such as ``04–07`` and ``9``.

    :param digits: shorter numbers get leading zeros.
    """
    ranges = ranges_of(sorted(set(numbers)))
    return [f"{first:0{digits}}" if first == last else f"{first:0{digits}}–{last:0{digits}}" for first, last in ranges]


def names_in_brief(names: Iterable[str]) -> list[str]:
    """The names, in order; those that differ in their last number only are one text: ``ods_sync_04–07, 09``."""
    families: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(names):
        families.setdefault(_around_number(name), []).append(name)
    return [text for around, each in families.items() for text in _in_brief(around, each)]


def _around_number(name: str) -> tuple[str, ...]:
    """What is before and after the last number; the name itself if it has none."""
    found = _LAST_NUMBER.search(name)
    if found is None or len(found[1]) > _MOST_DIGITS or not found[1].isascii():
        return (name,)
    return name[: found.start()], name[found.end() :]


def _in_brief(around: tuple[str, ...], names: Sequence[str]) -> list[str]:
    if len(names) == 1:
        return list(names)
    before, after = around
    numbers = [name[len(before) : len(name) - len(after)] for name in names]
    # With leading zeros, 04 and 004 differ.
    padded = any(each.startswith("0") and len(each) > 1 for each in numbers)
    widths: dict[int, list[int]] = {}
    for each in numbers:
        widths.setdefault(len(each) if padded else 0, []).append(int(each))
    return [f"{before}{', '.join(range_texts(each, digits=width))}{after}" for width, each in widths.items()]
