"""Who leads, and what a drain has done: apart from the drain, because a follower loads no more than this."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.delivery.reasons import Reason, from_text, words


class Handover(Enum):
    """Who sends in a storm what this leader doesn't. Outside a storm a leader sends everything itself."""

    NOBODY = "nobody"
    SUCCESSOR = "successor"
    """The next callback, if one waits to lead when this leader's time is over."""
    FLUSHER = "flusher"
    """The flush DAG or cron job, which comes by every few minutes."""


class LeaderRole(Enum):
    """As what a process leads. What that means stands in one table, see :attr:`rules`."""

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

    :param waits: for a slot of the window and the end of the group interval; otherwise what can't go at once stays.
    :param hands_over_to: who sends in a storm what it doesn't, if no flusher runs.
    :param relies_on_flusher: whether a flusher that runs gets that instead.
    :param succeeds: whether it waits to lead after the present leader.
    :param lifts_holds: whether it tries a misconfigured receiver again at once.
    """

    waits: bool
    hands_over_to: Handover
    relies_on_flusher: bool
    succeeds: bool
    lifts_holds: bool

    def handover(self, *, flusher_runs: bool) -> Handover:
        """Who sends in a storm what this leader doesn't."""
        return Handover.FLUSHER if flusher_runs and self.relies_on_flusher else self.hands_over_to


_RULES = {
    LeaderRole.CALLBACK: RoleRules(True, Handover.SUCCESSOR, relies_on_flusher=True, succeeds=True, lifts_holds=False),
    LeaderRole.DAG_PROCESSOR: RoleRules(
        False, Handover.NOBODY, relies_on_flusher=True, succeeds=False, lifts_holds=False
    ),
    LeaderRole.FLUSHER: RoleRules(True, Handover.NOBODY, relies_on_flusher=True, succeeds=False, lifts_holds=False),
    LeaderRole.PERSON: RoleRules(True, Handover.NOBODY, relies_on_flusher=False, succeeds=False, lifts_holds=True),
}


class DrainResult(NamedTuple):
    """What a drain has done.

    :param messages: how many notifications arrived.
    :param alerts: how many alerts they notified of.
    :param left: how many alerts still wait, at least: while a receiver is on hold, its mailboxes aren't counted.
    :param reason: why it ended.
    :param detail: what DingTalk answered, if the reason is a hold.
    :param again_at: when it is worth coming back, in seconds since 1970; ``None`` if nothing waits.
    :param problem: what went wrong last, for people; empty if nothing did.
    :param handed_over: whether it left because another process waited to lead next.
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
        """The result where nobody needs to lead.

        :param reason: of the noted pause.
        :param until: when the pause ends, in seconds since 1970.
        """
        return cls(0, 0, left, *from_text(reason), again_at=until)

    def in_words(self, language: str) -> str:
        """Why it ended, for people.

        :param language: ``zh``; anything else gets English.
        """
        return words(self.reason, language, self.detail)
