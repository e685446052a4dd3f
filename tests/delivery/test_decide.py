"""What a leader decides: each row is a state and its decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dingpush.delivery.decide import DispatchState, Leave, SendNow, WaitUntil, Work, decide
from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import Hold

NOW = 1000.0
HELD = Hold(Reason.THROTTLED, NOW - 10, NOW + 500, "130101")
MISCONFIGURED = Hold(Reason.MISCONFIGURED, NOW, NOW + 60, "310000", 60.0)
CAPPED = Hold(Reason.DAILY_LIMIT, NOW - 10, NOW + 500, "10 a day")
FRESH = DispatchState(fresh=True)
STORM = replace(FRESH, collects_until=NOW + 40, handover=Handover.SUCCESSOR)
FOR_FLUSHER = replace(FRESH, collects_until=NOW + 2, handover=Handover.FLUSHER)


def decided(state: DispatchState, *, seconds: float = 3.0, role: LeaderRole = LeaderRole.CALLBACK) -> object:
    """The decision with so many seconds until the last start."""
    return decide(state, role, now=NOW, start_by=NOW + seconds)


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (DispatchState(), Leave(Reason.NOTHING_PENDING)),
        (FRESH, SendNow(Work.FRESH)),
        (replace(FRESH, collects_until=NOW), SendNow(Work.FRESH)),
        (replace(FRESH, collects_until=NOW + 2), WaitUntil(NOW + 2, Reason.COLLECTING)),
        # Too late to wait for all of the interval: as late as possible.
        (replace(FRESH, collects_until=NOW + 9), WaitUntil(NOW + 3, Reason.COLLECTING)),
        (replace(FRESH, free_at=NOW + 2), WaitUntil(NOW + 2, Reason.WINDOW_FULL)),
        (replace(FRESH, free_at=NOW + 4), Leave(Reason.WINDOW_FULL, NOW + 4)),
        (replace(FRESH, collects_until=NOW + 2, free_at=NOW + 2.5), WaitUntil(NOW + 2.5, Reason.COLLECTING)),
        (replace(FRESH, hold=HELD), Leave(Reason.THROTTLED, NOW + 500, pause=True, detail="130101")),
        (replace(FRESH, daily_limit=CAPPED), Leave(Reason.DAILY_LIMIT, NOW + 500)),
        (DispatchState(daily_limit=CAPPED), Leave(Reason.NOTHING_PENDING)),
        # The content of the mailboxes isn't known then.
        (DispatchState(hold=HELD), Leave(Reason.THROTTLED, NOW + 500, pause=True, detail="130101")),
        # A setting may be fixed at any moment, so every process leads.
        (DispatchState(hold=MISCONFIGURED), Leave(Reason.MISCONFIGURED, NOW + 60, detail="310000")),
        (DispatchState(next_repeat_due=NOW + 60), Leave(Reason.REPEATS_ONLY, NOW + 60)),
        (replace(FRESH, unfinished_due=NOW), SendNow(Work.UNFINISHED)),
        # One message at a time: later alerts wait for its result.
        (replace(FRESH, unfinished_due=NOW + 2), WaitUntil(NOW + 2, Reason.RETRY_NOT_DUE)),
        (replace(FRESH, unfinished_due=NOW + 30), Leave(Reason.RETRY_NOT_DUE, NOW + 30)),
        (DispatchState(quarantine_due=NOW), SendNow(Work.QUARANTINED)),
        (DispatchState(quarantine_due=NOW + 2), WaitUntil(NOW + 2, Reason.QUARANTINE_WAITS)),
        (replace(FRESH, quarantine_due=NOW), SendNow(Work.FRESH)),
        (replace(FRESH, quarantine_due=NOW, collects_until=NOW + 2), SendNow(Work.QUARANTINED)),
        (replace(FRESH, quarantine_due=NOW + 9, collects_until=NOW + 2), WaitUntil(NOW + 2, Reason.COLLECTING)),
        # Fallbacks are tried when something is due and this receiver can't send.
        (replace(FRESH, hold=HELD, fallbacks=True), Leave(Reason.THROTTLED, NOW + 500, Work.FRESH, detail="130101")),
        (replace(FRESH, free_at=NOW + 2, fallbacks=True), WaitUntil(NOW + 2, Reason.WINDOW_FULL, Work.FRESH)),
        (replace(FRESH, free_at=NOW + 4, fallbacks=True), Leave(Reason.WINDOW_FULL, NOW + 4, Work.FRESH)),
        (replace(FRESH, hold=HELD, collects_until=NOW + 2, fallbacks=True), WaitUntil(NOW + 2, Reason.COLLECTING)),
        (
            replace(FRESH, hold=HELD, daily_limit=CAPPED, fallbacks=True),
            Leave(Reason.DAILY_LIMIT, NOW + 500),
        ),
    ],
)
def test_a_leader_that_waits_decides(state: DispatchState, decision: object) -> None:
    assert decided(state) == decision


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (FRESH, SendNow(Work.FRESH)),
        (replace(FRESH, collects_until=NOW + 9), SendNow(Work.FRESH)),
        (replace(FRESH, free_at=NOW + 1), Leave(Reason.WINDOW_FULL, NOW + 1)),
        (replace(FRESH, unfinished_due=NOW + 1), Leave(Reason.RETRY_NOT_DUE, NOW + 1)),
    ],
)
def test_a_leader_that_does_not_wait_sends_what_can_be_sent_at_once(state: DispatchState, decision: object) -> None:
    assert decided(state, role=LeaderRole.DAG_PROCESSOR) == decision


@pytest.mark.parametrize("role", [LeaderRole.CALLBACK, LeaderRole.DAG_PROCESSOR])
@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (FOR_FLUSHER, Leave(Reason.COLLECTING, NOW + 2, pause=True)),
        (replace(FOR_FLUSHER, collects_until=NOW), SendNow(Work.FRESH)),
        (replace(FOR_FLUSHER, free_at=NOW + 30), Leave(Reason.COLLECTING, NOW + 30, pause=True)),
        (replace(FOR_FLUSHER, fallbacks=True, hold=HELD), Leave(Reason.COLLECTING, NOW + 2, pause=True)),
        # Frozen and quarantined alerts have their own due time.
        (replace(FOR_FLUSHER, unfinished_due=NOW), SendNow(Work.UNFINISHED)),
        (replace(FOR_FLUSHER, quarantine_due=NOW), SendNow(Work.QUARANTINED)),
    ],
)
def test_in_a_storm_every_leader_leaves_what_is_not_due_to_the_flusher(
    state: DispatchState, decision: object, role: LeaderRole
) -> None:
    assert decided(state, role=role) == decision


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        # A successor that comes early has no more time left than this leader.
        (STORM, WaitUntil(NOW + 2, Reason.COLLECTING)),
        (replace(STORM, has_successor=True), WaitUntil(NOW + 2, Reason.COLLECTING)),
        (replace(STORM, collects_until=NOW + 3), WaitUntil(NOW + 3, Reason.COLLECTING)),
        (replace(STORM, collects_until=NOW), SendNow(Work.FRESH)),
        (replace(STORM, free_at=NOW + 4), Leave(Reason.COLLECTING, NOW + 4)),
    ],
)
def test_a_leader_in_a_storm_waits_until_its_last_second(state: DispatchState, decision: object) -> None:
    assert decided(state) == decision


def test_in_its_last_second_a_leader_hands_over_or_sends() -> None:
    look_round = WaitUntil(NOW + 0.1, Reason.COLLECTING, for_successor=True)
    assert decided(STORM, seconds=1.0) == look_round
    assert decided(STORM, seconds=0.05) == replace(look_round, at=NOW + 0.05)
    succeeded = replace(STORM, has_successor=True)
    assert decided(succeeded, seconds=1.0) == Leave(Reason.COLLECTING, NOW + 40, handed_over=True)
    assert decided(STORM, seconds=0.0) == SendNow(Work.FRESH)


def test_nothing_starts_that_may_end_too_late() -> None:
    assert decided(FRESH, seconds=-0.1) == Leave(Reason.NO_TIME, NOW)
    assert decided(DispatchState(), seconds=-0.1) == Leave(Reason.NOTHING_PENDING)
