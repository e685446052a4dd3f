"""Redis that is slow, silent or gone, and disks that take nothing: each alert is sent once, and no task waits."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import incident_of
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.callback_contexts import CONTEXT, run_context, success_context, task_context
from tests.default_robot import chat, connect, times_named, titles
from tests.outbox_in_use import HERE, NOBODY, away, fail, use
from tests.redis_servers import RedisServer, SlowNetwork, redis_server

ENTRANCES: dict[str, Callable[[], Any]] = {
    "failure": lambda: DingTalkNotifier()(task_context("t")),
    "run": lambda: DingTalkNotifier()(run_context()),
    "triggerer": lambda: asyncio.run(DingTalkNotifier().async_notify(task_context("t"))),  # type: ignore[arg-type]
    "operator": lambda: DingTalkOperator(task_id="t", message="hello").execute(CONTEXT),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0, None], ids=["0.2s", "1s", "3s", "silent"])
def test_a_redis_that_takes_its_time_costs_seconds_and_no_alert(
    connected: Sandbox, network: SlowNetwork, server: RedisServer, seconds: float | None, entrance: str
) -> None:
    """17.8 s at half a second for a round trip, and Airflow killed the process: now the files are used."""
    if seconds is None:
        server.process.send_signal(signal.SIGSTOP)
    else:
        network.seconds = seconds
    began = time.monotonic()
    ENTRANCES[entrance]()
    assert time.monotonic() - began < 8
    assert len(connected.messages) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.8, None], ids=["0.5s", "1.8s", "silent"])
def test_a_success_asks_once(
    connected: Sandbox, network: SlowNetwork, server: RedisServer, seconds: float | None, outbox_home: Path
) -> None:
    """Thousands of tasks succeed; none of them is held up by more than one question."""
    if seconds is None:
        server.process.send_signal(signal.SIGSTOP)
    else:
        network.seconds = seconds
    began = time.monotonic()
    DingTalkNotifier()(success_context())
    assert time.monotonic() - began < 3
    assert connected.requests == ()


def test_a_machine_that_knows_nothing_of_the_others_sends_a_quarter(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Four machines without their Redis together stay within the limit of the robot."""
    use(NOBODY, monkeypatch)
    connect(sandbox, monkeypatch, group_interval_seconds=0, rate_limit_per_minute=8)
    monkeypatch.setattr(callback_limits, "CALLBACK_SECONDS", 2.0)
    for number in range(4):
        fail(f"t{number}")
    assert len(sandbox.messages) == 2
    assert "2 alert(s)" in caplog.text


def test_nothing_is_sent_to_a_throttled_robot_though_redis_is_away(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This machine has noted it while Redis could be asked."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    sandbox.fail_next(Fault.THROTTLED)
    fail("first")
    with away(network.url, monkeypatch):
        fail("second")
        assert len(sandbox.requests) == 1
        with pytest.raises(Exception, match="execution"):
            _operator_that_waits(monkeypatch)
    assert "DingTalk throttles the receiver" in caplog.text


def _operator_that_waits(env: pytest.MonkeyPatch) -> None:
    """An operator that would wait for minutes, stopped when it begins to."""

    def stop(seconds: float) -> None:
        raise TimeoutError(f"execution stopped, it would wait {seconds:.0f} s")

    with env.context() as stopping:
        stopping.setattr("airflow_provider_dingpush.pipeline.dispatching.time.sleep", stop)
        DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)


def test_a_redis_that_stops_in_the_middle_of_it_loses_nothing(
    sandbox: Sandbox, network: SlowNetwork, server: RedisServer, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """It was put, and whether it was sent can't be known: it is in both places, and sent once."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("before")
    put = RedisStore.put

    def put_and_stop(self: RedisStore, *given: Any, **named: Any) -> Any:
        result = put(self, *given, **named)
        server.process.send_signal(signal.SIGSTOP)
        return result

    with monkeypatch.context() as stopping:
        stopping.setattr(RedisStore, "put", put_and_stop)
        began = time.monotonic()
        fail("in_the_middle")
        assert time.monotonic() - began < 8
    assert len(list(outbox_home.glob("notes/copies/*"))) == 1
    with away(network.url, monkeypatch):
        fail("meanwhile")  # it leaves the copy alone
    server.process.send_signal(signal.SIGCONT)
    fail("after")
    # A question that was given up may still hold a lock.
    main(["flush", "--now"])
    assert times_named(sandbox, "in_the_middle") == 1
    assert len(list(outbox_home.glob("notes/copies/*"))) == 0


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_redis_that_forgets_loses_nothing(
    sandbox: Sandbox, server: RedisServer, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, comes_back: bool
) -> None:
    """Killed without having written anything down; or away for good, and then nobody waits for ever."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    use(server.url, monkeypatch)
    put = RedisStore.put

    def put_and_die(self: RedisStore, *given: Any, **named: Any) -> Any:
        result = put(self, *given, **named)
        server.process.kill()
        server.process.wait()
        return result

    with monkeypatch.context() as dying:
        dying.setattr(RedisStore, "put", put_and_die)
        fail("in_the_middle")
    assert sandbox.messages == ()
    if comes_back:
        with redis_server() as empty:
            use(empty.url, monkeypatch)
            assert main(["flush"]) == 0
    else:
        fail("soon")
        assert "in_the_middle" not in chat(sandbox)
        (copy,) = outbox_home.glob("notes/copies/*")
        expires = copy.stat().st_mtime - 601
        os.utime(copy, (expires, expires))
        fail("later")
    assert times_named(sandbox, "in_the_middle") == 1


# ------------------------------------------------------------------------------------------------------------- files


def test_where_the_home_takes_nothing_the_folder_for_temporary_files_does(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 40 failures 20 were lost: none of them was written, and DingTalk throttled the robot."""
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "a file" / "outbox"))
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    for number in range(2):
        fail(f"t{number}")
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    for number in range(2, 40):
        fail(f"t{number}")
    (folder,) = Path(tempfile.gettempdir()).iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    main(["flush", "--now"])
    text = chat(sandbox)
    assert "t2–39 (38 tasks) each ×1" in text.replace("**", "")
    assert [f"t{number}" in text for number in range(2)] == [True, True]
    assert len(sandbox.messages) == 3
    assert caplog.text.count("and is sent from there") == 40


def test_a_home_that_hangs_costs_seconds_and_no_alert(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mount whose server is gone; when it is back, what was written there isn't sent again."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("before")
    fifo = outbox_home / "notes" / "open" / incident_of(HERE, "etl_daily", "hangs", None)
    os.mkfifo(fifo)
    began = time.monotonic()
    fail("hangs")
    assert time.monotonic() - began < 8
    assert len(sandbox.messages) == 2
    writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # it goes on
    os.close(writer)
    end = time.monotonic() + 30
    while not list(outbox_home.glob("mail/*/new/*.json")) and time.monotonic() < end:
        time.sleep(0.01)
    fifo.unlink(missing_ok=True)
    fail("after")
    assert titles(sandbox) == [f"Failed: etl_daily · {name}" for name in ("before", "hangs", "after")]


def test_a_server_that_accepts_and_never_answers(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever listens there."""
    pytest.importorskip("redis")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        use(f"redis://127.0.0.1:{mute.getsockname()[1]}/0", monkeypatch)
        began = time.monotonic()
        fail("t")
        assert time.monotonic() - began < 8
    assert len(connected.messages) == 1
