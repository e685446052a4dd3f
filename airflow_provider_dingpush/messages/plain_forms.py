"""The accepted forms of a message: a message, a str, or a dict of DingTalk's shape.

Plain forms can be passed through XCom, ``.expand()``, YAML factories and deadline arguments.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import (
    apply_rules,
    from_shape,
    holds_jinja,
    is_ours,
    refuse_task_output,
)
from airflow_provider_dingpush.messages.kinds import ROBOT_KINDS, ActionCard, Text
from airflow_provider_dingpush.messages.mentions import At

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import Message

_log = logging.getLogger(__name__)

_KINDS: dict[str, Any] = {kind.msgtype: kind for kind in ROBOT_KINDS}
# Names of recipients and apps in blog posts and in other APIs of DingTalk.
_RECIPIENT_NAME = r"(?i)user|agent|dept|department|conversation|robot|chat"
# Names that differ in work notifications (docs 0775, read 2026-08-22).
_WORK_NOTIFICATION_NAMES = {"voice": "audio", "action_card": "actionCard"}

# The targets of Markdown links, and URLs that DingTalk shows as links. A URL with a password isn't one.
# Compiled when a text contains a secret.
_ADDRESS = r"(?i)(?<=\]\()<?(?:[^()\s]|\([^()\s]*\))+|(?:https?|dingtalk|dtmd)://(?![^\s/?#]*@)[!#-&*-;=?-_a-{}~]+"


def read_message(value: Any) -> tuple[Message, At | None]:
    """Read a ``message=`` argument, and the mentions (``at``) that a dict may contain.

    :param value: a message, a str (plain text), or a dict such as
        ``{"msgtype": "text", "text": {"content": "hello"}, "at": {"atMobiles": ["138…"]}}``.
    :raises InvalidMessageError: with the problem.
    """
    refuse_task_output("message", value)
    if is_message(value):
        return value, None
    if isinstance(value, (str, int, float)):
        return Text(value), None  # type: ignore[arg-type]
    if not isinstance(value, Mapping):
        raise InvalidMessageError(
            "message must be a str, a dict of DingTalk's shape or one of "
            f"{', '.join(each.__name__ for each in _every_kind().values())}, not {type(value).__name__}."
        )
    spelled = value.get("msgtype")
    kind = _WORK_NOTIFICATION_NAMES.get(spelled, spelled) if isinstance(spelled, str) else ""
    known = _KINDS if kind in _KINDS else _every_kind()
    if spelled is None or kind not in known:
        raise InvalidMessageError(
            f"message has msgtype {spelled!r}; a dict needs one of {list(known)}.",
            'For example {"msgtype": "text", "text": {"content": "hello"}}.',
        )
    extra = sorted(str(key) for key in value if key not in ("msgtype", "at", spelled))
    if extra:
        raise InvalidMessageError(
            f"message has unknown keys {extra} beside 'msgtype', {spelled!r} and 'at'.",
            "Name the target with to=, not in the message: to=Users(…), to=Group(…) or to=WorkNotification(…), "
            "with a connection of type 'DingTalk App'. 接收人请写在 to= 中，并使用 DingTalk App 类型的连接。"
            if any(re.search(_RECIPIENT_NAME, each) for each in extra)
            else "",
        )
    shape = value.get(spelled)
    if not isinstance(shape, Mapping):
        raise InvalidMessageError(f"message has msgtype {spelled!r}, but has no dict under {spelled!r}.")
    if kind == ActionCard.msgtype:
        shape = _single_button_as_list(_of_work_notification_card(shape) if spelled == "action_card" else shape)
    if kind == "oa" and "body" in shape:
        shape = _of_work_notification_form(shape)
    return from_shape(known[kind], spelled, shape), At.read(value.get("at"))


def is_message(value: object) -> bool:
    """Whether the value is a message of any kind."""
    # By the module first, so that kinds are not loaded for other values.
    if isinstance(value, ROBOT_KINDS):
        return True
    of_app = type(value).__module__.startswith(__package__) and hasattr(type(value), "msgtype")
    return of_app and isinstance(value, tuple(_every_kind().values()))


def _every_kind() -> dict[str, Any]:
    from airflow_provider_dingpush.messages.app_kinds import Message

    return {kind.msgtype: kind for kind in get_args(Message)}


def _of_work_notification_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """A work notification's card, with ``markdown`` and snake_case, in the shape of a robot's."""
    theirs = {
        "markdown": "text",
        "single_title": "singleTitle",
        "single_url": "singleURL",
        "btn_orientation": "btnOrientation",
        "btn_json_list": "btns",
    }
    shape = {theirs.get(str(key), key): each for key, each in card.items()}
    buttons = shape.get("btns")
    if isinstance(buttons, (list, tuple)):
        shape["btns"] = [
            {"url" if key == "action_url" else key: part for key, part in each.items()}
            if isinstance(each, Mapping)
            else each
            for each in buttons
        ]
    return shape


def _of_work_notification_form(form: Mapping[str, Any]) -> dict[str, Any]:
    """A work notification's OA message, with fields in three dicts, in our shape, which has them in one."""
    shape = dict(form)
    body, bar = shape.pop("body"), shape.pop("status_bar", None)
    # The head's text is always replaced by the app's name, and its colour by the client's theme.
    shape.pop("head", None)
    if not isinstance(body, Mapping):
        raise InvalidMessageError("oa has a body that is no dict.")
    shape.update(body)
    if isinstance(bar, Mapping):
        color = bar.get("status_bg")
        words = bar.get("status_value")
        if isinstance(color, str) and not holds_jinja(color):
            color = f"#{color[-6:]}"
        shape["status"] = words if color is None else (words, color)
    return shape


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
    """Apply every rule to a rendered message or mention, even if it still contains braces.

    :raises InvalidMessageError: naming the field and the rule.
    """
    apply_rules(value, rendered=True)


def redacted(message: Message, redact: Callable[[str], Any], *, quietly: bool = False) -> Message:
    """The same message without secrets, in every text that people will read.

    URLs in fields and texts stay unchanged, because masked ones would not work; one that contains a secret is named in
    the log. The sources of images and files stay unchanged, too.

    :param redact: returns a text without its secrets.
    :param quietly: log nothing.
    """
    kept: list[str] = []
    clean: Message = _redacted(message, type(message).__name__, redact, kept)
    if kept and not quietly:
        _log.warning(
            "Airflow would mask a part of the URL in %s, because it contains a known secret. It is sent unchanged, so "
            "that it opens; if the URL itself is secret, send another one. "
            "URL 中含有 Airflow 会屏蔽的内容，已原样发送；如果该 URL 本身需要保密，请改用其他 URL。",
            ", ".join(dict.fromkeys(kept)),
        )
    return clean


def _redacted(value: Any, where: str, redact: Callable[[str], Any], kept: list[str]) -> Any:
    """The value without secrets; names of fields whose URLs contain secrets are added to ``kept``."""
    if isinstance(value, str):
        return _redacted_text(value, where, redact, kept)
    if isinstance(value, (list, tuple)):
        return type(value)(_redacted(each, f"{where}[{index}]", redact, kept) for index, each in enumerate(value))
    if not is_ours(value):
        return value
    changes: dict[str, Any] = {}
    for each in fields(value):
        part, here = getattr(value, each.name), f"{where}.{each.name}"
        if each.metadata.get("address"):
            if isinstance(part, str) and redact(part) != part:
                kept.append(here)
        elif "shown" not in each.metadata:
            changes[each.name] = _redacted(part, here, redact, kept)
            if here == "OA.status" and isinstance(part, tuple):
                changes[each.name] = (changes[each.name][0], part[1])  # a colour's name is no text
    return replace(value, **changes)


def _redacted_text(text: str, where: str, redact: Callable[[str], Any], kept: list[str]) -> Any:
    whole = redact(text)
    if whole == text:
        return text
    pieces: list[Any] = []
    index, kept_before = 0, len(kept)
    for found in re.finditer(_ADDRESS, text):
        if redact(found.group()) != found.group():
            kept.append(where)
        pieces += [redact(text[index : found.start()]), found.group()]
        index = found.end()
    apart = "".join([*pieces, redact(text[index:])])
    # A secret that extends from a text into a URL is found only in the whole.
    return whole if apart == text and len(kept) == kept_before else apart
