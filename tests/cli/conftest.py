"""What the tests of the command share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _command_of_its_own(callback_process: None, outbox_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a terminal of its own, in English, with an outbox of its own."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    # The command looks for connections where no task does; other tests must not.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


def is_chinese(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)
