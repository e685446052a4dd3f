"""The results of sending a message or a DING, and of creating a to-do, as plain data for XCom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

from airflow_provider_dingpush.errors import DingTalkError, InvalidMessageError, TargetError


@dataclass(frozen=True)
class Receipt:
    """Proof that DingTalk accepted a message, as plain data for XCom.

    :param channel: how it was sent: ``custom_robot``, ``app_robot_group``, ``app_robot_users`` or
        ``work_notification``.
    :param conn_id: the Airflow connection that was used.
    :param parts: into how many messages it was split; 1 if it fitted.
    :param outcome: ``sent``; ``queued`` for a work notification, which DingTalk delivers later.
    :param process_query_keys: an app robot's handles for read status and recall; one for each message that it sent.
    :param task_id: handle of a work notification for its result and recall; several, joined by commas, if it went to
        more people than DingTalk accepts in one call.
    :param invalid_user_ids: recipients that DingTalk doesn't know, or whom the app may not write to.
    :param flow_controlled_user_ids: recipients to whom DingTalk didn't send because they receive too many messages.
    :param open_conversation_id: the group that an app robot sent to; its handles work only together with it.
    :param resent: whether an earlier try of a work notification may have arrived: DingTalk then drops this one for
        people who have received the other.
    """

    channel: str
    conn_id: str
    parts: int = 1
    outcome: str = "sent"
    process_query_keys: tuple[str, ...] = ()
    task_id: str | None = None
    invalid_user_ids: tuple[str, ...] = ()
    flow_controlled_user_ids: tuple[str, ...] = ()
    open_conversation_id: str | None = None
    resent: bool = False

    @property
    def task_ids(self) -> tuple[str, ...]:
        """Each of the handles in ``task_id``."""
        return tuple(self.task_id.split(",")) if self.task_id else ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers and lists. The last two keys exist only if they are set."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        if self.open_conversation_id is None:
            del plain["open_conversation_id"]
        if not self.resent:
            del plain["resent"]
        return plain

    @classmethod
    def from_dict(cls, plain: Receipt | Mapping[str, Any]) -> Receipt:
        """Read the result of ``to_dict``, for example from the XCom of a task that sent a message.

        :raises InvalidMessageError: for anything else.
        """
        if isinstance(plain, Receipt):
            return plain
        known = {each.name for each in fields(cls)}
        if not isinstance(plain, Mapping) or not {"channel", "conn_id"} <= set(plain) <= known:
            raise InvalidMessageError(
                "This is not the receipt of a message.",
                "Pass the result of hook.send(), or the XCom of a DingTalkOperator: "
                "ti.xcom_pull(task_ids='the task that sent it').",
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
        }
        return cls(**values)


class DingKind(Enum):
    """How a DING reaches a person."""

    APP = "app"
    """A pop-up in DingTalk, with a sound."""
    SMS = "sms"
    """A text message to the person's phone, which costs money."""
    PHONE = "phone"
    """A phone call in which a voice reads the text; it costs money."""

    @property
    def costs_money(self) -> bool:
        """Whether each receiver costs a credit of a package that the organisation has bought."""
        return self is not DingKind.APP

    @classmethod
    def read(cls, value: object) -> DingKind:
        """The kind itself, or its name.

        :raises InvalidMessageError: for anything else.
        """
        try:
            return value if isinstance(value, cls) else cls(str(value).strip().lower())
        except ValueError:
            raise InvalidMessageError(
                f"A DING can't be {value!r}.", "Use 'app', 'sms' or 'phone'. 请使用 app、sms 或 phone。"
            ) from None


class DingOutcome(Enum):
    """The result of sending a DING."""

    SENT = "sent"
    """DingTalk accepted it for everybody."""
    PARTLY = "partly"
    """DingTalk accepted it for some; the receipt says for whom it failed, and why."""
    NO_CREDIT = "no_credit"
    NO_PERMISSION = "no_permission"
    EDITION = "edition"
    REFUSED = "refused"
    """Any other refusal. It was sent to nobody, and the same again would be refused again."""
    UNAVAILABLE = "unavailable"
    """DingTalk was not reached, was busy, or received too many calls. It was sent to nobody; it may work later."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """It may or may not have been sent: it must not be repeated, or a phone rings twice."""

    def words(self, language: str) -> str:
        """The outcome as a text.

        :param language: ``zh`` or ``en``.
        """
        return _OUTCOME_WORDS[self][language == "zh"]

    @property
    def may_have_reached(self) -> bool:
        """Whether somebody has been, or may have been, reached."""
        return self in (DingOutcome.SENT, DingOutcome.PARTLY, DingOutcome.UNKNOWN_OUTCOME)


_OUTCOME_WORDS = {
    DingOutcome.SENT: ("sent", "已发送"),
    DingOutcome.PARTLY: ("sent to some only", "仅部分人发送成功"),
    DingOutcome.NO_CREDIT: ("no DING credit left", "DING 权益不足"),
    DingOutcome.NO_PERMISSION: ("the app lacks the permission", "应用缺少权限"),
    DingOutcome.EDITION: ("this edition of DingTalk has no DING for apps", "企业的钉钉版本不支持应用发 DING"),
    DingOutcome.REFUSED: ("refused by DingTalk", "被钉钉拒绝"),
    DingOutcome.UNAVAILABLE: ("DingTalk not reached, or busy", "未能连上钉钉，或钉钉繁忙"),
    DingOutcome.UNKNOWN_OUTCOME: ("unknown whether it was sent", "不清楚是否已发送"),
}


@dataclass(frozen=True)
class DingReceipt:
    """The result of sending a DING.

    :param kind: in the app, by SMS or by phone.
    :param outcome: the result.
    :param ding_ids: DingTalk's handles, for read status and recall; one for each call, which has up to 200 receivers in
        the app, and 20 by SMS or phone.
    :param reached: the user ids for which DingTalk accepted it.
    :param failed: user id -> why DingTalk didn't send to it; of an unknown mobile number the number, partly masked.
    :param uncertain: the user ids for which it is unknown.
    :param error: the first error, with advice; it is not part of the plain data.
    """

    kind: DingKind
    outcome: DingOutcome
    ding_ids: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    uncertain: tuple[str, ...] = ()
    error: DingTalkError | None = field(default=None, compare=False, repr=False)

    def raise_if_lost(self) -> None:
        """Raise the error, unless DingTalk accepted the DING for at least one person and nobody is uncertain.

        :raises DingTalkError: of the class for the problem.
        """
        if self.outcome in (DingOutcome.SENT, DingOutcome.PARTLY):
            return
        raise self.error or TargetError(
            f"The DING reached nobody: {'; '.join(sorted(set(self.failed.values()))) or self.outcome.words('en')}.",
            "Check the user ids and the app's visible scope. 请检查 userId 与应用的可见范围。",
            problem_zh=f"DING 没有送达任何人：{self.outcome.words('zh')}。",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, lists and one object."""
        return {
            "kind": self.kind.value,
            "outcome": self.outcome.value,
            "ding_ids": list(self.ding_ids),
            "reached": list(self.reached),
            "failed": dict(self.failed),
            "uncertain": list(self.uncertain),
        }

    @classmethod
    def from_dict(cls, plain: DingReceipt | Mapping[str, Any]) -> DingReceipt:
        """Read the result of ``to_dict``, for example from XCom.

        :raises InvalidMessageError: for anything else.
        """
        if isinstance(plain, DingReceipt):
            return plain
        try:
            return cls(
                DingKind(plain["kind"]),
                DingOutcome(plain["outcome"]),
                tuple(plain["ding_ids"]),
                tuple(plain["reached"]),
                dict(plain["failed"]),
                tuple(plain["uncertain"]),
            )
        except (KeyError, TypeError, ValueError):
            raise InvalidMessageError(
                "This is not the receipt of a DING.", "Pass the result of hook.dings.send()."
            ) from None


@dataclass(frozen=True)
class TodoReceipt:
    """A to-do (待办) that exists in DingTalk.

    :param task_id: DingTalk's id of it.
    :param source_id: the id that its creator gave it.
    :param creator: unionId of the person in whose name it was created.
    :param is_new: false if it existed already, also because an earlier try of the same call had created it.
    """

    task_id: str
    source_id: str
    creator: str
    is_new: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings and a flag."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: TodoReceipt | Mapping[str, Any]) -> TodoReceipt:
        """Read the result of ``to_dict``, for example from XCom.

        :raises InvalidMessageError: for anything else.
        """
        if isinstance(plain, TodoReceipt):
            return plain
        try:
            return cls(**plain)
        except TypeError:
            raise InvalidMessageError(
                "This is not the receipt of a to-do.", "Pass the result of hook.todos.create()."
            ) from None
