"""A message as Markdown, for a message that contains several others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_dingpush.messages.kinds import ROBOT_KINDS

IN_WORDS = frozenset(kind.msgtype for kind in ROBOT_KINDS)
"""The ``msgtype`` of messages that consist of text: an image or a file doesn't."""


def in_words(message: Any, escape: Callable[[str], str]) -> str:
    """A message as Markdown, its buttons as links; empty if it doesn't consist of text.

    :param message: of any kind.
    :param escape: escapes a line of text for Markdown.
    """
    words: str = message.in_words(escape) if hasattr(message, "in_words") else ""
    return words
