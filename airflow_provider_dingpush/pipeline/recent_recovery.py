"""The recovery that this process stored last: all notifiers of one callback store the same one.

The first of them resolves the incident in the outbox; for the others it must still count as a recovery.
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
        """Remember an alert that was put into the outbox."""
        last = self._latest()
        if alert.resolved:
            incidents = last.incidents if last and last.occurrence == alert.occurrence else frozenset()
            subject = (alert.dag_id, alert.task_id, alert.map_index)
            self._last = _Recovery(alert.occurrence, subject, alert.at, incidents | {alert.incident}, self._ticks())
        elif last and alert.opens_incident and last.subject == (alert.dag_id, alert.task_id, alert.map_index):
            self._last = None

    def is_about(self, subject: Subject) -> bool:
        """Whether a success of this task or run may be the same one, stored by another notifier."""
        last = self._latest()
        return last is not None and last.subject == subject

    def timed(self, alert: Alert) -> Alert:
        """The alert, with the time of an earlier one of the same success, by which a repetition is recognised."""
        last = self._latest()
        return replace(alert, at=last.at) if last and last.occurrence == alert.occurrence else alert

    def includes(self, alert: Alert) -> bool:
        """Whether another notifier of the same success has just resolved this incident."""
        last = self._latest()
        return last is not None and last.occurrence == alert.occurrence and alert.incident in last.incidents

    def _latest(self) -> _Recovery | None:
        last = self._last
        return last if last and self._ticks() - last.ticks < _SECONDS else None
