"""The results of dbt in a failed task's exception: its nodes, its text, and what lies in the frames of its traceback.

Cosmos runs dbt in a temporary copy of the project, which is deleted before a callback runs, ``run_results.json`` with
it. What dbt returned or printed still lies in the frames of the exception that Cosmos raises about it
(``handle_exception_if_needed`` and ``handle_exception_subprocess``, ``cosmos/dbt/runner.py`` and
``cosmos/operators/local.py`` of 1.15.1, read 2026-11-28), in the task's own process. The same holds for a task of
one's own that calls ``dbtRunner``. Elsewhere an exception is only a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from airflow_provider_dingpush.alerts.dbt_output import results_in_output
from airflow_provider_dingpush.alerts.dbt_results import ERROR, FAIL, DbtResult, combined, result_of, results_in
from airflow_provider_dingpush.alerts.dbt_tasks import PACKAGES
from airflow_provider_dingpush.alerts.exception_text import causes_of

_MOST_FRAMES = 100
_MOST_LOCALS = 200
_MOST_ERRORS = 10
_MOST_CHARACTERS = 500_000
_OF_COSMOS = "dbt invocation completed with errors"
_NAMED = re.compile(r"(?P<name>[A-Za-z_][\w.]*): (?P<message>.+)")


def results_in_exception(error: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The results that an exception has or names. Takes bounded time.

    :param error: the exception, or its text.
    :param redact: removes secrets from free text.
    """
    if isinstance(error, str):
        return _in_text(error, redact)
    if not isinstance(error, BaseException):
        return ()
    errors = list(islice((error, *causes_of(error)), _MOST_ERRORS))
    held = (results_in_value(value, redact) for each in errors for value in (each, *_values_in_frames(each)))
    found = combined(*held)
    return found or combined(*(_in_text(_string(each), redact) for each in errors))


def without_results(text: str | None) -> str | None:
    """The text of an exception without the results that Cosmos writes into it, for where they are listed."""
    return _OF_COSMOS if text and text.startswith(_OF_COSMOS) else text


def _values_in_frames(error: BaseException) -> Iterator[Any]:
    traceback = error.__traceback__
    for _ in range(_MOST_FRAMES):
        if traceback is None:
            return
        for value in islice(list(traceback.tb_frame.f_locals.values()), _MOST_LOCALS):
            if type(value).__module__.partition(".")[0] in PACKAGES:
                yield value
        traceback = traceback.tb_next


def results_in_value(value: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The results that an object holds: of dbt's runner, of Cosmos' command, or an exception of dbt."""
    result = _get(value, "result")
    listed = _get(result, "results") or _get(value, "results")
    if isinstance(listed, (list, tuple)):
        return results_in(listed, redact)
    nodes = _get(value, "nodes")
    if isinstance(value, BaseException):
        if _get(result, "node") is not None:  # of ``--fail-fast``
            return results_in([result], redact)
        node = _get(value, "node")
        nodes = nodes if isinstance(nodes, (list, tuple)) else [] if node is None else [node]
        found = tuple(each for each in (_of_node(node, value, redact) for node in nodes) if each)
        return found or results_in_output(_printed(value), redact)
    lines = _get(value, "full_output")
    if isinstance(lines, list):
        return results_in_output("\n".join(map(str, lines))[-_MOST_CHARACTERS:], redact)
    return ()


def _of_node(node: Any, error: BaseException, redact: Callable[[str], str]) -> DbtResult | None:
    """The result of a node that an exception names."""
    if _get(node, "status") is not None:
        return next(iter(results_in([node], redact)), None)
    kind = _get(node, "resource_type")
    name, path = _get(node, "name"), _get(node, "original_file_path")
    kind = str(_get(kind, "value") or kind)
    return result_of(name, ERROR, _string(error), redact=redact, path=path, kind=kind)


def _printed(error: BaseException) -> str:
    """What a failed command printed, if its exception has it."""
    written = _get(error, "stdout") or _get(error, "output") or ""
    if isinstance(written, (bytes, bytearray)):
        written = bytes(written[-_MOST_CHARACTERS:]).decode("utf-8", "replace")
    return written[-_MOST_CHARACTERS:] if isinstance(written, str) else ""


def _in_text(text: str, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    if not text.startswith(_OF_COSMOS):
        return results_in_output(text[-_MOST_CHARACTERS:], redact)
    named: list[list[str]] = []
    for line in text[len(_OF_COSMOS) + 1 : _MOST_CHARACTERS].strip().split("\n"):
        # dbt indents the further lines of a message.
        found = _NAMED.fullmatch(line)
        if found:
            named.append([found["name"], found["message"]])
        elif named:
            named[-1][1] += f"\n{line}"
    found_results = (
        result_of(name, FAIL if message.startswith("Got ") else ERROR, message, redact=redact)
        for name, message in named
    )
    return combined(each for each in found_results if each)


def _string(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - of a foreign class
        return ""


def _get(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - objects of foreign classes may raise anything when they are read
        return None
