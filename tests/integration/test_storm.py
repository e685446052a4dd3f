"""After a storm of callbacks that are killed with -9, the chat has each failure that was written down once.

Real callbacks in processes of their own (``callback_storm.py``), a real outbox, ``dingpush flush``, and a sandbox that
counts a true minute and honours ``msgUuid``. The small storms run always; ``pytest -m standalone`` runs the large ones:
20 seeds of 1,000 alerts on files, 5 on Redis, half a minute to a minute each. ``DINGPUSH_STORM_SEEDS=3`` runs fewer.

Each process logs the keys of the alerts that a message covers before it posts it; which messages were accepted, the
sandbox recognises by their ``msgUuid``. So alerts are counted by their keys, whatever the texts of the digests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.message_log import covered_alerts
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.integration.callback_storm import DAGS, covered_beside

STORM = Path(__file__).with_name("callback_storm.py")
MINUTE_SECONDS = 60
DINGTALK_TAKES = 20
MOST_MESSAGES = 12
MOST_SECONDS = 240
SLOW_SECONDS = 0.1  # as the real one is
SEEDS = range(1, 1 + int(os.environ.get("DINGPUSH_STORM_SEEDS", "20")))
REDIS_SEEDS = range(1, 1 + min(5, len(SEEDS)))
SECRET = "SEC-of-the-storm"
FLUSH = """
import pathlib, sys
from airflow_provider_dingpush.alerts.message_log import write_covered_to
from airflow_provider_dingpush.cli.main import main
write_covered_to(pathlib.Path(sys.argv.pop(1)))
sys.exit(main())
"""


@dataclass(frozen=True)
class Airflow:
    """One machine with callbacks; several of them may share an outbox.

    :param home: its folder.
    :param outbox_url: the outbox of all machines; empty for files in its home.
    :param webhook_url: of the robot, with options of the connection.
    """

    home: Path
    webhook_url: str
    outbox_url: str = ""

    @property
    def diary(self) -> Path:
        return self.home / "diary"

    @property
    def covered(self) -> Path:
        """Which alerts each message covers."""
        return covered_beside(self.diary)

    @property
    def outbox(self) -> Outbox:
        return Outbox(RedisStore(self.outbox_url)) if self.outbox_url else Outbox(FileStore(self.home / "dingpush"))

    def fail(self, **storm: Any) -> subprocess.Popen[str]:
        """Let tasks fail; ends with the last callback."""
        arguments = json.dumps({"diary": str(self.diary), **storm})
        return self._started(STORM, arguments)

    def flush(self, *options: str) -> str:
        """What ``dingpush flush`` prints."""
        with self._started("-c", FLUSH, str(self.covered), "flush", *options) as process:
            printed, errors = process.communicate(timeout=MOST_SECONDS)
        return printed + errors

    def notes(self) -> list[dict[str, Any]]:
        """What the processes noted."""
        return [json.loads(line) for line in self.diary.read_text("ascii").splitlines()]

    def _started(self, *arguments: str | Path) -> subprocess.Popen[str]:
        self.home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__DINGPUSH__LANGUAGE": "en",
            "AIRFLOW__DINGPUSH__OUTBOX_URL": self.outbox_url,
            "AIRFLOW_CONN_DINGTALK_DEFAULT": self.webhook_url,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
            "PYTHONWARNINGS": "ignore",
        }
        return subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def chat() -> Iterator[Sandbox]:
    """A group whose robot takes 20 messages in any minute."""
    with Sandbox(robots=(Robot(secret=SECRET, messages_per_minute=DINGTALK_TAKES),)) as running:
        yield running


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of our own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server isn't installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="dingpush-redis-") as folder:
        socket = Path(folder, "redis.sock")
        command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                assert any("eady to accept connections" in line for line in server.stdout)
                yield f"unix://{socket}?db=0"
            finally:
                server.kill()


def connection(chat: Sandbox, **options: float) -> str:
    """The robot's webhook URL with options of the connection."""
    query = "".join(f"&{name}={value}" for name, value in options.items())
    return f"{chat.webhook_url}&secret={SECRET}{query}"


def let_fail(airflows: Sequence[Airflow], **storm: Any) -> dict[str, int]:
    """Let tasks fail on all machines at once; how their processes ended, added up."""
    first, share = storm.pop("first", 0), storm.pop("alerts") // len(airflows)
    running = [
        each.fail(first=first + number * share, alerts=share, at_once=16 // len(airflows), **storm)
        for number, each in enumerate(airflows)
    ]
    ended: Counter[str] = Counter()
    for process in running:
        written, errors = process.communicate(timeout=MOST_SECONDS)
        assert process.returncode == 0, errors
        # On a busy machine a callback may log an error before.
        ended.update(json.loads(written.splitlines()[-1]))
    assert ended["failed"] == 0
    return ended


def flush_until_nothing_waits(airflow: Airflow) -> None:
    """As the flush DAG does every minute; in Redis the lease of a dead leader has to run out first."""
    until = time.monotonic() + MOST_SECONDS
    printed = ""
    while not printed or "another process" in printed or airflow.outbox.pending_mailboxes():
        assert time.monotonic() < until, printed
        printed = airflow.flush("--now", "--within", "150")
        assert "✗" not in printed, printed


def known(airflow: Airflow, keys: Mapping[str, str]) -> Counter[str]:
    """The alerts that ever came into the book, in which nothing waits any more.

    :param keys: name under which an alert is remembered -> its key.
    """
    outbox = airflow.outbox
    (robot,) = outbox.receivers()
    with outbox.leadership(robot) as book:
        assert book is not None
        assert not {kind for kind, _ in book.load()} & {"alert", "batch", "quarantine", "dead", "overflow", "hold"}
        return Counter(keys[name] for name in book.known(list(keys)))


def covered(chat: Sandbox, airflows: Sequence[Airflow]) -> Counter[str]:
    """How often each alert is in the chat."""
    lines = "".join(each.covered.read_text("ascii") for each in airflows if each.covered.exists())
    return covered_alerts(lines, [message.payload["msgUuid"] for message in chat.messages])


def most_in_a_minute(chat: Sandbox) -> int:
    """How many requests reached the robot within the busiest minute."""
    times = [request.received_at for request in chat.requests]
    return max(sum(start <= each < start + MINUTE_SECONDS for each in times) for start in times)


def check(chat: Sandbox, airflows: Sequence[Airflow]) -> dict[str, Any]:
    """Every failure that was written down is in the chat once; figures for people."""
    notes = [note for each in airflows for note in each.notes()]
    begun = {note["putting"]: note for note in notes if "putting" in note}
    safe = Counter(begun[note["put"]]["key"] for note in notes if "put" in note)
    arrived = known(airflows[0], {note["remembered"]: note["key"] for note in begun.values()})
    sent = covered(chat, airflows)
    assert safe <= arrived, safe - arrived
    assert sent == arrived, {"lost": arrived - sent, "repeated": sent - arrived}
    assert not [request for request in chat.requests if request.outcome == "refused"]
    assert most_in_a_minute(chat) <= DINGTALK_TAKES
    return {
        "recorded": safe.total(),
        "sent": sent.total(),
        "leaders": sum("led" in note for note in notes),
        "died before post": sum(note.get("died") == "before post" for note in notes),
        "died after post": sum(note.get("died") == "after post" for note in notes),
        "messages": len(chat.messages),
        "resends swallowed": sum(request.outcome == "repeated" for request in chat.requests),
        "most in a minute": most_in_a_minute(chat),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_a_small_storm_loses_and_repeats_nothing(chat: Sandbox, tmp_path: Path, seed: int) -> None:
    airflow = Airflow(tmp_path / "a", connection(chat, group_interval_seconds=1))
    let_fail([airflow], alerts=200, seed=seed, dying=0.9)
    flush_until_nothing_waits(airflow)
    figures = check(chat, [airflow])
    # On a busy machine a single leader may live long enough to serve all that come later.
    assert figures["leaders"] + figures["died before post"] + figures["died after post"] > 1
    assert figures["messages"] <= MOST_MESSAGES


def test_beside_a_flusher_callbacks_need_not_hurry(chat: Sandbox, tmp_path: Path) -> None:
    """It comes by again and again while tasks fail, and processes are killed at whatever they do."""
    airflow = Airflow(tmp_path / "a", connection(chat, group_interval_seconds=1))
    airflow.flush()
    with airflow.fail(alerts=200, dying=0.9) as process:
        while process.poll() is None:
            airflow.flush("--within", "5")
        errors = process.communicate()[1]
    assert process.returncode == 0, errors
    flush_until_nothing_waits(airflow)
    assert check(chat, [airflow])["messages"] <= MOST_MESSAGES


def test_beyond_a_full_minute_alerts_wait_and_none_is_lost(chat: Sandbox, tmp_path: Path) -> None:
    """Nothing is merged for long here, so that the window is what holds the messages back."""
    airflow = Airflow(tmp_path / "a", connection(chat, group_interval_seconds=0, rate_limit_per_minute=1))
    for first in (0, 30):
        let_fail([airflow], alerts=30, first=first, killed=0, leaders_killed=0, dying=0)
    sent = covered(chat, [airflow]).total()
    assert [request.outcome for request in chat.requests] == ["accepted"]
    assert 1 <= sent <= 30
    assert sent + pending_in(airflow.outbox) == 60


def pending_in(outbox: Outbox) -> int:
    """How many alerts are in the book or on their way to it."""
    (robot,) = outbox.receivers()
    with outbox.leadership(robot) as book:
        assert book is not None
        written = sum(kind == "alert" for kind, _ in book.load())
        return written + len(book.arrivals(1_000))


def fail_and_check(name: str, chat: Sandbox, airflows: Sequence[Airflow], **storm: Any) -> None:
    """A thousand failures, then a flush; none may be lost or sent twice."""
    began = time.monotonic()
    ended = let_fail(airflows, alerts=1_000, **storm)
    lasted = time.monotonic() - began
    flush_until_nothing_waits(airflows[0])
    report(name, check(chat, airflows), ended, lasted)


@pytest.mark.standalone
@pytest.mark.parametrize("seed", SEEDS)
def test_a_thousand_alerts(chat: Sandbox, tmp_path: Path, seed: int) -> None:
    chat_is_slow(chat)
    airflow = Airflow(tmp_path / "a", connection(chat))
    fail_and_check(f"files, seed {seed}", chat, [airflow], seed=seed)
    assert len(chat.messages) <= MOST_MESSAGES


@pytest.mark.standalone
@pytest.mark.parametrize("seed", REDIS_SEEDS)
def test_a_thousand_alerts_in_a_minute_without_a_flusher(chat: Sandbox, tmp_path: Path, seed: int) -> None:
    """One callback hands over to the next, and few messages are enough for all the minute."""
    chat_is_slow(chat)
    airflow = Airflow(tmp_path / "a", connection(chat))
    fail_and_check(f"files, a minute, seed {seed}", chat, [airflow], seed=seed, over=60.0)
    assert len(chat.messages) <= MOST_MESSAGES


@pytest.mark.standalone
@pytest.mark.parametrize("seed", REDIS_SEEDS)
def test_a_thousand_alerts_of_two_machines(chat: Sandbox, tmp_path: Path, redis_url: str, seed: int) -> None:
    chat_is_slow(chat)
    airflows = [Airflow(tmp_path / name, connection(chat), redis_url) for name in ("a", "b")]
    fail_and_check(f"Redis, seed {seed}", chat, airflows, seed=seed)
    assert not (tmp_path / "a" / "dingpush").exists()
    assert len(chat.messages) <= MOST_MESSAGES


@pytest.mark.standalone
def test_a_thousand_alerts_in_a_window_of_five(chat: Sandbox, tmp_path: Path) -> None:
    """Nothing is merged for long, so the window is what holds messages back, kills or not; the rest comes after it."""
    airflow = Airflow(tmp_path / "a", connection(chat, group_interval_seconds=0, rate_limit_per_minute=5))
    began = time.monotonic()
    ended = let_fail([airflow], alerts=1_000)
    lasted = time.monotonic() - began
    flush_until_nothing_waits(airflow)
    figures = check(chat, [airflow])
    report("files, window of five", figures, ended, lasted)
    assert figures["most in a minute"] <= 5
    # A slot that a killed leader took counts too, so only the wait shows that the window was full.
    assert chat.messages[-1].received_at - chat.messages[0].received_at > lasted + 30


def chat_is_slow(chat: Sandbox) -> None:
    from airflow_provider_dingpush.sandbox import Fault

    chat.fail_next(Fault.SLOW, times=1_000, seconds=SLOW_SECONDS)


def report(name: str, figures: Mapping[str, Any], ended: Mapping[str, int], seconds: float) -> None:
    """For whoever runs it with ``-s``."""
    words = ", ".join(f"{what} {count}" for what, count in {**figures, "killed": ended["killed"]}.items())
    print(f"\n{name}: {words}, lasted {seconds:.0f} s, {DAGS} DAGs")  # noqa: T201 - figures for people
