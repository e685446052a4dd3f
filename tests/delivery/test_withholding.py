"""Alerts that are held, silenced or inhibited: kept, reported, sent when that ends, and in every sum."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timezone
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.decide import DispatchState, Leave, SendNow, WaitUntil, Work, decide
from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.gate import SEND, Gate, GateDecision, Verdict
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.record_kinds import Hold
from airflow_provider_dingpush.delivery.transfer import move
from airflow_provider_dingpush.delivery.withholding import MOST_WITHHELD
from tests.delivery.simulation import MAILBOX, START, KilledError, MemoryBook, Simulation, Storage, failure

NIGHT_ENDS = START + 3_600.0


def until(seconds: float, verdict: Verdict = Verdict.HELD, *, but: tuple[str, ...] = ()) -> Gate:
    """A gate that withholds everything until so many seconds after the start, except these tasks."""

    def gate(alert: Alert, now: float, _: GateDecision | None) -> GateDecision:
        if alert.task_id in but or now >= START + seconds:
            return SEND
        return GateDecision(verdict, "night", START + seconds, "night")

    return gate


def recovery(task_id: str, at: float, key: str = "") -> Alert:
    return failure(key or f"{task_id}.ok", task_id=task_id, event="task_succeeded", at=at, resolved=True, try_number=2)


def view(sim: Simulation) -> ReceiverView:
    return ReceiverView(MemoryBook(sim.storage, sim.clock.time).load(), sim.policy, zone=timezone.utc, now=0.0)


def sums_up(sim: Simulation) -> bool:
    """Whether every alert that was taken in is in exactly one count."""
    found = view(sim)
    records = sim.storage.records
    pending = sum(kind == "alert" for kind, _ in records)
    totals = found.totals
    parts = totals.notified + totals.counted + totals.dropped + pending + len(found.dead_letters)
    return totals.written == parts + sum(found.withheld.values())


def test_held_alerts_are_one_digest_when_the_quiet_hours_end() -> None:
    sim, gate = Simulation(), until(3_600)
    for number in range(5):
        sim.put(failure(f"a{number}", at=sim.clock.now))
        assert sim.drain(gate=gate).reason is Reason.WITHHELD
        sim.clock.advance(60)
    assert not sim.chat.shown
    assert view(sim).withheld[Verdict.HELD] == 5
    assert sums_up(sim)
    sim.clock.now = NIGHT_ENDS
    result = sim.drain(gate=gate)
    assert (result.messages, result.alerts) == (1, 5)
    [message] = sim.chat.shown
    [note] = message.notes["withheld"]
    assert (note["verdict"], note["count"], note["is_over"], note["since"]) == ("held", 5, True, START)
    assert view(sim).withheld[Verdict.HELD] == 0
    assert view(sim).totals.notified == view(sim).totals.written == 5
    sim.put(failure("later", at=sim.clock.now))
    sim.clock.advance(60)
    sim.drain(gate=gate)
    assert sim.chat.shown[-1].notes["withheld"] == []


def test_what_passes_is_sent_at_once() -> None:
    sim = Simulation()
    sim.put(failure("a1"), failure("loud", at=START + 1))
    sim.drain(gate=until(3_600, but=("loud",)))
    assert sim.chat.keys == ["loud"]
    assert sums_up(sim)


@pytest.mark.parametrize("send_resolved", [True, False])
def test_a_failure_that_recovers_before_that_is_shown_as_recovered(send_resolved: bool) -> None:
    """One line, not two; and never as if it went on."""
    sim = Simulation(policy=DeliveryPolicy(send_resolved=send_resolved))
    sim.put(failure("a1"), failure("a2"))
    sim.drain(gate=until(3_600))
    sim.clock.advance(100)
    sim.put(recovery("a1", sim.clock.now))
    held = until(3_600)
    sim.drain(gate=lambda alert, now, before: SEND if alert.resolved else held(alert, now, before))
    assert not sim.chat.shown
    sim.clock.now = NIGHT_ENDS
    sim.drain(gate=held)
    [message] = sim.chat.shown
    assert sorted(message.keys) == ["a1.ok", "a2"]
    assert list(message.notes["recovered"]) == ["a1.ok"]
    assert sums_up(sim)


def test_a_silence_is_reported_in_the_next_message_and_again_when_it_ends() -> None:
    sim, gate = Simulation(), until(3_600, Verdict.SILENCED, but=("other", "another"))
    sim.put(failure("a1"), failure("a2"), failure("other"))
    sim.drain(gate=gate)
    [note] = sim.chat.shown[-1].notes["withheld"]
    assert (note["verdict"], note["count"], note["is_over"]) == ("silenced", 2, False)
    sim.clock.advance(60)
    sim.put(failure("another", at=sim.clock.now))
    sim.drain(gate=gate)
    assert sim.chat.shown[-1].notes["withheld"] == []
    sim.put(failure("a3", at=sim.clock.now))
    sim.drain(gate=gate)
    # It is expired by a person.
    sim.clock.advance(60)
    sim.drain(gate=until(0))
    assert sorted(sim.chat.shown[-1].keys) == ["a1", "a2", "a3"]
    [note] = sim.chat.shown[-1].notes["withheld"]
    assert (note["count"], note["is_over"]) == (3, True)
    assert sums_up(sim)


def test_beyond_the_limit_they_are_counted_and_the_digest_says_so() -> None:
    sim = Simulation()
    sim.put(*(failure(f"a{number}", at=START) for number in range(MOST_WITHHELD + 7)))
    sim.drain(gate=until(3_600))
    assert view(sim).withheld[Verdict.HELD] == MOST_WITHHELD + 7
    sim.put(recovery("a1", START + 5))
    sim.drain(gate=until(3_600))
    assert sums_up(sim)
    sim.clock.now = NIGHT_ENDS
    sim.drain(gate=until(3_600))
    [message] = sim.chat.shown
    assert len(message.keys) == MOST_WITHHELD
    assert message.notes["overflow_count"] == 7
    assert "a1.ok" in message.keys
    assert sums_up(sim)
    assert view(sim).totals.counted == 7


@pytest.mark.parametrize("verdict", list(Verdict)[1:])
def test_a_process_without_rules_and_silences(verdict: Verdict) -> None:
    """It doesn't wake anybody in the night; what only a silence or an incident withheld is sent."""
    sim = Simulation()
    sim.put(failure("a1"))
    sim.drain(gate=until(3_600, verdict))
    sim.drain()
    assert bool(sim.chat.shown) is (verdict is not Verdict.HELD)
    sim.clock.now = NIGHT_ENDS
    sim.drain()
    assert sim.chat.keys == ["a1"]


def test_the_same_failure_after_a_withheld_recovery_is_a_third_alert() -> None:
    """One run looks like the next: a withheld alert of the same key isn't overwritten."""
    sim, gate = Simulation(), until(3_600)
    sim.put(failure("a1"))
    sim.drain(gate=gate)
    sim.put(recovery("a1", START + 20))
    sim.drain(gate=gate)
    sim.storage.mail.clear()
    sim.put(failure("a1", at=START + 40))
    sim.drain(gate=gate)
    assert view(sim).withheld[Verdict.HELD] == 3
    assert sums_up(sim)


def killed_at(number: int) -> Callable[[str], None]:
    steps = iter(range(1_000))

    def on_step(_: str) -> None:
        if next(steps) == number:
            raise KilledError

    return on_step


@pytest.mark.parametrize("moment", [0.0, 3_600.0])
def test_a_leader_that_dies_at_any_step_loses_nothing(moment: float) -> None:
    """While it withholds, and while it sends what was withheld."""
    deaths = 0
    for step in range(200):
        sim, gate = Simulation(), until(3_600)
        sim.put(failure("a1"), failure("a2"))
        if moment:
            sim.drain(gate=gate)
            sim.clock.now = START + moment
        sim.on_step = killed_at(step)
        try:
            sim.drain(gate=gate)
        except KilledError:
            deaths += 1
        sim.on_step = lambda _: None
        assert sums_up(sim)
        sim.clock.now = max(sim.clock.now, NIGHT_ENDS) + 60
        sim.drain(30, gate=gate)
        assert sorted(set(sim.chat.keys)) == ["a1", "a2"]
        assert sums_up(sim)
        if deaths <= step:
            break
    assert deaths > 10


@pytest.mark.parametrize("keys", [("a", "z"), ("z", "a")], ids=" then ".join)
def test_a_failure_and_its_recovery_of_one_instant_are_taken_in_once(keys: tuple[str, str]) -> None:
    """A leader that dies leaves them in the mailbox; the next one finds them there and in the book."""
    deaths = 0
    for step in range(200):
        sim = Simulation()
        sim.put(failure(keys[0], task_id="load"), recovery("load", START, keys[1]))
        sim.on_step = killed_at(step)
        try:
            sim.drain()
        except KilledError:
            deaths += 1
        sim.on_step = lambda _: None
        sim.clock.advance(60)
        sim.drain(30)
        assert len(sim.chat.keys) == len(set(sim.chat.keys))
        assert keys[1] in sim.chat.keys
        assert view(sim).totals.written == 2
        assert sums_up(sim)
        if deaths <= step:
            break
    assert deaths > 5


def test_a_receiver_that_changes_takes_its_withheld_alerts_along() -> None:
    sim = Simulation()
    sim.put(failure("a1"), failure("a2"))
    sim.drain(gate=until(3_600))
    other = Simulation(clock=sim.clock, storage=Storage())
    moved = move(sim.book(), other.book(), MAILBOX, last=True)
    assert moved == 2
    assert view(sim).totals.written == 0
    assert sums_up(sim)
    other.drain(gate=until(3_600))
    assert not other.chat.shown
    assert view(other).withheld[Verdict.HELD] == 2
    assert sums_up(other)


def test_repeats_within_the_interval_of_a_rule_are_counted() -> None:
    """Also where the receiver has none, and only those of that rule."""
    sim, rule = Simulation(), {"name": "hourly", "repeat_interval_seconds": 3_600.0}
    for number in range(3):
        key = f"a1.{number}"
        sim.put(failure(key, task_id="a1", run_id=key, at=sim.clock.now, rule=rule))
        sim.put(failure(f"b{key}", task_id="b1", run_id=key, at=sim.clock.now))
        sim.drain()
        sim.clock.advance(60)
    assert [key for key in sim.chat.keys if key.startswith("a")] == ["a1.0"]
    assert len([key for key in sim.chat.keys if key.startswith("b")]) == 3
    sim.clock.advance(3_600)
    sim.drain()
    assert sim.chat.keys[-1] == "a1.2"
    assert sim.chat.shown[-1].notes["repeats"]
    assert sums_up(sim)


def urgent(key: str = "p1", **given: Any) -> Alert:
    return failure(key, facts={"severity": "P1"}, **given)


def test_p1_waits_for_no_interval_and_no_daily_limit() -> None:
    sim = Simulation(policy=DeliveryPolicy(group_interval_seconds=300, max_messages_per_day=1))
    sim.put(failure("a1"))
    sim.drain()
    sim.put(failure("a2", at=sim.clock.now))
    assert sim.drain().reason is Reason.DAILY_LIMIT
    at = sim.clock.now
    sim.put(urgent(at=at))
    sim.drain()
    assert sorted(sim.chat.shown[-1].keys) == ["a2", "p1"]
    assert sim.chat.shown[-1].at < at + 1


@pytest.mark.parametrize("handover", Handover)
def test_p1_waits_for_no_storm(handover: Handover) -> None:
    state = DispatchState(fresh=True, urgent=True, collects_until=300.0, handover=handover, quarantine_due=0.0)
    assert decide(state, LeaderRole.CALLBACK, now=0.0, start_by=5.0) == SendNow(Work.FRESH)
    full = DispatchState(fresh=True, urgent=True, free_at=3.0)
    assert isinstance(decide(full, LeaderRole.CALLBACK, now=0.0, start_by=5.0), WaitUntil)


def test_p1_waits_for_dingtalk() -> None:
    hold = Hold(Reason.THROTTLED, 0.0, 600.0, "130101")
    decision = decide(DispatchState(fresh=True, urgent=True, hold=hold), LeaderRole.CALLBACK, now=0.0, start_by=5.0)
    assert isinstance(decision, Leave)
    assert decision.reason is Reason.THROTTLED
