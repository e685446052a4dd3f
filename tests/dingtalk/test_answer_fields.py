"""Fields of a damaged answer are read as what they should be, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk import answer_fields as fields

DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ok", "ok"),
        (" 0 ", "0"),
        (0, "0"),
        (1.5, "1.5"),
        ("系统\u2028繁忙\r\n\x1b[31m!", "系统 繁忙 [31m!"),
        ("half \ud83d", "half"),
        (None, ""),
        (True, ""),
        ([1], ""),
        ({"a": 1}, ""),
        (DEEP, ""),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_text_is_one_printable_line(value: object, text: str) -> None:
    assert fields.text(value) == text
    fields.text(value).encode()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "0"),
        ("0", "0"),
        (-7, "-7"),
        ("abc", "abc"),
        (None, "null"),
        (True, "true"),
        ("", '""'),
        ([0], "list"),
        (DEEP, "list"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_code_has_a_name_whatever_it_is(value: object, code: str) -> None:
    assert fields.code(value) == code
    assert len(fields.code("9" * 5000)) == 100


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["u1", 2], ("u1", "2")),
        (5, ()),
        ("u1", ()),
        (None, ()),
        ({"u1": 1}, ()),
        ([None, [], {}, True, "", "u1"], ("u1",)),
    ],
    ids=ascii,
)
def test_a_list_of_texts_holds_nothing_else(value: object, texts: tuple[str, ...]) -> None:
    assert fields.texts(value) == texts


@pytest.mark.parametrize("value", [5, "x", None, [1, "x", None], {"a": 1}, DEEP], ids=lambda value: ascii(value)[:40])
def test_objects_and_pairs_of_anything_raise_nothing(value: Any) -> None:
    assert fields.objects(value) == ()
    assert list(fields.pairs(value)) == ([("a", "1")] if isinstance(value, dict) else [])


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7.0),
        ("7.5", 7.5),
        ("x", -1.0),
        (None, -1.0),
        (float("inf"), -1.0),
        (float("nan"), -1.0),
        ("1e999", -1.0),
        ([7], -1.0),
    ],
    ids=ascii,
)
def test_a_number_is_finite(value: object, number: float) -> None:
    assert fields.number(value, -1.0) == number


def test_long_words_are_shortened() -> None:
    assert fields.shortened("x" * 999) == "x" * 999
    assert len(fields.shortened("x" * 1_000_000)) == 1001
