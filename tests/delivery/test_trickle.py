"""Failures that arrive one by one: the group is notified less and less often, also without a flusher."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
