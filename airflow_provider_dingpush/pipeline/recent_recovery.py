"""The recovery that this process put last: all notifiers of one callback put the same one.

The first of them ends the failure in the outbox, and the others must not take that for a success that resolves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert

Subject = tuple[str, "str | None", "int | None"]
"""DAG, task and map index of what succeeds."""

# Longer than all notifiers of one callback may take, in seconds.
_SECONDS = 60.0


class _Recovery(NamedTuple):
    occurrence: str
    subject: Subject
    at: float
    incidents: frozenset[str]
    ticks: float


class RecentRecovery:
    """The last recovery of this process, for a minute, until the same task or run fails again.

    :param ticks: seconds that only go forward.
    """

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._last: _Recovery | None = None

    def note(self, alert: Alert) -> None:
        """Take notice of an alert that was put into the outbox."""
        last = self._latest()
        if alert.resolved:
            incidents = last.incidents if last and last.occurrence == alert.occurrence else frozenset()
            subject = (alert.dag_id, alert.task_id, alert.map_index)
            self._last = _Recovery(alert.occurrence, subject, alert.at, incidents | {alert.incident}, self._ticks())
        elif last and alert.opens_incident and last.subject == (alert.dag_id, alert.task_id, alert.map_index):
            self._last = None

    def is_about(self, subject: Subject) -> bool:
        """Whether a success of this task or run may be the same one, put by another notifier."""
        last = self._latest()
        return last is not None and last.subject == subject

    def timed(self, alert: Alert) -> Alert:
        """The alert; one of the same success gets the same time, by which a repetition is recognised."""
        last = self._latest()
        return replace(alert, at=last.at) if last and last.occurrence == alert.occurrence else alert

    def includes(self, alert: Alert) -> bool:
        """Whether another notifier of the same success has just ended this very incident."""
        last = self._latest()
        return last is not None and last.occurrence == alert.occurrence and alert.incident in last.incidents

    def _latest(self) -> _Recovery | None:
        last = self._last
        return last if last and self._ticks() - last.ticks < _SECONDS else None
