"""Redis that is slow, silent or gone, and disks that take nothing: each alert is told, once, and nobody is held up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.alerts.alert import Mailbox, incident_of
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.messages import At, Image
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkFlushOperator, DingTalkOperator
from airflow_provider_dingpush.pipeline import callback, callback_limits, outboxes
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.redis_servers import RedisServer, SlowNetwork, redis_server, slow_network
from tests.surface.test_notifier import run_context, task_context
from tests.surface.test_storm import connect, success, titles

HERE = Mailbox("dingtalk_default")
NOBODY = "redis://127.0.0.1:1/0"
CONTEXT: Any = {}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=time.monotonic))
    monkeypatch.setattr(outboxes, "_option_hung_at", None)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running
        running.process.send_signal(signal.SIGCONT)  # or it could not be ended


@pytest.fixture
def network(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNetwork]:
    """The way to the Redis that is the outbox of this Airflow."""
    with slow_network(server.socket) as network:
        use(network.url, monkeypatch)
        yield network


def use(url: str, env: pytest.MonkeyPatch) -> None:
    """Let this be the outbox, as for a process that begins now."""
    env.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", url)
    outboxes.opened.cache_clear()


@contextmanager
def away(url: str, env: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that refuses connections for a while."""
    use(NOBODY, env)
    yield
    use(url, env)


def fail(task_id: str) -> None:
    DingTalkNotifier(language="en")(task_context(task_id))


def waiting_in_redis(network: SlowNetwork) -> int:
    return Outbox(RedisStore(network.url)).pending_in(HERE)


def said(sandbox: Sandbox) -> str:
    return "\n".join(message.payload["markdown"]["text"] for message in sandbox.messages).replace("\\", "")


def times_told(sandbox: Sandbox, task_id: str) -> int:
    """In how many messages a task is named."""
    return sum(task_id in json.dumps(each.payload).replace("\\", "") for each in sandbox.messages)


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
    DingTalkNotifier()(success())
    assert time.monotonic() - began < 3
    assert connected.requests == ()


def test_what_redis_does_not_take_is_sent_from_files_and_moves_when_it_is_back(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """What was sent from the files isn't sent again, and what was not goes with the next callback."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        fail("sent_from_files")
        monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
        fail("kept_in_files")
    assert titles(sandbox) == ["Failed: etl_daily · sent_from_files"]
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("sent_from_files")  # Airflow calls back twice now and then
    fail("after")
    told = said(sandbox)
    assert [told.count(f"{name}") > 0 for name in ("kept_in_files", "after")] == [True, True]
    assert sum("sent_from_files" in title for title in titles(sandbox)) == 1
    assert list(outbox_home.glob("mail/*/new/*.json")) == []
    assert list(outbox_home.glob("notes/open/*")) == []


def test_places_in_the_window_are_carried_over(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent without Redis counts in its minute, or the robot would be shut out."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        for number in range(3):
            fail(f"t{number}")
    fail("after")
    receiver_id = receiver_of_mailbox(HERE).receiver_id
    records = Outbox(RedisStore(network.url)).records_of(receiver_id)
    assert sum(kind == "slot" for kind, _ in records) == 4
    assert [value["sent"] for (kind, _), value in records.items() if kind == "day"] == [4]


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


def test_a_robot_that_is_shut_out_is_left_alone_though_redis_is_away(
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


def test_the_end_of_a_failure_is_told_though_redis_was_away_then(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And a success that ends nothing isn't: both are kept until somebody knows."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch), caplog.at_level(logging.INFO):
        for task_id in ("broken", "never_broken"):
            DingTalkNotifier(language="en")(success(task_id))
    assert caplog.text.count("resolves a failure, so it is kept") == 2
    fail("another")
    told = said(sandbox)
    assert "never_broken" not in told
    assert "recovered" in told.lower() or "Succeeded: etl_daily · broken" in " ".join(titles(sandbox))
    before = len(sandbox.messages)
    DingTalkNotifier(language="en")(success("broken"))
    assert len(sandbox.messages) == before


def test_a_failure_after_a_success_that_was_kept_stays_open(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its own end would come before it."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        DingTalkNotifier(language="en")(success("broken"))
    context = task_context("broken", run_id="manual__2")
    context["ti"].run_id = context["dag_run"].run_id = "manual__2"
    DingTalkNotifier(language="en")(context)
    assert titles(sandbox) == ["Failed: etl_daily · broken"] * 2
    DingTalkNotifier(language="en")(success("broken"))
    assert len(sandbox.messages) == 3


def test_what_failed_before_a_recovery_that_files_told_is_news_again(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told through Redis, ended while it was away, and failed again once it is back: nothing tells the runs apart."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        fail("broken")  # the files know nothing of the first one
        DingTalkNotifier(language="en")(success("broken"))
    fail("broken")
    assert [each.partition(":")[0] for each in titles(sandbox)] == ["Failed", "Failed", "Succeeded", "Failed"]


def test_what_two_notifiers_add_to_a_success_that_is_kept_is_joined(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    fail("broken")
    with away(network.url, monkeypatch):
        for mobile in ("13800000001", "13800000002"):
            DingTalkNotifier(language="en", at=At(mobile))(success("broken"))
        DingTalkNotifier(language="en")(success("broken"))
    fail("another")
    mobiles = [each for message in sandbox.messages for each in message.payload.get("at", {}).get("atMobiles", ())]
    assert sorted(mobiles) == ["13800000001", "13800000002"]


def test_a_recovery_of_a_failure_that_only_files_know(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed while Redis was away, and succeeds when it is back."""
    connect(sandbox, monkeypatch, group_interval_seconds=0)
    with away(network.url, monkeypatch):
        fail("broken")
    for _ in range(3):
        DingTalkNotifier(language="en")(success("broken"))
    assert len(sandbox.messages) == 2


def test_a_redis_that_stops_in_the_middle_of_it_loses_nothing(
    sandbox: Sandbox, network: SlowNetwork, server: RedisServer, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """It was put, and whether it was sent nobody can say: it is in both places, and told once."""
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
    # Whoever was left behind may still hold what it asked for.
    main(["flush", "--now"])
    assert times_told(sandbox, "in_the_middle") == 1
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
        assert "in_the_middle" not in said(sandbox)
        (copy,) = outbox_home.glob("notes/copies/*")
        expires = copy.stat().st_mtime - 601
        os.utime(copy, (expires, expires))
        fail("later")
    assert times_told(sandbox, "in_the_middle") == 1


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
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["pending"], Path(row["folder"]).name) == (1, "outbox")
    assert DingTalkFlushOperator(task_id="flush").execute(CONTEXT) == {"sent": 1, "left": 0}
    assert titles(sandbox)[1:] == ["Failed: etl_daily · second"]


def test_a_callback_moves_no_more_than_it_has_time_for(
    sandbox: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """The next one moves the rest."""
    from airflow_provider_dingpush.pipeline import store_moves

    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    with away(network.url, monkeypatch):
        for number in range(5):
            fail(f"t{number}")
    left = []
    monkeypatch.setattr(store_moves, "MOST_MOVED", 2)
    for number in range(3):
        fail(f"after{number}")
        left.append(len(list(outbox_home.glob("mail/*/new/*.json"))))
    assert left == [3, 1, 0]
    assert waiting_in_redis(network) == 8


def test_a_cluster_is_named_and_the_alert_is_told(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or an address that only looks like one."""
    use("sentinel://:pa55word@a:26379;sentinel://b:26379", monkeypatch)
    fail("t")
    assert len(connected.messages) == 1
    assert "names Sentinels or a Redis Cluster" in caplog.text
    assert "pa55word" not in caplog.text


@pytest.mark.parametrize("url", ["redis://:Secr3t@ru1n/x?y#z@host", "redis://:Secr3t[@ru1n]/0", "redis://:Secr3t"])
def test_no_piece_of_a_password_is_logged(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """The alert is told from the files, and the log says how to write the URL."""
    use(url, monkeypatch)
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", url)
    with caplog.at_level(logging.DEBUG):
        fail("t")
        monkeypatch.delenv("AIRFLOW__DINGPUSH__OUTBOX_URL")
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
        fail("t2")
    assert len(connected.messages) == 2
    assert "percent-encoded" in caplog.text
    assert [piece for piece in ("Secr3t", "ru1n", "z@host") if piece in caplog.text] == []


# ------------------------------------------------------------------------------------------------------------- files


def test_where_the_home_takes_nothing_the_folder_for_temporary_files_does(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 40 failures 20 were lost: none of them was written, and the robot was shut out."""
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
    told = said(sandbox)
    assert [number for number in range(40) if f"t{number}" not in told and "t[" not in told] == []
    assert len(sandbox.messages) == 3
    assert caplog.text.count("and is sent from there") == 40


def test_a_home_that_hangs_costs_seconds_and_no_alert(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mount whose server is gone; when it is back, what was left there isn't told again."""
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_home_of_somebody_else_is_named_and_the_alert_is_told(
    connected: Sandbox, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As with run_as_user."""
    outbox_home.mkdir()
    os.chown(outbox_home, 12345, 12345)
    fail("t")
    assert len(connected.messages) == 1
    assert "belongs to uid 12345" in caplog.text
    assert list(outbox_home.iterdir()) == []


def test_what_nothing_takes_is_not_sent_to_a_robot_that_is_known_to_be_shut_out(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is full can still be read."""
    fail("before")
    Outbox(FileStore(outbox_home)).note_pause_of(
        HERE, receiver_of_mailbox(HERE).receiver_id, LeadPause(time.time() + 600, "throttled 130101")
    )
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null/nowhere")
    monkeypatch.setattr(FileStore, "put", _full)
    fail("t")
    assert len(connected.messages) == 1
    assert "Nothing may be sent before" in caplog.text


def _full(*_: object, **__: object) -> None:
    from airflow_provider_dingpush.errors import OutboxError

    raise OutboxError("No space left on device")


def test_a_picture_that_cannot_be_kept_counts_in_the_window_and_waits_as_words(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent past the outbox while there is room; then the built-in alert waits in its place."""
    connection = json.loads(os.environ["AIRFLOW_CONN_DINGTALK_APP_DEFAULT"])
    connection["extra"]["rate_limit_per_minute"] = 1
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    picture = Image(b"\x89PNG\r\n\x1a\n" + bytes(20))
    for number in range(2):
        DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", message=picture)(task_context(f"t{number}"))
    assert [message.shown["msgtype"] for message in app_connected.messages] == ["image"]
    mailbox = Mailbox("dingtalk_app_default")
    assert outboxes.outbox().pending_in(mailbox) == 1
    assert receiver_of_mailbox(mailbox).receiver_id in outboxes.outbox().receivers()


@pytest.mark.parametrize("kind", ["text", "markdown", "actionCard"])
def test_a_message_of_megabytes_is_cut_before_it_is_written(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, kind: str
) -> None:
    """And says so."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    field = {"text": "content"}.get(kind, "text")
    body: dict[str, Any] = {field: "{{ '数据行 row\n' * 400000 }}"}
    if kind != "text":
        body["title"] = "t"
    if kind == "actionCard":
        body["btns"] = [{"title": "b", "actionURL": "https://example.com"}]
    DingTalkNotifier(language="en", message={"msgtype": kind, kind: body})(task_context())
    (path,) = outbox_home.glob("mail/*/new/*.json")
    assert path.stat().st_size <= 100_000
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 0
    (message,) = sandbox.messages
    assert "of 3200000 characters left out" in message.payload[kind][field]


def test_an_exception_of_megabytes_is_cut_before_it_is_written(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Whatever a context holds: names, owners, tags."""
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT", raising=False)
    context = task_context(exception=ValueError("x" * 5_000_000))
    context["dag"].tags = {f"{number}" + "t" * 10_000 for number in range(500)}
    context["task"].owner = ",".join(f"owner{number}" * 100 for number in range(5000))
    DingTalkNotifier()(context)
    (path,) = outbox_home.glob("mail/*/new/*.json")
    assert path.stat().st_size <= 100_000
    connect(sandbox, monkeypatch)
    assert main(["flush"]) == 0
    assert len(sandbox.messages) == 1


def test_an_option_that_hangs_is_given_up(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """outbox_url may come from a command; one that hangs costs a second, and then nobody asks again at once."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "echo here")
    if airflow_option("dingpush", "outbox_url") is None:
        pytest.skip("this Airflow runs no command for a provider's option: install apache-airflow>=3.2")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "sleep 5")
    began = time.monotonic()
    fail("t")
    fail("t2")
    assert time.monotonic() - began < 5
    assert len(connected.messages) == 2
    assert "too long to read [dingpush] outbox_url" in caplog.text


def test_a_server_that_accepts_and_says_nothing(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever listens there."""
    pytest.importorskip("redis")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        use(f"redis://127.0.0.1:{mute.getsockname()[1]}/0", monkeypatch)
        began = time.monotonic()
        fail("t")
        assert time.monotonic() - began < 8
    assert len(connected.messages) == 1
