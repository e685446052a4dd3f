"""A local stand-in of DingTalk with a chat page, for demos, tests and trying out templates.

Nothing here talks to DingTalk, and nothing here uses the rest of this package: the sandbox has its own signing and its
own rules, so that it checks our client instead of repeating it.
"""

from __future__ import annotations

from .chat import ChatMessage
from .conversations import Conversation
from .custom_robot import Robot
from .exchange import Outcome, ReceivedRequest
from .faults import Fault
from .media import Medium
from .organisation import App, GroupChat, Person
from .quotas import Quotas
from .sandbox import Sandbox

__all__ = [
    "App",
    "ChatMessage",
    "Conversation",
    "Fault",
    "GroupChat",
    "Medium",
    "Outcome",
    "Person",
    "Quotas",
    "ReceivedRequest",
    "Robot",
    "Sandbox",
]
