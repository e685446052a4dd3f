"""A flush goes on with the next robot, whatever is wrong with one of them; so do the other commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.connections import look_up, settings_of
from airflow_provider_dingpush.errors import ConnectionSettingsError, DingTalkError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator
from airflow_provider_dingpush.pipeline import homes, store_flush
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.pending import all_alerts, holders_of_alerts
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import CONTEXT, task_context
from tests.conftest import SECRET
from tests.default_robot import chat, connect, titles
from tests.outbox_in_use import alert_of, away, fail, put_alerts
from tests.redis_servers import SlowNetwork, redis_server

BAD = "dingtalk_a_bad_one"
PASSWORD = "pa[55word"
WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=" + "a" * 64


def robot_connection(**extra: Any) -> str:
    return json.dumps({"conn_type": "dingtalk_robot", "password": WEBHOOK, "extra": extra})


@pytest.mark.parametrize(
    ("connection", "named"),
    [
        (robot_connection(proxy=f"http://user:{PASSWORD}@proxy:3128"), "'proxy'"),
        (robot_connection(proxy=f"http://user:x/{PASSWORD}@proxy:3128"), "'proxy'"),
        (robot_connection(proxy="http://proxy:port"), "'proxy'"),
        (robot_connection(mentions={"zhangsan": 5.5}), "'mentions'"),
        (robot_connection(mentions="[" * 5_000), "'mentions'"),
        (robot_connection(timeout_seconds=10**400), "'timeout_seconds'"),
        (
            json.dumps(
                {"conn_type": "dingtalk_app", "login": "k", "password": "s", "extra": {"api_base_url": "http://h:p"}}
            ),
            "'api_base_url'",
        ),
        (f"dingtalk_robot://user:{PASSWORD}@host", BAD),
        (f'{{"conn_type": "dingtalk_robot", "password": "{PASSWORD}"', BAD),
        (f"http://user:{PASSWORD}@[host", BAD),
    ],
)
def test_one_bad_connection_does_not_stop_a_flush(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    connection: str,
    named: str,
) -> None:
    """Its error names the field, shows no password, and the alerts of the others are sent."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{BAD.upper()}", connection)
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&secret={SECRET}")
    put_alerts(BAD, "dingtalk_default")
    assert main(["flush", "--now"]) == 1
    printed = capfd.readouterr()
    assert "of_dingtalk_default" in chat(sandbox)
    assert f"✗ {BAD}: " in printed.err
    assert named in printed.err
    assert all_alerts(outbox()) == 1
    context: Any = {}
    assert DingTalkFlushOperator(task_id="flush", within_seconds=20).execute(context) == {"sent": 0, "left": 1}
    assert main(["status"]) == 0
    assert main(["doctor", BAD]) == 1
    DingTalkNotifier(dingtalk_conn_id=BAD)(task_context())
    with pytest.raises(DingTalkError):
        look_up(BAD, settings_of)
    printed = capfd.readouterr()
    assert PASSWORD not in printed.out + printed.err + caplog.text


def test_a_robot_that_can_not_be_reached_leaves_time_for_the_others(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again and again, in its share of the time."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{BAD.upper()}", "http://127.0.0.1:9/robot/send?access_token=" + "a" * 64)
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&secret={SECRET}")
    monkeypatch.setattr("airflow_provider_dingpush.pipeline.pending.holders_of_alerts", _bad_one_first)
    put_alerts(BAD, "dingtalk_default")
    assert main(["flush", "--within", "16"]) == 1
    assert "of_dingtalk_default" in chat(sandbox)


def _bad_one_first(box: Outbox) -> dict[Mailbox, list[str]]:
    every = holders_of_alerts(box)
    return {mailbox: every[mailbox] for mailbox in sorted(every, key=lambda each: each.conn_id)}


def test_a_field_that_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a password that was encrypted with another key."""

    class Stored:
        conn_id, conn_type, host, schema, login, port, extra = "c", "dingtalk_robot", None, None, None, None, None
        extra_dejson: Mapping[str, Any] = MappingProxyType({})

        @property
        def password(self) -> str:
            raise KeyError("InvalidToken")

    monkeypatch.setattr("airflow_provider_dingpush.connections._get", lambda _: Stored())
    with pytest.raises(ConnectionSettingsError, match="The field 'password' of connection 'c' can't be read"):
        look_up("c", settings_of)


def _no_utf8(home: Path) -> None:
    note = home / "notes" / "receivers" / Mailbox(BAD).name
    before = note.stat()
    note.write_bytes(b"\xff\xfe")
    os.utime(note, ns=(before.st_atime_ns, before.st_mtime_ns))  # until when it is one


def _no_json(home: Path) -> None:
    (home / "mail" / Mailbox(BAD).name / "about.json").write_bytes(b"\xff{")


def _no_mailbox(home: Path) -> None:
    (home / "mail" / Mailbox(BAD).name / "about.json").write_text('{"conn_id": 5, "target": null}')


def _no_database(home: Path) -> None:
    state = home / "books" / receiver_of_mailbox(Mailbox(BAD)).receiver_id / "state.db"
    state.unlink()
    state.mkdir()


def _no_records(home: Path) -> None:

    with sqlite3.connect(home / "books" / receiver_of_mailbox(Mailbox(BAD)).receiver_id / "state.db") as state:
        for kind in (
            "hold",
            "batch",
            "quarantine",
            "slot",
            "last",
            "interval",
            "notified",
            "run",
            "day",
            "overflow",
            "dead",
            "alert",
        ):
            state.execute("INSERT OR REPLACE INTO record VALUES (?, 'x', '[1, {}]')", (kind,))
            state.execute("INSERT OR REPLACE INTO record VALUES (?, '', '\"x\"')", (kind,))
    state.close()


@pytest.mark.parametrize("harm", [_no_utf8, _no_json, _no_mailbox, _no_database, _no_records])
def test_one_damaged_record_does_not_stop_a_flush(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    outbox_home: Path,
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], None],
) -> None:
    """Of a mailbox or of a robot: the others are served, and what can be sent of this one is."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{BAD.upper()}", f"{sandbox.webhook_url[:-9]}{'0' * 9}&secret={SECRET}")
    monkeypatch.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0"
    )
    for conn_id in (BAD, "dingtalk_default"):
        sandbox.fail_next(Fault.TOKEN_REFUSED)
        DingTalkNotifier(dingtalk_conn_id=conn_id)(task_context("first"))
    harm(outbox_home)
    put_alerts(BAD, "dingtalk_default")
    assert main(["flush", "--now"]) == 1
    assert "of_dingtalk_default" in chat(sandbox)
    assert main(["status"]) in (0, 1)
    assert main(["dead-letters"]) in (0, 1)
    assert main(["doctor", "dingtalk_default"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_flush_sends_though_it_can_not_be_noted(
    connected: Sandbox, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That it ran is for others to know; the alerts come first."""
    put_alerts("dingtalk_default")
    (outbox_home / "notes" / "flushes" / "last").mkdir(parents=True)
    assert main(["flush"]) == 0
    assert "of_dingtalk_default" in chat(connected)
    assert "It can't be noted that a flusher ran" in caplog.text


def test_a_flush_sends_though_redis_takes_no_more(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """maxmemory with noeviction: only what is sent frees memory."""
    import redis

    with redis_server("--maxmemory", "100mb", "--maxmemory-policy", "noeviction") as server:
        url = server.url
        monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
        put_alerts("dingtalk_default")
        with redis.Redis.from_url(url) as client:
            client.config_set("maxmemory", "1mb")
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                client.set("x", "y")
            assert main(["flush"]) == 0
            assert "of_dingtalk_default" in chat(connected)
            assert all_alerts(outbox()) == 0
            assert main(["flush"]) == 0
            assert len(connected.messages) == 1


BACKEND = """
import time
from airflow.secrets import BaseSecretsBackend

class Hangs(BaseSecretsBackend):
    def get_connection(self, conn_id, *more, **named):
        time.sleep(600)
"""
IN_A_TASK = """
from airflow_provider_dingpush.operators import DingTalkFlushOperator
print(DingTalkFlushOperator(task_id="flush", within_seconds=4).execute({}))
"""


@pytest.mark.parametrize("command", [["-m", "airflow_provider_dingpush", "flush", "--within", "4"], ["-c", IN_A_TASK]])
def test_a_secrets_backend_that_hangs_holds_up_no_flush(tmp_path: Path, outbox_home: Path, command: list[str]) -> None:
    """It ends in its time, threads that hang notwithstanding, and the alerts stay."""
    put_alerts("dingtalk_default", "dingtalk_other")
    (tmp_path / "secrets_of_ours.py").write_text(BACKEND)
    env = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "AIRFLOW__SECRETS__BACKEND": "secrets_of_ours.Hangs",
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    program = [sys.executable, *command]
    if "-m" in command:
        program = [shutil.which("dingpush", path=str(Path(sys.executable).parent)) or "dingpush", *command[2:]]
    # 4 s, and what a busy machine needs to load Airflow; the backend hangs for ten minutes.
    done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert "took too long" in done.stdout + done.stderr
    assert done.returncode == (1 if "-m" in command else 0)
    assert all_alerts(outbox()) == 2


def test_flush_and_status_know_both_places(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While Redis is away, and after."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    with away(network.url, monkeypatch):
        fail("first")
        capsys.readouterr()
        assert main(["status", "--language", "en"]) == 1
        out, err = capsys.readouterr()
        assert re.search(r"^dingtalk_default +1 ", out, re.MULTILINE)
        assert "in files of this machine until the outbox is available" in out
        assert "refused" in err
        connect(sandbox, monkeypatch, group_interval_seconds=0)
        assert main(["flush"]) == 1
        assert titles(sandbox) == ["Failed: etl_daily · first"]
        monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
        fail("second")
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    capsys.readouterr()
    assert main(["status", "--json"]) == 0
    (receiver,) = json.loads(capsys.readouterr().out)["receivers"]
    assert (receiver["pending"], Path(receiver["folder"]).name) == (1, "outbox")
    assert DingTalkFlushOperator(task_id="flush").execute(CONTEXT) == {"sent": 1, "left": 0}
    assert titles(sandbox)[1:] == ["Failed: etl_daily · second"]


def test_a_flush_that_loses_its_outbox_goes_on_with_the_files(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Redis goes away while the first connection is served: what waits in files is sent all the same."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    fail("in_redis")
    Outbox(FileStore(homes.second_home())).put(alert_of("in_files"))
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    monkeypatch.setattr(store_flush, "move_alerts", lambda *_, **__: network.close())
    assert main(["flush", "--now"]) == 1
    assert len(sandbox.messages) == 1
    assert "refused" in capsys.readouterr().err
