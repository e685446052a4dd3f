"""Who gets a message that an enterprise app sends: a group, people, or the work-notice conversations of people.

Each is a frozen value that is valid once it exists; its plain form is taken wherever it is. Like the fields of
messages, theirs may hold Jinja, whose outcome is checked when it is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.input_text import narrow, one_word, visible
from airflow_provider_dingpush.messages.phone_numbers import mobile_or_digits, plain_digits, whole_number

__all__ = ["Group", "Target", "Users", "WorkNotification", "read_target"]

# The rules are said here once more and not taken from messages: what is said and who gets it don't know each other.
# Metadata "rule" and its signature are the same, by which operator and notifier tell and render values of both.
_JINJA_MARKS = ("{{", "{%", "{#")
_SHOWN_IDS = 3
_FORMS = (
    'Write to=Group("cid…"), to=Users(["user id"]), to=Users(mobiles="138…") or '
    'to=WorkNotification(user_ids=["user id"]), or as plain data '
    '{"open_conversation_id": "cid…"}, {"user_ids": […]}, {"mobiles": […]} or '
    '{"work_notification": {"user_ids": […], "department_ids": […]}}.'
)


def _identifier(where: str, value: object, rendered: bool) -> str:
    """One id; a whole number of any type, which native Jinja rendering makes, becomes its digits."""
    return _checked(where, value, rendered, lambda text: plain_digits(narrow(visible(text)).strip()))


def _checked(where: str, value: object, rendered: bool, tidied: Callable[[str], str]) -> str:
    text = _text_of(where, value)
    if not rendered and any(mark in text for mark in _JINJA_MARKS):
        return text.strip()
    text = tidied(text)
    if not text or re.search(r"[\s,@\ud800-\udfff]", text):
        raise InvalidMessageError(
            f"{where} must be one id or number without blanks, commas or '@', not {text[:40]!r}.",
            "Give several as a list.",
        )
    return text


def _text_of(where: str, value: object) -> str:
    _refuse_task_output(where, value)
    text = whole_number(value) or value
    if isinstance(text, str):
        return text
    shown = "None" if value is None else f"a {type(value).__name__}"
    raise InvalidMessageError(
        f"{where} must be text, not {shown}.",
        "Pass an id of many digits as text: a float can't hold them all. 位数多的 ID 请以字符串传入。"
        if isinstance(value, float)
        else "",
    )


def _mobile(where: str, value: object, rendered: bool) -> str:
    """One mobile number, in the form that DingTalk knows."""
    text = _text_of(where, value)
    if not rendered and any(mark in text for mark in _JINJA_MARKS):
        return text.strip()
    number = mobile_or_digits(text)
    if number is None:
        text = _identifier(where, text, True)
        raise InvalidMessageError(
            f"{where} must be a mobile number, not {text[:40]!r}.",
            'Write it as "13800000000", or with its country as "+852-51234567"; a user id belongs into user_ids. '
            "手机号请写成 13800000000，境外号码写成 +852-51234567；userId 请写在 user_ids 中。",
        )
    return number


def _department(where: str, value: object, rendered: bool) -> str:
    value = _identifier(where, value, rendered)
    is_number = value.isdecimal() and value.isascii()
    if (rendered or not any(mark in value for mark in _JINJA_MARKS)) and not is_number:
        raise InvalidMessageError(
            f"{where} must be a department's number, such as 1 for the whole organisation, not {value[:40]!r}."
        )
    return value


def _group_id(where: str, value: object, rendered: bool) -> str:
    value = _checked(where, value, rendered, one_word)
    if value.startswith("chat"):
        raise InvalidMessageError(
            f"{where} was given a chatId; app robots send to an openConversationId, which starts with 'cid'.",
            "Turn it into one with POST /v1.0/im/chat/{chatId}/convertToOpenConversationId. "
            "这里要的是 openConversationId（cid 开头），不是 chatId；可用上述接口转换。",
        )
    return value


def _several(item: Callable[[str, object, bool], str]) -> Callable[[str, Any, bool], tuple[str, ...]]:
    """A tuple without repetitions; a single value counts as a list of one."""

    def check(where: str, value: Any, rendered: bool) -> tuple[str, ...]:
        _refuse_task_output(where, value)
        alone = isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable)
        # A template inside a list may itself render to a list (render_template_as_native_obj).
        items = [value] if alone else [part for each in value for part in (each if isinstance(each, list) else [each])]
        return tuple(dict.fromkeys(item(f"{where}[{place}]", each, rendered) for place, each in enumerate(items)))

    return check


def _flag(where: str, value: object, rendered: bool) -> bool | str:
    _refuse_task_output(where, value)
    if isinstance(value, bool):
        return value
    if not rendered and isinstance(value, str) and any(mark in value for mark in _JINJA_MARKS):
        return value
    word = (
        str(value).strip().lower()
        if isinstance(value, str) or (isinstance(value, int) and value in (0, 1))
        else type(value).__name__
    )
    if word not in ("true", "1", "yes", "on", "false", "0", "no", "off", ""):
        raise InvalidMessageError(f"{where} must be true or false, not {word[:40]!r}.")
    return word in ("true", "1", "yes", "on")


def _refuse_task_output(where: str, value: object) -> None:
    if any(kind.__name__ in ("XComArg", "ResolveMixin") for kind in type(value).__mro__):
        raise InvalidMessageError(
            f"{where} was given a task's output, which Airflow can't see inside a target.",
            "Pass the whole target as that output (to=upstream.output), or write "
            "{{ ti.xcom_pull(task_ids='upstream') }} as the id.",
        )


def _ruled(rule: Callable[[str, Any, bool], Any]) -> dict[str, Any]:
    return {"rule": rule}


def _apply_rules(target: Any) -> None:
    kind = type(target).__name__
    for each in fields(target):
        value = each.metadata["rule"](f"{kind}.{each.name}", getattr(target, each.name), False)
        object.__setattr__(target, each.name, value)


def _short_repr(target: Any) -> str:
    """The same in every process and short: it lands in the serialized DAG."""

    def shown(value: object) -> str:
        if not isinstance(value, tuple):
            return repr(value)
        more = ", …" if len(value) > _SHOWN_IDS else ""
        return f"[{', '.join(repr(each) for each in value[:_SHOWN_IDS])}{more}]"

    values = ", ".join(f"{each.name}={shown(getattr(target, each.name))}" for each in fields(target))
    return f"{type(target).__name__}({values})"


@dataclass(frozen=True, repr=False)
class Group:
    """A group that the app's robot is in.

    :param open_conversation_id: the group's openConversationId (``cid…==``); docs/apps.md says where to find it.
    :raises InvalidMessageError: if it isn't one id, or is an old ``chatId``.
    """

    open_conversation_id: str = field(metadata=_ruled(_group_id))

    def __post_init__(self) -> None:
        _apply_rules(self)

    __repr__ = _short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` takes as well."""
        return {"open_conversation_id": self.open_conversation_id}


@dataclass(frozen=True, repr=False)
class Users:
    """People, each in their own chat with the app's robot.

    :param user_ids: their DingTalk user ids (``userid``); one string counts as a list of one.
    :param mobiles: mobile numbers of more people, whose user ids are looked up; written in any usual way and kept in
        DingTalk's, ``13800000000`` or ``+852-51234567``.
    :raises InvalidMessageError: if it names nobody, or something that is not one id or number.
    """

    user_ids: Sequence[str] = field(default=(), metadata=_ruled(_several(_identifier)))
    mobiles: Sequence[str] = field(default=(), metadata=_ruled(_several(_mobile)))

    def __post_init__(self) -> None:
        _apply_rules(self)
        if not self.user_ids and not self.mobiles:
            raise InvalidMessageError("Users names nobody.", "Give it user_ids or mobiles.")

    __repr__ = _short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` takes as well."""
        return {"user_ids": list(self.user_ids), "mobiles": list(self.mobiles)}


@dataclass(frozen=True, repr=False)
class WorkNotification:
    """People's work-notice conversation (工作通知), where the message stands under the app's name.

    :param user_ids: DingTalk user ids (``userid``); one string counts as a list of one.
    :param department_ids: numbers of departments, whose sub-departments are meant too.
    :param everyone: everybody in the organisation who may see the app; DingTalk takes three of these a day.
    :raises InvalidMessageError: if it names nobody, or everyone and somebody besides.
    """

    user_ids: Sequence[str] = field(default=(), metadata=_ruled(_several(_identifier)))
    department_ids: Sequence[str | int] = field(default=(), metadata=_ruled(_several(_department)))
    everyone: bool = field(default=False, metadata=_ruled(_flag))

    def __post_init__(self) -> None:
        _apply_rules(self)
        named = bool(self.user_ids or self.department_ids)
        if not named and not self.everyone:
            raise InvalidMessageError(
                "WorkNotification names nobody.", "Give it user_ids, department_ids or everyone=True."
            )
        if named and self.everyone is True:
            raise InvalidMessageError(
                "WorkNotification names everyone, and people or departments besides.", "Leave one of the two out."
            )

    __repr__ = _short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` takes as well."""
        return {
            "work_notification": {
                "user_ids": list(self.user_ids),
                "department_ids": list(self.department_ids),
                "everyone": self.everyone,
            }
        }


Target = Group | Users | WorkNotification
"""Anybody whom an enterprise app can send to."""


def read_target(value: Any) -> Target | None:
    """Make a target of what a ``to=`` argument may be: one already, its plain dict, or a str that is a group's id.

    :raises InvalidMessageError: for anything else, such as a bare user id (or is it a mobile number? it doesn't say).
    """
    if value is None or isinstance(value, (Group, Users, WorkNotification)):
        return value
    _refuse_task_output("to", value)
    if isinstance(value, str):
        if one_word(value).startswith(("cid", "chat")):
            return Group(value)
        raise InvalidMessageError("to is a str, but no group's id: those start with 'cid'.", _FORMS)
    if not isinstance(value, Mapping):
        raise InvalidMessageError(
            f"to must be a Group, Users, WorkNotification or a dict, not a {type(value).__name__}.", _FORMS
        )
    keys = set(value)
    if keys == {"open_conversation_id"}:
        return Group(**value)
    if keys and keys <= {"user_ids", "mobiles"}:
        return Users(**value)
    if keys == {"work_notification"} and isinstance(value["work_notification"], Mapping):
        value, keys = value["work_notification"], set(value["work_notification"])
    elif not keys & {"department_ids", "everyone"}:
        raise InvalidMessageError(f"to is a dict with {sorted(map(str, keys))}, which names no target.", _FORMS)
    unknown = sorted(map(str, keys - {"user_ids", "department_ids", "everyone"}))
    if unknown:
        raise InvalidMessageError(f"to names a work notice and has unknown keys {unknown}.", _FORMS)
    return WorkNotification(**value)
