"""What a leader has done, apart from the leader: whoever leaves at once loads no more than this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drained:
    """What a leader has done.

    :param messages: how many messages arrived.
    :param alerts: how many alerts they settled.
    :param left: how many alerts still wait, at least: while a robot stays silent, its mailboxes aren't counted.
    :param reason: why it stopped.
    :param again_at: when it is worth coming back, in seconds since 1970; ``None`` if nothing waits.
    :param problem: what went wrong last, for people; empty if nothing did.
    """

    messages: int
    alerts: int
    left: int
    reason: str
    again_at: float | None = None
    problem: str = ""
