"""The targets of an enterprise app's message: a group, people, or work notifications to people.

Each is a frozen value that is valid once it exists; its plain form is accepted wherever it is. Like the fields of
messages, theirs may hold Jinja, which is checked once it is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import (
    apply_rules,
    flag,
    holds_jinja,
    identifier,
    mobile,
    one_or_more,
    refuse_task_output,
    ruled,
    short_repr,
    user_id,
)
from airflow_provider_dingpush.messages.input_text import one_word

__all__ = ["Group", "Target", "Users", "WorkNotification", "read_target"]

_FORMS = (
    'Write to=Group("cid…"), to=Users(["user id"]), to=Users(mobiles="138…") or '
    'to=WorkNotification(user_ids=["user id"]), or as plain data '
    '{"open_conversation_id": "cid…"}, {"user_ids": […]}, {"mobiles": […]} or '
    '{"work_notification": {"user_ids": […], "department_ids": […]}}. '
    '请写成 to=Group("cid…")、to=Users(["userId"])、to=Users(mobiles="138…") 或 '
    'to=WorkNotification(user_ids=["userId"])，或写成数据 '
    '{"open_conversation_id": "cid…"}、{"user_ids": […]}、{"mobiles": […]} 或 '
    '{"work_notification": {"user_ids": […], "department_ids": […]}}。'
)
_conversation_id = identifier(one_word)


def _department(where: str, value: object, rendered: bool) -> str:
    """Rule: the number of a department."""
    found = user_id(where, value, rendered)
    is_number = found.isdecimal() and found.isascii()
    if (rendered or not holds_jinja(found)) and not is_number:
        raise InvalidMessageError(
            f"{where} must be a department's number, such as 1 for the whole organisation, not {found[:40]!r}.",
            problem_zh=f"{where} 应为部门的数字 ID（1 为整个组织），而不是 {found[:40]!r}。",
        )
    return found


def _group_id(where: str, value: object, rendered: bool) -> str:
    """Rule: an openConversationId."""
    found = _conversation_id(where, value, rendered)
    if found.startswith("chat"):
        raise InvalidMessageError(
            f"{where} was given a chatId; app robots send to an openConversationId, which starts with 'cid'.",
            "Convert it with POST /v1.0/im/chat/{chatId}/convertToOpenConversationId. "
            "可用接口 POST /v1.0/im/chat/{chatId}/convertToOpenConversationId 转换。",
            problem_zh=f"{where} 应为 openConversationId（以 cid 开头），而不是 chatId。",
        )
    return found


@dataclass(frozen=True, repr=False)
class Group:
    """A group that the app's robot is in.

    :param open_conversation_id: the group's openConversationId (``cid…==``); the guide to apps says where to find it.
    :raises InvalidMessageError: if it isn't one id, or is an old ``chatId``.
    """

    open_conversation_id: str = field(metadata=ruled(_group_id))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` accepts as well."""
        return {"open_conversation_id": self.open_conversation_id}


@dataclass(frozen=True, repr=False)
class Users:
    """People, each in their own chat with the app's robot.

    :param user_ids: their DingTalk user ids (``userid``); one string counts as a list of one.
    :param mobiles: mobile numbers of more people, whose user ids are looked up; in any usual form, stored in
        DingTalk's, ``13800000000`` or ``+852-51234567``.
    :raises InvalidMessageError: if both are empty, or an element is not one id or number.
    """

    user_ids: Sequence[str] = field(default=(), metadata=ruled(one_or_more(user_id, unique=True)))
    mobiles: Sequence[str] = field(default=(), metadata=ruled(one_or_more(mobile, unique=True)))

    def __post_init__(self) -> None:
        apply_rules(self)
        if not self.user_ids and not self.mobiles:
            raise InvalidMessageError(
                "Users is empty.", "Pass user_ids or mobiles. 请填写 user_ids 或 mobiles。", problem_zh="Users 为空。"
            )

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` accepts as well."""
        return {"user_ids": list(self.user_ids), "mobiles": list(self.mobiles)}


@dataclass(frozen=True, repr=False)
class WorkNotification:
    """People's work notifications (工作通知), in a conversation where the message has the app's name.

    :param user_ids: DingTalk user ids (``userid``); one string counts as a list of one.
    :param department_ids: numbers of departments, including their sub-departments.
    :param everyone: all people in the organisation who may see the app; DingTalk accepts three of these a day.
    :raises InvalidMessageError: if it is empty, or ``everyone`` is combined with people or departments.
    """

    user_ids: Sequence[str] = field(default=(), metadata=ruled(one_or_more(user_id, unique=True)))
    department_ids: Sequence[str | int] = field(default=(), metadata=ruled(one_or_more(_department, unique=True)))
    everyone: bool = field(default=False, metadata=ruled(flag))

    def __post_init__(self) -> None:
        apply_rules(self)
        named = bool(self.user_ids or self.department_ids)
        if not named and not self.everyone:
            raise InvalidMessageError(
                "WorkNotification is empty.",
                "Pass user_ids, department_ids or everyone=True. 请填写 user_ids、department_ids 或 everyone=True。",
                problem_zh="WorkNotification 为空。",
            )
        if named and self.everyone is True:
            raise InvalidMessageError(
                "WorkNotification can't combine everyone with people or departments.",
                "Leave one of the two out. 请只保留其中一种。",
                problem_zh="WorkNotification 不能同时填写 everyone 和人员或部门。",
            )

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """The plain form, which every ``to=`` accepts as well."""
        return {
            "work_notification": {
                "user_ids": list(self.user_ids),
                "department_ids": list(self.department_ids),
                "everyone": self.everyone,
            }
        }


Target = Group | Users | WorkNotification
"""Every target that an enterprise app can send to."""


def read_target(value: Any) -> Target | None:
    """Read a ``to=`` argument: a target, its plain dict, or a str that is a group's id.

    :raises InvalidMessageError: for anything else, such as a str that may be a user id or a mobile number.
    """
    if value is None or isinstance(value, (Group, Users, WorkNotification)):
        return value
    refuse_task_output("to", value)
    if isinstance(value, str):
        if one_word(value).startswith(("cid", "chat")):
            return Group(value)
        raise InvalidMessageError(
            "to is a str, but no group's id: those start with 'cid'.",
            _FORMS,
            problem_zh="to 是字符串，但不是群的 ID：群的 ID 以 cid 开头。",
        )
    if not isinstance(value, Mapping):
        raise InvalidMessageError(
            f"to must be a Group, Users, WorkNotification or a dict, not a {type(value).__name__}.",
            _FORMS,
            problem_zh=f"to 应为 Group、Users、WorkNotification 或字典，而不是 {type(value).__name__}。",
        )
    keys = set(value)
    if keys == {"open_conversation_id"}:
        return Group(**value)
    if keys and keys <= {"user_ids", "mobiles"}:
        return Users(**value)
    if keys == {"work_notification"} and isinstance(value["work_notification"], Mapping):
        value, keys = value["work_notification"], set(value["work_notification"])
    elif not keys & {"department_ids", "everyone"}:
        named = sorted(map(str, keys))
        raise InvalidMessageError(
            f"to is a dict with {named}, which names no target.",
            _FORMS,
            problem_zh=f"to 是字典，但其中的键 {named} 没有指明发送对象。",
        )
    unknown = sorted(map(str, keys - {"user_ids", "department_ids", "everyone"}))
    if unknown:
        raise InvalidMessageError(
            f"to names a work notification and has unknown keys {unknown}.",
            _FORMS,
            problem_zh=f"to 指明了工作通知，但没有 {unknown} 这样的键。",
        )
    return WorkNotification(**value)
