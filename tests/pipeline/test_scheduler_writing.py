"""Writing an alert in the scheduler: it goes into the first store that takes it, and holds nothing up."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.homes import second_home
from airflow_provider_dingpush.pipeline.outboxes import files_in, opened, outbox
from airflow_provider_dingpush.pipeline.scheduler_writing import SchedulerWriter
from airflow_provider_dingpush.storage.contract import Store
from airflow_provider_dingpush.storage.notes import FoundNote, Note
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.outbox_in_use import HERE, NOBODY, alert_of, use
from tests.redis_servers import RedisServer

RECOVERY = replace(alert_of("load", event="task_succeeded", resolved=True), key="recovery of load")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pending(box: Outbox) -> list[str]:
    """The events that wait there, and their tasks."""
    return sorted(f"{alert.event} {alert.task_id}" for _, alert in box.mail_of(HERE, 100))


def in_files(folder: Path) -> list[str]:
    return pending(Outbox(files_in(folder)))


def test_it_is_written_and_not_sent(outbox_home: Path) -> None:
    """There is no connection at all, so nobody has looked for one."""
    SchedulerWriter(ticks=Clock()).write(alert_of("load"))
    assert pending(outbox()) == ["task_failed load"]


def test_no_thread_is_started(outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler forks, and a child has none of its parent's threads."""
    before = set(threading.enumerate())
    writer = SchedulerWriter(ticks=Clock())
    writer.write(alert_of("files"))
    use(server.url, monkeypatch)
    writer.write(alert_of("redis"))
    use(NOBODY, monkeypatch)
    writer.write(alert_of("away"))
    assert set(threading.enumerate()) - before == set()


def test_while_redis_is_away_files_are_used(
    outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For half a minute it isn't even asked, so that each failure of a storm doesn't wait for it."""
    clock = Clock()
    writer = SchedulerWriter(ticks=clock)
    use(NOBODY, monkeypatch)
    with caplog.at_level(logging.WARNING):
        writer.write(alert_of("one"))
    assert f"is written into {outbox_home} instead" in caplog.text
    use(server.url, monkeypatch)
    clock.now += 29.9
    writer.write(alert_of("two"))
    assert in_files(outbox_home) == ["task_failed one", "task_failed two"]
    clock.now += 0.2
    writer.write(alert_of("three"))
    assert pending(Outbox(opened(server.url, outbox_home))) == ["task_failed three"]
    assert in_files(outbox_home) == ["task_failed one", "task_failed two"]


def test_without_a_usable_folder_the_second_one_takes_it(
    outbox_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outbox_home.write_text("a file is in the way")
    SchedulerWriter(ticks=Clock()).write(alert_of("load"))
    assert in_files(second_home()) == ["task_failed load"]


def test_without_any_store_it_says_why(outbox_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The listener logs it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outbox_home.write_text("a file is in the way")
    second_home().write_text("here too")
    with pytest.raises(OutboxError, match=str(outbox_home)):
        SchedulerWriter(ticks=Clock()).write(alert_of("load"))


@pytest.mark.parametrize("in_redis", [False, True])
def test_a_recovery_is_written_only_if_it_ends_a_failure(
    outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch, in_redis: bool
) -> None:
    """Most runs succeed."""
    if in_redis:
        use(server.url, monkeypatch)
    writer = SchedulerWriter(ticks=Clock())
    writer.write(RECOVERY)
    assert pending(outbox()) == []
    writer.write(alert_of("load"))
    writer.write(RECOVERY)
    assert pending(outbox()) == ["task_failed load", "task_succeeded load"]


def test_a_failure_in_the_other_store_is_ended_too(
    outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That which was written while Redis was away."""
    clock = Clock()
    writer = SchedulerWriter(ticks=clock)
    use(NOBODY, monkeypatch)
    writer.write(alert_of("load"))
    use(server.url, monkeypatch)
    clock.now += 60
    writer.write(RECOVERY)
    assert in_files(outbox_home) == ["task_failed load", "task_succeeded load"]


def test_a_note_is_changed_in_the_first_store_that_answers(
    outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is away for alerts is away for notes."""
    clock = Clock()
    writer = SchedulerWriter(ticks=clock)

    def count(found: FoundNote | None) -> Note:
        return Note("counts", "one", b"%d" % (int(found.value) + 1 if found else 1))

    def counted(store: Store) -> bytes | None:
        found = store.note("counts", "one")
        return found and found.value

    use(server.url, monkeypatch)
    for _ in range(2):
        writer.change_note("counts", "one", count)
    assert counted(opened(server.url, outbox_home)) == b"2"
    use(NOBODY, monkeypatch)
    writer.change_note("counts", "one", count)
    use(server.url, monkeypatch)
    writer.change_note("counts", "one", count)
    assert counted(files_in(outbox_home)) == b"2"
    clock.now += 31
    writer.change_note("counts", "one", count)
    assert counted(opened(server.url, outbox_home)) == b"3"


def test_without_any_store_a_note_is_refused(
    outbox_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outbox_home.write_text("a file is in the way")
    second_home().write_text("here too")
    with pytest.raises(OutboxError, match=str(outbox_home)):
        SchedulerWriter(ticks=Clock()).change_note("counts", "one", lambda _: Note("counts", "one"))
