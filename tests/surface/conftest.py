"""What the tests of the Airflow surface share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def outbox_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox of its own for each test: what one left behind is none of another's business."""
    home = tmp_path / "outbox"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(home))
    # What stands in for it is below the folder for temporary files.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return home
