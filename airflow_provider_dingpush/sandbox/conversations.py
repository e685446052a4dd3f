"""Where a message stands, and what is put there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .custom_robot import Robot
    from .organisation import App

ConversationKind = Literal["group", "private", "notice"]


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation of the chat page: a group, somebody's chat with robots, or somebody's work notices."""

    key: str
    kind: ConversationKind
    name: str

    def to_dict(self) -> dict[str, str]:
        return {"key": self.key, "kind": self.kind, "name": self.name}


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message on its way into one conversation.

    ``payload`` is what was sent, ``shown`` the same in the one form that the chat page draws; ``handle`` is what
    DingTalk gave the sender to speak about it later (a processQueryKey or a task id), shared by all who were sent it.
    """

    conversation: Conversation
    sender: Robot | App
    payload: dict[str, Any]
    shown: dict[str, Any] = field(repr=False)
    handle: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A new look for the messages of one handle."""

    handle: str
    shown: dict[str, Any]
