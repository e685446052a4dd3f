"""The result of sending a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from airflow_provider_dingpush.errors import InvalidMessageError


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
    :param rows: the number of rows of a table that was sent, those that aren't shown included.
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
    rows: int | None = None

    @classmethod
    def joined(cls, receipts: Sequence[Receipt], *, rows: int | None = None) -> Receipt:
        """One receipt for several messages to the same target, such as a text and the file after it.

        :param receipts: at least one.
        :param rows: of the table that they carry.
        """
        return replace(
            receipts[-1],
            parts=sum(each.parts for each in receipts),
            process_query_keys=tuple(key for each in receipts for key in each.process_query_keys),
            task_id=",".join(each.task_id for each in receipts if each.task_id) or None,
            invalid_user_ids=tuple(dict.fromkeys(user for each in receipts for user in each.invalid_user_ids)),
            flow_controlled_user_ids=tuple(
                dict.fromkeys(user for each in receipts for user in each.flow_controlled_user_ids)
            ),
            resent=any(each.resent for each in receipts),
            rows=rows,
        )

    @property
    def task_ids(self) -> tuple[str, ...]:
        """Each of the handles in ``task_id``."""
        return tuple(self.task_id.split(",")) if self.task_id else ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers and lists. The last three keys exist only if they are set."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        if self.open_conversation_id is None:
            del plain["open_conversation_id"]
        if not self.resent:
            del plain["resent"]
        if self.rows is None:
            del plain["rows"]
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
