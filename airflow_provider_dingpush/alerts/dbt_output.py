"""The results of dbt in what it prints: plain lines, or JSON (``--log-format json``).

dbt prints one line for each node as it ends, and a paragraph for each failure at the end::

    01:55:55  2 of 6 FAIL 3 not_null_orders_customer_id ........ [FAIL 3 in 0.03s]
    01:55:55  Failure in test not_null_orders_customer_id (models/schema.yml)
    01:55:55    Got 3 results, configured to fail if != 0

(``dbt/events/types.py`` of dbt-core 1.11.16, and what that version prints, read 2026-11-28. dbt 1.12 writes
``[WARNING]: in test …`` instead of ``Warning in test …``: ``cosmos/dbt/parser/output.py`` of Cosmos 1.15.1.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from airflow_provider_dingpush.alerts.dbt_results import ERROR, HEADER, WARN, DbtResult, combined, result_of
from airflow_provider_dingpush.alerts.visible_text import as_shown

_STAMP = re.compile(r"(?:\d\d:\d\d:\d\d(?:\.\d+)?\s+)?(?:\[(?P<level>[A-Za-z]+) *\](?: *\[[^\]]*\])?: *)?")
_NODE = re.compile(
    r"\d+ of \d+ (?P<status>FAIL|WARN|ERROR(?: STALE)?|SKIP)\b(?: (?P<rows>\d+)(?= ))?(?P<what>.*?)[ .]*(?:\[[^\]]*\])?"
)
_STATUSES = {"SKIP": "skipped", "ERROR STALE": ERROR}
_KINDS = {"freshness": "source", "model": "model", "seed": "seed", "snapshot": "snapshot", "test": "test"}
_HAVE_NO_SCHEMA = ("test", "unit_test", "source")
_MOST_LINES = 20_000


class _Line(NamedTuple):
    text: str
    level: str = ""


def results_in_output(text: str, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The results that dbt printed; none if this is no output of dbt.

    :param text: all of it, or its end.
    :param redact: removes secrets from free text.
    """
    lines = list(_lines(as_shown(text).split("\n")[-_MOST_LINES:]))
    return combined(_of_nodes(lines, redact), _of_paragraphs(lines, redact))


def _lines(written: Iterable[str]) -> Iterator[_Line]:
    for each in written:
        line = each.strip()
        if line.startswith("{") and '"info"' in line:
            yield from _of_json(line)
        elif line:
            yield _unstamped(line)


def _unstamped(line: str, level: str = "") -> _Line:
    """The line without time and level; the level is in front, or else the one that is known."""
    found = _STAMP.match(line)
    return _Line(line[found.end() :].strip(), (found["level"] or level).lower()) if found else _Line(line, level)


def _of_json(line: str) -> Iterator[_Line]:
    try:
        info = json.loads(line)["info"]
        message, level = info["msg"], info["level"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return
    if isinstance(message, str) and isinstance(level, str):
        yield from (_unstamped(each.strip(), level) for each in as_shown(message).split("\n") if each.strip())


def _of_nodes(lines: Iterable[_Line], redact: Callable[[str], str]) -> Iterator[DbtResult]:
    for line in lines:
        found = _NODE.fullmatch(line.text)
        words = found["what"].split() if found else []
        if not found or not words:
            continue
        kind = next((_KINDS[each] for each in words[:-1] if each in _KINDS), None)
        name = words[-1]
        if kind is None and len(words) == 1:
            kind = "unit_test" if "::" in name else "test"
        # Of a model without its schema.
        name = name.replace("::", ".") if kind in _HAVE_NO_SCHEMA else name.rpartition(".")[2]
        result = result_of(
            name,
            _STATUSES.get(found["status"], found["status"]),
            "",
            redact=redact,
            failures=int(found["rows"]) if found["rows"] else None,
            kind=kind,
        )
        if result:
            yield result


def _of_paragraphs(lines: Iterable[_Line], redact: Callable[[str], str]) -> Iterator[DbtResult]:
    header: re.Match[str] | None = None
    is_warning = False
    for line in lines:
        found = re.fullmatch(HEADER, line.text)
        if found and header and found["name"] == header["name"]:
            continue  # "Database Error in model orders (…)" below "Failure in model orders (…)"
        if found:
            header, is_warning = found, (found["what"] or line.level).lower().startswith("warn")
        elif header:
            yield from _of_paragraph(header, line.text, redact, is_warning=is_warning)
            header = None


def _of_paragraph(
    header: re.Match[str], reason: str, redact: Callable[[str], str], *, is_warning: bool
) -> Iterator[DbtResult]:
    kind = header["kind"].replace(" ", "_")
    found_rows = reason.startswith("Got ") or kind == "unit_test"
    status = WARN if is_warning else "fail" if found_rows else ERROR
    result = result_of(header["name"], status, reason, redact=redact, path=header["path"], kind=kind)
    if result and (result.kind or found_rows):
        yield result
