"""A damaged file or record of an outbox delays nothing else."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.default_robot import connect, times_named, titles
from tests.outbox_in_use import HERE, NOBODY, alert_of, away, fail, use
from tests.redis_servers import SlowNetwork, redis_server


def damage(home: Path, kind: str, key: str, value: str) -> None:
    """Write a record that nobody can use into the book of the one robot."""
    (book,) = home.glob("books/*/state.db")
    with sqlite3.connect(book) as connection:
        connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", (kind, key, value))
    connection.close()


def _no_alert(home: Path) -> None:
    damage(home, "alert", "damaged", '"no alert"')


def _no_batch(home: Path) -> None:
    damage(home, "batch", "", '{"members": 5}')


def _no_hold(home: Path) -> None:
    damage(home, "hold", "", "[1]")


def _no_json(home: Path) -> None:
    damage(home, "alert", "damaged", "{")


def _no_file(home: Path) -> None:
    folder = home / "mail" / HERE.name / "new" / "0.json"
    folder.mkdir()


def _no_letters(home: Path) -> None:
    (home / "mail" / HERE.name / "new" / "0.json").write_bytes(b"\xff")


def _no_copy(home: Path) -> None:
    _damage_notes(home / "notes" / "copies")


def _no_success(home: Path) -> None:
    _damage_notes(home / "notes" / "recovered")


def _damage_notes(family: Path) -> None:
    """One is a folder, and one isn't an alert."""
    family.mkdir()
    (family / "0").mkdir()
    (family / "1").write_text("{")
    for each in family.iterdir():
        os.utime(each, (time.time() + 3600, time.time() + 3600))  # until when they are notes


@pytest.mark.parametrize(
    "hurt", [_no_alert, _no_batch, _no_hold, _no_json, _no_file, _no_letters, _no_copy, _no_success]
)
@pytest.mark.parametrize("by", ["callback", "flush"])
def test_what_is_damaged_in_files_holds_up_nothing_else(
    connected: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, hurt: Any, by: str
) -> None:
    with away(network.url, monkeypatch):
        fail("first")
        receiver_id = receiver_of_mailbox(HERE).receiver_id
        files = Outbox(FileStore(outbox_home))
        files.put(alert_of("taken_in"))
        with files.leadership(receiver_id) as book:
            assert book is not None
            ((ticket, taken),) = book.arrivals(10)
            book.write({("alert", taken.key): taken.to_json()})
            book.remove_arrivals([ticket])
        files.put(alert_of("waits"))
        hurt(outbox_home)
    if by == "callback":
        fail("next")
    else:
        assert main(["flush", "--now"]) == 0
    assert times_named(connected, "taken_in") >= 1
    assert times_named(connected, "waits") >= 1


def test_dead_letters_in_files_are_listed_though_redis_is_away(
    connected: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, capsys: Any
) -> None:
    files = Outbox(FileStore(outbox_home))
    files.put(alert_of("waits"))
    with files.leadership("robot") as book:
        assert book is not None
        book.write(
            {
                ("dead", "k"): {
                    "alert": alert_of("dead_lettered").to_json(),
                    "problem": "refused",
                    "at": 1.0,
                    "reported": True,
                }
            }
        )
    assert main(["dead-letters", "list"]) == 0
    assert "dead_lettered" in capsys.readouterr().out
    use(NOBODY, monkeypatch)
    assert main(["dead-letters", "list"]) == 1
    printed = capsys.readouterr()
    assert "dead_lettered" in printed.out
    assert "Connection refused" in printed.err


def test_status_without_the_note_of_the_last_flush(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, capsys: Any
) -> None:
    fail("first")
    (outbox_home / "notes" / "flushes" / "last").mkdir(parents=True)
    assert main(["status"]) == 1
    printed = capsys.readouterr()
    assert "dingtalk_default" in printed.out
    assert "notes/flushes/last" in printed.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--appendonly", "no"), "appendonly yes"),
        (("--appendonly", "yes", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"), "allkeys-lru"),
        (("--appendonly", "yes"), None),
    ],
)
def test_doctor_names_a_redis_that_may_lose_alerts(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Any, options: tuple[str, ...], named: str | None
) -> None:
    with redis_server(*options) as server:
        use(server.url, monkeypatch)
        assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert ("! [dingpush] outbox_url" in out) is (named is not None)
    assert (named or "✓ [dingpush] outbox_url") in out


def test_doctor_prints_nothing_about_a_redis_that_refuses_the_question(
    connected: Sandbox, network: SlowNetwork, capsys: Any
) -> None:
    import redis

    client: Any = redis.Redis.from_url(network.url)
    client.execute_command("ACL", "SETUSER", "default", "-info")
    fail("first")
    assert main(["doctor"]) == 0
    assert "! [dingpush] outbox_url" not in capsys.readouterr().out
    assert times_named(connected, "first") == 1


def _books_is_a_file(home: Path) -> None:
    (home / "books").write_text("")


def _lock_is_a_folder(home: Path) -> None:
    (home / "locks" / f"leader-{receiver_of_mailbox(HERE).receiver_id}").mkdir(parents=True)


def _book_is_a_folder(home: Path) -> None:
    (home / "books" / receiver_of_mailbox(HERE).receiver_id / "state.db").mkdir(parents=True)


def _mailbox_has_no_receiver(home: Path) -> None:
    (home / "notes" / "receivers" / HERE.name).mkdir(parents=True)


@pytest.mark.parametrize("hurt", [_books_is_a_file, _lock_is_a_folder, _book_is_a_folder, _mailbox_has_no_receiver])
def test_a_home_that_takes_alerts_and_can_not_be_sent_from(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, hurt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a command that was run as root: the alert is sent once, also after somebody has fixed it."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    outbox_home.mkdir(mode=0o700)
    hurt(outbox_home)
    fail("first")
    fail("second")
    assert titles(sandbox) == ["Failed: etl_daily · first", "Failed: etl_daily · second"]
    assert "Nothing can be sent from" in caplog.text
    for each in ("books", "locks", f"notes/receivers/{HERE.name}"):
        place = outbox_home / each
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    assert main(["flush", "--now"]) == 0
    fail("third")
    assert [times_named(sandbox, each) for each in ("first", "second", "third")] == [1, 1, 1]
