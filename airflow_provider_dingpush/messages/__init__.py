"""What DingTalk can carry: kinds of messages, mentions, and how a message is fitted to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.browser_links import browser_link
from airflow_provider_dingpush.messages.kinds import (
    ActionCard,
    Button,
    FeedCard,
    FeedLink,
    Link,
    Markdown,
    Text,
)
from airflow_provider_dingpush.messages.mentions import At

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import OA, Audio, File, Image, Message, Video

__all__ = [
    "OA",
    "ActionCard",
    "At",
    "Audio",
    "Button",
    "FeedCard",
    "FeedLink",
    "File",
    "Image",
    "Link",
    "Markdown",
    "Message",
    "Text",
    "Video",
    "browser_link",
]

if not TYPE_CHECKING:  # a type checker would take any other name for one of these too

    def __getattr__(name: str) -> Any:
        """Load what only an enterprise app can send when a DAG file asks for it."""
        if name not in ("OA", "Audio", "File", "Image", "Message", "Video"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from airflow_provider_dingpush.messages import app_kinds

        return getattr(app_kinds, name)
