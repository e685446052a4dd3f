"""The loop of the one process that leads a robot: what waits is told, now or a little later, one message for many."""

from __future__ import annotations

import logging
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timezone, tzinfo
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest import Notes
from airflow_provider_dingpush.alerts.digest_rows import MARKS, kind_of
from airflow_provider_dingpush.delivery.channel import Sender, SendResult, SendStatus
from airflow_provider_dingpush.delivery.drain_result import DrainResult, Handover
from airflow_provider_dingpush.delivery.holds import THROTTLED, Hold
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.ledger_entries import Batch, Try, name_of
from airflow_provider_dingpush.delivery.merging import fitting
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.refusals import Refusals
from airflow_provider_dingpush.errors import DingTalkError, LeadershipLostError, OutboxError
from airflow_provider_dingpush.messages.kinds import Text
from airflow_provider_dingpush.storage.contract import LeadPause, LedgerBook

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At, Message

Compose = Callable[[Sequence[Alert], Notes], "tuple[Message, At | None]"]
"""Makes a message of alerts and what there is to say besides: the full text of one alert, a digest of many."""

THROTTLED_SECONDS = 600.0
"""How long DingTalk shuts out a robot that sent too much, in seconds (docs 0717, read 2026-08-22)."""

_JITTER_SECONDS = 15.0
_LONGEST_BACKOFF_SECONDS = 60.0
# A leader that waits looks up this often, to stay leader and to see what has come.
_STEP_SECONDS = 5.0
# Beyond what a POST may take: the time to write down what came of it.
_SETTLING_SECONDS = 2.0
# In a message of bare names, and in the log.
_MOST_NAMES = 50
# Sorting out what was refused takes many messages, and this share of the window is for others.
_LEFT_TO_OTHERS = 1 / 3
# How much later than asked a sleep may end on a busy machine.
_LATENESS_SECONDS = 1.0
# A POST that gets less time than this can only end in a message of unknown fate.
_LEAST_SECONDS = 0.2
# What is refused so often with words such as "busy", and for a reason that nobody knows, isn't refused because of that.
_MOST_BUSY_TRIES = 10
# Of a budget that is shorter than what a POST may take, this much is for the POST.
_SHARE_OF_BUDGET = 0.75
# So long before its last moment a leader looks for a successor: one that came earlier would have less time itself.
_HANDING_OVER_SECONDS, _LOOK_ROUND_SECONDS = 1.0, 0.1
# Where nothing has come for so long, the next callback may be the last one within this leader's time. Where more comes,
# handing over to each would cost more than it is good for.
_QUIET_SECONDS = 0.3
# What a leader that could hand over keeps for the POST: the longer it waits, the surer somebody comes. DingTalk answers
# within a second, and a message whose answer comes later is sent again under the same name.
_POST_SECONDS_IN_STORM = 2.0
_log = logging.getLogger(__name__)


class Work(Enum):
    """What a message is made of."""

    UNFINISHED = "unfinished"
    """A message that was frozen before: its fate comes before all others."""
    FRESH = "fresh"
    """Everything that waits."""
    QUARANTINED = "penned"
    """Alerts that are said apart, because one of them was refused."""


@dataclass(frozen=True)
class DispatchState:
    """What a decision depends on.

    :param unfinished_due: when the unfinished message may be tried, in seconds since 1970; ``None`` without one.
    :param fresh: whether alerts wait that can be told now.
    :param pen_due: when the alerts of a pen may be told, in seconds since 1970; ``None`` if none waits in a pen.
    :param next_unmuted: when an alert that is only counted so far can be told, in seconds since 1970.
    :param collects_until: until when further alerts are collected, in seconds since 1970; ``None`` if nothing was told
        yet.
    :param relief: who sees to it that they are told then, so that this leader needn't; nobody outside a storm.
    :param last_arrival: when an alert came the last time, in seconds since 1970.
    :param succeeded: whether a successor stands by.
    :param free_at: when the window has a place, in seconds since 1970.
    :param hold: why the robot stays silent now.
    :param capped: why no alert may be told today.
    :param spares: whether there are other robots that can be asked.
    """

    unfinished_due: float | None = None
    fresh: bool = False
    pen_due: float | None = None
    next_unmuted: float | None = None
    collects_until: float | None = None
    handover: Handover = Handover.NOBODY
    last_arrival: float = math.inf
    succeeded: bool = False
    free_at: float = 0.0
    hold: Hold | None = None
    capped: Hold | None = None
    fallbacks: bool = False


@dataclass(frozen=True)
class SendNow:
    """Send this."""

    what: Work


@dataclass(frozen=True)
class WaitUntil:
    """Nothing can be sent before that.

    :param at: in seconds since 1970.
    :param spare_for: what another robot could send now.
    :param for_successor: whether a successor is wanted meanwhile.
    """

    at: float
    reason: str
    fallback_for: Work | None = None
    for_successor: bool = False


@dataclass(frozen=True)
class Leave:
    """Nothing can be sent within the time that is left.

    :param again_at: when it is worth coming back, in seconds since 1970, if anything waits.
    :param spare_for: what another robot could send now.
    :param rest: whether nobody else needs to look before that.
    :param handed_over: whether a successor goes on.
    """

    reason: str
    again_at: float | None = None
    fallback_for: Work | None = None
    pause: bool = False
    handed_over: bool = False


Decision = SendNow | WaitUntil | Leave
_WHY_LATER = {
    Work.UNFINISHED: "waiting before the next try",
    Work.FRESH: "waiting for company",
    Work.QUARANTINED: "what was refused waits for room in the window",
}


def decide(state: DispatchState, *, now: float, start_by: float, patient: bool) -> Decision:
    """What to do next.

    :param now: in seconds since 1970.
    :param start_by: the last moment at which a message may start, in seconds since 1970.
    :param patient: whether to wait for a place in the window and for company; if not, what waits goes at once or stays.
    """
    held = state.hold and f"the robot is {state.hold.kind}: {state.hold.reason}"
    if state.hold and held and not state.fallbacks:
        return Leave(held, state.hold.until, pause=state.hold.kind == THROTTLED)
    what, due = _next(state, now=now, start_by=start_by, patient=patient)
    obstacle = _obstacle(state, what, now=now, start_by=start_by)
    if what is None or obstacle:
        return obstacle or Leave("nothing waits")
    fallback_for = what if due <= now and state.fallbacks else None
    if state.hold and held and fallback_for:
        return Leave(held, state.hold.until, fallback_for)
    # With spares, a full window needn't be waited for; but they aren't asked before something is due.
    at = due if state.fallbacks and due > now else max(due, state.free_at)
    if at <= now:
        return SendNow(what)
    reason = _WHY_LATER[what] if due > now else "the window is full"
    if what is Work.FRESH and due > now and state.handover is not Handover.NOBODY:
        return _left_to_others(state, reason, at, now=now, start_by=start_by)
    return WaitUntil(at, reason, fallback_for) if patient and at <= start_by else Leave(reason, at, fallback_for)


def _left_to_others(state: DispatchState, reason: str, at: float, *, now: float, start_by: float) -> Decision:
    """In a storm: leave to the flusher what isn't due, or wait and then hand over to a successor, if there is one."""
    if state.handover is Handover.FLUSHER:
        return Leave(reason, at, pause=True)
    if at > start_by:
        return Leave(reason, at)
    if state.collects_until is not None and state.collects_until <= start_by:
        return WaitUntil(at, reason)
    hands_over_at = min(start_by - _HANDING_OVER_SECONDS, state.last_arrival + _QUIET_SECONDS)
    if now < hands_over_at:
        return WaitUntil(hands_over_at, reason)
    if state.succeeded:
        return Leave(reason, state.collects_until, handed_over=True)
    return WaitUntil(min(now + _LOOK_ROUND_SECONDS, start_by), reason, for_successor=True)


def _obstacle(state: DispatchState, what: Work | None, *, now: float, start_by: float) -> Leave | None:
    """Why no robot may send anything now."""
    if what is None and state.next_unmuted is not None:
        return Leave("what waits was told already and is only counted", state.next_unmuted)
    if what and state.capped:
        return Leave("the messages of today are used up", state.capped.until)
    if what and start_by < now:
        return Leave("no time is left", now)
    return None


def _next(state: DispatchState, *, now: float, start_by: float, patient: bool) -> tuple[Work | None, float]:
    """What comes next, and when it is due."""
    if state.unfinished_due is not None:
        return Work.UNFINISHED, state.unfinished_due
    due = now
    if state.collects_until is not None and state.handover is Handover.FLUSHER:
        due = max(now, state.collects_until)
    elif state.collects_until is not None and patient:
        # Company is worth waiting for, but not until it is too late to send.
        due = max(now, min(state.collects_until, start_by))
    # What was refused uses the time between, and never holds up the others.
    if state.pen_due is not None and (not state.fresh or state.pen_due < due):
        return Work.QUARANTINED, max(now, state.pen_due)
    return (Work.FRESH, due) if state.fresh else (None, now)


@dataclass(frozen=True)
class Fallback:
    """Another robot of the same group, for when the own one can't send.

    :param sender: sends through it.
    :param policy: its delivery options; its rate limit is what counts.
    :param lead: lead it, or not (``None``), as :meth:`~airflow_provider_dingpush.storage.outbox.Outbox.leadership`.
    :param compose: makes a message that it can carry, if other ones than those of the own robot.
    """

    sender: Sender
    policy: DeliveryPolicy
    lead: Callable[[], AbstractContextManager[LedgerBook | None]]
    compose: Compose | None = None


@dataclass(frozen=True)
class _Carrier:
    """A robot that can send now."""

    sender: Sender
    book: LedgerBook
    ledger: Ledger
    own: bool
    compose: Compose


class Dispatcher:
    """Tells what waits for one robot. Whoever builds one must lead the robot.

    :param book: the robot's book.
    :param sender: the robot.
    :param policy: its delivery options.
    :param compose: makes a message of alerts.
    :param language_of: tells the language of alerts, ``zh`` or ``en``, for the note at a message that had to be cut.
    :param zone: the time zone whose midnight ends a day.
    :param spares: other robots of the same group, in the order in which they are asked.
    :param ticks: seconds that only go forward.
    :param sleep: waits, in seconds.
    :param new_uuid: names a message.
    :param chance: a random number from 0 to 1, to spread those who were shut out together.
    :param log: takes what people should know.
    """

    def __init__(
        self,
        book: LedgerBook,
        sender: Sender,
        policy: DeliveryPolicy,
        compose: Compose,
        *,
        language_of: Callable[[Sequence[Alert]], str] = lambda _: "zh",
        zone: tzinfo = timezone.utc,
        fallbacks: Sequence[Fallback] = (),
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        new_uuid: Callable[[], str] = lambda: uuid.uuid4().hex,
        chance: Callable[[], float] = random.random,
        log: logging.Logger = _log,
    ) -> None:
        self._book = book
        self._sender = sender
        self._policy = policy
        self._compose = compose
        self._language_of = language_of
        self._zone = zone
        self._fallbacks = fallbacks
        self._ticks = ticks
        self._sleep = sleep
        self._new_uuid = new_uuid
        self._chance = chance
        self._log = log
        # Of the drain that is going on: its ledger, its end, how it goes.
        self._ledger: Ledger
        self._until = self._post_seconds = 0.0
        self._messages = self._alerts = 0
        self._problem = ""
        self._handover = Handover.NOBODY
        self._woken = self._seeking = False
        self._last_arrival = 0.0

    def drain(self, until: float, *, patient: bool, handover: Handover = Handover.NOBODY) -> DrainResult:
        """Tell what waits and what comes meanwhile, until nothing waits or no time is left. Storage may fail: no error.

        :param until: when to be back, by ``ticks``.
        :param patient: whether to wait for a place in the window and for company.
        :param relief: who could tell in a storm what this leader leaves.
        """
        self._until = until
        self._handover = handover
        self._post_seconds = min(self._sender.timeout_seconds, self._seconds_left() * _SHARE_OF_BUDGET)
        self._messages = self._alerts = 0
        self._problem = ""
        self._woken = self._seeking = False
        self._last_arrival = 0.0
        end: Leave
        try:
            self._ledger = Ledger(self._book, self._policy, zone=self._zone)
            self._seek_successor(False)
            end = self._loop(patient)
            self._note_pause(end)
            if self._seeking and not end.handed_over:
                self._seek_successor(False)
        except LeadershipLostError:
            return DrainResult(self._messages, self._alerts, 0, "another process leads now", problem=self._problem)
        except OutboxError as problem:
            # Only what asks for time or alerts gets here; what can't be written is no reason to stay silent.
            self._report_storage(problem)
            end = Leave("the outbox can't be read")
        left = self._left()
        again_at = end.again_at if left else None
        return DrainResult(
            self._messages, self._alerts, left, end.reason, again_at, self._problem, handed_over=end.handed_over
        )

    # ------------------------------------------------------------------------------------------------ deciding

    def _loop(self, patient: bool) -> Leave:
        while True:
            now = self._book.now()
            self._ledger.clamp_future_times(now)
            if self._fallbacks or self._ledger.hold(now) is None:
                # While the robot stays silent, the bound of the mailboxes holds.
                before = self._ledger.waiting
                self._ledger.take_in(now)
                if self._ledger.waiting != before or not self._last_arrival:
                    self._last_arrival = now
            self._report_storage(self._ledger.problem)
            decision = decide(
                self._state(now),
                now=now,
                start_by=self._start_by(now),
                patient=patient,
            )
            if isinstance(decision, SendNow):
                self._send_now(decision.what, now)
            elif decision.fallback_for and self._send_through_fallback(decision.fallback_for, now):
                pass
            elif isinstance(decision, WaitUntil):
                if decision.for_successor and not self._seeking:
                    self._seek_successor(True)
                self._wait(decision.at - now)
            else:
                return decision
            if self._ledger.problem and self._messages:
                # Nobody will know what was sent, so as little as possible is.
                return Leave("the outbox can't be written")

    def _state(self, now: float) -> DispatchState:
        unfinished = self._ledger.unfinished
        muting = self._policy.repeat_interval_seconds > 0
        hold = self._ledger.hold(now)
        handover = self._handover if self._ledger.in_storm else Handover.NOBODY
        # What may have arrived is recognised in this robot's chat only: a full window is worth waiting for.
        tied = (
            unfinished
            and unfinished.perhaps_arrived
            and unfinished.receiver_id == self._sender.receiver_id
            and not hold
        )
        # Without muting nothing has to be parsed, and a leader that can't send is gone at once.
        fresh = bool(self._ledger.fresh(now)) if muting else self._ledger.has_fresh
        # Of a robot that takes nothing, other alerts tell more than those that were refused.
        quarantined = self._ledger.quarantine and not (fresh and self._ledger.refusals.of_receiver)
        return DispatchState(
            unfinished_due=unfinished.due if unfinished else None,
            fresh=fresh,
            pen_due=self._ledger.free_at(now, leaving=_LEFT_TO_OTHERS) if quarantined else None,
            next_unmuted=self._ledger.next_unmuted(now) if muting else None,
            collects_until=self._ledger.collects_until(at_leisure=handover is not Handover.NOBODY),
            handover=handover,
            last_arrival=self._last_arrival or now,
            succeeded=self._seeking and self._is_succeeded(),
            free_at=self._ledger.free_at(now),
            hold=hold,
            capped=self._ledger.capped(now),
            fallbacks=bool(self._fallbacks) and not tied,
        )

    def _seconds_left(self) -> float:
        return self._until - self._ticks()

    def _start_by(self, now: float) -> float:
        """The last moment at which a message may start, in seconds since 1970."""
        could_hand_over = self._handover is Handover.SUCCESSOR and self._ledger.in_storm
        kept = min(self._post_seconds, _POST_SECONDS_IN_STORM) if could_hand_over else self._post_seconds
        fallback_seconds = self._seconds_left() - kept
        if self._woken and -_LATENESS_SECONDS < fallback_seconds < 0 and self._seconds_left() > _LEAST_SECONDS:
            # It was waited for; a machine that is busy woke us late, and the POST is given less time.
            return now
        return now + fallback_seconds if self._post_seconds > _LEAST_SECONDS else now - 1

    def _wait(self, seconds: float) -> None:
        step = min(seconds, _STEP_SECONDS)
        self._stay_leader(self._book, step)
        self._sleep(step)
        self._woken = step == seconds

    # ------------------------------------------------------------------------------------------------ sending

    def _send_now(self, what: Work, now: float) -> None:
        """Send through this robot, or through the one that may have got the message already."""
        batch = self._ledger.unfinished if what is Work.UNFINISHED else None
        if batch and batch.perhaps_arrived and batch.receiver_id != self._sender.receiver_id:
            theirs = [each for each in self._fallbacks if each.sender.receiver_id == batch.receiver_id]
            if theirs and self._send_through_fallback(what, now, theirs):
                return
        self._send(what, _Carrier(self._sender, self._book, self._ledger, own=True, compose=self._compose), ())
        self._woken = False

    def _send_through_fallback(self, what: Work, now: float, fallbacks: Sequence[Fallback] | None = None) -> bool:
        """Send through the first of the other robots that can; says whether one of them could."""
        skipped: list[tuple[str, str]] = []
        hold = self._ledger.hold(now)
        if hold:
            skipped.append((self._sender.conn_id, hold.kind))
        for fallback in self._fallbacks if fallbacks is None else fallbacks:
            try:
                with fallback.lead() as book:
                    if book is None:
                        continue
                    ledger = Ledger(book, fallback.policy, zone=self._zone)
                    ledger.clamp_future_times(now)
                    hold = ledger.hold(now)
                    if hold:
                        skipped.append((fallback.sender.conn_id, hold.kind))
                    elif ledger.free_at(now) <= now:
                        compose = fallback.compose or self._compose
                        self._send(what, _Carrier(fallback.sender, book, ledger, own=False, compose=compose), skipped)
                        return True
            except LeadershipLostError:
                # Ours or theirs: the next leader of either finds the message under way.
                raise
            except OutboxError as problem:
                self._log.warning("The robot of connection %r can't be asked: %s", fallback.sender.conn_id, problem)
        return False

    def _send(self, what: Work, carrier: _Carrier, skipped: Sequence[tuple[str, str]]) -> None:
        began = self._ticks()
        now = self._book.now()
        frozen = self._frozen(what, carrier, skipped, now)
        if frozen is None:
            return
        if carrier.own:
            batch, slot = self._ledger.begin(frozen, now, self._post_seconds)
        else:
            slot = carrier.ledger.take_slot(now, self._post_seconds)
            if slot is None:
                return
            batch, _ = self._ledger.begin(frozen, now, None)
        self._stay_leader(self._book, self._post_seconds)
        if not carrier.own:
            self._stay_leader(carrier.book, self._post_seconds)
        # The slot counts from the moment it was taken, so what was spent since then isn't there for the POST.
        seconds = min(began + self._post_seconds, self._until) - self._ticks()
        if seconds < min(_LEAST_SECONDS, self._post_seconds / 2):
            self._ledger.keep(batch, Try(slot if carrier.own else None, now), due=now, perhaps_arrived=False)
            if not carrier.own and slot is not None:
                carrier.ledger.give_back(slot, now, sent=False)
            return
        outcome = carrier.sender.post(batch.body, timeout_seconds=seconds)
        ended_at = self._ended_at(now, began)
        if not carrier.own:
            assert slot is not None  # noqa: S101 - it was asked above
            carrier.ledger.give_back(slot, ended_at, sent=outcome.status is SendStatus.SENT)
        self._settle(batch, carrier, outcome, Try(slot if carrier.own else None, ended_at))

    def _frozen(self, what: Work, carrier: _Carrier, skipped: Sequence[tuple[str, str]], now: float) -> Batch | None:
        """The message to send, or ``None`` if there is none after all."""
        if what is Work.UNFINISHED:
            old = self._ledger.unfinished
            if old is None:
                return None
            sender = carrier.sender
            lifetime = self._policy.msg_uuid_lifetime_seconds
            recognised = sender.recognises_repeats and now - old.created < lifetime
            if old.receiver_id == sender.receiver_id and (recognised or not old.perhaps_arrived):
                return old
            alerts = self._ledger.alerts(old.members)
            if not alerts:
                self._ledger.unfreeze(old)
                return None
            return self._worded(replace(old, receiver_id=sender.receiver_id), alerts, carrier, skipped, now)
        draft = Batch(self._new_uuid(), carrier.sender.receiver_id, b"", (), created=now, due=now)
        if what is Work.FRESH:
            alerts = fitting(self._ledger.fresh(now), carrier.sender.text_bytes)
        else:
            batch_apart = self._ledger.quarantine[0]
            # Of a robot that takes nothing, one alert tells as much as all.
            probed = carrier.own and not batch_apart.proven and self._ledger.refusals.of_receiver
            alerts = self._ledger.alerts(batch_apart.keys[:1] if probed else batch_apart.keys)
            draft = replace(
                draft,
                batch_apart=batch_apart.name,
                names_only=batch_apart.names_only,
                proven=batch_apart.proven,
                may_repeat=batch_apart.may_repeat,
            )
        return self._worded(draft, alerts, carrier, skipped, now)

    def _worded(
        self,
        draft: Batch,
        alerts: Sequence[Alert],
        carrier: _Carrier,
        skipped: Sequence[tuple[str, str]],
        now: float,
    ) -> Batch | None:
        """The draft with its body, or ``None`` if its alerts need no words or can't be put into any."""
        merged = self._ledger.merged(alerts)
        if not merged.said:
            self._ledger.settle_silently(merged.along)
            return None
        draft = replace(draft, members=tuple(each.key for each in alerts))
        if not draft.names_only:
            repeats, by_record = self._ledger.repeats(alerts)
            dead = self._ledger.unreported_dead_letters
            draft = replace(
                draft,
                repeats=by_record,
                dead=tuple(each.key for each in dead),
                overflow_count=self._ledger.overflow_count,
            )
            paused = self._ledger.paused(alerts, now)
            notes = Notes(
                number=draft.number,
                paused=(paused.since, paused.until, paused.kind) if paused else None,
                overflow_count=draft.overflow_count,
                repeats=repeats,
                dead=tuple(each.name for each in dead),
                skipped=tuple(skipped),
                may_repeat=draft.number if draft.perhaps_arrived else draft.may_repeat,
                folded=merged.folded,
                recovered=merged.recovered,
                merged_until_tomorrow=self._ledger.ends_the_day(now),
            )
        try:
            message, at = (
                (_names_only(merged.said, draft.number), None)
                if draft.names_only
                else carrier.compose(merged.said, notes)
            )
            language = self._language_of(merged.said)
            body = carrier.sender.encode(message, at, uuid=draft.uuid, language=language)
        except Exception as problem:  # noqa: BLE001 - whatever one alert does to the words must not silence the others
            what = str(problem) if isinstance(problem, DingTalkError) else type(problem).__name__
            self._refused(draft, f"it can't be put into words ({what})", None, now)
            return None
        return replace(draft, body=body)

    # ------------------------------------------------------------------------------------------------ settling

    def _settle(self, batch: Batch, carrier: _Carrier, outcome: SendResult, end: Try) -> None:
        """Write down what came of a try."""
        now, about = end.ended_at, f"message #{batch.number} through connection {carrier.sender.conn_id!r}"
        if outcome.status is SendStatus.SENT:
            self._ledger.sent(batch, end)
            self._messages += 1
            self._alerts += len(batch.members)
            self._log.info("Told %d alerts with %s.", len(batch.members), about)
            return
        self._problem = outcome.problem
        if outcome.status is SendStatus.REJECTED:
            self._refused(batch, outcome.problem, end, now)
        elif _is_refused_for_unknown_reason(batch, outcome):
            self._refused_for_unknown_reason(batch, carrier, outcome, end)
        elif outcome.status is SendStatus.THROTTLED or (
            outcome.status is SendStatus.UNKNOWN and outcome.retry_after_seconds
        ):
            seconds = outcome.retry_after_seconds or THROTTLED_SECONDS
            hold = carrier.ledger.throttled(now, seconds + self._chance() * _JITTER_SECONDS, outcome.problem)
            self._log.warning("DingTalk refused %s for now, nothing is sent until that is over: %s", about, hold.reason)
            arrived = batch.perhaps_arrived or outcome.status is SendStatus.UNKNOWN
            self._holds(replace(batch, perhaps_arrived=arrived), carrier, end, hold)
        elif outcome.status is SendStatus.MISCONFIGURED:
            hold = carrier.ledger.misconfigured(now, outcome.problem)
            self._report_hold(hold, carrier)
            self._holds(batch, carrier, end, hold)
        else:
            wait = max(min(2.0 ** (batch.tries - 1), _LONGEST_BACKOFF_SECONDS), outcome.retry_after_seconds or 0.0)
            self._log.warning("Try %d of %s failed: %s", batch.tries, about, outcome.problem)
            self._ledger.keep(batch, end, due=now + wait, perhaps_arrived=outcome.status is SendStatus.UNKNOWN)

    def _report_hold(self, hold: Hold, carrier: _Carrier) -> None:
        self._log.error(
            "DingTalk takes nothing from the robot of connection %r until somebody changes a setting; it is tried "
            "again in %.0f seconds, and all alerts are kept: %s",
            carrier.sender.conn_id,
            hold.probe_seconds,
            hold.reason,
        )

    def _refused_for_unknown_reason(self, batch: Batch, carrier: _Carrier, outcome: SendResult, end: Try) -> None:
        """It was this message, unless the robot takes no other one either."""
        now, ledger, before = end.ended_at, carrier.ledger, carrier.ledger.refusals
        misconfigured = outcome.status is SendStatus.MISCONFIGURED
        # A message that names dead letters may be refused for their names.
        keys, code = (*batch.members, *batch.dead), outcome.unknown_code or ""
        refusals = before.with_proven(keys) if batch.proven else before.with_one(code, keys, of_receiver=misconfigured)
        if batch.proven or not refusals.of_receiver:
            ledger.note_refusals(refusals)
            self._refused(batch, outcome.problem, end, now)
            return
        ledger.note_refusals(Refusals(of_receiver=True))
        hold = (ledger.misconfigured if misconfigured else ledger.refusing)(now, outcome.problem)
        self._report_hold(hold, carrier)
        if not carrier.own:
            ledger.keep_hold(hold)
        self._ledger.hold_back(batch, end, refusals.keys, now=now, hold=hold if carrier.own else None)

    def _holds(self, batch: Batch, carrier: _Carrier, end: Try, hold: Hold) -> None:
        """The robot stays silent; its message is merged with what comes meanwhile, unless an earlier try arrived."""
        if not carrier.own:
            carrier.ledger.keep_hold(hold)
        own_hold = hold if carrier.own else None
        if batch.perhaps_arrived:
            self._ledger.keep(batch, end, due=end.ended_at, perhaps_arrived=False, hold=own_hold)
        else:
            self._ledger.unfreeze(batch, end, hold=own_hold)

    def _refused(self, batch: Batch, problem: str, end: Try | None, now: float) -> None:
        self._problem = problem
        self._log.warning("A message of %d alerts was refused: %s", len(batch.members), problem)
        if self._ledger.give_up_own_words(batch, problem, end, now=now):
            return
        dead_lettered = self._ledger.split(batch, problem, end, now=now)
        if dead_lettered:
            names = ", ".join(letter.name for letter in dead_lettered[:_MOST_NAMES])
            self._log.error(
                "%d alerts can't be told at all and are dead letters now, such as %s", len(dead_lettered), names
            )

    # ------------------------------------------------------------------------------------------------ storage

    def _stay_leader(self, book: LedgerBook, seconds: float) -> None:
        self._if_it_can_be(lambda: book.keep(seconds + _SETTLING_SECONDS))

    def _note_pause(self, end: Leave) -> None:
        pause = LeadPause(end.again_at, end.reason) if end.pause and end.again_at is not None else None
        self._if_it_can_be(lambda: self._book.note_pause(pause))

    def _seek_successor(self, wanted: bool) -> None:
        self._seeking = wanted
        self._if_it_can_be(lambda: self._book.ask_for_successor(wanted))

    def _is_succeeded(self) -> bool:
        try:
            return self._book.has_successor()
        except OutboxError as problem:
            self._report_storage(problem)
            return False

    def _if_it_can_be(self, note: Callable[[], None]) -> None:
        """Tell others something that the work doesn't depend on."""
        try:
            note()
        except LeadershipLostError:
            raise
        except OutboxError as problem:
            self._report_storage(problem)

    def _ended_at(self, began_at: float, began: float) -> float:
        try:
            return self._book.now()
        except OutboxError as problem:
            self._report_storage(problem)
            return began_at + self._ticks() - began

    def _report_storage(self, problem: OutboxError | None) -> None:
        if problem and str(problem) != self._problem:
            self._problem = str(problem)
            self._log.error("The outbox can't be used as it should: %s", problem)

    def _left(self) -> int:
        try:
            held = self._ledger.hold(self._book.now()) and not self._fallbacks
            return self._ledger.waiting + (len(self._book.arrivals(1)) if held else 0)
        except OutboxError:
            return self._ledger.waiting


def _is_refused_for_unknown_reason(batch: Batch, outcome: SendResult) -> bool:
    """Whether what this message says may be the reason, and nobody knows."""
    if outcome.status is SendStatus.RETRY:
        return outcome.unknown_code is not None and batch.tries >= _MOST_BUSY_TRIES
    guessed = outcome.status is SendStatus.MISCONFIGURED and outcome.unknown_code is not None
    return guessed or outcome.status is SendStatus.UNRECOGNISED


def _names_only(alerts: Sequence[Alert], number: str) -> Text:
    """What is left of alerts whose text was refused: their names."""
    counts = Counter(f"{MARKS[kind_of(each)]} {name_of(each)}" for each in alerts)
    lines = [f"{name} ×{count}" if count > 1 else name for name, count in counts.items()]
    more = len(alerts) - sum(list(counts.values())[:_MOST_NAMES])
    return Text("\n".join([*lines[:_MOST_NAMES], *([f"+{more}"] if more else []), f"#{number}"]))
