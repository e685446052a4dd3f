"""Messages as str and dict, and messages built anew from rendered fields."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import ActionCard, At, Button, FeedCard, FeedLink, Link, Markdown, Message, Text
from airflow_provider_dingpush.messages.field_rules import is_ours
from airflow_provider_dingpush.messages.plain_forms import read_message
from tests.rendering import rendered

URL = "https://airflow.example.com/dags/etl"
PICTURE = "https://example.com/a.png"

SHAPES: dict[str, tuple[Message, dict[str, Any]]] = {
    "text": (Text("hello"), {"msgtype": "text", "text": {"content": "hello"}}),
    "markdown": (Markdown("t", "# x"), {"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"}}),
    "link": (
        Link("t", "x", URL),
        {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": URL}},
    ),
    "link with picture": (
        Link("t", "x", URL, PICTURE),
        {"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": URL, "picUrl": PICTURE}},
    ),
    "card with one button": (
        ActionCard("t", "x", [Button("go", URL)]),
        {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x", "singleTitle": "go", "singleURL": URL}},
    ),
    "card with buttons below each other": (
        ActionCard("t", "x", (Button("a", URL), Button("b", URL))),
        {
            "msgtype": "actionCard",
            "actionCard": {
                "title": "t",
                "text": "x",
                "btnOrientation": "0",
                "btns": [{"title": "a", "actionURL": URL}, {"title": "b", "actionURL": URL}],
            },
        },
    ),
    "card with buttons side by side": (
        ActionCard("t", "x", (Button("a", URL), Button("b", URL)), horizontal=True),
        {
            "msgtype": "actionCard",
            "actionCard": {
                "title": "t",
                "text": "x",
                "btnOrientation": "1",
                "btns": [{"title": "a", "actionURL": URL}, {"title": "b", "actionURL": URL}],
            },
        },
    ),
    "feed card": (
        FeedCard((FeedLink("r", URL, PICTURE),)),
        {"msgtype": "feedCard", "feedCard": {"links": [{"title": "r", "messageURL": URL, "picURL": PICTURE}]}},
    ),
}


@pytest.mark.parametrize(("message", "shape"), SHAPES.values(), ids=SHAPES)
def test_a_message_and_its_dict_are_the_same_thing(message: Message, shape: dict[str, Any]) -> None:
    """``to_dict`` writes DingTalk's shape, and reading it back, from JSON too, gives an equal message."""
    assert message.to_dict() == shape
    assert read_message(json.loads(json.dumps(shape))) == (message, None)
    assert read_message(message) == (message, None)


def test_our_spelling_of_fields_works_in_dicts() -> None:
    """Whoever knows the Python classes needn't learn DingTalk's names."""
    card = {
        "msgtype": "actionCard",
        "actionCard": {"title": "t", "text": "x", "buttons": [{"title": "a", "url": URL}], "horizontal": "true"},
    }
    assert read_message(card) == (ActionCard("t", "x", [Button("a", URL)], horizontal=True), None)
    link = {"msgtype": "link", "link": {"title": "t", "text": "x", "message_url": URL, "pic_url": None}}
    assert read_message(link) == (Link("t", "x", URL), None)


@pytest.mark.parametrize(
    "at", [{"atMobiles": ["138"], "isAtAll": False}, {"mobiles": "138"}, At("138")], ids=["DingTalk's", "ours", "At"]
)
def test_a_dict_brings_its_mentions_along(at: Any) -> None:
    """``at`` beside the message is read like the argument of that name."""
    assert read_message({"msgtype": "text", "text": {"content": "x"}, "at": at}) == (Text("x"), At("138"))


@pytest.mark.parametrize(("value", "content"), [("hi", "hi"), (7, "7"), (1.5, "1.5")])
def test_words_and_numbers_are_texts(value: Any, content: str) -> None:
    """A str, or the number that native rendering made of one, is sent as plain text."""
    assert read_message(value) == (Text(content), None)


class XComArg:
    """Named like Airflow's."""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "Text.content is empty"),
        (None, "message must be a str, a dict of DingTalk's shape or one of Text, Markdown, Link, ActionCard, "),
        ([], "message must be a str, a dict of DingTalk's shape"),
        (b"x", "message must be a str, a dict of DingTalk's shape"),
        (Button("a", URL), "message must be a str, a dict of DingTalk's shape"),
        (Text, "message must be a str, a dict of DingTalk's shape"),
        (XComArg(), "message is a task's output"),
        (
            {},
            f"message has msgtype None; a dict needs one of {[kind.msgtype for kind in get_args(Message)]}.",
        ),
        ({"msgtype": "picture", "picture": {}}, "message has msgtype 'picture'; a dict needs one of"),
        ({"msgtype": ["text"], "text": {}}, "message has msgtype ['text']; a dict needs one of"),
        ({"msgtype": "text"}, "message has msgtype 'text', but has no dict under 'text'."),
        ({"msgtype": "text", "text": "x"}, "message has msgtype 'text', but has no dict under 'text'."),
        ({"msgtype": "text", "text": {}}, "text lacks ['content']."),
        ({"msgtype": "text", "text": {"content": None}}, "Text.content is None."),
        ({"msgtype": "text", "text": {"content": "x", "title": "y"}}, "text has unknown keys ['title']"),
        ({"msgtype": "markdown", "markdown": {"text": "x"}}, "markdown lacks ['title']."),
        ({"msgtype": "text", "text": {"content": "x"}, "markdown": {}}, "message has unknown keys ['markdown'] beside"),
        ({"msgtype": "text", "text": {"content": "x"}, "at": "138"}, "at must be an At or a dict, not str."),
        (
            {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x", "singleTitle": "go"}},
            "Button.url is None.",
        ),
        (
            {"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x", "singleTitle": "go", "btns": []}},
            "actionCard has both singleTitle/singleURL and btns",
        ),
        ({"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x"}}, "actionCard lacks ['btns']."),
        ({"msgtype": "feedCard", "feedCard": {"links": []}}, "FeedCard.links needs at least 1, but has 0."),
    ],
)
def test_what_is_no_message_is_refused(value: Any, problem: str) -> None:
    """The error explains what is wrong and what would be right."""
    with pytest.raises(InvalidMessageError) as caught:
        read_message(value)
    assert caught.value.problem.startswith(problem)


def test_a_rebuilt_message_has_every_field_rendered() -> None:
    """Fields, nested values and lists in them are rendered; the original stays as it was."""
    card = ActionCard("{{ x }}", "{{ x }} text", (Button("{{ x }}", "https://{{ x }}/"),), "{{ flag }}")  # type: ignore[arg-type]
    before = repr(card)
    names = {"x": "new", "flag": "true"}
    assert rendered(card, **names) == ActionCard("new", "new text", [Button("new", "https://new/")], horizontal=True)
    assert repr(card) == before
    assert rendered([card, "{{ x }}"], **names) == [rendered(card, **names), "new"]


def test_rules_apply_to_what_rendering_makes() -> None:
    """A template that renders to nothing, or to no URL, is found when the message is rebuilt."""
    with pytest.raises(InvalidMessageError, match=r"^Text\.content is empty"):
        rendered(Text("{{ nothing }}"), nothing="")
    with pytest.raises(InvalidMessageError, match=r"^Text\.content is None"):
        rendered(Text("{{ nothing }}"), nothing=None)
    with pytest.raises(InvalidMessageError, match=r"^Button\.url must be a complete"):
        rendered(Button("go", "{{ url }}"), url="nowhere")


def test_a_template_that_renders_to_a_list_names_all_of_it() -> None:
    """Native rendering can make a list of mobile numbers out of one template."""
    made = rendered(At(mobiles=["{{ on_duty }}", "137"]), on_duty=[138, 139])
    assert made == At(["138", "139", "137"])


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (Text("x"), True),
        (At(), True),
        (Button("go", URL), True),
        ([Text("x")], True),
        (("a", At()), True),
        ("x", False),
        ({"msgtype": "text"}, False),
        (Text, False),
        ([], False),
        (None, False),
    ],
    ids=repr,
)
def test_our_values_are_distinguished_from_plain_ones(value: object, ours: bool) -> None:
    """Operator and notifier rebuild the former and leave the latter to Airflow."""
    assert is_ours(value) is ours
