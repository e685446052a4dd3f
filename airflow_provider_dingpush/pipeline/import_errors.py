"""DAG files that can't be imported: what Airflow calls listeners about is noted, and nothing is sent or decided here.

Airflow calls for each broken file each time that it parses it, half a minute apart, and never when it is right again.
So the notes are signs that a file is still broken, and the check of :mod:`.import_error_check` decides what to tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option, folders_of_dag_files, folders_of_own_code
from airflow_provider_dingpush.alerts.import_reports import BrokenFile
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.notes import FoundNote

BROKEN_FILES = "broken_files"
"""The family of notes of broken files, each by the digest of its path."""
MOST_FILES = 5_000
"""How many broken files are noted; beyond that those heard of longest ago are forgotten."""
NOTED_SECONDS = 7 * 86_400.0
"""How long a note lasts, in seconds. Of how long ago it was set, its expiry tells, by the clock of the store."""
# A bundle of Airflow 3 that is checked out: by Git into tracking_repo or versions/<version>, others as it is.
_CHECKED_OUT = re.compile(r"(?P<bundle>[^/]+)/(?:tracking_repo/|tracking/|versions/[^/]+/)?")


def note_broken_file(path: str, stacktrace: str) -> None:
    """Note that a DAG file can't be imported.

    :param path: as Airflow names it.
    :param stacktrace: Airflow's text about it.
    :raises OutboxError: if no store takes it.
    """
    from airflow_provider_dingpush.pipeline.scheduler_writing import change_note

    now = time.time()
    heard = replace(_broken_file(path, stacktrace), since=now, changed=now)

    def change(found: FoundNote | None) -> Note:
        value = json.dumps(heard.heard_again(broken_file_in(found)).to_plain()).encode()
        return Note(BROKEN_FILES, name_of(path), value, NOTED_SECONDS, newest=MOST_FILES)

    change_note(BROKEN_FILES, name_of(path), change)


def name_of(path: str) -> str:
    """The name of the note of a file."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def broken_file_in(found: FoundNote | None) -> BrokenFile | None:
    """The file that a note is about; ``None`` if there is none, or it can't be read."""
    if found is None:
        return None
    try:
        return BrokenFile.from_plain(json.loads(found.value), quiet=max(0.0, NOTED_SECONDS - found.seconds_left))
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=1_000)
def _broken_file(path: str, stacktrace: str) -> BrokenFile:
    """The part of a note that is the same each time that the DAG processor of Airflow 3 parses the file."""
    from airflow_provider_dingpush.alerts.import_error_text import read_import_error
    from airflow_provider_dingpush.pipeline.redaction import redact_log

    folder, bundle = folder_of(path)
    file = path[len(folder) :]
    # Without the folder, which may be one for temporary files and differ between machines and versions.
    text = stacktrace.replace(folder, "") if folder.strip(os.sep) else stacktrace
    # As for a log: the lines of code in it may name secrets that nobody registered.
    problem = read_import_error(text, file, redact=redact_log, roots=[*_folders(), *folders_of_own_code()])
    return BrokenFile(
        path,
        file,
        problem.cause,
        since=0.0,
        changed=0.0,
        bundle=bundle,
        type_name=problem.type_name,
        text=problem.text,
        summary=problem.summary,
        place=problem.place,
        source=problem.source,
    )


def folder_of(path: str) -> tuple[str, str | None]:
    """The folder of DAG files that a path lies in, with its last slash, and the name of its bundle if it has one.

    Empty if it lies in none.
    """
    storage = airflow_option("dag_processor", "dag_bundle_storage_path")
    root = os.path.join(storage or os.path.join(tempfile.gettempdir(), "airflow", "dag_bundles"), "")
    if path.startswith(root):
        found = _CHECKED_OUT.match(path, len(root))
        if found:
            return path[: found.end()], found["bundle"]
    inner = [(os.path.join(folder, ""), bundle) for folder, bundle in folders_of_dag_files()]
    return max((each for each in inner if path.startswith(each[0])), key=lambda each: len(each[0]), default=("", None))


def _folders() -> list[str]:
    return [folder for folder, _ in folders_of_dag_files()]
