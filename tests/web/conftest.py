"""What the tests of the page share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _outbox_of_its_own(callback_process: None, outbox_home: Path, unhurried: None) -> None:
    """Each test is a web server of its own, with an outbox of its own."""
