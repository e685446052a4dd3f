"""The contract of sending: what a dispatcher needs of a robot, without knowing how DingTalk is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.timeouts import Deadline


class SendStatus(Enum):
    """What became of a message."""

    SENT = "sent"
    RETRY = "retry"
    """It surely didn't arrive, and may next time."""
    UNKNOWN = "unknown"
    """It may have arrived."""
    THROTTLED = "throttled"
    """The robot is shut out for a while, by us or by somebody else."""
    REJECTED = "rejected"
    """This message will never be taken; others may."""
    MISCONFIGURED = "misconfigured"
    """No message will be taken before somebody changes a setting."""
    UNRECOGNISED = "unrecognised"
    """Refused for a reason that nobody knows: this message's, or if others are refused as well, the robot's."""


@dataclass(frozen=True)
class SendResult:
    """What came of one POST.

    :param fate: what became of the message.
    :param problem: what went wrong, for people; without secrets.
    :param retry_after_seconds: how long to stay silent, in seconds, if DingTalk says so.
    :param unknown_code: DingTalk's code, if it isn't known what that means: then the fate is a guess from its words.
    """

    status: SendStatus
    problem: str = ""
    retry_after_seconds: float | None = None
    unknown_code: str | None = None


class Sender(Protocol):
    """One robot, or one app and target, ready to send."""

    @property
    def receiver_id(self) -> str:
        """Names its window and its ledger: the same for every connection id of the same robot."""

    @property
    def conn_id(self) -> str:
        """The connection it comes from, for logs and people."""

    @property
    def recognises_repeats(self) -> bool:
        """Whether the same message said twice, with one ``uuid``, stands in the chat once."""

    @property
    def timeout_seconds(self) -> float:
        """The most that one POST takes, in seconds."""

    @property
    def text_bytes(self) -> int:
        """How long a digest's text may be, in bytes of JSON, so that nothing of it is cut."""

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The body of one POST, cut to what DingTalk takes; the same bytes are posted on every try.

        :raises DingTalkError: if such a message can't be carried at all.
        """

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once. Never raises."""
