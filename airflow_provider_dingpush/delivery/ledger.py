"""The book of one receiver as its leader sees it, and the steps of a notification in it.

Each step is one change of the book, so the leader after a crash finds it done or not done, never half. The records are
in :mod:`.record_kinds`; each part has its own class: queue, quarantine, dead letters, slots, holds, repeats, pace and
notified runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timezone, tzinfo
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.dead_letters import DeadLetter, DeadLetters, dead_letters_in
from airflow_provider_dingpush.delivery.gate import Gate, Verdict
from airflow_provider_dingpush.delivery.hint_times import HintTimes
from airflow_provider_dingpush.delivery.history import History
from airflow_provider_dingpush.delivery.holds import PROBED, Holds
from airflow_provider_dingpush.delivery.intake import Intake, Mailboxes
from airflow_provider_dingpush.delivery.merging import Merged, NotifiedRuns, merge
from airflow_provider_dingpush.delivery.message_handles import MessageHandles
from airflow_provider_dingpush.delivery.open_incidents import OpenIncidents
from airflow_provider_dingpush.delivery.pace import Pace
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.quarantine import Quarantine
from airflow_provider_dingpush.delivery.queue import Queue
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    BATCH,
    HOLD,
    OVERFLOW,
    QUARANTINE,
    REFUSALS,
    REFUSED,
    RESTART,
    RESTART_KEY,
    TOTALS,
    Batch,
    Hold,
    Totals,
)
from airflow_provider_dingpush.delivery.records import Changes, Records, RecordTable
from airflow_provider_dingpush.delivery.refusals import Refusals
from airflow_provider_dingpush.delivery.repeats import Repeats
from airflow_provider_dingpush.delivery.storm_total import StormTotal
from airflow_provider_dingpush.delivery.window import RateWindow, Slots, Try
from airflow_provider_dingpush.delivery.withholding import Withholding, withheld_counts
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook, RecordId


class Ledger:
    """The book of one receiver. The caller must lead the receiver.

    Operators use it as well: they lead for a moment to :meth:`take_slot`, send without leading, and lead once more to
    :meth:`give_back`.

    :param book: its storage.
    :param policy: the receiver's delivery options.
    :param zone: the time zone whose midnight ends a day.
    :param gate: decides which alerts are withheld.
    :param leader: the role of the process that leads, for the history.
    :raises LeadershipLostError: if another process leads; so does every method that changes something. Any other
        failure of the storage is remembered in :attr:`problem`, and the work goes on in memory.
    """

    def __init__(
        self,
        book: LedgerBook,
        policy: DeliveryPolicy,
        *,
        zone: tzinfo = timezone.utc,
        gate: Gate | None = None,
        leader: str = "",
    ) -> None:
        self._book = book
        self._mailboxes = mailboxes = Mailboxes(book)
        self._records = records = Records(book, after_write=mailboxes.clear)
        table = self._table = records.table
        self.slots = Slots(table, RateWindow(policy.rate_limit_per_minute, policy.minute_seconds))
        self.holds = Holds(table, policy, zone)
        self.repeats = Repeats(table, policy.repeat_interval_seconds)
        self.pace = Pace(table, policy.group_interval_seconds)
        self.storm = StormTotal(table, self.pace)
        self.hints = HintTimes(table)
        self.history = History(table, zone, leader)
        self.dead_letters = DeadLetters(records)
        self.queue = Queue(records, self.repeats, self.dead_letters)
        self.incidents = OpenIncidents(table)
        self.withholding = Withholding(records, self.queue, self.incidents, gate)
        self.quarantine = Quarantine(
            records, self.queue, self.dead_letters, slots=self.slots, holds=self.holds, mailboxes=mailboxes
        )
        self._runs = NotifiedRuns(table)
        self._handles = MessageHandles(table)
        self._intake = Intake(
            book, records, mailboxes, queue=self.queue, repeats=self.repeats, policy=policy, history=self.history
        )

    @property
    def problem(self) -> OutboxError | None:
        """Why changes aren't stored, or ``None`` if they are."""
        return self._records.problem

    def now(self) -> float:
        """Seconds since 1970, by the clock that all leaders of this receiver share."""
        return self._book.now()

    def clamp_future_times(self, now: float) -> None:
        """Move times in the future back to now: after the clock was set back, nothing would be sent until then."""
        changes = Changes()
        for part in (self.slots, self.holds, self.repeats, self.pace, self.storm, self.hints, self.incidents):
            part.clamp(now, changes)
        batch = self._table.get(BATCH)
        if batch and batch.created > now:
            changes.put(BATCH, replace(batch, created=now, due=now))
        if changes:
            self._records.change(changes)

    def take_in(self, now: float) -> None:
        """Move alerts from the mailboxes into the book, and withhold those that may not be sent now."""
        self._intake.take_in(now)
        self.withholding.review(now)

    def merged(self, alerts: Sequence[Alert]) -> Merged:
        """What of these alerts a notification shows."""
        return merge(alerts, lambda each: self._runs.tasks(each) | self.withholding.inhibited_tasks(each))

    def hold_that_ended(self, alerts: Iterable[Alert], now: float) -> Hold | None:
        """The hold that ended and that delayed one of these alerts."""
        return self.holds.ended_since(min((each.at for each in alerts), default=now), now)

    # ------------------------------------------------------------------------------------------------ slots and holds

    def free_at(self, now: float, *, kept_free: float = 0.0) -> float:
        """When a message may be sent: ``now``, or later because of the window or because DingTalk throttles.

        :param kept_free: the share of the window that is kept for others.
        """
        free = self.slots.free_at(now, kept_free=kept_free)
        hold = self.holds.current(now)
        return max(free, hold.until) if hold and hold.reason is Reason.THROTTLED else free

    def take_slot(self, now: float, timeout_seconds: float) -> str | None:
        """Take a slot of the window for one POST that begins now, or ``None`` before :meth:`free_at`.

        It counts as a message of the day until :meth:`give_back` notes that none was sent.

        :param timeout_seconds: the longest time that the POST takes, in seconds.
        """
        if self.free_at(now) > now:
            return None
        changes = Changes()
        name = self.slots.take(now, timeout_seconds, changes)
        self.holds.count(now, changes)
        self._records.change(changes)
        return name

    def give_back(self, slot: str, ended_at: float, *, sent: bool = True) -> None:
        """Note when the POST of a slot ended; until then its timeout counts.

        :param sent: whether a message was sent, for the counts of day and month.
        """
        changes = Changes()
        self.slots.end(Try(slot, ended_at), changes)
        if sent:
            self._clear_receiver(changes)
        else:
            self.holds.count(ended_at, changes, -1)
        self._records.change(changes)

    def keep_hold(self, hold: Hold) -> None:
        """Send nothing until the hold is over."""
        changes = Changes()
        self.holds.put(hold, changes)
        self._records.change(changes)

    def throttle(self, now: float, seconds: float, detail: str) -> None:
        """Send nothing for so long, in seconds: an operator's message was throttled."""
        self.keep_hold(self.holds.throttled(now, seconds, detail))

    def lift_hold(self) -> None:
        """End a probed hold, because a setting was changed. Holds that DingTalk asked for stay."""
        hold = self.holds.current(self.now())
        if hold and hold.reason in PROBED:
            changes = Changes()
            changes.delete(HOLD)
            self._records.change(changes)

    @property
    def refusals(self) -> Refusals:
        """Refusals for an unknown reason since a message was last sent to this receiver."""
        return self._table.get(REFUSALS) or Refusals()

    def note_refusals(self, refusals: Refusals) -> None:
        """Record these refusals."""
        changes = Changes()
        changes.put(REFUSALS, refusals)
        self._records.change(changes)

    # ------------------------------------------------------------------------------------------------ a batch

    def begin(self, batch: Batch, now: float, timeout_seconds: float | None) -> tuple[Batch, str | None]:
        """Record that a try begins, before it does: the batch and its slot in the window.

        :param timeout_seconds: the longest time that the try takes, in seconds; ``None`` if a fallback sends it.
        """
        changes, begun = Changes(), replace(batch, tries=batch.tries + 1, under_way=True)
        self.quarantine.take_out(batch, changes)
        changes.put(BATCH, begun)
        slot = None if timeout_seconds is None else self.slots.take(now, timeout_seconds, changes)
        self._records.change(changes)
        return begun, slot

    def sent(self, batch: Batch, end: Try, handles: Sequence[str] = ()) -> None:
        """Record that the batch was sent.

        :param handles: of the message, by which DingTalk says who has read it.
        """
        now, alerts, own = end.ended_at, self.queue.alerts(batch.members), end.slot is not None
        changes = Changes()
        self.slots.end(end, changes)
        self.holds.after_message(now, changes, own=own)
        self.repeats.after_message(batch.repeats, alerts, now, changes)
        self._runs.after_message(alerts, now, changes)
        self.pace.after_message(now, changes)
        self.storm.after_message(batch.storm, changes)
        self.hints.after_message(batch.hints, now, changes)
        self.withholding.after_message(batch, changes)
        self.incidents.after_message(alerts, now, changes)
        self._handles.after_message(alerts, handles, now, changes)
        self.history.after_message(len(batch.members), now, changes)
        self.dead_letters.mark_reported(batch.dead, changes)
        if batch.overflow_count:
            changes.put(OVERFLOW, max(0, self.queue.overflow_count - batch.overflow_count))
        for key in batch.members:
            changes.delete(ALERT, key)
        self._count_notified(len(alerts), changes)
        if own:
            changes.delete(RESTART, RESTART_KEY)
            self._clear_receiver(changes)
        changes.delete(BATCH)
        changes.delete(REFUSED)
        self._records.change(changes)
        self._mailboxes.clear_sent(batch.members)

    def keep(self, batch: Batch, end: Try, *, due: float, perhaps_arrived: bool, hold: Hold | None = None) -> None:
        """Keep the batch for another try, not before ``due``."""
        changes = Changes()
        self.slots.end(end, changes)
        self.holds.put(hold, changes)
        arrived = batch.perhaps_arrived or perhaps_arrived
        changes.put(BATCH, replace(batch, under_way=False, due=due, perhaps_arrived=arrived))
        self._records.change(changes)

    def unfreeze(self, batch: Batch, end: Try | None = None, *, hold: Hold | None = None) -> None:
        """Dissolve a batch that was surely not delivered: its alerts are merged anew with other pending ones."""
        changes = Changes()
        self.slots.end(end, changes)
        self.holds.put(hold, changes)
        self.quarantine.put_back(batch, changes)
        changes.delete(BATCH)
        self._records.change(changes)

    def drop_covered(self, alerts: Iterable[Alert]) -> None:
        """Delete alerts that need no notification."""
        changes, keys = Changes(), [each.key for each in alerts]
        for key in keys:
            changes.delete(ALERT, key)
        self._count_notified(len(keys), changes)
        self._records.change(changes)
        self._mailboxes.clear_sent(keys)

    def _count_notified(self, count: int, changes: Changes) -> None:
        totals = self._table.get(TOTALS) or Totals()
        changes.put(TOTALS, replace(totals, notified=totals.notified + count))

    def _clear_receiver(self, changes: Changes) -> None:
        """A message was sent: earlier refusals were caused by their messages, and not by the receiver."""
        if self._table.get(REFUSALS) is None:
            return
        changes.delete(REFUSALS)
        hold = self._table.get(HOLD)
        if hold and hold.reason in PROBED:
            changes.delete(HOLD)
        for name, each in self._table.of(QUARANTINE).items():
            changes.put(QUARANTINE, replace(each, proven=True), name)


class ReceiverView:
    """The values of a receiver that ``dingpush status`` shows; read without leading.

    :param records: of its book, of :meth:`~airflow_provider_dingpush.storage.outbox.Outbox.records_of`.
    :param policy: its delivery options.
    :param zone: the time zone whose midnight ends a day.
    :param now: in seconds since 1970.
    """

    def __init__(self, records: Mapping[RecordId, Any], policy: DeliveryPolicy, *, zone: tzinfo, now: float) -> None:
        table = RecordTable(records)
        holds = Holds(table, policy, zone)
        slots = Slots(table, RateWindow(policy.rate_limit_per_minute, policy.minute_seconds))
        self.dead_letters: tuple[DeadLetter, ...] = dead_letters_in(table)
        self.hold: Hold | None = holds.current(now)
        self.sent_within_minute = slots.taken_within_window(now)
        self.sent_today = holds.sent_today(now)
        self.sent_this_month = holds.sent_this_month(now)
        self.withheld: Mapping[Verdict, int] = withheld_counts(table)
        self.totals = table.get(TOTALS) or Totals()
