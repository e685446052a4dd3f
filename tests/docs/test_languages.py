"""Both languages say the same: the same pages, headings, code, and rows of tables."""

from __future__ import annotations

import io
import os
import re
import tokenize
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ELSEWHERE, LINK, PAIRS, blocks, headings, name_of, names_in, prose, tables

CHINESE = re.compile("[\u4e00-\u9fff]")
WITH_COMMENTS = {"bash", "dockerfile", "hcl", "ini", "toml", "yaml"}


def test_both_languages_have_the_same_pages() -> None:
    english, chinese = (
        {str(page.relative_to(DOCS / language)) for page in DOCS.glob(f"{language}/**/*.md")}
        for language in ("en", "zh")
    )
    assert sorted(chinese ^ (english | set(ELSEWHERE))) == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_have_the_same_headings(english: Path, chinese: Path) -> None:
    """The same levels in the same order."""
    in_english, in_chinese = headings(english), headings(chinese)
    differ = [
        (first, second)
        for first, second in zip(in_english, in_chinese, strict=False)
        if first[0] != second[0] or names_in([first[1]]) != names_in([second[1]])
    ]
    assert differ[:1] == []
    assert len(in_english) == len(in_chinese)


def items_and_pictures(page: Path) -> list[tuple[int, int]]:
    """How many items of lists, and how many pictures, each section has."""
    sections = re.split(r"^#+ .+$", prose(page), flags=re.MULTILINE)
    return [(len(re.findall(r"^(?:- |\d+\. )", each, re.MULTILINE)), each.count("![")) for each in sections]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_have_the_same_lists_and_pictures(english: Path, chinese: Path) -> None:
    """As many in each section: what one language tells in an item, the other tells too."""
    assert items_and_pictures(english) == items_and_pictures(chinese)


def without_comments(language: str, code: str) -> str:
    """Code whose comments are empty; of a text, such as a tree or what a command prints, the names in it."""
    if language == "python":
        tokens = tokenize.generate_tokens(io.StringIO(code).readline)
        comments = [(token.start, token.end) for token in tokens if token.type == tokenize.COMMENT]
        lines = code.splitlines(keepends=True)
        for (row, start), (_, end) in comments:
            lines[row - 1] = f"{lines[row - 1][:start]}#{lines[row - 1][end:]}"
        return "".join(lines)
    if language in WITH_COMMENTS:
        return re.sub(r"(?<!\S)#.*$", "#", code, flags=re.MULTILINE)
    if language in {"text", ""}:
        return "\n".join(
            " ".join(re.findall(r"\b[A-Z]\w*[a-z][A-Z]\w*|\w+_\w+|\d+", line)) for line in code.splitlines()
        )
    return code


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_have_the_same_code(english: Path, chinese: Path) -> None:
    """Comments are in the page's language; everything else of the code is the same, strings too."""
    assert [(language, without_comments(language, code)) for language, code in blocks(english)] == [
        (language, without_comments(language, code)) for language, code in blocks(chinese)
    ]


@pytest.mark.parametrize(
    ("language", "code", "left"),
    [
        ("python", 'a = "# no"  # yes\n', 'a = "# no"  #\n'),
        ("bash", "# yes\nsend '#no' # yes\n", "#\nsend '#no' #\n"),
        ("text", "├── TokenError  the token is wrong\n10 alerts of load_orders", "TokenError\n10 load_orders"),
        ("json", '{"a": "# b"}', '{"a": "# b"}'),
    ],
    ids=["python", "bash", "text", "json"],
)
def test_only_comments_may_differ(language: str, code: str, left: str) -> None:
    assert without_comments(language, code) == left


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_have_the_same_rows(english: Path, chinese: Path) -> None:
    """The same number of tables and rows; where a first cell has code, the same code."""
    in_english, in_chinese = (
        [[names_in(row[:1]) for row in table] for table in tables(page)] for page in (english, chinese)
    )
    assert [len(table) for table in in_english] == [len(table) for table in in_chinese]
    differ = [
        (first, second)
        for table, other in zip(in_english, in_chinese, strict=True)
        for first, second in zip(table, other, strict=True)
        # The words of our own alerts are shown as code, too, in the language of the page.
        if first != second and not CHINESE.search("".join(second))
    ]
    assert differ == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_link_each_other(english: Path, chinese: Path) -> None:
    assert os.path.relpath(chinese, english.parent) in LINK.findall(english.read_text("utf-8"))
    assert os.path.relpath(english, chinese.parent) in LINK.findall(chinese.read_text("utf-8"))
