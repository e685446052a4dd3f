"""The roles of a leader and the result of a drain; all of the drain that a follower loads."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.delivery.reasons import Reason, from_text, words


class Handover(Enum):
    """Who sends in a storm instead of this leader. Outside a storm a leader sends everything itself."""

    NONE = "none"
    SUCCESSOR = "successor"
    """The next callback, if one waits to lead when this leader's time ends."""
    FLUSHER = "flusher"
    """The flush DAG or cron job, which runs every few minutes."""


class LeaderRole(Enum):
    """Which kind of process leads; :attr:`rules` has what follows from it."""

    CALLBACK = "callback"
    DAG_PROCESSOR = "dag_processor"
    FLUSHER = "flusher"
    PERSON = "person"

    @property
    def rules(self) -> RoleRules:
        """What this leader waits for, hands over and may override."""
        return _RULES[self]


class RoleRules(NamedTuple):
    """What a leader waits for, hands over and may override.

    :param waits: for a slot of the window and the end of the group interval; otherwise it sends what can be sent now.
    :param hands_over_to: who sends in a storm instead of it, if no flusher runs.
    :param relies_on_flusher: whether a running flusher does that instead.
    :param succeeds: whether it waits to lead after the current leader.
    :param lifts_holds: whether it retries a misconfigured receiver at once.
    """

    waits: bool
    hands_over_to: Handover
    relies_on_flusher: bool
    succeeds: bool
    lifts_holds: bool

    def handover(self, *, flusher_runs: bool) -> Handover:
        """Who sends in a storm instead of this leader."""
        return Handover.FLUSHER if flusher_runs and self.relies_on_flusher else self.hands_over_to


_RULES = {
    LeaderRole.CALLBACK: RoleRules(True, Handover.SUCCESSOR, relies_on_flusher=True, succeeds=True, lifts_holds=False),
    LeaderRole.DAG_PROCESSOR: RoleRules(
        False, Handover.NONE, relies_on_flusher=True, succeeds=False, lifts_holds=False
    ),
    LeaderRole.FLUSHER: RoleRules(True, Handover.NONE, relies_on_flusher=True, succeeds=False, lifts_holds=False),
    LeaderRole.PERSON: RoleRules(True, Handover.NONE, relies_on_flusher=False, succeeds=False, lifts_holds=True),
}


class DrainResult(NamedTuple):
    """The result of a drain.

    :param messages: how many notifications were sent.
    :param alerts: how many alerts they contained.
    :param left: how many alerts are still pending, at least: while a receiver is on hold, its mailboxes aren't counted.
    :param reason: why it ended.
    :param detail: what DingTalk answered, if the reason is a hold.
    :param again_at: when to drain again, in seconds since 1970; ``None`` if nothing is pending.
    :param problem: the last problem, for people; empty if there was none.
    :param handed_over: whether it left because a successor waited.
    """

    messages: int
    alerts: int
    left: int
    reason: Reason
    detail: str = ""
    again_at: float | None = None
    problem: str = ""
    handed_over: bool = False

    @classmethod
    def of_pause(cls, left: int, reason: str, until: float) -> DrainResult:
        """The result during a pause.

        :param reason: of the noted pause.
        :param until: when the pause ends, in seconds since 1970.
        """
        return cls(0, 0, left, *from_text(reason), again_at=until)

    def in_words(self, language: str) -> str:
        """Why it ended, for people.

        :param language: ``zh``; anything else gets English.
        """
        return words(self.reason, language, self.detail)
