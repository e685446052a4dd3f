"""Failures that arrive one by one: the group is notified less and less often, also without a flusher."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_dingpush.delivery.drain_result import Handover, LeaderRole
from airflow_provider_dingpush.delivery.pace import LONGEST_INTERVAL_SECONDS
from tests.delivery.simulation import START, Simulation, failure

FLUSH_SECONDS = 60.0
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("every_seconds", [1, 2, 3])
def test_a_trickle_makes_few_messages_without_a_flusher(every_seconds: int, tmp_path: Path) -> None:
    """The interval that doubles belongs to the receiver, not to a process. With simulated time, in its own process."""
    program = [sys.executable, "tests/benchmarks/trickle.py", "--minutes", "8", "--without-flusher"]
    done = subprocess.run(
        [*program, "--every", str(every_seconds)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    _, _, failures, messages, *_ = done.stdout.splitlines()[-1].split("|")
    assert int(failures.replace(",", "")) == 480 // every_seconds
    # Each 0, 10, 20, 40, 80, 160 s after the one before, and a last one.
    assert int(messages) <= 12


def test_in_a_storm_no_failure_waits_longer_than_the_guide_says() -> None:
    """A killed task is only reported by the flush: at once written, and sent with the next digest, as all others are.

    The guide to killed tasks and ``integration/test_whole_airflow.py`` name the same times.
    """
    sim, killed = Simulation(), dict[str, float]()
    for second in range(0, 2_400, 2):
        # What was waited for within a drain is over.
        sim.clock.now = max(sim.clock.now, START + second)
        if second < 1_800:
            sim.put(failure(f"failed_{second}", at=sim.clock.now))
            if sim.storage.pause is None or sim.storage.pause.until <= sim.clock.now:
                sim.drain(8.0, handover=Handover.FLUSHER)
        if second % FLUSH_SECONDS == 0:
            if second < 1_800:
                killed[f"killed_{second}"] = sim.clock.now
                sim.put(failure(f"killed_{second}", at=sim.clock.now))
            sim.drain(50.0, role=LeaderRole.FLUSHER, handover=Handover.FLUSHER)
    sent = {key: message.at for message in sim.chat.shown for key in message.keys}
    waited = [sent[key] - at for key, at in killed.items()]
    assert len(waited) == 30
    assert 2 * FLUSH_SECONDS < max(waited) <= LONGEST_INTERVAL_SECONDS + FLUSH_SECONDS
