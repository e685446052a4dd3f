"""The alerts about the rules file: once for each broken version, where failures go meanwhile, and their end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline import scheduler_writing
from airflow_provider_dingpush.pipeline.outboxes import files_in
from airflow_provider_dingpush.pipeline.routes import routes_of
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.default_robot import titles
from tests.outbox_in_use import NOBODY, use
from tests.redis_servers import RedisServer
from tests.rules_file_in_use import flush, new_process, run_check, use_rules_file, waiting, write

MISTAKE = "rules:\n  - reciever: a\n"
RIGHT = "rules: [{receiver: dingtalk_default}]\n"
SECRET = "password=hunter2"
OTHER_MACHINE = "another-machine"
FAILURE = RunFacts(Event.TASK_FAILED, "ods_orders", run_id="r1", task_id="load")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this Airflow looks for its rules."""
    path = tmp_path / "rules.yaml"
    use_rules_file(path, monkeypatch)
    return path


def test_one_alert_for_each_version_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events, checks and processes meet it."""
    write(file, MISTAKE)
    for _ in range(2):
        for _ in range(3):
            routes_of(FAILURE)
            run_check()
        new_process(monkeypatch)
    where = "rules.yaml:2:5: 'reciever' is unknown here; did you mean 'receiver'?"
    assert [(event, text.split("\n")[0]) for event, text in waiting()] == [("rules_file_error", where)]
    write(file, MISTAKE + "  - recever: b\n")
    routes_of(FAILURE)
    run_check()
    assert [event for event, _ in waiting()] == ["rules_file_error"] * 2


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "can't be read (No such file or directory). Check [dingpush] rules_file"),
        ("rules: [{receiver: 告警}]".encode("gbk"), "isn't UTF-8. Save it as UTF-8."),
        (b"rules: [", "This isn't YAML"),
        (b"calendar: gone.yaml\n", "rules.yaml:1:11: The calendar 'gone.yaml' can't be read"),
    ],
    ids=["missing", "gbk", "no yaml", "no calendar"],
)
def test_whatever_is_wrong_with_it(file: Path, content: bytes | None, part: str) -> None:
    """With what to do about it."""
    if content is not None:
        write(file, content)
    for _ in range(2):
        run_check()
    ((event, text),) = waiting()
    assert event == "rules_file_error"
    assert part in text


def test_a_chinese_alert_is_all_chinese(connected: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "zh")
    write(file, MISTAKE)
    flush()
    text = connected.messages[0].payload["markdown"]["text"].replace("\\", "")
    assert "> rules.yaml:2:5: 这里没有 'reciever'，是否应为 'receiver'？" in text
    file.unlink()
    flush()
    text = connected.messages[1].payload["markdown"]["text"].replace("\\", "")
    assert (
        "（No such file or directory）。请检查 [dingpush] rules_file，以及 Airflow 的每台机器上是否都有该文件。" in text
    )
    assert "can't be read" not in text


def test_a_folder_in_its_place(file: Path) -> None:
    file.mkdir()
    run_check()
    ((_, text),) = waiting()
    assert "can't be read (Is a directory)" in text


def test_many_mistakes_are_counted_and_secrets_removed(file: Path) -> None:
    write(file, "rules:\n" + "".join(f"  - {{receiver: a, at: '{SECRET} {n}'}}\n" for n in range(9)))
    run_check()
    ((_, text),) = waiting()
    lines = text.split("\n")
    assert len(lines) == 5
    assert lines[-1] == "… 5 …"
    assert "hunter2" not in text


def test_it_goes_where_failures_go_meanwhile(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also its end, if the option was changed since."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_ops")
    write(file, MISTAKE)
    run_check()
    assert waiting() == []
    monkeypatch.delenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID")
    write(file, RIGHT)
    run_check()
    assert [event for event, _ in waiting("dingtalk_ops")] == ["rules_file_error", "rules_file_fixed"]


def test_the_end_is_told_once_and_the_same_mistake_again(
    connected: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    for _ in range(2):
        for text in (MISTAKE, RIGHT):
            write(file, text)
            flush()
            flush()
    broken, right = "Rules file is broken: rules.yaml", "Rules file is right again: rules.yaml"
    assert titles(connected) == [broken, right, broken, right]


def test_without_the_option_it_is_over_as_well(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, MISTAKE)
    run_check()
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    run_check()
    assert [event for event, _ in waiting()] == ["rules_file_error", "rules_file_fixed"]


@pytest.mark.parametrize(("hours", "events"), [(0.9, 1), (1.1, 2)])
def test_the_file_of_another_machine_may_still_be_broken(
    file: Path, outbox_home: Path, hours: float, events: int
) -> None:
    """The scheduler's, for example: it is right only once nothing was heard of it for an hour."""
    write(file, MISTAKE)
    run_check()
    (note,) = (outbox_home / "notes" / "rules_file").iterdir()
    plain = json.loads(note.read_text())
    until = note.stat().st_mtime
    note.write_text(json.dumps({**plain, "host": OTHER_MACHINE, "at": time.time() - 3600 * hours}))
    os.utime(note, (until, until))
    write(file, RIGHT)
    run_check()
    assert len(waiting()) == events


def test_while_redis_is_away_it_is_told_from_files(
    file: Path, outbox_home: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(NOBODY, monkeypatch)
    write(file, MISTAKE)
    run_check()
    assert len(waiting(box=Outbox(files_in(outbox_home)))) == 1
    use(server.url, monkeypatch)
    monkeypatch.setattr(scheduler_writing._writer, "_failed_at", None)
    write(file, RIGHT)
    run_check()
    assert [event for event, _ in waiting(box=Outbox(files_in(outbox_home)))] == [
        "rules_file_error",
        "rules_file_fixed",
    ]


def test_trouble_with_that_alert_loses_no_other(
    file: Path, outbox_home: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, MISTAKE)
    outbox_home.write_text("a file is in the way")
    monkeypatch.setattr("tempfile.tempdir", str(outbox_home))
    assert [each.conn_id for each in routes_of(FAILURE)] == ["dingtalk_default"]
    assert "The alert about the rules file was not written (OutboxError)." in caplog.text
