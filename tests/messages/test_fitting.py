"""Every text fits into the bytes there are, and no break goes through something that belongs together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.errors import MessageTooLongError
from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    Button,
    FeedCard,
    FeedLink,
    File,
    Link,
    Markdown,
    Message,
    Text,
)
from airflow_provider_dingpush.messages.fitting import (
    MAX_PARTS,
    cut,
    cut_to_size,
    split,
    split_to_size,
)
from airflow_provider_dingpush.messages.sizes import json_bytes

URL = "https://airflow.example.com/dags/etl"
MAX_BYTES = 20_000
NOTES = {
    "zh": re.compile(r"……（内容过长：共 (?P<total>\d+) 字，此处省略 (?P<left_out>\d+) 字）\Z"),
    "en": re.compile(r"… \(too long: (?P<left_out>\d+) of (?P<total>\d+) characters left out\)\Z"),
}
GAPS = {True: "\n\n", False: "\n"}
languages = st.sampled_from(["zh", "en"])

# What a reader sees as one character, each of several code points.
CHARACTERS = (
    "👨‍👩‍👧‍👦",  # joined by ZWJ
    "👍🏽",  # skin tone
    "1️⃣",  # keycap
    "🇨🇳",  # two regional indicators
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # tags
    "e\u0301",  # combining accent
    "हि",  # vowel sign without a combining class
    "ก\u0e31",  # the same in Thai
    "❤️",  # variation selector
)
# What Markdown sees as one thing; the number makes each unlike the others.
WHOLE = (
    "[link {n}](https://e.com/{n})",
    "[日志 {n}](https://e.com/a_(b)/{n}?x=1&y=2)",
    "![图 {n}](https://e.com/{n}.png)",
    "[![b {n}](https://e.com/{n}.svg)](https://e.com/{n})",
    "`code {n} [x`",
    "**bold {n} text**",
    "@user-{n}",
    "@1380000{n}",
    "https://e.com/path/{n}?query=a%20b",
    "<b id={n}>",
    "&#4{n};",
)
FENCE_LINE = re.compile(r"^ {0,3}(?:`{3,}[^`\n]*|~{3,}[^\n]*)$", re.MULTILINE)
TAG = re.compile(r"<font[^>]*>|</font>")


@st.composite
def markdowns(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A well-formed Markdown text of a few kilobytes, and what in it must stay whole."""
    number = iter(range(1000, 9999))
    whole: list[str] = []

    def inline(*, most: int) -> str:
        pieces = []
        for kind in draw(st.lists(st.sampled_from("wwccaa "), min_size=1, max_size=most)):
            if kind == "w":
                pieces.append(
                    draw(st.sampled_from(["word", 'says "no"', "back\\slash", "一段没有空格的中文" * 9, "x" * 99]))
                )
            elif kind == "c":
                cluster = draw(st.sampled_from(CHARACTERS))
                whole.append(cluster)
                pieces.append(cluster * draw(st.integers(1, 30)))
            elif kind == "a":
                pieces.append(draw(st.sampled_from(WHOLE)).format(n=next(number)))
                whole.append(pieces[-1])
            else:
                pieces.append(" " * 20)
        return " ".join(pieces)

    blocks = []
    for kind in draw(st.lists(st.sampled_from("pppqbfc"), min_size=1, max_size=8)):
        if kind == "p":
            blocks.append(inline(most=12))
        elif kind == "q":
            blocks.append("\n".join(f"> {inline(most=3)}" for _ in range(draw(st.integers(1, 4)))))
        elif kind == "b":
            blocks.append("\n".join(f"- {inline(most=2)}" for _ in range(draw(st.integers(1, 4)))))
        elif kind == "f":
            blocks.append(f'<font color="#d{next(number)}">{inline(most=10)}</font>')
        else:
            mark = draw(st.sampled_from(["```", "````", "~~~"]))
            lines = [f"line {next(number)} of code" * draw(st.integers(1, 9)) for _ in range(draw(st.integers(0, 9)))]
            blocks.append("\n".join([f"{mark}python", *lines, mark]))
    return draw(st.sampled_from(["\n\n", "\n"])).join(blocks), whole


def words_of(text: str) -> str:
    """A Markdown text without fences and font tags, which are repeated around breaks, and without blanks."""
    return re.sub(r"\s+", "", TAG.sub("", FENCE_LINE.sub("", text)))


def assert_balanced(part: str) -> None:
    """Every fence and font tag that is opened in the part is closed in it, and none is closed that isn't open."""
    assert len(FENCE_LINE.findall(part)) % 2 == 0
    depth = 0
    for tag in TAG.findall(part):
        depth += -1 if tag == "</font>" else 1
        assert depth >= 0
    assert depth == 0


@settings(max_examples=150, deadline=None)
@given(markdowns(), st.integers(400, 3000))
def test_parts_of_a_markdown_hold_all_of_it_and_cut_nothing(text_and_whole: tuple[str, list[str]], room: int) -> None:
    """Each part fits and is well-formed; together they are the original, with everything whole that was whole."""
    text, whole = text_and_whole
    parts = split(text, room)
    assert [json_bytes(part) for part in parts if json_bytes(part) > room] == []
    assert words_of("\n".join(parts)) == words_of(text)
    for part in parts:
        assert_balanced(part)
    for each in whole:
        assert sum(part.count(each) for part in parts) == text.count(each), each


@settings(max_examples=150, deadline=None)
@given(markdowns(), st.integers(400, 3000), languages)
def test_a_cut_markdown_is_well_formed_and_counts_what_is_left_out(
    text_and_whole: tuple[str, list[str]], room: int, language: str
) -> None:
    """What is kept is a beginning of the text, with what is open closed, and the note's numbers add up."""
    text, whole = text_and_whole
    shortened = cut(text, room, language=language)
    assert json_bytes(shortened) <= room
    if json_bytes(text) <= room:
        assert shortened == text
        return
    note = NOTES[language].search(shortened)
    assert note is not None
    assert int(note["total"]) == len(text)
    kept = text[: len(text) - int(note["left_out"])].rstrip()
    assert len(kept) < len(text)
    assert shortened.startswith(kept)
    closing = shortened[len(kept) : note.start()]
    assert re.fullmatch(r"\s*(?:`{3,}|~{3,})?(?:</font>)*\n\n", closing)
    assert_balanced(shortened)
    for each in whole:
        cut_through = next((at for at in occurrences(text, each) if at < len(kept) < at + len(each)), None)
        assert cut_through is None, each


def occurrences(text: str, piece: str) -> list[int]:
    """Where a piece is in a text."""
    return [found.start() for found in re.finditer(re.escape(piece), text)]


any_text = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab []()<>/`~*@&;#\n\\\"!'font中😀\u0301\u200d\ufe0f🇨\t\x00"), st.characters(codec="utf-8")
    ),
    max_size=600,
)


@settings(max_examples=200, deadline=None)
@given(any_text, st.integers(60, 400), st.booleans())
@example("```a``` is no fence\n" * 30, 200, True)
@example("<font color=red>" * 40, 400, True)
@example("</font>" * 90, 400, True)
@example("\n" * 500, 100, True)
def test_any_text_is_split_within_the_room_or_refused(text: str, room: int, markdown: bool) -> None:
    """However broken its Markdown is; nothing is lost where nothing has to be closed and opened again."""
    try:
        parts = split(text, room, markdown=markdown)
    except MessageTooLongError:
        assert json_bytes(text) > room
        return
    assert all(json_bytes(part) <= room for part in parts)
    if not markdown or not re.search(r"<font|^ {0,3}(```|~~~)", text, re.MULTILINE):
        assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", text)


@settings(max_examples=200, deadline=None)
@given(any_text, st.integers(120, 400), languages, st.booleans())
def test_any_text_is_cut_to_the_room(text: str, room: int, language: str, markdown: bool) -> None:
    """A cut always succeeds, fits, keeps a beginning of the text, and notes how much is missing."""
    shortened = cut(text, room, language=language, markdown=markdown)
    assert json_bytes(shortened) <= room
    if shortened != text:
        note = NOTES[language].search(shortened)
        assert note is not None
        assert int(note["total"]) == len(text)
        kept = text[: len(text) - int(note["left_out"])].rstrip()
        assert shortened.startswith(kept)
        if not markdown:
            assert shortened[len(kept) : note.start()] == "\n"


@given(any_text)
def test_json_bytes_are_what_travels(text: str) -> None:
    """The measure is that of the encoder: a newline counts two, a Chinese character three, an emoji four."""
    assert json_bytes(text) == len(json.dumps({"a": text}, ensure_ascii=False, separators=(",", ":")).encode()) - 8


@pytest.mark.parametrize("markdown", [True, False], ids=["markdown", "text"])
def test_a_text_that_just_fits_is_left_alone_and_one_byte_more_is_not(markdown: bool) -> None:
    """The limit itself is allowed."""
    text = "中" * 100 + "\n" * 10
    assert cut(text, 320, language="en", markdown=markdown) == text
    assert cut(text, 319, language="en", markdown=markdown) != text
    assert split(text.strip(), 300, markdown=markdown) == ("中" * 100,)
    assert len(split(text.strip(), 299, markdown=markdown)) == 2


def test_breaks_prefer_line_ends_and_blanks() -> None:
    """A line or a word is broken only if going back to its start would cost much of the room."""
    lines = "\n".join(f"line {number:04}" for number in range(50))
    assert all(re.fullmatch(r"(?:line \d{4}\n?)+", part) for part in split(lines, 100))
    words = " ".join(f"word{number:04}" for number in range(50))
    assert all(re.fullmatch(r"(?:word\d{4} ?)+", part) for part in split(words, 100))


def test_fences_and_fonts_are_closed_and_opened_again_around_a_break() -> None:
    """Each part can be read alone."""
    fenced = "```sql\n" + "select 1;\n" * 30 + "```"
    parts = split(fenced, 150)
    assert len(parts) > 2
    for part in parts:
        assert part.startswith("```sql\nselect 1;\n")
        assert part.rstrip().endswith("select 1;\n```")
    coloured = '<font color="red">' + "注意 " * 60 + "</font>"
    for part in split(coloured, 150):
        assert part.startswith('<font color="red">注意')
        assert part.endswith("</font>")


def test_code_in_three_backticks_on_one_line_is_no_fence() -> None:
    """Nothing is opened by it, so nothing is closed and repeated in each part."""
    text = "```exit 1``` failed\n" + "line of the log\n" * 30
    parts = split(text, 150)
    assert len(parts) > 2
    assert "".join(parts) == text.rstrip()


def test_a_link_that_is_longer_than_a_part_is_refused() -> None:
    """It would lead nowhere if it were broken."""
    with pytest.raises(MessageTooLongError, match="The link or tag near character 6"):
        split(f"hello [a](https://e.com/{'x' * 300})", 200)


def test_a_room_too_small_for_the_note_is_refused() -> None:
    """A text of nothing but half a note is useless."""
    with pytest.raises(MessageTooLongError, match="Only 20 bytes are left for the text"):
        cut("a" * 100, 20, language="en")


HUGE = {
    "brackets": "[(",
    "links begun": "[a](",
    "pictures begun": "![",
    "nested brackets": "[a[b]",
    "backticks": "`",
    "backslashes": "\\",
    "stars": "**",
    "bold begun": "**a ",
    "tags begun": "<a",
    "fonts begun": "<font",
    "fonts opened": "<font color=red>",
    "fonts closed": "</font>",
    "entities begun": "&#1",
    "fences": "```\n",
    "fences begun": "```a\n",
    "tildes": "~",
    "letters": "a",
    "Chinese": "中",
    "flags": "🇨🇳",
    "joined": "a\u200d",
    "quotes": '"',
    "blanks": " ",
    "newlines": "\n",
    "carriage returns": "\r\n",
}


@pytest.mark.parametrize(
    ("kind", "unit"),
    [pytest.param(Markdown, unit, id=f"markdown-{name}") for name, unit in HUGE.items()]
    + [pytest.param(Text, HUGE[name], id=f"text-{name}") for name in ("letters", "flags", "joined", "newlines")],
)
def test_a_megabyte_of_anything_is_cut_or_refused(kind: Any, unit: str) -> None:
    """No text makes the search for breaks run away: with quadratic work this test would take hours."""
    # Blanks are few bytes in few parts, so that a fifth of them is as much work.
    text = "a" + unit * ((1_000_000 if unit.strip() else 200_000) // len(unit)) + "b"
    message = Text(text) if kind is Text else Markdown("title", text)
    shortened = cut_to_size(message, MAX_BYTES, size_of=size_of, language="zh")
    assert size_of(shortened) <= MAX_BYTES
    assert f"共 {len(text)} 字" in json.dumps(shortened.to_dict(), ensure_ascii=False)
    if unit.strip():
        with pytest.raises(MessageTooLongError):
            split_to_size(message, MAX_BYTES, size_of=size_of)
    else:
        # Parts that are nothing but blanks aren't sent.
        assert len(split_to_size(message, MAX_BYTES, size_of=size_of)) == 2


def size_of(message: Message) -> int:
    """The bytes of a message as a JSON body."""
    return len(json.dumps(message.to_dict(), ensure_ascii=False, separators=(",", ":")).encode())


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), st.integers(1, 5000), st.booleans())
@example("\u200d", 653, False)  # a heap of joiners is no character that must stay whole
def test_parts_of_a_message_are_numbered_and_fit(unit: str, times: int, is_markdown: bool) -> None:
    """Every body is within the limit, and number and count are before the text and after the title."""
    text = f"x{unit * times}x"
    message: Message = Markdown("title", text) if is_markdown else Text(text)
    try:
        parts = split_to_size(message, 2000, size_of=size_of)
    except MessageTooLongError:
        assert size_of(message) > 2000 * MAX_PARTS * 0.4
        return
    assert all(size_of(part) <= 2000 for part in parts)
    if size_of(message) <= 2000:
        assert parts == (message,)
        return
    assert 2 <= len(parts) <= MAX_PARTS
    for place, part in enumerate(parts, 1):
        if isinstance(part, Markdown):
            assert part.title == f"title ({place}/{len(parts)})"
            assert part.text.startswith(f"({place}/{len(parts)})\n\n")
        else:
            assert isinstance(part, Text)
            assert part.content.startswith(f"({place}/{len(parts)})\n")


def test_five_parts_are_sent_and_six_are_refused() -> None:
    """More would use up much of what a robot may send in a minute."""
    part = MAX_BYTES - size_of(Text("x")) + 1 - json_bytes("(5/5)\n\n") - json_bytes(" (5/5)")
    assert len(split_to_size(Text("a" * part * MAX_PARTS), MAX_BYTES, size_of=size_of)) == MAX_PARTS
    with pytest.raises(MessageTooLongError, match="which is more than 5 messages") as caught:
        split_to_size(Text("a" * (part * MAX_PARTS + 1)), MAX_BYTES, size_of=size_of)
    assert "send a link" in caught.value.advice


@pytest.mark.parametrize(
    "message",
    [
        Link("title", "x" * MAX_BYTES, URL),
        ActionCard("title", "x" * MAX_BYTES, [Button("go", URL)]),
        FeedCard([FeedLink("x" * 99, URL, URL) for _ in range(200)]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_kinds_that_cannot_be_split_are_refused(message: Message) -> None:
    """The error names the kind and the sizes, and advises something that can be split."""
    with pytest.raises(MessageTooLongError) as caught:
        split_to_size(message, MAX_BYTES, size_of=size_of)
    assert caught.value.problem == (
        f"This {type(message).__name__} has {size_of(message):,} bytes; DingTalk accepts at most 20,000."
    )
    assert caught.value.advice


@pytest.mark.parametrize(
    "message",
    [
        Link("title", "字" * MAX_BYTES, URL),
        ActionCard("title", "字" * MAX_BYTES, [Button("go", URL)]),
        Markdown("title", "字" * MAX_BYTES),
        Text("字" * MAX_BYTES),
        OA("title", URL, {"task": "load"}, content="字" * MAX_BYTES),
    ],
    ids=lambda message: type(message).__name__,
)
def test_an_alert_is_cut_in_its_long_field_only(message: Any) -> None:
    """Title, links and buttons stay as they are, and little of the room stays empty."""
    shortened: Any = cut_to_size(message, MAX_BYTES, size_of=size_of, language="en")
    assert MAX_BYTES - 40 < size_of(shortened) <= MAX_BYTES
    before, after = message.to_dict()[message.msgtype], shortened.to_dict()[message.msgtype]
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["content" if isinstance(message, (Text, OA)) else "text"]


@pytest.mark.parametrize("max_bytes", [2_048, 15_000])
def test_a_message_is_fitted_to_the_bytes_of_any_channel(max_bytes: int) -> None:
    """The channels of an enterprise app take less than a robot's webhook."""
    words = Markdown("title", "字" * 9_000)
    shortened = cut_to_size(words, max_bytes, size_of=size_of, language="zh")
    assert max_bytes - 40 < size_of(shortened) <= max_bytes
    parts = split_to_size(Text("字" * 2_000), max_bytes, size_of=size_of)
    assert all(size_of(each) <= max_bytes for each in parts)
    assert len(parts) == (1 if max_bytes == 15_000 else 4)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (FeedCard([FeedLink("x" * 99, URL, URL) for _ in range(200)]), "This FeedCard has "),
        (Markdown("t" * MAX_BYTES, "text"), "This Markdown has 20,056 bytes without its text"),
        (ActionCard("title", "text", [Button("b" * 200, URL)] * 99), "This ActionCard has "),
        (OA("title", URL, {"k": "v" * MAX_BYTES}), "This OA has "),
        (File("a.zip", "a" * MAX_BYTES), "This File has "),
    ],
    ids=["FeedCard", "title", "buttons", "form", "file name"],
)
@pytest.mark.parametrize(
    "shorten",
    [
        lambda message: cut_to_size(message, MAX_BYTES, size_of=size_of, language="en"),
        lambda message: split_to_size(message, MAX_BYTES, size_of=size_of),
    ],
    ids=["cut", "split"],
)
def test_what_is_too_long_beside_its_text_is_refused(
    message: Message, problem: str, shorten: Callable[[Message], object]
) -> None:
    """Shortening the text would not help."""
    with pytest.raises(MessageTooLongError) as caught:
        shorten(message)
    assert caught.value.problem.startswith(problem)
