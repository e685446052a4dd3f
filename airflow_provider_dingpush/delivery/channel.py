"""The contract of sending: what a drain needs of a channel, without knowing how DingTalk is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.timeouts import Deadline


class SendStatus(Enum):
    """What a POST did to a message."""

    SENT = "sent"
    RETRY = "retry"
    """It surely didn't arrive, and may next time."""
    UNKNOWN = "unknown"
    """It may have arrived."""
    THROTTLED = "throttled"
    """DingTalk takes nothing from the receiver for a while, because of us or of somebody else."""
    REJECTED = "rejected"
    """This message will never be taken; others may."""
    MISCONFIGURED = "misconfigured"
    """No message will be taken before somebody changes a setting."""
    UNRECOGNISED = "unrecognised"
    """Refused for an unknown reason: because of this message, or if others are refused as well, of the receiver."""


@dataclass(frozen=True)
class SendResult:
    """The result of one POST.

    :param status: what it did to the message.
    :param problem: what went wrong, for people; without secrets.
    :param retry_after_seconds: how long to send nothing, in seconds, if DingTalk says so.
    :param unknown_code: DingTalk's code, if its meaning isn't known: then the status is a guess from its words.
    """

    status: SendStatus
    problem: str = ""
    retry_after_seconds: float | None = None
    unknown_code: str | None = None


class Channel(Protocol):
    """A way of sending to one receiver."""

    @property
    def receiver_id(self) -> str:
        """Names the receiver's window and its book: the same for every connection id of the same receiver."""

    @property
    def conn_id(self) -> str:
        """The connection it comes from, for logs and people."""

    @property
    def recognises_repeats(self) -> bool:
        """Whether the same message posted twice, with one ``uuid``, stands in the chat once."""

    @property
    def timeout_seconds(self) -> float:
        """The most that one POST takes, in seconds."""

    @property
    def text_bytes(self) -> int:
        """How long a digest's text may be, in bytes of JSON, so that nothing of it is cut."""

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The body of one POST, cut to what DingTalk takes; the same bytes are posted on every try.

        :raises DingTalkError: at once, if the channel can't carry such a message.
        """

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once, and be back by the deadline. Never raises."""
