"""Any text shown as it is, judged by a Markdown parser that isn't ours."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.markdown import escape_markdown, plain_line

markdown_it = pytest.importorskip("markdown_it")  # comes with every Airflow, through rich
PARSER = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

PLACES = {"paragraph": "", "list item": "- ", "list item with a label": "- 任务：", "quote": "> ", "heading": "### "}

SPECIAL = st.text(alphabet="`*_[](){}#+-.!<>&;~=|\\:/@ \n\t1aA中$^\"'", max_size=30)


def shown(markdown: str) -> tuple[str, list[str]]:
    """The text that is shown, and its kinds of Markdown besides plain text."""
    tokens = PARSER.parse(markdown)
    pieces = [piece for token in tokens for piece in token.children or ()]
    return "".join(piece.content for piece in pieces), [piece.type for piece in pieces if piece.type != "text"]


def structure(markdown: str) -> list[str]:
    return [token.type for token in PARSER.parse(markdown)]


@pytest.mark.parametrize("place", PLACES)
@given(text=st.text(max_size=40) | SPECIAL)
@example(text="[a](http://b)")
@example(text="![a](http://b)")
@example(text="[a]: http://b")
@example(text="<http://b>")
@example(text="<font color=red>")
@example(text="&lt;b&gt; &#35;")
@example(text="**bold** __bold__ *i* _i_ ~~s~~ `c` ``c``")
@example(text="1. one")
@example(text="===")
@example(text="| a | b |")
@example(text="```sh")
@example(text="a # b ##")
@example(text="ends with \\")
@example(text="\x00 # a")
@example(text="[x] done")
def test_any_text_is_shown_as_it_is(place: str, text: str) -> None:
    """The parser sees the same structure as for a harmless word, and plain text that equals the input."""
    if not plain_line(text):
        return
    markdown = PLACES[place] + escape_markdown(text)
    assert structure(markdown) == structure(PLACES[place] + "word")
    seen, kinds = shown(markdown)
    assert kinds == []
    assert seen == shown(PLACES[place] + "word")[0].removesuffix("word") + plain_line(text)


@given(lines=st.lists(SPECIAL, min_size=1, max_size=6))
def test_lines_of_a_quote_make_nothing_together(lines: list[str]) -> None:
    """Escaped lines never become a table, an underlined heading or the definition of a link."""
    kept = [escape_markdown(line) for line in lines if plain_line(line)]
    markdown = "  \n".join(f"> {line}" for line in kept)
    if kept:
        assert structure(markdown) == structure("> word")
        assert set(shown(markdown)[1]) <= {"hardbreak"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("load_orders", r"load\_orders", id="id"),
        pytest.param("group.load-orders", "group.load-orders", id="dots and dashes"),
        pytest.param("a < b <= 3 && c > 1.5", "a < b <= 3 && c > 1.5", id="comparison"),
        pytest.param(r"C:\temp\new", r"C:\temp\new", id="path"),
        pytest.param("[SQL: select] done", "[SQL: select] done", id="brackets without a link"),
        pytest.param("scheduled__2026-01-01T00:00:00+00:00", r"scheduled\_\_2026-01-01T00:00:00+00:00", id="run id"),
        pytest.param("say @13800000000", "say @13800000000", id="mention"),
        pytest.param("see dingtalk://x and https://y.z/a", "see dingtalk://x and https://y.z/a", id="addresses"),
        pytest.param("two\nlines\r\n and\ttabs", "two lines and tabs", id="one line"),
        pytest.param("gone\x00\x1b[31m \u202etxt\ufeff", "gone txt", id="invisible"),
        pytest.param("half \ud83d", "half ?", id="half a character"),
        pytest.param("👩‍👩‍👧 家庭", "👩‍👩‍👧 家庭", id="joined emoji"),
        pytest.param(" \n ", "", id="blank"),
    ],
)
def test_escaped_as_little_as_possible(text: str, expected: str) -> None:
    """Other characters stay readable on a client that shows backslashes."""
    assert escape_markdown(text) == expected
