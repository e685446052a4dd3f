"""What is said: kinds of messages, who is mentioned, and how a message is fitted to a size."""

from __future__ import annotations

from airflow_provider_dingpush.messages.kinds import (
    ActionCard,
    Button,
    FeedCard,
    FeedLink,
    Link,
    Markdown,
    Message,
    Text,
)
from airflow_provider_dingpush.messages.mentions import At

__all__ = ["ActionCard", "At", "Button", "FeedCard", "FeedLink", "Link", "Markdown", "Message", "Text"]
