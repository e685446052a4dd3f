"""The results of dbt that lie on this machine: in ``run_results.json``, and in the log of the task.

Both are read only for a task that runs dbt. A file counts only if dbt wrote it while the task ran: what a person or
another task left there before is not about this failure. Cosmos deletes its copy of the project with all files before
a callback runs, so for its tasks the exception has to do (:mod:`~airflow_provider_dingpush.alerts.dbt_exception`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.alerts.dbt_results import DbtResult, combined, results_in
from airflow_provider_dingpush.alerts.dbt_tasks import commands_of

_FILES = "run_results.json", "sources.json"
_MANIFEST = "manifest.json"
_MOST_BYTES = 16_000_000
_MOST_MANIFEST_BYTES = 8_000_000  # read in less than a tenth of a second; it grows with the project
_MOST_FOLDERS = 10
_TARGET = "target"
_OPTIONS = "--project-dir", "--target-path"


def results_in_files(task: Any, started_at: datetime, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The results in the artifacts that a task's dbt wrote; none if it wrote none, or none is found.

    :param task: the operator, with its rendered fields.
    :param started_at: when the task started.
    :param redact: removes secrets from free text.
    """
    found: list[tuple[DbtResult, ...]] = []
    for folder in list(dict.fromkeys(_folders(task)))[:_MOST_FOLDERS]:
        for name in _FILES:
            artifact = _read(folder / name, started_at)
            if artifact is not None and _is_of(artifact, task):
                found.append(results_in(artifact.get("results"), redact, _paths_in(folder / _MANIFEST)))
    return combined(*found)


def _folders(task: Any) -> Iterator[Path]:
    """Where a task's dbt may write its artifacts, by what the operator and its command say."""
    environment = {**os.environ, **_environment_of(task)}
    # Of ``airflow-dbt`` and ``airflow-dbt-python``; ``cwd`` is of Bash.
    start = next((each for each in (_get(task, name) for name in ("cwd", "dir", "project_dir")) if each), None)
    base = Path(start) if isinstance(start, (str, os.PathLike)) else None
    commands = [_words(each, environment) for each in commands_of(task)] or [[]]
    for words in commands:
        project, target = (_option(words, name) for name in _OPTIONS)
        folders = [Path(each) for each in (project, environment.get("DBT_PROJECT_DIR")) if each]
        folders += [Path(after) for word, after in pairwise(words) if word == "cd"]
        target = target or environment.get("DBT_TARGET_PATH") or _TARGET
        for folder in (*folders, *([base] if base else [])):
            whole = base / folder if base else folder
            if whole.is_absolute():
                yield whole / target


def _environment_of(task: Any) -> dict[str, str]:
    known = _get(task, "env")
    if not isinstance(known, Mapping):
        return {}
    return {name: value for name, value in known.items() if isinstance(name, str) and isinstance(value, str)}


def _words(command: str, environment: Mapping[str, str]) -> list[str]:
    """The words of a shell command, variables filled in as far as they are known."""
    text = re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda found: environment.get(found[1] or found[2], found[0]), command[:20_000]
    )
    with suppress(ValueError):  # quotes that aren't closed
        # What ends a command is a word of its own.
        words = shlex.shlex(text, posix=True, punctuation_chars=";&|()")
        words.whitespace_split = True
        return list(words)
    return text.split()


def _option(words: list[str], name: str) -> str | None:
    for word, after in pairwise([*words, ""]):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _read(file: Path, started_at: datetime) -> Mapping[str, Any] | None:
    """The artifact, if it was written since then and isn't huge."""
    try:
        status = file.stat()
        if status.st_size > _MOST_BYTES or status.st_mtime < started_at.timestamp():
            return None
        plain = json.loads(file.read_bytes())
        generated = datetime.fromisoformat(plain["metadata"]["generated_at"].replace("Z", "+00:00"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    aware = generated if generated.tzinfo else generated.replace(tzinfo=timezone.utc)
    return plain if aware >= started_at else None


def _paths_in(manifest: Path) -> dict[str, str]:
    """The file of each node by its id, if the manifest isn't huge: ``run_results.json`` has none."""
    try:
        plain = json.loads(manifest.read_bytes()) if manifest.stat().st_size <= _MOST_MANIFEST_BYTES else {}
        known = {**plain.get("nodes", {}), **plain.get("sources", {})}
        found = ((unique_id, node["original_file_path"]) for unique_id, node in known.items())
        return {unique_id: path for unique_id, path in found if isinstance(path, str)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _is_of(artifact: Mapping[str, Any], task: Any) -> bool:
    """Whether the command of an artifact is one of the task's: several tasks may share a project's folder."""
    arguments = artifact.get("args")
    which = arguments.get("which") if isinstance(arguments, Mapping) else None
    commands = list(commands_of(task))
    return (
        not isinstance(which, str)
        or not commands
        or any(re.search(rf"(?<![\w-]){re.escape(which)}(?![\w-])", each) for each in commands)
    )


def _get(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - an operator of a foreign class may raise anything when it is read
        return None
