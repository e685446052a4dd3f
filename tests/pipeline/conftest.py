"""What the tests of the pipeline share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _callbacks_of_its_own(callback_process: None, outbox_home: Path) -> None:
    """Each test is a process of its own, as far as callbacks know, with an outbox of its own."""
