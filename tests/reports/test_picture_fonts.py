"""Which fonts a picture uses, and how what no font has is written."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.reports.picture_fonts import CHINESE_FAMILIES, Fonts, find_fonts

pytest.importorskip("matplotlib", reason="needs matplotlib")

LATIN = Fonts(("any",), frozenset(map(ord, "abcdefghijklmnopqrstuvwxyz✔! ")))


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain text", "plain text"),
        ("two\nlines\t and  blanks", "two lines and blanks"),
        ("✅ done ❗", "✔ done !"),
        ("🔥", "[fire]"),
        ("🛠️", "[hammer and wrench]"),
        ("👩🏽‍💻", "[woman][personal computer]"),
        ("🇨🇳", "CN"),
        ("a\u200bb\ufeff", "ab"),
        ("🕵", "[sleuth or spy]"),
        ("\ue000", "[U+E000]"),
        ("𠮷", "[U+20BB7]"),
    ],
)
def test_what_no_font_has(text: str, drawn: str) -> None:
    assert LATIN.drawable(text) == drawn


def test_dejavu_sans_is_there_in_any_case() -> None:
    fonts = find_fonts(["plain"])
    assert "DejaVu Sans" in fonts.families
    assert ord("a") in fonts.letters


def test_chinese_font_comes_first() -> None:
    fonts = find_fonts(["plain"])
    if not set(fonts.families) & set(CHINESE_FAMILIES):
        pytest.skip("needs Chinese letters (apt-get install fonts-noto-cjk)")
    assert fonts.families[0] in CHINESE_FAMILIES
    assert fonts == find_fonts(["数据"])
    assert {ord(letter) for letter in "数据，（）￥①"} <= fonts.letters
