"""Alerts in a receiver's book that aren't sent now: held by quiet hours, silenced or inhibited; none is lost.

They have a record kind of their own and become pending again, in one step, when the gate lets them pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert, age_of
from airflow_provider_dingpush.alerts.digest_notes import Followers, WithheldNote
from airflow_provider_dingpush.delivery.gate import SEND, Gate, GateDecision, Verdict, without_gate
from airflow_provider_dingpush.delivery.merging import TaskKey, attempt_of
from airflow_provider_dingpush.delivery.open_incidents import Inhibited, OpenIncidents, followers_of
from airflow_provider_dingpush.delivery.queue import Queue
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    OVERFLOW,
    TOTALS,
    WITHHELD,
    WITHHOLDING,
    Batch,
    Totals,
    Withheld,
    WithheldReason,
)
from airflow_provider_dingpush.delivery.records import Changes, Records, RecordTable
from airflow_provider_dingpush.events import Urgency

MOST_WITHHELD = 1_000
"""The most alerts that a receiver's book withholds; further ones are counted, and the digest says how many."""


class Withholding:
    """The withheld alerts of one receiver.

    :param records: of its book.
    :param queue: its pending alerts.
    :param incidents: the open ones, which inhibit others.
    :param gate: decides which alerts are withheld; ``None`` if nothing but an incident withholds any.
    :param most: how many are kept; further ones are only counted.
    """

    def __init__(
        self,
        records: Records,
        queue: Queue,
        incidents: OpenIncidents,
        gate: Gate | None,
        *,
        most: int = MOST_WITHHELD,
    ) -> None:
        self._incidents = incidents
        self._records = records
        self._table = records.table
        self._queue = queue
        self._gate = gate
        self._most = most
        self._is_reviewed = False
        self._passed: set[str] = set()

    @property
    def next_due(self) -> float | None:
        """When the first withheld alert may be sent, in seconds since 1970; ``None`` if none is withheld."""
        return min((each.until for each in self._table.of(WITHHELD).values()), default=None)

    def review(self, now: float) -> None:
        """Withhold new alerts that may not be sent now, and make those pending again that may."""
        withheld = self._table.of(WITHHELD)
        may_withhold = self._queue.has_fresh and (self._gate is not None or self._queue.has_upstreams)
        if not withheld and not may_withhold:
            self._release_counted(now)
            return
        due = self.next_due
        is_due = not self._is_reviewed or (due is not None and due <= now)
        if not is_due and (inhibited := self.inhibited()):
            is_due = bool(self._incidents.over(inhibited, self._queue.pending(), now))
        reviewed = dict(withheld) if is_due else {}
        new = [each for each in self._queue.free() if each.key not in self._passed]
        if reviewed or new:
            changes = Changes()
            self._decide(reviewed, new, now, changes)
            if changes:
                self._records.change(changes)
        self._is_reviewed = True
        self._release_counted(now)

    def _decide(self, reviewed: Mapping[str, Withheld], new: list[Alert], now: float, changes: Changes) -> None:
        step = _Step(self._table, changes, self._most, now)
        by_incident = {} if reviewed else self._by_incident()
        alerts = [*new, *(alert for key, each in reviewed.items() if (alert := self._alert(key, each, step)))]
        decisions = self._decisions(alerts, reviewed, now)
        for alert in sorted(alerts, key=age_of):
            record = reviewed.get(alert.key)
            # The end of a failure goes with the failure, or the group would hear of the one without the other.
            decision = by_incident.get(alert.incident) if alert.resolved else None
            follows = decision is not None
            decision = decision or decisions[alert.key]
            if alert.event.ends_with_recovery and not alert.resolved:
                if record is None and decision.verdict is Verdict.SEND:
                    by_incident.pop(alert.incident, None)
                else:
                    by_incident[alert.incident] = decision
            if record is not None:
                step.keep_or_release(alert.key, record, decision)
            elif decision.verdict is not Verdict.SEND and (written := self._table.get(ALERT, alert.key)):
                step.withhold(alert, written, decision, follows=follows)
            if decision.verdict is Verdict.SEND:
                # Also one that was withheld: the end of a failure is sent with the failure.
                self._passed.add(alert.key)

    def _decisions(self, alerts: list[Alert], reviewed: Mapping[str, Withheld], now: float) -> dict[str, GateDecision]:
        """What the gate says about each alert; and which of those that it lets pass follow from others."""
        gate = self._gate or without_gate
        befores = {key: each.decision for key, each in reviewed.items()}
        found = {each.key: gate(each, now, befores.get(each.key)) for each in alerts}
        inhibitors = self._incidents.inhibitors(
            [each for each in alerts if found[each.key].verdict is Verdict.SEND],
            pending=[each for each in self._queue.pending() if each.key not in found],
            withheld=[each for each in self.inhibited() if each.alert.key not in found],
            now=now,
            always_sent=lambda each: each.urgency is Urgency.P1,
        )
        found.update({key: GateDecision(Verdict.INHIBITED, *each.as_reason) for key, each in inhibitors.items()})
        return found

    def inhibited(self) -> list[Inhibited]:
        """The inhibited alerts."""
        return [
            Inhibited(alert, each.by)
            for key, each in self._table.of(WITHHELD).items()
            if each.verdict == Verdict.INHIBITED.value and (alert := self._queue.read(key, each.alert))
        ]

    def inhibited_tasks(self, alert: Alert) -> set[TaskKey]:
        """The inhibited tasks of an alert's run."""
        return {
            (each.task_id, each.map_index)
            for each, _ in self.inhibited()
            if each.task_id is not None and attempt_of(each) == attempt_of(alert)
        }

    def followers(self) -> dict[str, Followers]:
        """What the alerts of open incidents say about those that they inhibit."""
        prefix = f"{Verdict.INHIBITED.value} "
        reasons = self._table.of(WITHHOLDING).items()
        counted = {
            key.removeprefix(prefix): each.counted for key, each in reasons if key.startswith(prefix) and each.counted
        }
        return followers_of(self.inhibited(), counted)

    def _by_incident(self) -> dict[str, GateDecision]:
        """Incidents with a withheld failure, and what was decided about it."""
        read = (
            (alert, each.decision)
            for key, each in self._table.of(WITHHELD).items()
            if (alert := self._queue.read(key, each.alert))
        )
        in_order = sorted(read, key=lambda each: age_of(each[0]))
        return {alert.incident: decision for alert, decision in in_order if not alert.resolved}

    def _alert(self, key: str, record: Withheld, step: _Step) -> Alert | None:
        """A withheld alert; one that can't be read becomes pending again, and a dead letter."""
        alert = self._queue.read(key, record.alert)
        if alert is None:
            step.keep_or_release(key, record, SEND)
        return alert

    def _release_counted(self, now: float) -> None:
        """Report those that were only counted, once their reason is over."""
        over = [
            (key, each)
            for key, each in self._table.of(WITHHOLDING).items()
            if each.counted and not self._count(key) and (each.released or each.until <= now)
        ]
        if not over:
            return
        changes = Changes()
        more = sum(each.counted for _, each in over)
        changes.put(OVERFLOW, self._queue.overflow_count + more)
        totals = self._table.get(TOTALS) or Totals()
        changes.put(TOTALS, replace(totals, counted=totals.counted + more))
        for key, each in over:
            changes.put(WITHHOLDING, replace(each, counted=0), key)
        self._records.change(changes)

    # -------------------------------------------------------------------------------------------------- for messages

    def notes(self) -> tuple[WithheldNote, ...]:
        """What the next notification says about withheld alerts, and about those that were."""
        return tuple(each for _, each in self._notes())

    def notes_besides(self, incidents: AbstractSet[str]) -> tuple[WithheldNote, ...]:
        """The same without what the alerts of these incidents say themselves."""
        reasons = {f"{Verdict.INHIBITED.value} {each}" for each in incidents}
        return tuple(each for key, each in self._notes() if each.is_over or key not in reasons)

    def shown_by(self, notes: tuple[WithheldNote, ...]) -> tuple[dict[str, int], dict[str, int]]:
        """The counts that a notification with these notes shows by reason: of released and of withheld alerts."""
        shown = [(key, each) for key, each in self._notes() if each in notes]
        return (
            {key: each.count for key, each in shown if each.is_over},
            {key: each.count for key, each in shown if not each.is_over},
        )

    def after_message(self, batch: Batch, changes: Changes) -> None:
        """Record what a notification has shown."""
        for key, reason in self._table.of(WITHHOLDING).items():
            left = replace(
                reason,
                released=max(0, reason.released - batch.released.get(key, 0)),
                reported=max(reason.reported, batch.withheld.get(key, 0)),
            )
            if not left.released and not left.counted and not self._count(key):
                changes.delete(WITHHOLDING, key)
            elif left != reason:
                changes.put(WITHHOLDING, left, key)

    def _notes(self) -> Iterator[tuple[str, WithheldNote]]:
        for key, each in sorted(self._table.of(WITHHOLDING).items()):
            verdict = key.partition(" ")[0]
            if each.released:
                yield key, WithheldNote(verdict, each.about, each.released, each.since, each.until, is_over=True)
            count = self._count(key) + each.counted
            if verdict != Verdict.HELD.value and count > each.reported:
                yield key, WithheldNote(verdict, each.about, count, each.since, each.until)

    def _count(self, reason_key: str) -> int:
        return sum(each.decision.reason_key == reason_key for each in self._table.of(WITHHELD).values())


class _Step:
    """One change of a book, with alerts that become withheld or pending.

    :param table: its records.
    :param changes: to be made.
    :param most: how many alerts may be withheld.
    """

    def __init__(self, table: RecordTable, changes: Changes, most: int, now: float) -> None:
        self._changes = changes
        self._most = most
        self._now = now
        self._reasons = dict(table.of(WITHHOLDING))
        self._withheld = len(table.of(WITHHELD))
        self._table = table

    def withhold(self, alert: Alert, written: str, decision: GateDecision, *, follows: bool) -> None:
        """Withhold a pending alert.

        :param written: the alert as it is in the book.
        :param follows: whether it ends a withheld failure: without it that would be shown as if it went on.
        """
        self._changes.delete(ALERT, alert.key)
        reason = self._reason(decision)
        if self._withheld < self._most * (2 if follows else 1):
            self._withheld += 1
            self._changes.put(WITHHELD, Withheld.of(written, decision), alert.key)
            self._put(decision, reason)
        else:
            self._put(decision, replace(reason, counted=reason.counted + 1))

    def keep_or_release(self, key: str, record: Withheld, decision: GateDecision) -> None:
        """Make a withheld alert pending again if it may be sent; otherwise note what has changed."""
        if decision.verdict is Verdict.SEND:
            self._withheld -= 1
            self._changes.delete(WITHHELD, key)
            self._changes.put(ALERT, record.alert, key)
            reason = self._reason(record.decision)
            reported = max(0, reason.reported - 1)
            self._put(record.decision, replace(reason, released=reason.released + 1, reported=reported))
        elif decision != record.decision:
            self._changes.put(WITHHELD, Withheld.of(record.alert, decision), key)
            self._put(decision, self._reason(decision))

    def _reason(self, decision: GateDecision) -> WithheldReason:
        known = self._reasons.get(decision.reason_key)
        if known is None:
            return WithheldReason(decision.about, since=self._now, until=decision.until)
        return replace(known, about=decision.about, until=decision.until)

    def _put(self, decision: GateDecision, reason: WithheldReason) -> None:
        if reason != self._table.get(WITHHOLDING, decision.reason_key):
            self._changes.put(WITHHOLDING, reason, decision.reason_key)
        self._reasons[decision.reason_key] = reason


def withheld_counts(table: RecordTable) -> dict[Verdict, int]:
    """How many alerts of a book are withheld, by verdict, with those that are only counted."""
    found: dict[Verdict, int] = {}
    for verdict in (Verdict.HELD, Verdict.SILENCED, Verdict.INHIBITED):
        reasons = table.of(WITHHOLDING).items()
        counted = sum(each.counted for key, each in reasons if key.startswith(f"{verdict.value} "))
        kept = sum(each.decision.verdict is verdict for each in table.of(WITHHELD).values())
        found[verdict] = kept + counted
    return found


def pending_again(table: RecordTable, keys: AbstractSet[str] | None = None) -> Changes:
    """The changes that make withheld alerts pending, for another book whose own gate decides about them.

    :param keys: of these only; without them of all, with those that are only counted.
    """
    changes = Changes()
    for key, each in table.of(WITHHELD).items():
        if keys is None or key in keys:
            changes.delete(WITHHELD, key)
            changes.put(ALERT, each.alert, key)
    if keys is None and (counted := sum(each.counted for each in table.of(WITHHOLDING).values())):
        changes.put(OVERFLOW, (table.get(OVERFLOW) or 0) + counted)
        totals = table.get(TOTALS) or Totals()
        changes.put(TOTALS, replace(totals, counted=totals.counted + counted))
        for key in table.of(WITHHOLDING):
            changes.delete(WITHHOLDING, key)
    return changes
