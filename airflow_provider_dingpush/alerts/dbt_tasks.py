"""Which tasks run dbt: by their class, their command, or their exception. No package of dbt is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from airflow_provider_dingpush.alerts.exception_text import causes_of

PACKAGES = frozenset(("cosmos", "dbt", "dbt_common", "airflow_dbt", "airflow_dbt_python"))
"""Whose operators run dbt, and whose objects are its results."""

_RUNNER = "dbt.cli.main"
_COMMANDS = ("bash_command", "command", "cmds", "arguments")
_COMMAND = r"""(?:^|[\s/;&|("'=])dbt(?:\s|$)"""


def is_dbt(task: Any, error: Any) -> bool:
    """Whether a task runs dbt, by its class, its command or its exception.

    :param task: an operator.
    :param error: its exception or the text of it, if there is one.
    """
    errors = [error, *causes_of(error)] if isinstance(error, BaseException) else []
    kinds = (kind for each in (task, *errors) for kind in type(each).__mro__)
    if any(kind.__module__.partition(".")[0] in PACKAGES for kind in kinds):
        return True
    # A task of one's own that calls ``dbtRunner``.
    if errors and _RUNNER in sys.modules:
        return True
    return any(re.search(_COMMAND, each) for each in (*commands_of(task), *_command_lines(errors)))


def commands_of(task: Any) -> Iterator[str]:
    """The commands that an operator runs, of any class."""
    for name in _COMMANDS:
        yield from _as_texts(_get(task, name))


def _command_lines(errors: list[BaseException]) -> Iterator[str]:
    for each in errors:
        yield from _as_texts(_get(each, "cmd"))


def _as_texts(command: Any) -> Iterator[str]:
    if isinstance(command, str):
        yield command
    elif isinstance(command, (list, tuple)):
        yield " ".join(each for each in command if isinstance(each, str))


def _get(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - objects of foreign classes may raise anything when they are read
        return None
