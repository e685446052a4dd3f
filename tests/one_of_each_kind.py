"""One message of each kind, for tests of what every kind must have."""

from __future__ import annotations

from airflow_provider_dingpush.messages import (
    OA,
    ActionCard,
    Audio,
    Button,
    FeedCard,
    FeedLink,
    File,
    Image,
    Link,
    Markdown,
    Message,
    Text,
    Video,
)

ONE_OF_EACH_KIND: tuple[Message, ...] = (
    Text("a"),
    Markdown("a", "b"),
    Link("a", "b", "https://example.com"),
    ActionCard("a", "b", [Button("c", "https://example.com")]),
    FeedCard([FeedLink("a", "https://example.com", "https://example.com/a.png")]),
    Image("@media-id"),
    File("@media-id", name="a.xlsx"),
    Audio("@media-id", 10),
    Video("@media-id", 10, "@media-id"),
    OA("a", "https://example.com"),
)
