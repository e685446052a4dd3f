"""What a message says, as Markdown, for a message that says what several do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text

IN_WORDS = frozenset(kind.msgtype for kind in (Text, Markdown, Link, ActionCard, FeedCard))
"""The ``msgtype`` of messages that can be said in words: a picture or a file can't."""


def in_words(message: Any, escape: Callable[[str], str]) -> str:
    """What a message says, with its buttons as links; empty if it isn't made of words.

    :param message: of any kind.
    :param escape: makes of any line of text one that Markdown shows as it is.
    """
    if isinstance(message, Markdown):
        return message.text
    if isinstance(message, Text):
        return "\n\n".join(escape(line) for line in message.content.splitlines() if line.strip())
    if isinstance(message, ActionCard):
        return "\n\n".join([message.text, *(_link(escape(each.title), each.url) for each in message.buttons)])
    if isinstance(message, Link):
        return f"{_link(escape(message.title), message.message_url)}\n\n{escape(message.text)}"
    if isinstance(message, FeedCard):
        return "\n\n".join(_link(escape(each.title), each.message_url) for each in message.links)
    return ""


def _link(words: str, url: str) -> str:
    # A bracket that isn't closed would end the link in its middle.
    return f"[{words}]({url.replace('(', '%28').replace(')', '%29')})"
