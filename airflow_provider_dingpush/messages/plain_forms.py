"""What counts as a message where one is expected: a message, a str, or a dict of DingTalk's shape.

Plain forms are what XCom, ``.expand()``, YAML factories and deadline arguments can carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import apply_rules, from_shape, refuse_task_output
from airflow_provider_dingpush.messages.kinds import (
    ActionCard,
    FeedCard,
    Link,
    Markdown,
    Message,
    Text,
)
from airflow_provider_dingpush.messages.mentions import At

_KINDS: dict[str, Any] = {kind.msgtype: kind for kind in (Text, Markdown, Link, ActionCard, FeedCard)}


def read_message(value: Any) -> tuple[Message, At | None]:
    """Make a message of what a ``message=`` argument may be; a dict can bring its mentions (``at``) along.

    :param value: a message, a str (plain text), or a dict such as
        ``{"msgtype": "text", "text": {"content": "hello"}, "at": {"atMobiles": ["138…"]}}``.
    :raises InvalidMessageError: saying what is wrong with it.
    """
    refuse_task_output("message", value)
    if isinstance(value, (Text, Markdown, Link, ActionCard, FeedCard)):
        return value, None
    if isinstance(value, (str, int, float)):
        return Text(str(value)), None
    if not isinstance(value, Mapping):
        raise InvalidMessageError(
            "message must be a str, a dict of DingTalk's shape or one of "
            f"{', '.join(each.__name__ for each in _KINDS.values())}, not {type(value).__name__}."
        )
    kind = value.get("msgtype")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidMessageError(
            f"message has msgtype {kind!r}; a dict needs one of {list(_KINDS)}.",
            'For example {"msgtype": "text", "text": {"content": "hello"}}.',
        )
    extra = sorted(str(key) for key in value if key not in ("msgtype", "at", kind))
    if extra:
        raise InvalidMessageError(f"message has unknown keys {extra} beside 'msgtype', {kind!r} and 'at'.")
    shape = value.get(kind)
    if not isinstance(shape, Mapping):
        raise InvalidMessageError(f"message says msgtype {kind!r}, but has no dict under {kind!r}.")
    if kind == ActionCard.msgtype:
        shape = _single_button_as_list(shape)
    return from_shape(_KINDS[kind], kind, shape), At.read(value.get("at"))


def _single_button_as_list(card: Mapping[str, Any]) -> dict[str, Any]:
    """DingTalk spells a card with one button differently, and ignores ``btns`` beside that."""
    shape = dict(card)
    single = {"title": shape.pop("singleTitle", None), "actionURL": shape.pop("singleURL", None)}
    if single["title"] is None and single["actionURL"] is None:
        return shape
    if "btns" in shape:
        raise InvalidMessageError("actionCard has both singleTitle/singleURL and btns; DingTalk ignores the latter.")
    return {**shape, "btns": [single]}


def check_rendered(value: Any) -> None:
    """Apply every rule to a message or mention whose rendering is over, even where it still holds braces.

    :raises InvalidMessageError: naming the field and the rule.
    """
    apply_rules(value, rendered=True)


def is_ours(value: Any) -> bool:
    """Whether the value is one of this package's frozen values, or a tuple or list with one in it."""
    if isinstance(value, (list, tuple)):
        return any(is_ours(each) for each in value)
    return (
        is_dataclass(value) and not isinstance(value, type) and all("rule" in each.metadata for each in fields(value))
    )


def rebuilt(value: Any, render: Callable[[Any], Any]) -> Any:
    """The same value with every field rendered; building it anew applies the rules to what came out.

    Airflow would render an object in place, which breaks frozen values and makes a shared one keep its first rendering.

    :param value: one of our frozen values.
    :param render: renders a plain value, such as a str or a list of them.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(rebuilt(each, render) for each in value)
    if not is_ours(value):
        return render(value)
    return replace(value, **{each.name: rebuilt(getattr(value, each.name), render) for each in fields(value)})
