"""What comes along when a value is pasted, and what must stay."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.messages.input_text import (
    edges_clean,
    foreign_character,
    invisible_character,
    one_word,
    without_label,
)

UNSEEN = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
    "\u180e\u034f\u3164\uffa0\U000e0001"
)


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_no_part_of_a_word(character: str) -> None:
    """Before it, after it and inside."""
    assert one_word(f"{character}SEC{character}abc{character}") == "SECabc"
    assert edges_clean(f"{character} a {character} b {character} ") == f"a {character} b"
    assert (invisible_character(f"a{character}") or "").startswith(f"U+{ord(character):04X}")


@pytest.mark.parametrize(
    "pasted",
    ["“SECabc”", "'SECabc'", '"SECabc"', "「SECabc」", "`SECabc`", "<SECabc>", "SECabc，", "SECabc；", "SECabc。",
     '"SECabc",', "\u00a0SECabc\u3000", "ＳＥＣａｂｃ", "\r\n SECabc\t", 'SECabc"'],
    ids=ascii,
)  # fmt: skip
def test_quotes_and_punctuation_around_a_word_are_no_part_of_it(pasted: str) -> None:
    """Neither is what an input method has made wide."""
    assert one_word(pasted) == "SECabc"


@pytest.mark.parametrize(
    ("pasted", "value"),
    [
        ("加签:SECabc", "SECabc"),
        ("加签密钥 : SECabc", "SECabc"),
        ("secret=SECabc", "SECabc"),
        ("Client Secret: abc", "abc"),
        ("AppKey:dingabc", "dingabc"),
        ("access_token=0123", "0123"),
        ("Webhook地址:https://oapi.dingtalk.com/robot/send?access_token=0123", None),
        ("https://oapi.dingtalk.com/robot/send?access_token=0123", ""),
        ("cidKhgcKYwN/iO+EEhjf===", ""),
        ("SEC", ""),
        ("secret=", ""),
    ],
)
def test_the_name_before_a_value_is_no_part_of_it(pasted: str, value: str | None) -> None:
    """But nothing of a URL, or of an id that ends with a sign of equality."""
    expected = pasted.partition(":")[2] if value is None else value or pasted
    assert without_label(pasted) == expected


def test_what_does_not_belong_is_named() -> None:
    """By code point and Unicode name, also where Unicode has none."""
    assert foreign_character("abcDEF-_/+=019~!") is None
    assert foreign_character("ab c") == "U+0020 SPACE"
    assert foreign_character("ab\nc") == "U+000A LINE FEED"
    assert foreign_character("ab\u2026") == "U+2026 HORIZONTAL ELLIPSIS"
    assert foreign_character("a\u0441") == "U+0441 CYRILLIC SMALL LETTER ES"
    assert foreign_character("a\x07") == "U+0007"


def test_joiners_inside_an_emoji_stay() -> None:
    """A keyword may be one."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0f"
    assert edges_clean(f"\ufeff{family}\u200b") == family
