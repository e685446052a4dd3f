"""Whether a pending alert may be sent now, or is withheld: by quiet hours, a silence, or an incident that explains it.

Where the answer comes from isn't known here: the leader is handed a function.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from airflow_provider_dingpush.alerts.alert import Alert


class Verdict(Enum):
    """What is done with an alert. The values are stored and never shown."""

    SEND = "send"
    HELD = "held"
    """It waits until quiet hours end."""
    SILENCED = "silenced"
    """A person muted it for a while."""
    INHIBITED = "inhibited"
    """It follows from an incident that is open."""


@dataclass(frozen=True)
class GateDecision:
    """What is done with an alert, why, and until when.

    :param verdict: what is done.
    :param by: identifies the reason: a time interval, the id of a silence, or an incident.
    :param until: when it may be sent, in seconds since 1970.
    :param about: the reason for people: the interval's name, or what is silenced and why.
    """

    verdict: Verdict
    by: str = ""
    until: float = 0.0
    about: str = ""

    @property
    def reason_key(self) -> str:
        """The same for all alerts that are withheld for this reason."""
        return f"{self.verdict.value} {self.by}"


SEND = GateDecision(Verdict.SEND)


class Gate(Protocol):
    """Decides about alerts; called by the leader for each one before it is sent."""

    def __call__(self, alert: Alert, now: float, before: GateDecision | None, /) -> GateDecision:
        """What is done with an alert.

        :param now: in seconds since 1970.
        :param before: what was decided about it, if it is withheld.
        """


def without_gate(_: Alert, now: float, before: GateDecision | None) -> GateDecision:
    """The decision where no rules and no silences are known: what waits for a time goes on waiting.

    A process whose configuration lacks the rules file must not send in the night what was to wait until the morning.
    """
    return before if before is not None and before.verdict is Verdict.HELD and now < before.until else SEND
