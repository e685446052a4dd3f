"""What the tests of the Airflow surface share."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_dingpush import notifications
from airflow_provider_dingpush.callback_budget import CallbackBudget
from airflow_provider_dingpush.recent_recovery import RecentRecovery


@pytest.fixture(autouse=True)
def callback_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks of each test are those of one process: they share neither time nor memory with another test's."""
    monkeypatch.setattr(notifications, "_budget", CallbackBudget(ticks=time.monotonic))
    monkeypatch.setattr(notifications, "_recovery", RecentRecovery())


@pytest.fixture(autouse=True)
def outbox_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox of its own for each test: what one left behind is none of another's business."""
    home = tmp_path / "outbox"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(home))
    # What stands in for it is below the folder for temporary files.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return home
