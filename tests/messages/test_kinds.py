"""Kinds of messages obey their rules when they are built, and are plain frozen values afterwards."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import ActionCard, At, Button, FeedCard, FeedLink, Link, Markdown, Text
from airflow_provider_dingpush.messages.plain_forms import check_rendered

URL = "https://airflow.example.com/dags/etl"
PICTURE = "https://example.com/a.png"
# For what the types don't promise, but the rules take or refuse.
any_card: Any = ActionCard
any_feed: Any = FeedCard
ALL_KINDS = (
    Text("hello"),
    Markdown("title", "text"),
    Link("title", "text", URL),
    Link("title", "text", URL, PICTURE),
    Button("go", URL),
    ActionCard("title", "text", (Button("go", URL),)),
    ActionCard("title", "text", (Button("go", URL), Button("stop", URL)), horizontal=True),
    FeedLink("row", URL, PICTURE),
    FeedCard((FeedLink("row", URL, PICTURE), FeedLink("next", URL, "@lADPmedia"))),
    At(mobiles=("13800000000",), user_ids=("user1",), everyone=True),
)
kinds = pytest.mark.parametrize("value", ALL_KINDS, ids=lambda value: type(value).__name__)

# Each field that is a text, and how to build its class with one value in just that field.
TEXT_FIELDS: dict[str, Callable[[Any], object]] = {
    "Text.content": Text,
    "Markdown.title": lambda value: Markdown(value, "text"),
    "Markdown.text": lambda value: Markdown("title", value),
    "Link.title": lambda value: Link(value, "text", URL),
    "Link.text": lambda value: Link("title", value, URL),
    "Button.title": lambda value: Button(value, URL),
    "ActionCard.title": lambda value: ActionCard(value, "text", (Button("go", URL),)),
    "ActionCard.text": lambda value: ActionCard("title", value, (Button("go", URL),)),
    "FeedLink.title": lambda value: FeedLink(value, URL, PICTURE),
}
URL_FIELDS: dict[str, Callable[[Any], object]] = {
    "Link.message_url": lambda value: Link("title", "text", value),
    "Link.pic_url": lambda value: Link("title", "text", URL, value),
    "Button.url": lambda value: Button("go", value),
    "FeedLink.message_url": lambda value: FeedLink("row", value, PICTURE),
    "FeedLink.pic_url": lambda value: FeedLink("row", URL, value),
}
FIELDS = {**TEXT_FIELDS, **URL_FIELDS}


class XComArg:
    """Not Airflow's, but named like it: the rule goes by the name because messages don't import Airflow."""


class PlainXComArg(XComArg):
    """One of its subclasses."""


BAD_TEXTS = [
    pytest.param("", "is empty", id="empty"),
    pytest.param(" \t\n\u3000", "is empty", id="blank"),
    pytest.param(b"bytes", "must be text, not a bytes", id="bytes"),
    pytest.param(["a"], "must be text, not ['a']", id="list"),
    pytest.param({"a": 1}, "must be text, not a dict", id="dict"),
    pytest.param(object(), "must be text, not a object", id="object"),
    pytest.param("ab\ud83d", "lone surrogate (half a character) at position 2", id="lone surrogate"),
    pytest.param(XComArg(), "task's output", id="XComArg"),
    pytest.param(PlainXComArg(), "task's output", id="subclass of XComArg"),
]


@pytest.mark.parametrize(("value", "rule"), BAD_TEXTS)
@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_text_that_breaks_a_rule_is_refused_with_field_and_rule(field: str, value: object, rule: str) -> None:
    """The error begins with the field's name and names the rule it broke."""
    with pytest.raises(InvalidMessageError) as caught:
        TEXT_FIELDS[field](value)
    assert caught.value.problem.startswith(f"{field} ")
    assert rule in caught.value.problem


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"Link.pic_url"}))
def test_none_is_refused_with_a_remedy_for_templates(field: str) -> None:
    """None names the field and advises a default in the template."""
    with pytest.raises(InvalidMessageError) as caught:
        FIELDS[field](None)
    assert caught.value.problem == f"{field} is None."
    assert "{{ value or 'unknown' }}" in caught.value.advice


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "airflow.example.com/dags",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "http://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/\x00",
        "https://example.com/\x7f",
        "https://[::1",
        "//example.com/a",
        "https://example.com/\udc00",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("field", URL_FIELDS)
def test_url_that_is_not_one_is_refused(field: str, value: str) -> None:
    """Only whole http, https and dingtalk URLs pass; the error names the field."""
    with pytest.raises(InvalidMessageError) as caught:
        URL_FIELDS[field](value)
    assert caught.value.problem.startswith(f"{field} ")


@pytest.mark.parametrize("pasted", ["\u200b{}\ufeff", "\u00a0{}\u2060", "{}\u200e\n"], ids=ascii)
@pytest.mark.parametrize("field", URL_FIELDS)
def test_what_nobody_sees_around_a_url_is_no_part_of_it(field: str, pasted: str) -> None:
    """It came along when the URL was pasted."""
    address = "https://airflow.example.com/dags"
    assert URL_FIELDS[field](pasted.format(address)) == URL_FIELDS[field](address)


@pytest.mark.parametrize("field", URL_FIELDS)
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("http://localhost:8080/", "http://localhost:8080/"),
        ("  https://example.com/日志?a=1#b\n", "https://example.com/日志?a=1#b"),
        ("HTTPS://EXAMPLE.COM", "HTTPS://EXAMPLE.COM"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
        (
            "dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fa.b&pc_slide=false",
            "dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fa.b&pc_slide=false",
        ),
    ],
    ids=["http", "blanks around", "upper case", "IPv6", "dingtalk"],
)
def test_usual_urls_are_kept_without_blanks_around(field: str, value: str, kept: str) -> None:
    """What a browser or DingTalk itself opens is taken."""
    assert getattr(URL_FIELDS[field](value), field.partition(".")[2]) == kept


@pytest.mark.parametrize("media_id", ["@lADPDfmVUw0Xh", "$iAEKAqNqcGcDBg"])
def test_pictures_may_be_media_ids(media_id: str) -> None:
    """What an upload to DingTalk gave is a picture too, but not a page."""
    assert Link("t", "t", URL, media_id).pic_url == media_id
    assert FeedLink("t", URL, media_id).pic_url == media_id
    with pytest.raises(InvalidMessageError, match=r"^Link\.message_url must be a complete"):
        Link("t", "t", media_id)


@pytest.mark.parametrize("field", FIELDS)
def test_strings_with_jinja_wait_for_rendering(field: str) -> None:
    """A template is taken in every field as it is, though it is no URL yet."""
    for template in ("{{ ti.task_id }}", "{% if a %}b{% endif %}", "{# nothing #}"):
        built = FIELDS[field](template)
        assert getattr(built, field.partition(".")[2]) == template


@pytest.mark.parametrize("field", URL_FIELDS)
def test_jinja_that_is_left_after_rendering_is_a_value_like_any_other(field: str) -> None:
    """Once rendering is over, braces in a URL are refused by the rule for URLs."""
    with pytest.raises(InvalidMessageError) as caught:
        check_rendered(URL_FIELDS[field]("{{ url }}"))
    assert caught.value.problem.startswith(f"{field} must be a complete")


def test_rules_of_rows_and_buttons_apply_inside_a_rendered_card() -> None:
    """The check after rendering goes into the nested values."""
    with pytest.raises(InvalidMessageError, match=r"^Button\.url must be a complete"):
        check_rendered(ActionCard("t", "t", [Button("go", "{{ url }}")]))
    with pytest.raises(InvalidMessageError, match=r"^FeedLink\.pic_url must be a complete"):
        check_rendered(any_feed(FeedLink("row", URL, "{{ url }}")))


def test_text_that_still_holds_braces_after_rendering_is_fine() -> None:
    """A text may talk about Jinja."""
    check_rendered(Text("write {{ ds }} into the text"))


@pytest.mark.parametrize(("number", "kept"), [(42, "42"), (1.5, "1.5"), (0, "0")])
def test_numbers_become_text(number: float, kept: str) -> None:
    """Native rendering of templates turns digits into numbers, which are texts again here."""
    assert Text(number).content == kept  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: ActionCard("t", "t", []), "ActionCard.buttons needs at least 1, but has 0."),
        (lambda: FeedCard([]), "FeedCard.links needs at least 1, but has 0."),
        (lambda: any_card("t", "t", "go"), "ActionCard.buttons[0] must be a Button, not 'go'."),
        (lambda: any_card("t", "t", None), "ActionCard.buttons[0] must be a Button, not None."),
        (lambda: any_feed([Button("a", URL)]), "FeedCard.links[0] must be a FeedLink, not Button("),
        (lambda: any_card("t", "t", XComArg()), "ActionCard.buttons is a task's output"),
        (lambda: any_card("t", "t", [XComArg()]), "ActionCard.buttons[0] is a task's output"),
        (lambda: any_card("t", "t", Button("a", URL), XComArg()), "ActionCard.horizontal is a task's output"),
        (lambda: any_card("t", "t", Button("a", URL), "sideways"), "ActionCard.horizontal must be true or false"),
        (lambda: any_card("t", "t", {"title": "a"}), "ActionCard.buttons[0] lacks ['actionURL']."),
        (
            lambda: any_card("t", "t", {"title": "a", "url": URL, "actionURL": URL}),
            "ActionCard.buttons[0] has a field twice",
        ),
        (lambda: any_card("t", "t", {"title": "a", "href": URL}), "ActionCard.buttons[0] has unknown keys ['href']"),
    ],
    ids=[
        "no button",
        "no row",
        "str for a button",
        "None for buttons",
        "button for a row",
        "task output for buttons",
        "task output in a list",
        "task output for a flag",
        "flag that is neither",
        "button without URL",
        "both spellings",
        "unknown key",
    ],
)
def test_lists_and_flags_that_break_a_rule_are_refused(build: Callable[[], object], problem: str) -> None:
    """The error names the field and the place in it."""
    with pytest.raises(InvalidMessageError) as caught:
        build()
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize("value", [True, "true", "YES", " 1 ", "on", 1])
def test_flags_are_true_in_any_usual_spelling(value: Any) -> None:
    """Templates make strings of everything."""
    assert any_card("t", "t", Button("a", URL), value).horizontal is True


@pytest.mark.parametrize("value", [False, "false", "No", "0", "off", "", 0])
def test_flags_are_false_in_any_usual_spelling(value: Any) -> None:
    """Templates make strings of everything."""
    assert any_card("t", "t", Button("a", URL), value).horizontal is False


def test_arguments_come_in_the_documented_order() -> None:
    """Positional arguments are those of the documentation."""
    assert {
        kind: [each.name for each in dataclasses.fields(kind)]
        for kind in (Text, Markdown, Link, Button, ActionCard, FeedLink, FeedCard, At)
    } == {
        Text: ["content"],
        Markdown: ["title", "text"],
        Link: ["title", "text", "message_url", "pic_url"],
        Button: ["title", "url"],
        ActionCard: ["title", "text", "buttons", "horizontal"],
        FeedLink: ["title", "message_url", "pic_url"],
        FeedCard: ["links"],
        At: ["mobiles", "user_ids", "everyone"],
    }


def test_one_button_or_row_counts_as_a_list_of_one() -> None:
    """Brackets around a single value may be left out, also around its plain dict."""
    button, row = Button("go", URL), FeedLink("row", URL, PICTURE)
    assert any_card("t", "t", button) == ActionCard("t", "t", [button]) == ActionCard("t", "t", (button,))
    assert any_card("t", "t", {"title": "go", "actionURL": URL}) == any_card("t", "t", button)
    assert any_card("t", "t", [{"title": "go", "url": URL}]) == any_card("t", "t", button)
    assert any_feed(row) == FeedCard([row]) == any_feed({"title": "row", "messageURL": URL, "picURL": PICTURE})


@kinds
def test_values_are_frozen(value: Any) -> None:
    """No field of a value can be set."""
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, "other")


@kinds
def test_values_survive_hash_pickle_and_copies(value: Any) -> None:
    """Mapped tasks, default_args and callbacks copy, pickle and compare what they hold."""
    for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):  # noqa: S301 - our own
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)


@kinds
def test_values_give_airflow_no_handle_to_render_in_place(value: Any) -> None:
    """Airflow looks for these and would break a frozen value, or keep the first rendering for ever."""
    assert [name for name in ("template_fields", "resolve", "serialize") if hasattr(value, name)] == []
    assert not callable(value)


@kinds
def test_repr_names_the_class_and_stays_short(value: Any) -> None:
    """It lands in the serialized DAG."""
    assert repr(value).startswith(f"{type(value).__name__}(")
    assert len(repr(value)) < 400


def test_repr_shortens_long_texts_and_lists() -> None:
    """A megabyte of text, or fifty rows, make no long repr."""
    assert repr(Text("a" * 1_000_000)) == f"Text(content={'a' * 40!r}… (1000000 characters))"
    card = FeedCard([FeedLink(f"row {number}", URL, PICTURE) for number in range(50)])
    assert len(repr(card)) < 500
    assert repr(card).endswith(", …])")


def test_repr_is_the_same_in_every_process() -> None:
    """A hash seed or memory address in it would make the serialized DAG change on every parse."""
    script = (
        "from airflow_provider_dingpush.messages import *\n"
        f"U = {URL!r}\n"
        "print(repr([Text('a'), Link('t', 't', U), FeedCard([FeedLink('r', U, U)]),"
        " ActionCard('t', 't', [Button('b', U), Button('c', U)]), At(user_ids={'one'}, mobiles=iter(['1', '2']))]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "77")
    }
    assert len(outputs) == 1
    assert "Text(content='a')" in outputs.pop()


def test_an_xcomarg_of_airflow_is_refused_in_every_field() -> None:
    """Airflow would see no dependency inside a message, so a task's output there is refused with the remedy."""
    output = airflow_task_output()
    for field, build in FIELDS.items():
        with pytest.raises(InvalidMessageError) as caught:
            build(output)
        assert caught.value.problem.startswith(f"{field} is a task's output")
        assert "message=upstream.output" in caught.value.advice
    with pytest.raises(InvalidMessageError, match=r"^At\.mobiles is a task's output"):
        At(mobiles=output)
    with pytest.raises(InvalidMessageError, match=r"^At\.everyone is a task's output"):
        At(everyone=output)


def airflow_task_output() -> Any:
    """A real XComArg of the Airflow that is installed."""
    from airflow_provider_dingpush.airflow_compat import BaseOperator

    return BaseOperator(task_id="upstream").output
