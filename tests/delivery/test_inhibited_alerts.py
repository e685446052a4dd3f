"""Alerts that follow from an open incident: counted in its alert, and sent once it is over."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timezone
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.ledger import ReceiverView
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.events import Event
from tests.delivery.simulation import START, Simulation, failure

ROOT = failure("load", at=START)


def follower(name: str, *, at: float = 5, of: str | None = None, **more: Any) -> Alert:
    """A failed task of another DAG that follows from the DAG of the root."""
    facts = {"upstreams": [["sales", of, None]], **more.pop("facts", {})}
    return failure(name, dag_id=name, task_id="wait", at=START + at, facts=facts, **more)


def recovery(alert: Alert, at: float) -> Alert:
    return replace(
        alert,
        key=f"{alert.key} over",
        occurrence=f"{alert.key} over",
        event=Event.TASK_SUCCEEDED,
        resolved=True,
        at=START + at,
        facts={},
        try_number=2,
    )


def sent(sim: Simulation) -> list[tuple[str, ...]]:
    return [each.keys for each in sim.chat.shown]


def totals(sim: Simulation) -> dict[str, int]:
    plain = sim.book().load()
    view = ReceiverView(plain, sim.policy, zone=timezone.utc, now=sim.clock.time())
    pending = sum(kind == "alert" for kind, _ in plain)
    found = {verdict.value: count for verdict, count in view.withheld.items()}
    assert view.totals.notified + view.totals.counted + sum(found.values()) + pending == view.totals.written
    return {"notified": view.totals.notified, "written": view.totals.written, **found}


def test_followers_are_counted_in_the_alert_of_the_first_failure() -> None:
    sim = Simulation()
    sim.put(ROOT, follower("dws"), follower("ads", at=6))
    sim.drain(9)
    assert sent(sim) == [("load",)]
    assert sim.chat.shown[-1].notes["followers"] == {
        ROOT.incident: {"count": 2, "names": [["dws", "wait"], ["ads", "wait"]]}
    }
    assert totals(sim) == {"notified": 1, "held": 0, "silenced": 0, "inhibited": 2, "written": 3}


def test_a_follower_after_the_notification_is_inhibited_until_the_recovery() -> None:
    sim = Simulation()
    sim.put(ROOT)
    sim.drain(9)
    sim.put(follower("dws", at=30), follower("ads", at=31))
    sim.drain(9)
    assert sent(sim) == [("load",)]
    sim.put(recovery(follower("ads", at=31), at=40))
    sim.drain(9)
    assert sent(sim) == [("load",)]
    sim.put(recovery(ROOT, at=50))
    sim.drain(20)
    assert sorted(key for keys in sent(sim)[1:] for key in keys) == ["ads over", "dws", "load over"]
    assert totals(sim)["inhibited"] == 0


def test_followers_are_sent_after_a_day() -> None:
    sim = Simulation()
    sim.put(ROOT, follower("dws"))
    sim.drain(9)
    sim.clock.sleep(86_400)
    sim.drain(9)
    assert sent(sim) == [("load",), ("dws",)]


def test_a_p1_is_sent() -> None:
    sim = Simulation()
    sim.put(ROOT, follower("dws", facts={"severity": "P1"}))
    sim.drain(9)
    assert sorted(sent(sim)[0]) == ["dws", "load"]


@pytest.mark.parametrize("send_resolved", [True, False])
def test_random_histories_lose_nothing(send_resolved: bool) -> None:
    """Whatever fails, recovers and follows from what: in the end each open failure was sent."""
    chance = random.Random(5)  # noqa: S311
    for _ in range(60):
        sim = Simulation(DeliveryPolicy(send_resolved=send_resolved, group_interval_seconds=0))
        open_ones: dict[str, Alert] = {}
        for step in range(chance.randint(3, 9)):
            at = step * 100 + chance.randint(0, 9)
            for _ in range(chance.randint(1, 3)):
                name = chance.choice("abcdef")
                if name in open_ones and chance.random() < 0.6:
                    sim.put(recovery(open_ones.pop(name), at))
                elif name not in open_ones:
                    ups = [[dag, None, None] for dag in chance.sample("abcdef", chance.choice((0, 1, 2)))]
                    open_ones[name] = failure(
                        f"{name}{step}",
                        dag_id=name,
                        task_id="t",
                        run_id=f"r{step}",
                        at=START + at,
                        facts={"upstreams": ups},
                    )
                    sim.put(open_ones[name])
            sim.drain(9)
            totals(sim)
            sim.clock.sleep(max(0.0, START + (step + 1) * 100 - sim.clock.time()))
        sim.clock.sleep(2 * 86_400)
        for _ in range(3):
            sim.drain(60)
            sim.clock.sleep(100)
        assert totals(sim)["inhibited"] == 0
        shown = {key for each in sim.chat.shown for key in each.keys}
        assert {each.key for each in open_ones.values()} <= shown
