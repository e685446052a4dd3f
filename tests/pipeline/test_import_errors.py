"""What is noted of a DAG file that can't be imported, each time that Airflow parses it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.import_reports import BrokenFile
from airflow_provider_dingpush.pipeline import scheduler_writing
from airflow_provider_dingpush.pipeline.import_errors import (
    BROKEN_FILES,
    MOST_FILES,
    broken_file_in,
    folder_of,
    note_broken_file,
)
from airflow_provider_dingpush.pipeline.outboxes import files_in, opened, outbox
from airflow_provider_dingpush.storage.contract import Store
from airflow_provider_dingpush.storage.notes import FoundNote
from tests.outbox_in_use import NOBODY, use
from tests.redis_servers import RedisServer

SECRET = "hunter2-of-the-database"


def traceback_of(path: str) -> str:
    return (
        f'Traceback (most recent call last):\n  File "{path}", line 3, in <module>\n'
        f'    connect("db-17", password="{SECRET}")\n'
        f"ConnectionError: can't connect with password={SECRET}\n"
    )


def noted(store: Store | None = None) -> list[BrokenFile]:
    notes = (store or outbox().store).notes(BROKEN_FILES, MOST_FILES)
    return [file for file in map(broken_file_in, notes.values()) if file]


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of DAG files."""
    monkeypatch.setattr(scheduler_writing._writer, "_failed_at", None)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    return tmp_path / "dags"


def test_the_line_is_noted_without_secrets(dags: Path, outbox_home: Path) -> None:
    note_broken_file(f"{dags}/ods/a.py", traceback_of(f"{dags}/ods/a.py"))
    (file,) = noted()
    assert (file.file, file.place, file.bundle) == ("ods/a.py", "ods/a.py:3", None)
    assert file.source == 'connect("db-17", password="***")'
    assert file.summary == "ConnectionError: can't connect with password=***"
    written = [each.read_bytes() for each in outbox_home.rglob("*") if each.is_file()]
    assert written
    assert not any(SECRET.encode() in each for each in written)


def test_it_is_noted_again_at_each_parse(dags: Path, outbox_home: Path) -> None:
    """Since when, and how long ago it was: that is the parse interval."""
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    (first,) = noted()
    (note,) = (outbox_home / "notes" / BROKEN_FILES).iterdir()
    expires = note.stat().st_mtime
    os.utime(note, (expires, expires - 40))
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    (again,) = noted()
    assert (again.since, again.changed) == (first.since, first.changed)
    assert 40 <= again.gap < 70
    assert again.quiet < 30


def test_another_mistake_in_the_file_is_new(dags: Path) -> None:
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    (first,) = noted()
    note_broken_file(f"{dags}/a.py", "SyntaxError: never closed")
    (again,) = noted()
    assert again.cause != first.cause
    assert again.since == first.since
    assert again.changed >= first.changed


@pytest.mark.parametrize(
    ("path", "folder", "bundle"),
    [
        ("{tmp}/team/tracking_repo/dags/a.py", "{tmp}/team/tracking_repo/", "team"),
        ("{tmp}/team/versions/1f2e/a.py", "{tmp}/team/versions/1f2e/", "team"),
        ("{tmp}/s3/a.py", "{tmp}/s3/", "s3"),
        ("{dags}/sub/a.py", "{dags}/", None),
        ("/srv/local/a.py", "/srv/local/", "local"),
        ("/elsewhere/a.py", "", None),
        ("a.py", "", None),
    ],
    ids=["git", "version", "another kind", "folder of DAGs", "local bundle", "elsewhere", "relative"],
)  # fmt: skip
def test_the_path_of_the_bundle_is_cut(
    dags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, folder: str, bundle: str | None
) -> None:
    """The temporary one, which is another one on each machine and for each version."""
    bundles = [
        {"name": "dags-folder", "classpath": "x.LocalDagBundle", "kwargs": {}},
        {"name": "local", "classpath": "x.LocalDagBundle", "kwargs": {"path": "/srv/local"}},
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    places = {"tmp": tmp_path / "airflow" / "dag_bundles", "dags": dags}
    assert folder_of(path.format(**places)) == (folder.format(**places), bundle)


@pytest.mark.parametrize("bundles", ["", "[", "{}", "[3]", '[{"kwargs": {"path": 5}}]'])
def test_bundles_that_cannot_be_read(dags: Path, monkeypatch: pytest.MonkeyPatch, bundles: str) -> None:
    """Airflow itself reports that."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles)
    assert folder_of(f"{dags}/a.py") == (f"{dags}/", None)


def test_redis_has_the_notes(dags: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    use(server.url, monkeypatch)
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    (file,) = noted()
    assert file.file == "a.py"
    assert file.quiet < 60


def test_while_redis_is_away_files_have_them(dags: Path, outbox_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(NOBODY, monkeypatch)
    note_broken_file(f"{dags}/a.py", traceback_of(f"{dags}/a.py"))
    assert [each.file for each in noted(files_in(outbox_home))] == ["a.py"]
    opened.cache_clear()


@pytest.mark.parametrize("value", [b"", b"[", b"[]", b'{"path": 1}', b"\xff"])
def test_a_damaged_note_is_none(value: bytes) -> None:
    assert broken_file_in(FoundNote(value, 0.0, 5.0)) is None
    assert broken_file_in(None) is None
