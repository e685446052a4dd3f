"""What a leader is told and what it has done, apart from it: whoever leaves at once loads no more than this."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Handover(Enum):
    """Who tells, in a storm, what this leader leaves. Outside a storm a leader tells all itself."""

    NOBODY = "nobody"
    SUCCESSOR = "successor"
    """The next callback, if one stands by when this leader's time is over."""
    FLUSHER = "flusher"
    """One that comes by every few minutes."""


@dataclass(frozen=True)
class DrainResult:
    """What a leader has done.

    :param messages: how many messages arrived.
    :param alerts: how many alerts they settled.
    :param left: how many alerts still wait, at least: while a robot stays silent, its mailboxes aren't counted.
    :param reason: why it stopped.
    :param again_at: when it is worth coming back, in seconds since 1970; ``None`` if nothing waits.
    :param problem: what went wrong last, for people; empty if nothing did.
    :param handed_over: whether it left because another process waited to lead next.
    """

    messages: int
    alerts: int
    left: int
    reason: str
    again_at: float | None = None
    problem: str = ""
    handed_over: bool = False
