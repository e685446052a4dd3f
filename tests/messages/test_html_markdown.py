"""The HTML of e-mails, as people, pandas, Outlook and attackers write it, and the Markdown of it."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.messages.html_markdown import html_to_markdown


def read(html: str) -> str:
    return html_to_markdown(html, escape=escape_markdown)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("", ""),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one<br>two<br/><br>three</div>", "one  \ntwo  \nthree"),
        ("<h1>A</h1>text<h2>B</h2><h5>C</h5>", "## A\n\ntext\n\n### B\n\n#### C"),
        ("a <b>bold</b>, <strong> too </strong>.", "a **bold**, **too** ."),
        ("<p>a\n   b\t c&nbsp;d</p>", "a b c d"),
        ('<a href="https://bi.example.com/r?a=1&amp;b=2">report</a>', "[report](https://bi.example.com/r?a=1&b=2)"),
        ('<a href="https://x.example/a (1)">x</a>', "[x](https://x.example/a%20%281%29)"),
        ("<ul><li>one</li><li>two<ol><li>deep</li><li>er</li></ol></li></ul>", "- one\n- two\n   1. deep\n   2. er"),
        ("<ul><li><p>one</p></li><li>two</ul>after", "- one\n- two\n\nafter"),
        ("<hr>below", "---\n\nbelow"),
        ("<pre>a  b\n  c</pre>", "a b  \nc"),
        ('<img src="cid:chart.png"><img alt="Sales" src="x.png">', "🖼 chart.png 🖼 Sales"),
        ('<img src="https://t.example/pixel.gif" width="1" height="1">', ""),
        ('<img src="data:image/png;base64,AAAA">', "🖼"),
        ("<p>中文，<b>加粗</b>。</p>", "中文，**加粗**。"),
    ],
)
def test_what_people_write(html: str, markdown: str) -> None:
    assert read(html) == markdown


def test_a_table_is_a_line_for_each_row() -> None:
    """As pandas writes it: DingTalk shows no Markdown table in every client."""
    table = """<table border="1" class="dataframe">
      <thead><tr style="text-align: right;"><th></th><th>city</th><th>orders</th></tr></thead>
      <tbody><tr><th>0</th><td>上海</td><td>1204</td></tr>
      <tr><th>1</th><td></td><td>7 | 8</td></tr></tbody></table><p>after</p>"""
    assert read(table) == "– | **city** | **orders**  \n**0** | 上海 | 1204  \n**1** | – | 7 | 8\n\nafter"


def test_a_table_for_the_layout_is_no_table() -> None:
    """As Outlook and templates write it: paragraphs in the only cell of a row, spacers beside it."""
    html = "<table><tr><td><table><tr><td><h1>Hi</h1><p>one</p><p>two</p></td></tr></table></td><td></td></tr></table>"
    assert read(html) == "## Hi\n\none\n\ntwo"
    assert read("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>") == "a | b"


def test_plain_text_keeps_its_lines() -> None:
    """Many write an e-mail without a tag."""
    assert (
        read("rows: 3\n# not a heading\nif a < b & c: *x*") == "rows: 3  \n\\# not a heading  \nif a < b & c: \\*x\\*"
    )


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>shown",
        "<style>p { color: red }</style>shown",
        "<head><title>x</title><meta charset='utf-8'></head><body>shown",
        "<html><head><title>never closed<body>shown",
        '<div style="display: none">preheader <div>deep</div></div>shown',
        "<span hidden>x</span>shown",
        "<!-- a comment -->shown",
        "<svg><text>x</text></svg>shown",
        "<noscript><img src=x></noscript>shown",
        "shown<script>never closed",
    ],
)
def test_what_isnt_shown_is_left_out(html: str) -> None:
    assert read(html) == "shown"


@pytest.mark.parametrize(
    "scheme", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", " JaVaScRiPt:x", "http://[", "x"]
)
def test_only_addresses_of_a_browser_are_links(scheme: str) -> None:
    assert read(f'<a href="{scheme}">click</a>') == "click"


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>[x](https://evil.example)</p>", "\\[x\\](https://evil.example)"),
        ("<p># x</p>", "\\# x"),
        ("<p>**x** _y_ `z`</p>", "\\*\\*x\\*\\* \\_y\\_ \\`z\\`"),
        ("<p>&lt;font color=red&gt;</p>", "&lt;font color=red>"),
        (
            '<a href="https://x.example">a](https://evil.example)[b</a>',
            "[a\\](https://evil.example)[b](https://x.example)",
        ),
        (
            '<a href="https://x.example/)[y](https://evil.example">a</a>',
            "[a](https://x.example/%29[y]%28https://evil.example)",
        ),
    ],
)
def test_text_becomes_no_markdown(html: str, markdown: str) -> None:
    assert read(html) == markdown


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<p>",
        "<ul><li>",
        "<b>x",
        "&",
        "<td>",
        "<!--",
        "<!--x--><p>",
        "<!x",
        "<?x",
        "</p ",
        "<a href='",
        '<a b="',
        "<![",
        "</",
    ],
)
def test_hostile_html_is_read_in_time(piece: str) -> None:
    """Whatever it is read as: nothing is searched again and again. It takes a second or two, and minutes otherwise."""
    read("<p>" + piece * (200_000 // len(piece)))
