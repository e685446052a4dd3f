"""A local stand-in of DingTalk with a chat page, for demos, tests and trying out templates.

Nothing here talks to DingTalk, and nothing here uses the rest of this package: the sandbox has its own signing and its
own rules, so that it checks our client instead of repeating it.
"""

from __future__ import annotations

from .chat import ChatMessage
from .custom_robot import Robot
from .exchange import Outcome, ReceivedRequest
from .faults import Fault
from .sandbox import Sandbox

__all__ = ["ChatMessage", "Fault", "Outcome", "ReceivedRequest", "Robot", "Sandbox"]
