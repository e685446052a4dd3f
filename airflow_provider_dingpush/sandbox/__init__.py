"""A local simulator of DingTalk with a chat page, for demos, tests and trying out templates.

Nothing here talks to DingTalk, and nothing here uses the rest of this package: the sandbox has its own signing and its
own rules, so that it checks our client instead of repeating it.
"""

from __future__ import annotations

from airflow_provider_dingpush.sandbox.ding_model import Ding, DingPlan, Todo
from airflow_provider_dingpush.sandbox.model import (
    App,
    ChatMessage,
    Conversation,
    Fault,
    GroupChat,
    Medium,
    Outcome,
    Person,
    Quotas,
    ReceivedRequest,
    Robot,
)
from airflow_provider_dingpush.sandbox.sandbox import Sandbox

__all__ = [
    "App",
    "ChatMessage",
    "Conversation",
    "Ding",
    "DingPlan",
    "Fault",
    "GroupChat",
    "Medium",
    "Outcome",
    "Person",
    "Quotas",
    "ReceivedRequest",
    "Robot",
    "Sandbox",
    "Todo",
]
