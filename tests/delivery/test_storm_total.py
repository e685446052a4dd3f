"""The failures since a storm began: over all leaders, restarts and stores, and anew after it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.record_kinds import Storm
from airflow_provider_dingpush.delivery.storm_total import joined_storms
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.delivery.simulation import MAILBOX, START, KilledError, Simulation, Storage, failure
from tests.storage.conftest import STORES

RECEIVER = "0123456789ab"


def failed(sim: Simulation, count: int, *, dag_id: str = "sales", first: int = 0) -> list[Alert]:
    """So many failures that happen now."""
    return [failure(f"{dag_id}{n}", dag_id=dag_id, at=sim.clock.now) for n in range(first, first + count)]


def totals(sim: Simulation) -> list[tuple[int, int]]:
    """Failures and DAGs since the storm began, as each message shows them."""
    storms: list[Any] = [each.notes["storm"] for each in sim.chat.shown]
    return [(each["failures"], each["dags"]) for each in storms]


def test_each_message_has_the_failures_since_the_storm_began() -> None:
    """Each leader is another process."""
    sim = Simulation()
    for number, dag_id in enumerate(("sales", "sales", "stock")):
        sim.put(*failed(sim, 10, dag_id=dag_id, first=10 * number))
        sim.drain()
        sim.clock.advance(60.0)
    assert totals(sim) == [(10, 1), (20, 1), (30, 2)]
    assert [each.notes["storm"]["since"] for each in sim.chat.shown] == [START] * 3


def test_a_storm_ends_after_two_minutes_without_a_failure() -> None:
    sim = Simulation()
    for number in range(3):
        sim.put(*failed(sim, 5, first=5 * number))
        sim.drain()
        sim.clock.advance(100.0 if number == 0 else 200.0)
    assert totals(sim) == [(5, 1), (10, 1), (5, 1)]
    assert sim.chat.shown[-1].notes["storm"]["since"] > START


def test_a_storm_ends_later_if_alerts_are_collected_for_longer() -> None:
    """With two group intervals between failures they are one storm."""
    sim = Simulation(DeliveryPolicy(group_interval_seconds=300.0))
    for number in range(2):
        sim.put(*failed(sim, 5, first=5 * number))
        sim.drain(role=LeaderRole.PERSON)
        sim.clock.advance(590.0)
    assert totals(sim) == [(5, 1), (10, 1)]


def test_what_was_not_sent_is_not_counted_twice() -> None:
    """A refused message, which is halved, and a process that is killed after its message arrived."""
    sim = Simulation()
    sim.put(*failed(sim, 8))
    sim.robot.answers = lambda content: (
        SendResult(SendStatus.REJECTED, "430102") if "sales3" in content["keys"] and len(content["keys"]) > 1 else None
    )
    sim.drain(60.0, role=LeaderRole.PERSON)
    assert max(totals(sim)) == (8, 1)

    def die(step: str) -> None:
        if step == "after post":
            raise KilledError

    sim.robot.on_step = die
    sim.put(*failed(sim, 4, first=8))
    with pytest.raises(KilledError):
        sim.drain(role=LeaderRole.PERSON)
    sim.robot.on_step = lambda _: None
    sim.put(*failed(sim, 1, first=12))
    sim.drain(role=LeaderRole.PERSON)
    assert totals(sim)[-1] == (13, 1)


def test_failures_that_were_only_counted_are_part_of_the_total() -> None:
    """They failed, though nobody knows their names."""
    sim = Simulation()
    sim.put(*failed(sim, 3))
    sim.storage.overflow_count = 5_000
    sim.drain()
    assert totals(sim) == [(5_003, 1)]


def test_a_failure_that_waited_for_hours_belongs_to_another_storm() -> None:
    sim = Simulation()
    sim.put(failure("old", at=START - 7_200.0), *failed(sim, 20))
    sim.drain()
    assert totals(sim) == [(20, 1)]
    assert sim.chat.shown[0].notes["storm"]["since"] == START


def test_recoveries_and_retries_are_no_failures() -> None:
    sim = Simulation()
    sim.put(
        failure("a1"),
        failure("a2", event="task_retrying"),
        failure("a3", event="task_succeeded", resolved=True, at=START),
    )
    sim.drain()
    assert totals(sim) == [(1, 1)]


def test_the_storm_goes_on_until_its_failures_are_overdue() -> None:
    """Ten a second, and then none for eight seconds."""
    sim = Simulation()
    sim.put(*(failure(f"a{n}", at=START + n / 10) for n in range(100)))
    sim.clock.advance(10.0)
    sim.drain()
    sim.put(*(failure(f"b{n}", at=START + 10 + n / 10) for n in range(50)))
    sim.clock.advance(13.0)
    sim.drain(role=LeaderRole.PERSON)
    goes_on, pauses = (each.notes["storm"]["quiet_seconds"] for each in sim.chat.shown)
    assert goes_on is None
    assert pauses == pytest.approx(8.1, abs=0.5)


@pytest.mark.parametrize("moment", [float("nan"), -1e300, 1e300])
def test_an_impossible_time_is_now(moment: float) -> None:
    """A damaged file may contain any number."""
    sim = Simulation()
    sim.put(*failed(sim, 3), failure("odd", at=moment))
    sim.drain()
    assert totals(sim) == [(4, 1)]


def test_a_clock_that_is_set_back_ends_no_storm() -> None:
    sim = Simulation()
    sim.put(*failed(sim, 3))
    sim.drain()
    sim.clock.now -= 3_600.0
    sim.put(*failed(sim, 3, first=3))
    sim.drain()
    assert totals(sim) == [(3, 1), (6, 1)]


def test_damaged_totals_lose_no_message() -> None:
    sim = Simulation(storage=Storage(records={("storm", ""): '{"since": "x"}'}))
    sim.put(*failed(sim, 3))
    sim.drain()
    assert totals(sim) == [(3, 1)]


@pytest.mark.parametrize("name", STORES)
def test_the_total_outlives_its_process_in_every_store(name: str, request: pytest.FixtureRequest) -> None:
    """Each leader opens the store anew, as after a restart."""
    open_store: Callable[[], Any] = STORES[name](request)
    sim = Simulation()
    Outbox(open_store()).assign(MAILBOX, RECEIVER)
    for number in range(3):
        outbox = Outbox(open_store())
        for each in failed(sim, 10, first=10 * number):
            outbox.put(replace(each, at=time.time()))
        with outbox.leadership(RECEIVER) as book:
            sim.drain(book=book, role=LeaderRole.PERSON)
    assert totals(sim) == [(10, 1), (20, 1), (30, 1)]


STORM = Storm(since=100.0, until=200.0, failures=7, dags=("a", "b"))


def test_totals_of_two_stores_are_joined() -> None:
    """While Redis was away, some were sent from files."""
    other = Storm(since=150.0, until=260.0, failures=3, dags=("b", "c"))
    both = Storm(since=100.0, until=260.0, failures=10, dags=("a", "b", "c"))
    assert joined_storms(STORM, other) == joined_storms(other, STORM) == both
    later = replace(other, since=900.0, until=950.0)
    assert joined_storms(STORM, later) == joined_storms(later, STORM) == later


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_total_is_the_sum_of_all_messages(sizes: list[int], chance: Any) -> None:
    """However they are divided among leaders."""
    sim = Simulation()
    sent = 0
    for size in sizes:
        sim.put(*failed(sim, size, dag_id=f"d{chance.randrange(3)}_", first=sent))
        sent += size
        sim.drain(chance.choice((2.0, 8.0, 60.0)), role=chance.choice(list(LeaderRole)))
        sim.clock.advance(chance.choice((0.0, 5.0, 50.0)))
    sim.drain(120.0, role=LeaderRole.PERSON)
    shown = 0
    for message, (total, _) in zip(sim.chat.shown, totals(sim), strict=True):
        shown += len(message.keys)
        assert total == shown
    assert shown == sent
