"""A leader dies at any point: every alert that was put is sent once, and the receiver's window is never overrun.

The rows are those of the crash table: before and after each step in the book, before and after each POST. Repeats are
swallowed by DingTalk here, as its documentation says (``msgUuid``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.delivery.simulation import MAILBOX, START, KilledError, Simulation, WatchedBook, failure

RECEIVER = "0123456789ab"
Lead = Callable[[], Any]


class Scenario:
    """A lost reply, a refused alert, half a minute of throttling, a recovery: one disturbance of each kind."""

    def __init__(self, sim: Simulation, put: Callable[[Any], None]) -> None:
        self.sim = sim
        self.put = put
        self.posts = 0
        sim.robot.answers = self._answer

    def _answer(self, content: Mapping[str, Any]) -> SendResult | None:
        self.posts += 1
        if "bad" in content["keys"]:
            return SendResult(SendStatus.REJECTED, "430102")
        if self.posts == 5:
            return SendResult(SendStatus.THROTTLED, "130101", retry_after_seconds=30.0)
        if self.posts in (3, 8):
            return SendResult(SendStatus.RETRY, "connection refused")
        return None

    def stages(self) -> Iterator[None]:
        """The events between two leaders."""
        self.put(failure("a1"))
        yield
        for key in ("a2", "bad", "a3", "a4"):
            self.put(failure(key))
        yield
        self.put(failure("back", event="task_succeeded", resolved=True, task_id="a4", at=START + 50))
        self.put(failure("a5"))
        yield
        self.put(failure("a6"))
        yield


SENT = ["a1", "a2", "a3", "a5", "a6"]


def run_scenario(sim: Simulation, book: Callable[[], Any], put: Callable[[Any], None], die_at: tuple[int, ...]) -> int:
    """Run the scenario with deaths at these calls; returns the number of calls."""
    calls = 0

    def on_step(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls in die_at:
            raise KilledError

    sim.robot.on_step = on_step
    scenario = Scenario(sim, put)

    def lead(seconds: float) -> int | None:
        """How many alerts are still pending, or ``None`` if the leader died."""
        try:
            with book() as led:
                assert led is not None
                return sim.drain(seconds, book=WatchedBook(led, on_step)).left
        except KilledError:
            return None

    for _ in scenario.stages():
        lead(8.0)
        sim.clock.advance(2.0)
    for _ in range(40):
        if lead(60.0) == 0:
            break
        sim.clock.advance(20.0)
    return calls


def check(sim: Simulation) -> None:
    sent = sim.chat.keys
    # If the recovery came while its failure was pending, one line covers both.
    joined = any("back" in each.notes["recovered"] for each in sim.chat.shown if each.notes)
    assert sorted(sent) == sorted([*SENT, "back"] + ([] if joined else ["a4"]))
    assert sim.chat.most_in_window <= 18
    assert [each.key for each in sim.ledger().dead_letters.all] == ["bad"]


def in_memory() -> tuple[Simulation, Callable[[], Any], Callable[[Any], None]]:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=5.0))

    @contextmanager
    def book() -> Iterator[LedgerBook]:
        yield sim.book()

    return sim, book, sim.put


def in_files(home: Path) -> tuple[Simulation, Callable[[], Any], Callable[[Any], None]]:
    sim = Simulation(DeliveryPolicy(group_interval_seconds=5.0))
    outbox = Outbox(FileStore(home, clock=sim.clock.time))
    outbox.assign(MAILBOX, RECEIVER)
    return sim, lambda: outbox.leadership(RECEIVER), outbox.put


def calls_without_a_death() -> int:
    return run_scenario(*in_memory(), ())


def test_a_death_at_any_call_loses_and_repeats_nothing() -> None:
    for die_at in range(1, calls_without_a_death() + 1):
        sim, book, put = in_memory()
        run_scenario(sim, book, put, (die_at,))
        check(sim)
        assert sim.ledger().queue.waiting == 0, die_at


@given(st.lists(st.integers(1, 200), min_size=2, max_size=12))
@settings(deadline=None)
def test_many_deaths_lose_and_repeat_nothing(die_at: list[int]) -> None:
    sim, book, put = in_memory()
    run_scenario(sim, book, put, tuple(die_at))
    check(sim)


def test_the_same_with_files(tmp_path: Path) -> None:
    """Every call of the real book once, before and after it took effect."""
    calls = calls_without_a_death()
    for die_at in range(1, calls + 1):
        sim, book, put = in_files(tmp_path / str(die_at))
        run_scenario(sim, book, put, (die_at,))
        check_files(sim, Outbox(FileStore(tmp_path / str(die_at))))


def check_files(sim: Simulation, outbox: Outbox) -> None:
    records = outbox.records_of(RECEIVER)
    sim.storage.records = {place: json.dumps(value) for place, value in records.items()}
    check(sim)
    assert outbox.pending_mailboxes() == []


def test_processes_killed_at_each_step_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """``kill -9`` of real processes: at every file that is opened, renamed, removed or locked, and at every POST."""
    program = Path(__file__).with_name("crash_steps.py")
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    died_at = {each["died_at"] for each in outcomes}
    assert {"before post", "after post", "os.rename", "os.remove", "fcntl.flock", "before write"} <= died_at
    for each in outcomes:
        sent = each["sent"]
        assert len(sent) == len(set(sent)), each
        assert set(each["recorded"]) <= set(sent) <= {"a1", "a2", "a3", "late"}, each
        assert each["left"] == 0, each
    # The last one wasn't killed: there was no step beyond.
    assert outcomes[-1]["died_at"] is None
