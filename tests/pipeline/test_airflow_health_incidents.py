"""When somebody is notified: decided call by call, and remembered in the outbox between them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from airflow_provider_dingpush.pipeline.airflow_health import Component, Health, Observation, Trouble
from airflow_provider_dingpush.pipeline.airflow_health_incidents import (
    Incident,
    Step,
    decide,
    known_incidents,
    note_incidents,
)
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.pipeline.stores import Store
from tests.outbox_in_use import NOBODY, use
from tests.redis_servers import RedisServer

GOOD = Observation(Component.SCHEDULER, Health.HEALTHY)
BAD = Observation(Component.SCHEDULER, Health.UNHEALTHY, Trouble.NO_HEARTBEAT)
UNKNOWN = Observation(Component.SCHEDULER, Health.UNKNOWN)
UNUSED = Observation(Component.SCHEDULER, Health.NOT_RUN)
W, A, K, R, N = Step.WAIT, Step.ALERT, Step.KEEP, Step.RESOLVE, Step.NOTHING


def steps(*looks: tuple[float, Observation], repeat: float = 3_600.0) -> list[Step]:
    """What is done at each look, at so many seconds."""
    known, found = None, []
    for at, observation in looks:
        step, incident = decide(known, observation, now=1e9 + at, patience_seconds=120, repeat_seconds=repeat)
        known = incident or known
        found.append(step)
    return found


def test_a_restart_is_no_incident() -> None:
    assert steps((0, BAD), (60, BAD), (120.5, GOOD), (180, BAD), (240, BAD)) == [W, W, N, W, W]


def test_an_incident_is_told_once_and_its_end() -> None:
    looks = [(0, BAD), (60, BAD), (119.2, BAD), (180, BAD), (240, GOOD), (300, GOOD), (360, BAD)]
    assert steps(*looks) == [W, W, A, K, R, N, W]


def test_it_is_repeated_as_long_as_it_lasts() -> None:
    assert steps((0, BAD), (120, BAD), (600, BAD), (3_719, BAD), (3_780, BAD), (3_900, GOOD)) == [W, A, K, A, K, R]


def test_a_heartbeat_says_that_it_lasts_already() -> None:
    """The first look after a long time needn't wait."""
    old = BAD._replace(last_heartbeat=1e9 - 500)
    assert steps((0, old), (60, old)) == [A, K]
    assert decide(None, old, now=1e9, patience_seconds=120, repeat_seconds=1)[1] == Incident(1e9 - 500, 1e9, 1e9, 1)
    assert steps((0, BAD._replace(last_heartbeat=1e9 + 500)), (60, BAD)) == [W, W]  # another clock


def test_what_is_unknown_changes_nothing() -> None:
    """Without an answer of the web server: neither a new incident nor an end."""
    assert steps((0, BAD), (60, UNKNOWN), (120, BAD), (180, UNKNOWN), (240, BAD), (300, GOOD)) == [W, N, A, K, K, R]


def test_a_component_that_is_no_longer_run_is_not_healthy_again() -> None:
    assert steps((0, BAD), (120, BAD), (180, UNUSED), (240, GOOD)) == [W, A, N, N]


def test_a_gap_between_looks_proves_nothing() -> None:
    assert steps((0, BAD), (4_000, BAD), (4_120, BAD)) == [W, W, A]


def test_alerts_and_ends_take_turns() -> None:
    """Whatever is seen, an end follows an alert, and an alert that isn't a repetition follows an end."""
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(200):
        at, looks = 0.0, []
        for _ in range(60):
            at += chance.choice((30, 60, 61, 300))
            looks.append((at, chance.choice((BAD, BAD, BAD, GOOD, UNKNOWN))))
        is_open = False
        for step in steps(*looks, repeat=1e9):
            if step in (A, R):
                assert is_open is (step is R)
                is_open = not is_open
            assert step is not K or is_open


def all_stores() -> Sequence[Store]:
    return stores_for_commands(time.monotonic() + 20)


def test_incidents_are_kept_for_each_airflow() -> None:
    incident = Incident(1.0, 2.0, 3.0, 1)
    note_incidents(all_stores(), "http://a", {Component.SCHEDULER: incident, Component.FLUSH: incident})
    assert known_incidents(all_stores(), "http://a") == {Component.SCHEDULER: incident, Component.FLUSH: incident}
    assert known_incidents(all_stores(), "http://b") == {Component.FLUSH: incident}


def test_a_redis_that_was_away_does_not_know_better(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noted in files meanwhile is newer."""
    use(server.url, monkeypatch)
    note_incidents(all_stores(), "http://a", {Component.SCHEDULER: Incident(1.0, 2.0, 2.0, 1)})
    use(NOBODY, monkeypatch)
    over = Incident(1.0, 60.0, 2.0, 1, is_over=True)
    note_incidents(all_stores(), "http://a", {Component.SCHEDULER: over})
    use(server.url, monkeypatch)
    assert known_incidents(all_stores(), "http://a") == {Component.SCHEDULER: over}


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"since": "x", "seen": 1}', b'{"other": 1}'])
def test_a_damaged_note_is_none(value: bytes) -> None:
    from airflow_provider_dingpush.storage.notes import Note

    all_stores()[0].outbox.store.set_notes([Note("watch", "flush", value)])
    assert known_incidents(all_stores(), "http://a") == {}
