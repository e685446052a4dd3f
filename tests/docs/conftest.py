"""What the tests of the docs share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _callbacks_of_its_own(callback_process: None, outbox_home: Path) -> None:
    """Code blocks may run callbacks: each test is a process of its own, with an outbox of its own."""
