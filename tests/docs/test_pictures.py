"""The pictures in the pages: those of ``tests/make_pictures.py``, in the language of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, PAIRS, README, README_ZH, name_of, pictures_in


def test_readme_shows_an_alert() -> None:
    assert [[file.name for _, file in pictures_in(page)] for page in (README, README_ZH)] == [
        ["alert_en.png"],
        ["alert.png"],
    ]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_show_the_same_pictures(english: Path, chinese: Path) -> None:
    """The names of English ones end in ``_en``; all are small, and have a text."""
    shown = [pictures_in(page) for page in (english, chinese)]
    assert [file.name for _, file in shown[0]] == [f"{file.stem}_en.png" for _, file in shown[1]]
    for says, file in [*shown[0], *shown[1]]:
        assert len(says) > 10
        assert file.stat().st_size < 150_000
        assert file.read_bytes()[:4] == b"\x89PNG"


def test_every_picture_is_shown() -> None:
    shown = {file.name for page in PAGES for _, file in pictures_in(page)}
    assert {file.name for file in (DOCS / "images").iterdir()} == shown
