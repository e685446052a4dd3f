"""The check for DAG files: what it tells, to whom, and that a DAG processor which stands still fixes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.pipeline import import_error_check, routes, scheduler_writing
from airflow_provider_dingpush.pipeline.import_error_check import check
from airflow_provider_dingpush.pipeline.import_errors import BROKEN_FILES, note_broken_file
from airflow_provider_dingpush.pipeline.outboxes import files_in, opened, outbox
from airflow_provider_dingpush.pipeline.tick import tick
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.default_robot import titles
from tests.health_server import Airflow, health_server
from tests.outbox_in_use import NOBODY, use
from tests.redis_servers import RedisServer

HERE = Mailbox("dingtalk_default")
WHOLE_CLUSTER = pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 is asked for its database instead")


@pytest.fixture(autouse=True)
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of DAG files of an Airflow that tells everything, in a task, which has no database."""
    folder = tmp_path / "dags"
    folder.mkdir()
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "")
    monkeypatch.setattr(import_error_check, "may_use_database", lambda: False)
    monkeypatch.setattr(routes, "_known", {})
    monkeypatch.setattr(scheduler_writing._writer, "_failed_at", None)
    return folder


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    """Airflow's health page."""
    with health_server() as server:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", server.url)
        yield server


def break_file(dags: Path, name: str, module: str = "pymysql") -> None:
    """As the DAG processor does when it has parsed it."""
    (dags / name).write_text(f"import {module}\n")
    text = f'Traceback (most recent call last):\n  File "{dags / name}", line 1, in <module>\n    import {module}\n'
    note_broken_file(f"{dags / name}", f"{text}ModuleNotFoundError: No module named '{module}'\n")


def pass_time(home: Path, seconds: float) -> None:
    """Let what was noted be so much older."""
    for note in (home / "notes").rglob("*"):
        if note.is_file() and note.parent.name == BROKEN_FILES:
            os.utime(note, (note.stat().st_atime, note.stat().st_mtime - seconds))
    for note in (home / "notes" / "import_reports").glob("alive"):
        # The times in it are those of the check.
        text = note.read_text()
        for number in {part.strip(" }") for part in text.replace(":", ",").split(",")}:
            if number.replace(".", "").isdigit() and float(number) > 1e9:
                text = text.replace(number, str(float(number) - seconds))
        until = note.stat().st_mtime
        note.write_text(text)
        os.utime(note, (until, until))


def run_check() -> list[str]:
    """The alerts that it writes, in short."""
    before = {mail_id for mail_id, _ in outbox().mail_of(HERE, 10_000)}
    check(Deadline.after(60))
    new = [alert for mail_id, alert in outbox().mail_of(HERE, 10_000) if mail_id not in before]
    return sorted(f"{each.event} {each.dag_id} {each.facts.get('file_count', 1)}" for each in new)


def test_nothing_is_broken(outbox_home: Path) -> None:
    """Then it costs nothing: no folder is made."""
    check(Deadline.after(60))
    assert not outbox_home.exists()


def test_each_file_is_told_once(dags: Path) -> None:
    break_file(dags, "a.py")
    assert run_check() == ["dag_import_error a.py 1"]
    for _ in range(3):
        break_file(dags, "a.py")
        assert run_check() == []
    break_file(dags, "a.py", "boto")
    assert run_check() == ["dag_import_error a.py 1"]


def test_one_module_breaks_many(dags: Path) -> None:
    for number in range(40):
        break_file(dags, f"etl_{number:02}.py")
    assert run_check() == ["dag_import_error etl_00.py 40"]


def test_more_than_can_be_named(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_error_check, "_MOST_NAMED", 3)
    for number in range(9):
        break_file(dags, f"etl_{number:02}.py")
    assert run_check() == ["dag_import_error etl_00.py 9"]
    ((_, alert),) = outbox().mail_of(HERE, 10)
    assert len(alert.facts["more_files"]) == 3


@WHOLE_CLUSTER
def test_a_repaired_file_is_told_once_the_dag_processor_has_passed_it(
    dags: Path, outbox_home: Path, health: Airflow
) -> None:
    break_file(dags, "a.py")
    pass_time(outbox_home, 31)
    break_file(dags, "a.py")
    run_check()
    for _ in range(3):
        pass_time(outbox_home, 29)
        assert run_check() == []
    pass_time(outbox_home, 40)
    assert run_check() == ["dag_import_fixed a.py 1"]
    pass_time(outbox_home, 40)
    assert run_check() == []
    break_file(dags, "a.py")
    assert run_check() == ["dag_import_error a.py 1"]


@pytest.mark.parametrize("status", ["unhealthy", None])
@WHOLE_CLUSTER
def test_a_dag_processor_that_stands_still_fixes_nothing(
    dags: Path, outbox_home: Path, health: Airflow, status: str | None
) -> None:
    """Whether Airflow says so, or can't be asked."""
    break_file(dags, "a.py")
    pass_time(outbox_home, 31)
    break_file(dags, "a.py")
    run_check()
    health.set("dag_processor", status)
    for _ in range(30):
        pass_time(outbox_home, 60)
        assert run_check() == []
    health.set("dag_processor", "healthy")
    assert run_check() == []  # it has just begun, and may not have come to this file yet
    pass_time(outbox_home, 60)
    assert run_check() == []
    break_file(dags, "a.py")
    assert run_check() == []


def test_what_is_heard_of_other_files_shows_that_it_works(dags: Path, outbox_home: Path) -> None:
    break_file(dags, "a.py")
    break_file(dags, "b.py", "boto")
    run_check()
    ended = []
    for _ in range(5):
        pass_time(outbox_home, 31)
        break_file(dags, "b.py", "boto")
        ended += run_check()
    assert ended == ["dag_import_fixed a.py 1"]


def test_a_file_that_is_gone_is_over_without_any_sign(dags: Path, outbox_home: Path) -> None:
    break_file(dags, "a.py")
    run_check()
    (dags / "a.py").unlink()
    assert run_check() == []  # an editor may be about to put it back
    pass_time(outbox_home, 60)
    assert run_check() == []
    pass_time(outbox_home, 31)
    assert run_check() == ["dag_import_fixed a.py 1"]


def test_airflows_database_is_believed(dags: Path, outbox_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one: its rows stay while the DAG processor is away."""
    rows = [("x/b.py", ""), ("a.py", "")]
    monkeypatch.setattr(import_error_check, "may_use_database", lambda: True)
    monkeypatch.setattr(import_error_check, "import_errors", lambda: iter(rows))
    break_file(dags, "a.py")
    run_check()
    pass_time(outbox_home, 9_000)
    assert run_check() == []
    rows.pop()
    assert run_check() == ["dag_import_fixed a.py 1"]


def test_forgotten_notes_are_no_fix(dags: Path, outbox_home: Path) -> None:
    """As after a restart of Redis without its data: the file is heard of again in half a minute."""
    break_file(dags, "a.py")
    run_check()
    for note in (outbox_home / "notes" / BROKEN_FILES).iterdir():
        note.unlink()
    assert run_check() == []
    break_file(dags, "a.py")
    assert run_check() == []


def test_rules_decide_by_the_file(dags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken module may be told to several."""
    (dags / "ods").mkdir()
    (tmp_path / "rules.yaml").write_text(
        "rules: [{match: {file: 'ods/*', event: 'dag_import_*'}, receiver: warehouse},"
        "{match: {event: dag_import_error, file: 'tmp_*'}, receiver: null}]"
    )
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(tmp_path / "rules.yaml"))
    for name in ("ods/a.py", "ods/b.py", "c.py", "tmp_d.py"):
        break_file(dags, name)
    assert run_check() == ["dag_import_error c.py 1"]
    ((_, alert),) = outbox().mail_of(Mailbox("warehouse"), 10)
    assert (alert.dag_id, alert.facts["more_files"]) == ("ods/a.py", ["ods/b.py"])


def test_one_check_at_a_time(dags: Path) -> None:
    break_file(dags, "a.py")
    lock = outbox().store.lock("check", BROKEN_FILES, 60)
    assert lock is not None
    assert run_check() == []
    lock.release()
    assert run_check() == ["dag_import_error a.py 1"]


@WHOLE_CLUSTER
def test_it_works_on_redis_and_while_that_is_away(
    dags: Path, outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told twice, and what breaks meanwhile is told."""
    use(server.url, monkeypatch)
    break_file(dags, "a.py")
    assert run_check() == ["dag_import_error a.py 1"]
    use(NOBODY, monkeypatch)
    break_file(dags, "a.py")
    break_file(dags, "b.py", "boto")
    check(Deadline.after(60))
    files = Outbox(files_in(outbox_home))
    assert [alert.dag_id for _, alert in files.mail_of(HERE, 10)] == ["b.py"]
    use(server.url, monkeypatch)
    break_file(dags, "b.py", "boto")
    assert run_check() == []
    opened.cache_clear()


def test_without_any_store_it_says_so(dags: Path, outbox_home: Path, tmp_path: Path) -> None:
    outbox_home.write_text("a file is in the way")
    (tmp_path / "temporary").rmdir()
    check(Deadline.after(60))  # nothing was heard of


def test_the_message(connected: Sandbox, dags: Path, outbox_home: Path) -> None:
    """From the parse to the chat: what fails, where, and what to open; and the end in the same group."""
    for name in ("etl_1.py", "etl_2.py", "etl_3.py"):
        break_file(dags, name)
    list(tick(until=time.monotonic() + 60))
    assert titles(connected) == ["DAG file can't be imported: etl_1.py and 2 more files"]
    text = connected.messages[0].payload["markdown"]["text"].replace("\\", "")
    assert "> ModuleNotFoundError: No module named 'pymysql'" in text
    assert "At: etl_1.py:1\n\n> import pymysql" in text
    assert "- Files: etl_1–3.py (3 in all)" in text
    assert "Broken for" not in text  # it has just begun
    for name in ("etl_1.py", "etl_2.py", "etl_3.py"):
        (dags / name).unlink()
    pass_time(outbox_home, 9_000)
    list(tick(until=time.monotonic() + 60))
    assert titles(connected)[1:] == ["DAG file can be imported again: etl_1.py and 2 more files"]
