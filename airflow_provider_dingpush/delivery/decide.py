"""What a leader does next: send, wait or leave. Pure; the clock, the book and the channel are asked elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import Hold

# So long before its last moment a leader looks for a successor: one that came earlier would have less time itself.
_HANDING_OVER_SECONDS, _SUCCESSOR_POLL_SECONDS = 1.0, 0.1
# Where nothing has come for so long, the next callback may be the last one within this leader's time. Where more comes,
# handing over to each would cost more than it is good for.
_QUIET_SECONDS = 0.3


class Work(Enum):
    """What a notification is made of."""

    UNFINISHED = "unfinished"
    """A batch that was frozen before: it is finished before anything else is sent."""
    FRESH = "fresh"
    """All alerts that wait."""
    QUARANTINED = "quarantined"
    """Alerts that are sent apart, because a batch with them was refused."""


@dataclass(frozen=True)
class DispatchState:
    """What a decision depends on.

    :param unfinished_due: when the unfinished batch may be tried, in seconds since 1970; ``None`` without one.
    :param fresh: whether alerts wait that can be sent now.
    :param quarantine_due: when quarantined alerts may be sent, in seconds since 1970; ``None`` without any.
    :param next_repeat_due: when an alert that is only counted so far can be sent, in seconds since 1970.
    :param collects_until: until when further alerts are collected, in seconds since 1970; ``None`` if nothing was sent
        yet.
    :param handover: who sends it then, so that this leader needn't; nobody outside a storm.
    :param last_arrival: when an alert came the last time, in seconds since 1970.
    :param has_successor: whether another process waits to lead next.
    :param free_at: when the window has a slot, in seconds since 1970.
    :param hold: why nothing may be sent now.
    :param daily_limit: why no alert may be sent today.
    :param fallbacks: whether there are other robots of the group that can be asked.
    """

    unfinished_due: float | None = None
    fresh: bool = False
    quarantine_due: float | None = None
    next_repeat_due: float | None = None
    collects_until: float | None = None
    handover: Handover = Handover.NOBODY
    last_arrival: float = math.inf
    has_successor: bool = False
    free_at: float = 0.0
    hold: Hold | None = None
    daily_limit: Hold | None = None
    fallbacks: bool = False


@dataclass(frozen=True)
class SendNow:
    """Send this."""

    work: Work


@dataclass(frozen=True)
class WaitUntil:
    """Nothing can be sent before that.

    :param at: in seconds since 1970.
    :param fallback_for: what a fallback could send now.
    :param for_successor: whether a successor is wanted meanwhile.
    """

    at: float
    reason: Reason
    fallback_for: Work | None = None
    for_successor: bool = False


@dataclass(frozen=True)
class Leave:
    """Nothing can be sent within the time that is left.

    :param again_at: when it is worth coming back, in seconds since 1970, if anything waits.
    :param fallback_for: what a fallback could send now.
    :param pause: whether nobody else needs to lead before that.
    :param handed_over: whether a successor goes on.
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

    :param role: as what the process leads; some wait, others send what can go at once.
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
    # With fallbacks, a full window needn't be waited for; but they aren't asked before something is due.
    at = due if state.fallbacks and due > now else max(due, state.free_at)
    if at <= now:
        return SendNow(work)
    reason = _WHY_LATER[work] if due > now else Reason.WINDOW_FULL
    if work is Work.FRESH and due > now and state.handover is not Handover.NOBODY:
        return _in_storm(state, reason, at, now=now, start_by=start_by)
    return WaitUntil(at, reason, fallback_for) if waits and at <= start_by else Leave(reason, at, fallback_for)


def _in_storm(state: DispatchState, reason: Reason, at: float, *, now: float, start_by: float) -> Decision:
    """Leave to the flusher what isn't due, or wait and then hand over to a successor, if there is one."""
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
    if work and state.daily_limit:
        return Leave(Reason.DAILY_LIMIT, state.daily_limit.until)
    if work and start_by < now:
        return Leave(Reason.NO_TIME, now)
    return None


def _next(state: DispatchState, *, now: float, start_by: float, waits: bool) -> tuple[Work | None, float]:
    """What comes next, and when it is due."""
    if state.unfinished_due is not None:
        return Work.UNFINISHED, state.unfinished_due
    due = now
    if state.collects_until is not None and state.handover is Handover.FLUSHER:
        due = max(now, state.collects_until)
    elif state.collects_until is not None and waits:
        # Collecting is worth waiting for, but not until it is too late to send.
        due = max(now, min(state.collects_until, start_by))
    # Quarantined alerts use the time between, and never delay the others.
    if state.quarantine_due is not None and (not state.fresh or state.quarantine_due < due):
        return Work.QUARANTINED, max(now, state.quarantine_due)
    return (Work.FRESH, due) if state.fresh else (None, now)
