"""What a leader does next: send, wait or leave. Pure: clock, book and channel are read by the caller."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import Hold

# How long before its last moment a leader looks for a successor: one found earlier would have less time left itself.
_HANDING_OVER_SECONDS, _SUCCESSOR_POLL_SECONDS = 1.0, 0.1
# After so long without an arrival, the next callback may be the last one within this leader's time. While alerts arrive
# more often, each handover would cost more than it gains.
_QUIET_SECONDS = 0.3


class Work(Enum):
    """Which alerts a notification is made of."""

    UNFINISHED = "unfinished"
    """A batch frozen earlier: it is sent before anything else."""
    FRESH = "fresh"
    """All other pending alerts."""
    QUARANTINED = "quarantined"
    """Alerts sent apart because a batch with them was refused."""


@dataclass(frozen=True)
class DispatchState:
    """The input of a decision.

    :param unfinished_due: when the unfinished batch may be tried, in seconds since 1970; ``None`` without one.
    :param fresh: whether there are pending alerts that can be sent now.
    :param quarantine_due: when quarantined alerts may be sent, in seconds since 1970; ``None`` without any.
    :param urgent: whether one of these waits for nothing but DingTalk.
    :param next_repeat_due: when the first counted repeat can be sent, in seconds since 1970.
    :param next_withheld_due: when the first withheld alert can be sent, in seconds since 1970.
    :param collects_until: until when further alerts are collected, in seconds since 1970; ``None`` if nothing was sent
        yet.
    :param handover: who sends in a storm instead of this leader.
    :param last_arrival: when the last alert arrived, in seconds since 1970.
    :param has_successor: whether another process waits to lead next.
    :param free_at: when the window has a slot, in seconds since 1970.
    :param hold: why nothing may be sent now.
    :param daily_limit: why no alert may be sent today.
    :param fallbacks: whether fallbacks can be tried.
    """

    unfinished_due: float | None = None
    fresh: bool = False
    urgent: bool = False
    quarantine_due: float | None = None
    next_repeat_due: float | None = None
    next_withheld_due: float | None = None
    collects_until: float | None = None
    handover: Handover = Handover.NONE
    last_arrival: float = math.inf
    has_successor: bool = False
    free_at: float = 0.0
    hold: Hold | None = None
    daily_limit: Hold | None = None
    fallbacks: bool = False


@dataclass(frozen=True)
class SendNow:
    """Send a notification now."""

    work: Work


@dataclass(frozen=True)
class WaitUntil:
    """Wait: nothing can be sent yet.

    :param at: until when, in seconds since 1970.
    :param fallback_for: what a fallback could send now.
    :param for_successor: whether to ask for a successor meanwhile.
    """

    at: float
    reason: Reason
    fallback_for: Work | None = None
    for_successor: bool = False


@dataclass(frozen=True)
class Leave:
    """End the drain: nothing can be sent within the time left.

    :param again_at: when to drain again, in seconds since 1970, if alerts are pending.
    :param fallback_for: what a fallback could send now.
    :param pause: whether no process needs to lead before that.
    :param handed_over: whether a successor leads next.
    :param detail: what DingTalk answered, if the reason is a hold.
    """

    reason: Reason
    again_at: float | None = None
    fallback_for: Work | None = None
    pause: bool = False
    handed_over: bool = False
    detail: str = ""


Decision = SendNow | WaitUntil | Leave
_WHY_LATER = {
    Work.UNFINISHED: Reason.RETRY_NOT_DUE,
    Work.FRESH: Reason.COLLECTING,
    Work.QUARANTINED: Reason.QUARANTINE_WAITS,
}


def decide(state: DispatchState, role: LeaderRole, *, now: float, start_by: float) -> Decision:
    """What to do next.

    :param role: of this leader; some roles wait, others only send what can be sent at once.
    :param now: in seconds since 1970.
    :param start_by: the last moment at which a POST may start, in seconds since 1970.
    """
    hold, waits = state.hold, role.rules.waits
    if hold and not state.fallbacks:
        return Leave(hold.reason, hold.until, pause=hold.reason is Reason.THROTTLED, detail=hold.detail)
    work, due = _next(state, now=now, start_by=start_by, waits=waits)
    obstacle = _obstacle(state, work, now=now, start_by=start_by)
    if work is None or obstacle:
        return obstacle or Leave(Reason.NOTHING_PENDING)
    fallback_for = work if due <= now and state.fallbacks else None
    if hold and fallback_for:
        return Leave(hold.reason, hold.until, fallback_for, detail=hold.detail)
    # With fallbacks, a full window isn't waited for; but they aren't tried before something is due.
    at = due if state.fallbacks and due > now else max(due, state.free_at)
    if at <= now:
        return SendNow(work)
    reason = _WHY_LATER[work] if due > now else Reason.WINDOW_FULL
    if work is Work.FRESH and due > now and state.handover is not Handover.NONE:
        return _in_storm(state, reason, at, now=now, start_by=start_by)
    return WaitUntil(at, reason, fallback_for) if waits and at <= start_by else Leave(reason, at, fallback_for)


def _in_storm(state: DispatchState, reason: Reason, at: float, *, now: float, start_by: float) -> Decision:
    """Leave alerts that aren't due to the flusher, or wait and then hand over to a successor if there is one."""
    if state.handover is Handover.FLUSHER:
        return Leave(reason, at, pause=True)
    if at > start_by:
        return Leave(reason, at)
    if state.collects_until is not None and state.collects_until <= start_by:
        return WaitUntil(at, reason)
    hands_over_at = min(start_by - _HANDING_OVER_SECONDS, state.last_arrival + _QUIET_SECONDS)
    if now < hands_over_at:
        return WaitUntil(hands_over_at, reason)
    if state.has_successor:
        return Leave(reason, state.collects_until, handed_over=True)
    return WaitUntil(min(now + _SUCCESSOR_POLL_SECONDS, start_by), reason, for_successor=True)


def _obstacle(state: DispatchState, work: Work | None, *, now: float, start_by: float) -> Leave | None:
    """Why nothing may be sent now through any channel."""
    if work is None and state.next_repeat_due is not None:
        return Leave(Reason.REPEATS_ONLY, state.next_repeat_due)
    if work is None and state.next_withheld_due is not None:
        return Leave(Reason.WITHHELD, state.next_withheld_due)
    if work and state.daily_limit and not (state.urgent and work is Work.FRESH):
        return Leave(Reason.DAILY_LIMIT, state.daily_limit.until)
    if work and start_by < now:
        return Leave(Reason.NO_TIME, now)
    return None


def _next(state: DispatchState, *, now: float, start_by: float, waits: bool) -> tuple[Work | None, float]:
    """What to send next, and when it is due."""
    if state.unfinished_due is not None:
        return Work.UNFINISHED, state.unfinished_due
    if state.fresh and state.urgent:
        return Work.FRESH, now
    due = now
    if state.collects_until is not None and state.handover is Handover.FLUSHER:
        due = max(now, state.collects_until)
    elif state.collects_until is not None and waits:
        # Wait while alerts are collected, but not until it is too late to send.
        due = max(now, min(state.collects_until, start_by))
    # Quarantined alerts are sent in between and never delay the others.
    if state.quarantine_due is not None and (not state.fresh or state.quarantine_due < due):
        return Work.QUARANTINED, max(now, state.quarantine_due)
    return (Work.FRESH, due) if state.fresh else (None, now)
