"""No class is too long to be read at once; the exceptions have a reason each."""

from __future__ import annotations

import ast
from pathlib import Path

import airflow_provider_dingpush

HOME = Path(airflow_provider_dingpush.__file__).parent
MOST_LINES = 250
EXCEPTIONS: dict[str, str] = {}
"""Class -> why it may be longer."""


def sizes() -> dict[str, int]:
    """The lines of each class, by module and name."""
    return {
        f"{path.relative_to(HOME).with_suffix('').as_posix()}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sorted(HOME.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def test_no_class_is_longer_than_it_may_be() -> None:
    """And no exception stays longer than it is one."""
    found = sizes()
    assert len(found) > 100
    assert {name for name, lines in found.items() if lines > MOST_LINES} == set(EXCEPTIONS)
