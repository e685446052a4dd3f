"""A lone newline in Markdown breaks the line, except where it means something else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.messages import ActionCard, Button, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import breaking, with_line_breaks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\nb\nc", "a  \nb  \nc", id="paragraph"),
        pytest.param(
            "任务：load\n耗时：3 分\n\n负责人：张三\n电话：1",
            "任务：load  \n耗时：3 分\n\n负责人：张三  \n电话：1",
            id="two",
        ),
        pytest.param("a\r\nb\rc\r\n\r\nd", "a  \nb  \nc\n\nd", id="other ends of lines"),
        pytest.param("a \nb\t\nc", "a  \nb  \nc", id="one blank"),
        pytest.param("\na\n", "\na\n", id="nothing to break"),
        pytest.param("a\n\u3000\nb\n\xa0\nc", "a\n\nb\n\nc", id="blank lines of wide blanks"),
        pytest.param("结果：\n2. b\n3) c", "结果：  \n2. b  \n3) c", id="numbers that begin no list"),
        pytest.param("a\n-\nb", "a\n-\nb", id="a rule under a title"),
        pytest.param("# title\na\nb", "# title\na  \nb", id="heading"),
        pytest.param("title\n===\na\nb", "title\n===\na  \nb", id="underlined heading"),
        pytest.param("a\n---\nb\nc", "a\n---\nb  \nc", id="rule"),
        pytest.param("> a\n> b\n>\n> c\nd", "> a  \n> b\n>\n> c  \nd", id="quote"),
        pytest.param("> - a\n> - b\n>> c\n>> d", "> - a\n> - b\n>> c  \n>> d", id="in a quote"),
        pytest.param(
            "**a**\n*b*\n[c](https://x)\n![](https://y)",
            "**a**  \n*b*  \n[c](https://x)  \n![](https://y)",
            id="inline",
        ),
        pytest.param("<font color=#FF0000>a</font>\nb", "<font color=#FF0000>a</font>  \nb", id="font"),
        pytest.param("1、a\n2、b\n2026.01\n-5\n+5 %", "1、a  \n2、b  \n2026.01  \n-5  \n+5 %", id="no lists"),
        pytest.param("- a\n- b\ntotal\nsum", "- a\n- b  \ntotal  \nsum", id="behind a list"),
        pytest.param("`a`\n`b`\n\\`c\nd` e", "`a`  \n`b`  \n\\`c  \nd` e", id="inline code within lines"),
        pytest.param("#tag\n####### b\nc", "#tag  \n####### b  \nc", id="no headings"),
        pytest.param("| a |\n| b |\nc", "| a |  \n| b |  \nc", id="no table"),
        pytest.param("a\\\\\nb", "a\\\\  \nb", id="a backslash that is shown"),
        pytest.param("a\n    b\nc", "a  \n    b  \nc", id="no code, for it goes on with a paragraph"),
    ],
)
def test_a_lone_newline_breaks_the_line(text: str, expected: str) -> None:
    """Two blanks are before it."""
    assert breaking(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a  \nb   \nc", id="blanks"),
        pytest.param("a\\\nb<br>\nc<br/>\nd<BR />\ne", id="other breaks"),
        pytest.param("a\n\nb", id="paragraphs"),
        pytest.param("```\na\nb\n\nc\n```", id="fence"),
        pytest.param("~~~sql\nselect 1\n```\nfrom t\n~~~~", id="the other fence"),
        pytest.param("```\na\nb", id="open fence"),
        pytest.param("    a\n    b\n\n\tc\n\td", id="indented code"),
        pytest.param("`a\nb` ``c\n` d``", id="inline code"),
        pytest.param("- a\n- b\n  more\n  * c\n\n  paragraph\n  of b\n1. d\n2) e\n+ f", id="lists"),
        pytest.param("- a\n  ```\n  x\n  y\n  ```\n- b", id="fence in a list"),
        pytest.param("| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |", id="table"),
        pytest.param("a | b\n-|-\n1 | 2", id="bare table"),
        pytest.param("<div>\na\nb\n</div>", id="HTML"),
        pytest.param("<!-- a\n\nb\nc -->", id="comment"),
        pytest.param("<pre>\na\n\nb\nc\n</pre>", id="preformatted"),
        pytest.param("> ```\n> a\n> b\n> ```", id="fence in a quote"),
        pytest.param("# a\n## b\n# c", id="headings"),
        pytest.param("one line", id="one line"),
    ],
)
def test_what_means_something_else_stays(text: str) -> None:
    """Code, lists, tables, headings, HTML, and what is broken already."""
    assert breaking(text) == text


def test_kinds_with_markdown() -> None:
    """A card has it as well; in plain text a newline is one."""
    buttons = [Button("open", "https://example.com")]
    assert with_line_breaks(Markdown("t\nu", "a\nb")) == Markdown("t\nu", "a  \nb")
    assert with_line_breaks(ActionCard("t", "a\nb", buttons)) == ActionCard("t", "a  \nb", buttons)
    for message in (Text("a\nb"), Link("t", "a\nb", "https://example.com"), Markdown("t", "{{ x }} of a template")):
        assert with_line_breaks(message) is message


@pytest.mark.parametrize(
    "piece", ["a\n", "a|b\n", "` ", "\\", "> ", ">", " ", "- ", "`\n", "a  \n", "<div>\n", "- - ", "|-\n", "#\n"]
)
def test_large_texts_take_no_long_time(piece: str) -> None:
    """A megabyte of anything; what is too long for DingTalk is cut only afterwards."""
    text = piece * (300_000 // len(piece))
    assert breaking(breaking(text)) == breaking(text)


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b c",
            " ",
            "  ",
            "    ",
            "\t",
            "\n",
            "\n\n",
            "\r\n",
            "> ",
            "- ",
            "1. ",
            "* ",
            "# ",
            "```",
            "~~~",
            "`",
            "``",
        ),
        *(
            "|",
            "---",
            "|-|-|\n",
            "===",
            "\\",
            "<br>",
            "<div>",
            "</div>",
            "<!--",
            "-->",
            "<pre>",
            "</pre>",
            "**",
            "_",
            "中文",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS)
@settings(deadline=None)
def test_only_blanks_are_added(text: str) -> None:
    """At ends of lines, once, and nothing of the text is lost."""
    broken = breaking(text)
    assert breaking(broken) == broken
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for before, after in zip(lines, broken.split("\n"), strict=True):
        assert after in (before, before.rstrip() + "  ", before)


def blocks(tokens: Any) -> list[Any]:
    """The structure of a parsed text, and what is written in it, without its breaks."""
    return [(token.type, [pair for pair in map(content_of, token.children or ()) if pair]) for token in tokens]


def content_of(piece: Any) -> tuple[str, str] | None:
    """A piece of a line, and its words; ``None`` for a break, and for blanks before one."""
    words = " ".join(piece.content.split()) if piece.type == "html_inline" else piece.content.rstrip()
    nothing = piece.type.endswith("break") or (piece.type == "text" and not words)
    return None if nothing else (piece.type, words)


@given(TEXTS)
@example("`\na\n</pre>`")  # the end of such a block begins none
@settings(deadline=None)
def test_the_structure_stays(text: str) -> None:
    """Whoever reads it as CommonMark finds the same blocks with the same words, and code as it was."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    before, after = parser.parse(text.replace("\r\n", "\n")), parser.parse(breaking(text))
    assert blocks(before) == blocks(after)
    for one, other in zip(before, after, strict=True):
        if one.type in ("fence", "code_block") and one.level == 0:
            assert one.content == other.content
