"""Failures that arrive after their recovery was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.events import Event
from tests.delivery.simulation import START, Simulation, failure


def recovery(key: str, **given: Any) -> Alert:
    return replace(failure(key, task_id="load", at=START + 60, try_number=3), event=Event.TASK_SUCCEEDED, resolved=True)


def late(**given: Any) -> Alert:
    return failure("late", **{"task_id": "load", "at": START + 30, "try_number": 2, **given})


def sent_after_recovery(alert: Alert, policy: DeliveryPolicy | None = None) -> tuple[Simulation, list[str]]:
    sim = Simulation(policy or DeliveryPolicy())
    sim.put(failure("first", task_id="load", at=START, try_number=1))
    sim.drain(9)
    sim.put(recovery("end"))
    sim.drain(9)
    sim.put(alert)
    sim.drain(9)
    return sim, sim.chat.keys[2:]


@pytest.mark.parametrize("event", ["task_failed", "task_retrying"])
def test_a_failure_of_an_earlier_try_is_sent_as_recovered(event: str) -> None:
    sim, sent = sent_after_recovery(late(event=event))
    assert sent == ["late.over"]
    assert sim.chat.shown[-1].notes["recovered"] == {"late.over": [START + 30, 3]}
    assert sim.ledger().queue.waiting == 0


MAY_BE_NEW: list[dict[str, Any]] = [
    {"run_id": "r2"},
    {"try_number": 3},
    {"try_number": 4},
    {"try_number": None},
    {"facts": {"run_started_at": "2026-11-27T00:00:00+00:00"}},
    {"at": START + 90},
]


@pytest.mark.parametrize("changes", MAY_BE_NEW)
def test_a_failure_that_may_be_new_is_sent_as_a_failure(changes: dict[str, Any]) -> None:
    """Another run, the same one started again, a later try, a later time: the clock of another machine may be slow."""
    assert sent_after_recovery(late(**changes))[1] == ["late"]


def test_without_send_resolved_it_is_sent_as_a_failure() -> None:
    sim = Simulation(DeliveryPolicy(send_resolved=False))
    sim.put(recovery("end"))
    sim.drain(9)
    sim.put(late())
    sim.drain(9)
    assert sim.chat.keys == ["late"]


def test_remembered_recoveries_are_bounded() -> None:
    sim = Simulation()
    for start in (0, 1_500):
        sim.put(*(replace(recovery(f"end{number}"), task_id=f"t{number}") for number in range(start, start + 1_500)))
        sim.drain(9)
    kept = [key for kind, key in sim.storage.records if kind == "recovered"]
    assert len(kept) == 2_000
