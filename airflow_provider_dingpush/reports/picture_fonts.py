"""The fonts of a picture: one with Chinese letters among those of the machine, and what none of them has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError

# Sans-serif faces with simplified Chinese first; then those whose letters have other forms, which read as well.
CHINESE_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "HarmonyOS Sans SC",
    "Alibaba PuHuiTi",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Heiti SC",
    "STHeiti",
    "DengXian",
    "Noto Sans CJK TC",
    "Noto Sans CJK HK",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans",
    "Droid Sans Fallback",
    "Arial Unicode MS",
    "SimSun",
    "STSong",
    "AR PL UMing CN",
)
# matplotlib brings DejaVu Sans. The others draw emoji in one colour; fonts in many colours are none that it can draw.
_OTHER_FAMILIES = ("DejaVu Sans", "Noto Emoji", "Symbola", "Segoe UI Emoji", "Segoe UI Symbol", "Apple Symbols")
_COMMON = "数据行列的共前"
_ASIAN = re.compile(r"CJK|IDEOGRAPHIC|FULLWIDTH|HALFWIDTH|HIRAGANA|KATAKANA|HANGUL|BOPOMOFO")
_LONGEST_NAME = 24
# Emoji of many reports, as the sign in one colour that more fonts have.
_SIGNS = {
    "✅": "✔",
    "❌": "✘",
    "❎": "✘",
    "❗": "!",
    "❓": "?",
    "⭐": "★",
    "📈": "↗",
    "📉": "↘",
    "➡": "→",
    "⬆": "↑",
    "⬇": "↓",
}
_FIRST_FLAG_LETTER = 0x1F1E6
_SKIN_TONES = range(0x1F3FB, 0x1F400)


@dataclass(frozen=True)
class Fonts:
    """Families in the order in which a letter is looked for in them.

    :ivar letters: the code points that one of them has.
    """

    families: tuple[str, ...]
    letters: frozenset[int] = field(repr=False)

    def drawable(self, text: str) -> str:
        """The text in one line, with words in brackets for emoji and others that no font has."""
        line = " ".join(text.split())
        if all(ord(letter) in self.letters for letter in line):
            return line
        return "".join(map(self._shown, line))

    def _shown(self, letter: str) -> str:
        if ord(letter) in self.letters:
            return letter
        sign = _SIGNS.get(letter, "")
        return sign if sign and ord(sign) in self.letters else _in_words(letter)


def find_fonts(texts: Iterable[str]) -> Fonts:
    """The fonts for these texts.

    :raises InvalidMessageError: if there are Chinese, Japanese or Korean letters among them that no font has.
    """
    others = _others()
    if not any(_is_asian(letter) for letter in set("".join(texts)) if ord(letter) not in others.letters):
        # One that is there is taken in any case, so that all pictures of a machine look alike.
        return next(_chinese_fonts(), others)
    for found in _chinese_fonts():
        return found
    # matplotlib remembers the fonts of a machine: one that was installed since is not among them.
    _add_new_fonts()
    for found in _chinese_fonts():
        return found
    raise InvalidMessageError(
        "A picture with Chinese text needs a font with Chinese letters, and none is installed.",
        "Install one on every worker: apt-get install fonts-noto-cjk (Debian, Ubuntu), dnf install "
        "google-noto-sans-cjk-fonts (RHEL, Fedora), or apk add font-noto-cjk (Alpine). "
        "请在每台 worker 上安装中文字体：apt-get install fonts-noto-cjk（Debian、Ubuntu），"
        "dnf install google-noto-sans-cjk-fonts（RHEL、Fedora），或 apk add font-noto-cjk（Alpine）。",
        problem_zh="图片中有中文，而本机没有安装中文字体。",
    )


def _is_asian(letter: str) -> bool:
    return ord(letter) > 0x2E7F and _ASIAN.match(unicodedata.name(letter, "")) is not None


def _in_words(letter: str) -> str:
    code = ord(letter)
    if unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me") or code in _SKIN_TONES:
        return ""  # says only how the one before looks
    if _FIRST_FLAG_LETTER <= code < _FIRST_FLAG_LETTER + 26:
        return chr(ord("A") + code - _FIRST_FLAG_LETTER)
    name = unicodedata.name(letter, "").lower()
    return f"[{name}]" if 0 < len(name) <= _LONGEST_NAME else f"[U+{code:04X}]"


def _chinese_fonts() -> Iterator[Fonts]:
    """The best font with Chinese letters together with the others; nothing if there is none."""
    from matplotlib.font_manager import fontManager

    installed = {entry.name for entry in fontManager.ttflist}
    for family in CHINESE_FAMILIES:
        if family in installed and _has_chinese(family):
            yield _together(family)
            return
    for family in sorted(installed.difference(CHINESE_FAMILIES)):
        # A font of last resort, one of which matplotlib brings, has a box for every letter.
        if "Last" not in family and _has_chinese(family):
            yield _together(family)
            return


def _together(family: str) -> Fonts:
    others = _others()
    return Fonts((family, *others.families), others.letters | _letters_of(family))


@lru_cache(maxsize=1)
def _others() -> Fonts:
    from matplotlib.font_manager import fontManager

    installed = {entry.name for entry in fontManager.ttflist}
    families = tuple(family for family in _OTHER_FAMILIES if family in installed)
    return Fonts(families, frozenset().union(*(_letters_of(family) for family in families)))


def _has_chinese(family: str) -> bool:
    return all(ord(letter) in _letters_of(family) for letter in _COMMON)


@lru_cache(maxsize=1_000)
def _letters_of(family: str) -> frozenset[int]:
    """The code points of a family; none if its file can't be read."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    try:
        path: Any = findfont(FontProperties(family=[family]), fallback_to_default=False)
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _add_new_fonts() -> None:
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            try:
                fontManager.addfont(path)
            except (OSError, RuntimeError, ValueError):  # a font that matplotlib can't draw
                continue
