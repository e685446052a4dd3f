"""The tests and models that dbt reports as failed, with warnings, or skipped.

Read from dbt's artifacts ``run_results.json`` and ``sources.json``, as dbt-core 1.11.16 writes them; from the objects
that its ``dbtRunner`` returns, which have the same fields and the node besides (``dbt/artifacts/schemas/`` there, read
2026-11-28); and from what Cosmos gives to an ``on_warning_callback``. dbt itself is never imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

MOST_RESULTS = 10
"""Of those that are kept; the others are counted."""

FAIL, ERROR, WARN, SKIPPED = "fail", "error", "warn", "skipped"

_STATUSES = {
    "fail": FAIL,
    "error": ERROR,
    "runtime error": ERROR,
    "partial success": ERROR,
    "warn": WARN,
    "skipped": SKIPPED,
}
# The worst first. The order of dbt is kept among equal ones.
_RANKS = {ERROR: 0, FAIL: 0, WARN: 1, SKIPPED: 2}
_KINDS = ("test", "unit_test", "model", "seed", "snapshot", "source", "operation")
_MOST_READ = 20_000
_MOST_NAME_CHARACTERS = 250
_MOST_MESSAGE_CHARACTERS = 160
_MOST_LINE_CHARACTERS = 2_000
# Texts, which are compiled only where dbt is read: every callback loads this module.
_ROWS = r"Got (\d+) results?, configured to \w+ if\b"
HEADER = r"(?P<what>[A-Z][\w ]*? )?in (?P<kind>unit test|\w+) (?P<name>[^\s()]+) \((?P<path>[^()]+)\)"
"""``Failure in test not_null_orders (models/schema.yml)``; dbt 1.12 leaves the first word out."""


class DbtResult(NamedTuple):
    """One test, model, seed, snapshot or source that isn't right.

    :param name: its name in dbt.
    :param status: ``fail`` (a test found rows), ``error`` (it could not run, or a source is too old), ``warn`` or
        ``skipped``.
    :param failures: the number of failing rows of a test; ``None`` if it isn't known, and for everything else.
    :param path: its file in the dbt project; of a test that a YAML file declares, that file. ``None`` if unknown.
    :param message: the first line of what dbt says about an error; ``None`` if there is none, or it says no more than
        the number of rows.
    :param kind: ``test``, ``unit_test``, ``model``, ``seed``, ``snapshot``, ``source`` or ``operation``; ``None`` if
        unknown.
    """

    name: str
    status: str
    failures: int | None = None
    path: str | None = None
    message: str | None = None
    kind: str | None = None

    @classmethod
    def read(cls, plain: Any) -> DbtResult:
        """Read a stored one; names that only a newer version has are ignored.

        :raises TypeError: if it is anything else.
        """
        if not isinstance(plain, Mapping):
            raise TypeError("this isn't a result of dbt")
        return cls(**{name: plain[name] for name in cls._fields if name in plain})

    @property
    def in_brief(self) -> str:
        """It in one line, as dbt writes it: ``FAIL 3 not_null_orders``, ``ERROR orders: no such column``."""
        words = [self.status.upper(), *([] if self.failures is None else [str(self.failures)]), self.name]
        return " ".join(words) + (f": {self.message}" if self.message else "")

    @property
    def identity(self) -> str:
        """Equal for the same thing, whichever way dbt writes its name."""
        if self.kind == "unit_test":
            return self.name.rpartition(".")[2]
        return re.sub(r"\.v(\d+)$", r"_v\1", self.name)


def result_of(
    name: str,
    status: Any,
    message: Any,
    *,
    redact: Callable[[str], str],
    failures: Any = None,
    path: Any = None,
    kind: Any = None,
) -> DbtResult | None:
    """A result of these fields, whatever they are; ``None`` for one that is right, and without a name.

    :param redact: removes secrets from free text.
    """
    known = _STATUSES.get(str(getattr(status, "value", status)).lower())
    name = _text(name)[:_MOST_NAME_CHARACTERS]
    if known is None or not name:
        return None
    said, of_header, rows = _read_message(message, redact)
    if not (known in (FAIL, WARN) and kind != "unit_test"):
        rows = failures = None
    if known is SKIPPED:
        said = None
    count = failures if isinstance(failures, int) and not isinstance(failures, bool) else rows
    file = (_text(path) or of_header)[:_MOST_NAME_CHARACTERS] or None
    return DbtResult(name, known, count, file, said if count is None else None, kind if kind in _KINDS else None)


def _read_message(message: Any, redact: Callable[[str], str]) -> tuple[str | None, str, int | None]:
    """The reason in a message of dbt, the path and the number of failing rows that it names."""
    lines = [each.strip()[:_MOST_LINE_CHARACTERS] for each in redact(_text(message)).splitlines() if each.strip()]
    path = ""
    while lines and (header := re.fullmatch(HEADER, lines[0])):
        path = path or header["path"]
        lines.pop(0)
    if not lines or lines[0] == "None":
        return None, path, None
    rows = re.match(_ROWS, lines[0])
    reason = lines[0]
    cut = reason if len(reason) <= _MOST_MESSAGE_CHARACTERS else f"{reason[:_MOST_MESSAGE_CHARACTERS].rstrip()}…"
    return cut, path, int(rows[1]) if rows else None


def _text(value: Any) -> str:
    # A name with half a character could neither be stored nor sent.
    return value[:_MOST_READ].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def results_in(
    listed: Any, redact: Callable[[str], str], paths: Mapping[str, str] | None = None
) -> tuple[DbtResult, ...]:
    """The results in a list of dbt's, as JSON data or as objects; those that can't be read are left out.

    :param listed: ``results`` of an artifact or of a ``dbtRunnerResult``.
    :param redact: removes secrets from free text.
    :param paths: the id of each node and its file, for results without their node.
    """
    if not isinstance(listed, (list, tuple)):
        return ()
    return tuple(result for result in (_result_in(each, redact, paths or {}) for each in listed) if result)


def _result_in(plain: Any, redact: Callable[[str], str], paths: Mapping[str, str]) -> DbtResult | None:
    node = _get(plain, "node")
    unique_id = _text(_get(plain, "unique_id") or _get(node, "unique_id"))
    kind, _, rest = unique_id.partition(".")
    # The package comes first, and of a generic test a digest last.
    name = rest.partition(".")[2]
    return result_of(
        name.partition(".")[0] if kind == "test" else name or _text(_get(node, "name")),
        _get(plain, "status"),
        _get(plain, "message"),
        redact=redact,
        failures=_get(plain, "failures"),
        path=_get(node, "original_file_path") or paths.get(unique_id),
        kind=kind,
    )


def results_of_warnings(names: Any, messages: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The results that Cosmos gives to an ``on_warning_callback`` as ``test_names`` and ``test_results``.

    They belong together by their index (``_handle_warnings`` in ``cosmos/operators/local.py`` of
    1.15.1, read 2026-11-28). For a build Cosmos calls with empty lists if nothing was
    wrong.

    :param redact: removes secrets from free text.
    """
    known = list(messages) if isinstance(messages, (list, tuple)) else []
    found = []
    for index, name in enumerate(names if isinstance(names, (list, tuple)) else ()):
        message = _text(known[index]) if index < len(known) else ""
        if _LINE_OF_FRESHNESS in message:
            found.append(result_of(name, WARN, "", redact=redact, kind="source"))
        else:
            found.append(result_of(name, WARN, message, redact=redact, kind="test"))
    return tuple(each for each in found if each)


_LINE_OF_FRESHNESS = " freshness of "


def combined(*sources: Iterable[DbtResult]) -> tuple[DbtResult, ...]:
    """Each thing once, the worst first: what an earlier source says, and from later ones what it doesn't."""
    known: dict[str, DbtResult] = {}
    for each in (result for source in sources for result in source):
        before = known.get(each.identity)
        known[each.identity] = each if before is None else _completed(before, each)
    return tuple(sorted(known.values(), key=lambda each: _RANKS.get(each.status, 0)))


def _completed(result: DbtResult, other: DbtResult) -> DbtResult:
    missing = {name: value for name, value in other._asdict().items() if getattr(result, name) is None}
    if result.failures is not None or result.status == SKIPPED:
        missing.pop("message", None)
    if result.status not in (FAIL, WARN) or result.message:
        missing.pop("failures", None)
    return result._replace(**missing)


def summary_of(results: Iterable[DbtResult], count: int) -> str:
    """One line about them, in no language: ``dbt: FAIL 3 not_null_orders (+2)``; empty if there are none."""
    first = next(iter(results), None)
    return "" if first is None else f"dbt: {first.in_brief}" + (f" (+{count - 1})" if count > 1 else "")


def _get(source: Any, name: str) -> Any:
    try:
        return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    except Exception:  # noqa: BLE001 - objects of foreign classes may raise anything when they are read
        return None
