"""One run of a receiver's leader: it sends the pending alerts, merged into few notifications."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timezone, tzinfo

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.channel import Channel, SendStatus
from airflow_provider_dingpush.delivery.decide import DispatchState, Leave, SendNow, WaitUntil, Work, decide
from airflow_provider_dingpush.delivery.drain_result import DrainResult, Handover, LeaderRole
from airflow_provider_dingpush.delivery.fallbacks import Compose, Fallback, Fallbacks, Route
from airflow_provider_dingpush.delivery.freezing import Freezer
from airflow_provider_dingpush.delivery.gate import Gate
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.outcomes import Outcomes
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.succession import Problems, Succession
from airflow_provider_dingpush.delivery.window import Try
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.timeouts import LEAST_POST_SECONDS, Deadline

# A waiting leader wakes up this often to renew its lock and to take in new alerts.
_STEP_SECONDS = 5.0
# Splitting a refused batch takes many messages; this share of the window stays free for other alerts.
_KEPT_FREE = 1 / 3
# How much too late a sleep may end on a busy machine.
_LATENESS_SECONDS = 1.0
# Of a budget shorter than a POST's timeout, the POST gets this share.
_SHARE_OF_BUDGET = 0.75
# What a leader that could hand over reserves for the POST: the longer it waits, the likelier a successor. DingTalk
# replies within a second, and a message whose reply comes later is sent again under the same uuid.
_POST_SECONDS_IN_STORM = 2.0
_log = logging.getLogger(__name__)


class Drain:
    """Sends the pending alerts of one receiver, once. The caller must lead the receiver.

    :param book: the receiver's book.
    :param channel: sends to it.
    :param policy: its delivery options.
    :param compose: makes a message of alerts.
    :param deadline: when to return.
    :param role: of this leader.
    :param handover: who sends in a storm what this leader doesn't.
    :param language_of: the language of alerts, ``zh`` or ``en``.
    :param zone: the time zone whose midnight ends a day.
    :param fallbacks: other robots of the same group, in the order in which they are tried.
    :param gate: decides which alerts are withheld.
    :param sleep: waits, in seconds.
    :param new_uuid: makes the uuid of a notification.
    :param chance: a random number from 0 to 1.
    :param log: for operators of Airflow.
    """

    def __init__(
        self,
        book: LedgerBook,
        channel: Channel,
        policy: DeliveryPolicy,
        compose: Compose,
        *,
        deadline: Deadline,
        role: LeaderRole,
        handover: Handover = Handover.NONE,
        language_of: Callable[[Sequence[Alert]], str] = lambda _: "zh",
        zone: tzinfo = timezone.utc,
        fallbacks: Sequence[Fallback] = (),
        gate: Gate | None = None,
        sleep: Callable[[float], None] | None = None,
        new_uuid: Callable[[], str] = lambda: uuid.uuid4().hex,
        chance: Callable[[], float] = random.random,
        log: logging.Logger = _log,
    ) -> None:
        self._book = book
        self._channel = channel
        self._policy = policy
        self._compose = compose
        self._deadline = deadline
        self._role = role
        self._handover = handover
        self._language_of = language_of
        self._zone = zone
        self._gate = gate
        self._fallbacks = Fallbacks(fallbacks, compose, zone, log)
        self._sleep = sleep or time.sleep
        self._new_uuid = new_uuid
        self._chance = chance
        self._log = log
        self._problems = Problems(log)
        self._succession = Succession(book, self._problems)
        self._post_seconds = min(channel.timeout_seconds, deadline.seconds_left() * _SHARE_OF_BUDGET)
        self._waited = False
        self._last_arrival = 0.0
        self._ledger: Ledger
        self._outcomes: Outcomes
        self._freezer: Freezer

    def run(self) -> DrainResult:
        """Send pending and arriving alerts until none is pending or no time is left. Storage may fail."""
        try:
            self._open()
        except LeadershipLostError:
            return DrainResult(0, 0, 0, Reason.OTHER_LEADER)
        try:
            if self._role.rules.lifts_holds:
                self._ledger.lift_hold()
            self._succession.begin()
            leave = self._loop()
            self._succession.end(leave)
        except LeadershipLostError:
            return self._result(Leave(Reason.OTHER_LEADER), 0)
        except OutboxError as problem:
            # Raised by reading the time or the mailboxes only: a failed write doesn't stop the sending.
            self._problems.report_storage(problem)
            leave = Leave(Reason.OUTBOX_UNREADABLE)
        return self._result(leave, self._pending_count())

    def _open(self) -> None:
        self._ledger = Ledger(self._book, self._policy, zone=self._zone, gate=self._gate, leader=self._role.value)
        self._outcomes = Outcomes(self._ledger, self._problems, self._chance, self._log)
        lifetime = self._policy.msg_uuid_lifetime_seconds
        self._freezer = Freezer(self._ledger, lifetime, self._outcomes.refused, self._language_of, self._new_uuid)

    def _result(self, leave: Leave, left: int) -> DrainResult:
        return DrainResult(
            self._outcomes.messages,
            self._outcomes.alerts,
            left,
            leave.reason,
            leave.detail,
            leave.again_at if left else None,
            self._problems.last,
            handed_over=leave.handed_over,
        )

    # ------------------------------------------------------------------------------------------------ deciding

    def _loop(self) -> Leave:
        while True:
            now = self._refresh()
            decision = decide(self._state(now), self._role, now=now, start_by=self._start_by(now))
            if isinstance(decision, SendNow):
                self._send_now(decision.work, now)
            elif decision.fallback_for and self._send_through_fallback(decision.fallback_for, now):
                pass
            elif isinstance(decision, WaitUntil):
                if decision.for_successor:
                    self._succession.want_successor()
                self._wait(decision.at - now)
            else:
                return decision
            if self._ledger.problem and self._outcomes.messages:
                # What was sent can't be recorded, so as little as possible is.
                return Leave(Reason.OUTBOX_UNWRITABLE)

    def _refresh(self) -> float:
        """Read the clock and take in new alerts."""
        now = self._book.now()
        self._ledger.clamp_future_times(now)
        if self._fallbacks or self._ledger.holds.current(now) is None:
            # During a hold alerts stay in the mailboxes, which are bounded.
            before = self._ledger.queue.waiting
            self._ledger.take_in(now)
            if self._ledger.queue.waiting != before or not self._last_arrival:
                self._last_arrival = now
        self._problems.report_storage(self._ledger.problem)
        return now

    def _state(self, now: float) -> DispatchState:
        ledger, queue = self._ledger, self._ledger.queue
        unfinished, hold = queue.unfinished, ledger.holds.current(now)
        counts_repeats = ledger.repeats.may_count
        handover = self._handover if ledger.pace.in_storm else Handover.NONE
        # A possible repeat is recognised in this receiver's chat only, so its own window is waited for.
        own = unfinished is not None and unfinished.receiver_id == self._channel.receiver_id
        tied = unfinished is not None and unfinished.perhaps_arrived and own and not hold
        # Unless repeats are counted no alert is parsed, so that a leader that can't send leaves at once.
        fresh = bool(queue.fresh(now)) if counts_repeats else queue.has_fresh
        # While the receiver refuses everything, a new alert is a better probe than refused ones.
        quarantined = queue.quarantine and not (fresh and ledger.refusals.of_receiver)
        return DispatchState(
            unfinished_due=unfinished.due if unfinished else None,
            fresh=fresh,
            urgent=fresh and queue.has_urgent,
            quarantine_due=ledger.free_at(now, kept_free=_KEPT_FREE) if quarantined else None,
            next_repeat_due=queue.next_repeat_due(now) if counts_repeats else None,
            next_withheld_due=ledger.withholding.next_due,
            collects_until=ledger.pace.collects_until(in_storm=handover is not Handover.NONE),
            handover=handover,
            last_arrival=self._last_arrival or now,
            has_successor=self._succession.has_successor(),
            free_at=ledger.free_at(now),
            hold=hold,
            daily_limit=ledger.holds.daily_limit(now),
            fallbacks=bool(self._fallbacks) and not tied,
        )

    def _start_by(self, now: float) -> float:
        """The last moment at which a POST may start, in seconds since 1970."""
        seconds_left = self._deadline.seconds_left()
        could_hand_over = self._handover is Handover.SUCCESSOR and self._ledger.pace.in_storm
        seconds_to_start = seconds_left - (
            min(self._post_seconds, _POST_SECONDS_IN_STORM) if could_hand_over else self._post_seconds
        )
        if self._waited and -_LATENESS_SECONDS < seconds_to_start < 0 and seconds_left > LEAST_POST_SECONDS:
            # The moment was waited for and a busy machine woke us late: the POST gets less time.
            return now
        return now + seconds_to_start if self._post_seconds > LEAST_POST_SECONDS else now - 1

    def _wait(self, seconds: float) -> None:
        step = min(seconds, _STEP_SECONDS)
        self._succession.stay_leader(step)
        self._sleep(step)
        self._waited = step == seconds

    def _pending_count(self) -> int:
        """How many alerts are still pending, at least."""
        try:
            held = self._ledger.holds.current(self._book.now()) and not self._fallbacks
            return self._ledger.queue.waiting + (len(self._book.arrivals(1)) if held else 0)
        except OutboxError:
            return self._ledger.queue.waiting

    # ------------------------------------------------------------------------------------------------ sending

    def _send_now(self, work: Work, now: float) -> None:
        """Send through the own channel, or through the one that may have delivered the batch already."""
        batch = self._ledger.queue.unfinished if work is Work.UNFINISHED else None
        elsewhere = batch.receiver_id if batch and batch.perhaps_arrived else self._channel.receiver_id
        if elsewhere != self._channel.receiver_id and self._send_through_fallback(work, now, elsewhere):
            return
        self._send(work, Route(self._channel, self._book, self._ledger, own=True, compose=self._compose))
        self._waited = False

    def _send_through_fallback(self, work: Work, now: float, receiver_id: str | None = None) -> bool:
        """Send through the first fallback that can; ``True`` if one did.

        :param receiver_id: of the only one to try.
        """
        hold = self._ledger.holds.current(now)
        skipped = [(self._channel.conn_id, hold.reason.value)] if hold else []
        return self._fallbacks.use_first(now, skipped, lambda route: self._send(work, route), receiver_id)

    def _send(self, work: Work, route: Route) -> None:
        began, post_deadline = self._deadline.clock(), self._deadline.sub(self._post_seconds)
        now = self._book.now()
        frozen = self._freezer.frozen(work, route, now)
        if frozen is None:
            return
        slot = None if route.own else route.ledger.take_slot(now, self._post_seconds)
        if slot is None and not route.own:
            return
        batch, own_slot = self._ledger.begin(frozen, now, self._post_seconds if route.own else None)
        self._succession.stay_leader(self._post_seconds)
        if not route.own:
            self._succession.stay_leader(self._post_seconds, route.book)
        # The slot counts from the moment it was taken: the time spent since then is missing for the POST.
        if post_deadline.seconds_left() < min(LEAST_POST_SECONDS, self._post_seconds / 2):
            self._ledger.keep(batch, Try(own_slot, now), due=now, perhaps_arrived=False)
            if slot is not None:
                route.ledger.give_back(slot, now, sent=False)
            return
        result = route.channel.post(batch.body, post_deadline)
        ended_at = self._ended_at(now, began)
        if slot is not None:
            route.ledger.give_back(slot, ended_at, sent=result.status is SendStatus.SENT)
        self._outcomes.record(batch, route, result, Try(own_slot, ended_at))

    def _ended_at(self, began_at: float, began: float) -> float:
        try:
            return self._book.now()
        except OutboxError as problem:
            self._problems.report_storage(problem)
            return began_at + self._deadline.clock() - began
