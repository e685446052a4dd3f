"""How a table is arranged in a picture; every letter is one em wide here."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.reports.picture_layout import MARGIN, NARROWEST, WIDEST, arrange, cut, wrapped


def test_few_columns_have_the_largest_letters_and_fill_a_phone() -> None:
    layout = arrange([4.0, 6.0], [False, True])
    assert (layout.size, layout.width) == (34, NARROWEST)
    first, second = layout.widths
    assert second - first == pytest.approx(2 * 34)


def test_letters_are_smaller_before_anything_is_cut() -> None:
    assert arrange([10.0] * 3, [False] * 3).size == 34
    assert arrange([11.0] * 3, [False] * 3).size == 30
    assert arrange([13.0] * 3, [False] * 3).size == 26


def test_wide_text_makes_room_for_numbers() -> None:
    layout = arrange([8.0, 100.0, 9.0], [True, False, True])
    assert layout.size == 26
    assert layout.widths[0] == pytest.approx(8 * 26)
    assert layout.widths[2] == pytest.approx(9 * 26)
    assert layout.width == WIDEST


def test_what_is_left_goes_in_equal_shares_to_those_that_need_it() -> None:
    widths = arrange([100.0, 100.0, 8.0], [False, False, False]).widths
    assert widths[0] == pytest.approx(widths[1])
    assert widths[2] == pytest.approx(8 * 26)
    assert sum(widths) == pytest.approx(WIDEST - 2 * MARGIN)


def test_columns_that_do_not_fit_are_left_out() -> None:
    assert len(arrange([6.0] * 300, [True] * 300).widths) == 6
    assert len(arrange([500.0] * 2, [True, False]).widths) == 2
    assert len(arrange([500.0], [True]).widths) == 1
    assert arrange([500.0], [True]).width == WIDEST


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("exactly 10", "exactly 10"), ("more than ten", "more than…"), ("x" * 99, "x" * 9 + "…")],
)
def test_text_is_cut(text: str, shown: str) -> None:
    assert cut(text, 10, len) == shown


def test_cut_shows_that_something_is_cut_even_without_room() -> None:
    assert cut("text", 0.5, len) == "…"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one line", ["one line"]),
        ("several words here", ["several", "words here"]),
        ("一二三四五六七八九十十一", ["一二三四五六七八九十", "十一"]),
        ("一二三四五六七八九十" * 3, ["一二三四五六七八九十", "一二三四五六七八九…"]),
    ],
)
def test_title_is_wrapped(text: str, lines: list[str]) -> None:
    assert wrapped(text, 10, len, 2) == lines


def test_wrapping_ends_even_without_room() -> None:
    assert wrapped("abcdef", 0.5, len, 3) == ["a", "b", "…"]
