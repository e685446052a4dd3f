"""No cell of the table of faults loses an alert, sends it twice where it must not, or takes longer than its deadline.

Takes a few minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.standalone

PROGRAM = Path(__file__).with_name("fault_table.py")


def test_every_fault_at_every_entrance_is_reported_once_and_in_time(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env=environment, capture_output=True, text=True, timeout=1_800, check=False
    )
    print(done.stdout)  # noqa: T201 - the table is for people
    assert done.returncode == 0, done.stderr
