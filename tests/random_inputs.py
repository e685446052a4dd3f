"""Inputs that nobody thought of, the same ones in every run: texts of any characters, and values of any shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

INPUTS = 20_000
"""So many of each kind are tried."""

# What breaks readers of text: signs with a meaning somewhere, characters that nobody sees, halves of characters.
_PIECES = (
    *"abcXYZ019 \t\n\r.,;:!?@#$%^&*()[]{}<>|/\\'\"`~+-_=",
    *"：／？＝＆，。、；（）“”「」＠＋－０１９ａ",
    *"\u200b\u200c\u200d\u200e\u202e\u2060\ufeff\u00a0\u3000\u00ad\x00\x07\x1b\x7f\u2028",
    *"中文é🔴👨ß\u0301\ufe0f",
    "\ud800", "\udfff", "://", "http", "https://", "dingtalk", "access_token=", "secret=", "SEC", "{{", "}}", "{%",
    "%}", "{{ ti }}", "{{ 1/0 }}", "138", "13800000000", "86-", "+852-", "user:", "mobile:", "cid", "chat", "@",
    "%00", "%zz", "[::1]", "null", "true", "1e999", "nan", '{"a":', "[[", "]]", "\\u", "../", ".md", ".json", "**",
    "](", "<font", "```",
)  # fmt: skip


CYCLIC: dict[str, Any] = {}
CYCLIC["self"] = [CYCLIC]
"""A dict and a list that hold each other."""
NESTED: Any = []
for _ in range(2_000):
    NESTED = [NESTED]


class Unkind:
    """An object that raises at everything that is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")


class Inputs:
    """Random values, by a seed.

    :param seed: the same seed gives the same values.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - nothing depends on it

    def one_of(self, *options: Any) -> Any:
        """One of these; of those that can be called, what it makes."""
        option = self.chance.choice(options)
        return option() if callable(option) and not isinstance(option, type) else option

    def text(self, most: int = 12) -> str:
        """A text of at most so many pieces."""
        return "".join(self.chance.choices(_PIECES, k=self.chance.randrange(most + 1)))

    def long_text(self) -> str:
        """One that is too long for anything."""
        return self.text(6) * self.chance.choice((1, 1, 300, 5_000))

    def number(self) -> Any:
        """A number of any type and size."""
        return self.one_of(
            0, 1, -1, 13800000000, 8613800000000, 2**63, 10**400, 1.5, 13800000000.0, 1e300, float("nan"), float("inf"),
            Decimal(13800000000), Decimal("NaN"), Decimal("1E+999999999"), True, False, 1j,
        )  # fmt: skip

    def plain(self, depth: int = 3) -> Any:
        """What JSON or XCom may hold, of any shape."""
        if depth == 0 or self.chance.random() < 0.5:
            return self.one_of(None, self.text, self.text, self.number, (), "", b"\xff")
        if self.chance.random() < 0.5:
            return [self.plain(depth - 1) for _ in range(self.chance.randrange(4))]
        return {self.one_of(self.text, None, 1): self.plain(depth - 1) for _ in range(self.chance.randrange(4))}

    def anything(self, depth: int = 3) -> Any:
        """A plain value or an object of any class, one that holds itself among them."""
        return self.one_of(
            lambda: self.plain(depth), lambda: self.plain(depth), Unkind, Unkind(), object(), CYCLIC, NESTED, date.min,
            lambda: set(self.text()), lambda: iter(self.text()), range(3), ValueError(self.text()), TypeError, print,
        )  # fmt: skip

    def shaped(self, keys: Sequence[Any], value: Callable[[str], Any], more: float = 0.1) -> dict[Any, Any]:
        """A dict with some of these keys, and now and then one that doesn't belong."""
        chosen = [key for key in keys if self.chance.random() < 0.6]
        if self.chance.random() < more:
            chosen.append(self.text(3))
        return {key: value(key) for key in chosen}
