"""Reports that any process can send to another: without half characters (surrogates).

pytest-xdist sends reports as UTF-8, which has no such halves: a failing test whose text holds one would end its worker.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape them in the texts of a report; pytest calls this only for reports that leave the process."""
    return without_halves((yield))


def without_halves(value: Any) -> Any:
    """The same lists and dictionaries with ``\\ud83d`` where a half of a character was."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {without_halves(key): without_halves(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(map(without_halves, value))
    return value
