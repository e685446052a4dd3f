"""The contract of sending: what a drain needs of a channel, independent of DingTalk's API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.timeouts import Deadline


class SendStatus(Enum):
    """The result of one POST for its message."""

    SENT = "sent"
    RETRY = "retry"
    """It was surely not delivered; a retry may succeed."""
    UNKNOWN = "unknown"
    """It may have been delivered."""
    THROTTLED = "throttled"
    """DingTalk throttles the receiver for a while, because of our messages or of other senders'."""
    REJECTED = "rejected"
    """DingTalk will never accept this message; it may accept others."""
    MISCONFIGURED = "misconfigured"
    """DingTalk accepts no message until a setting is changed."""
    UNRECOGNISED = "unrecognised"
    """Refused for an unknown reason: the message is at fault, or the receiver if others are refused as well."""


@dataclass(frozen=True)
class SendResult:
    """The result of one POST.

    :param status: what happened to the message.
    :param problem: what went wrong, for people; without secrets.
    :param retry_after_seconds: how long to send nothing, in seconds, if DingTalk asks for it.
    :param unknown_code: DingTalk's code, if its meaning isn't known; the status is then guessed from DingTalk's text.
    :param handles: by which DingTalk says who of the people has read the message; none for a group.
    """

    status: SendStatus
    problem: str = ""
    retry_after_seconds: float | None = None
    unknown_code: str | None = None
    handles: tuple[str, ...] = ()


class Channel(Protocol):
    """A way of sending to one receiver."""

    @property
    def receiver_id(self) -> str:
        """Identifies the receiver, its window and its book; the same for every connection id of one receiver."""

    @property
    def conn_id(self) -> str:
        """The connection it was built from, for logs."""

    @property
    def recognises_repeats(self) -> bool:
        """Whether a message posted twice with one ``uuid`` is shown in the chat once."""

    @property
    def timeout_seconds(self) -> float:
        """The longest time that one POST takes, in seconds."""

    @property
    def text_bytes(self) -> int:
        """The longest text that is sent uncut, in bytes of JSON."""

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:
        """The body of one POST, cut to DingTalk's size limit; every try posts the same bytes.

        :raises DingTalkError: at once, if the channel can't carry such a message.
        """

    def post(self, body: bytes, deadline: Deadline) -> SendResult:
        """Post once and return by the deadline. Never raises."""
