"""An outbox that is asked in time: what hangs is left behind, and does no harm from there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.bounded_outbox import BoundedOutbox
from airflow_provider_dingpush.storage.contract import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.files.outbox import SpoolOutbox
from airflow_provider_dingpush.storage.redis.outbox import RedisOutbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.redis_servers import redis_server, slow_network

ROBOT, HERE = "0123456789ab", Mailbox("dingtalk_default")
ALERT = Alert("k1", HERE, Event.TASK_FAILED, 1_800_000_000.0, dag_id="sales", task_id="t")


class Gate:
    """Files that hang in one step until they may go on."""

    def __init__(self, files: SpoolOutbox) -> None:
        self.files = files
        self.reached, self.may_go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    def hang(self) -> None:
        self.reached.set()
        self.may_go_on.wait(60)


@pytest.fixture
def files(tmp_path: Path) -> SpoolOutbox:
    files = SpoolOutbox(tmp_path / "home")
    files.assign(HERE, ROBOT)
    return files


def bounded(outbox: Any, *, seconds: float = 30.0, most: float = 0.3, **options: Any) -> BoundedOutbox:
    return BoundedOutbox(lambda: outbox, Deadline.after(seconds), most_seconds=most, **options)


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it comes true in a while."""
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_an_answer_in_time_is_given_back(files: SpoolOutbox) -> None:
    box = bounded(files, most=30.0)
    box.put(ALERT)
    assert (box.pending_in(HERE), box.receiver_of(HERE), box.lost) == (1, ROBOT, None)
    with box.leadership(ROBOT) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]
    with files.leadership(ROBOT) as after:
        assert after is not None


def test_a_file_that_hangs_is_left_behind_and_nothing_is_asked_again(files: SpoolOutbox, tmp_path: Path) -> None:
    """As on a mount whose server is gone. What is left there ends when it can, and is not sent twice: it has a key."""
    files.put(Alert("k0", HERE, Event.TASK_STARTED, 1.0))
    fifo = tmp_path / "home" / "open" / ALERT.incident
    os.mkfifo(fifo)
    box = bounded(files)
    with pytest.raises(OutboxError, match="has not answered within"):
        box.put(ALERT)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(OutboxError, match="has not answered within"):
            box.receiver_of(HERE)
    assert time.monotonic() - began < 5
    with open(fifo, "rb", buffering=0):
        assert eventually(lambda: files.pending_in(HERE) == 2)


def test_a_leadership_that_comes_too_late_is_given_up_where_it_comes(files: SpoolOutbox) -> None:
    """Nobody would lead, and nobody else could."""

    class Late(Gate):
        @contextmanager
        def leadership(self, robot: str) -> Iterator[Any]:
            self.hang()
            with self.files.leadership(robot) as book:
                yield book

    late = Late(files)
    with pytest.raises(OutboxError, match="has not answered"):
        bounded(late).leadership(ROBOT).__enter__()
    late.may_go_on.set()
    assert eventually(lambda: _can_be_led(files))


def test_who_leaves_in_the_middle_of_a_step_leads_until_it_is_over(files: SpoolOutbox) -> None:
    """Or the step would land in the book of the next leader."""

    class Hanging:
        def __init__(self, book: Any, gate: Gate) -> None:
            self.book, self.gate = book, gate

        def __getattr__(self, name: str) -> Any:
            return getattr(self.book, name)

        def write(self, *given: Any) -> None:
            self.gate.hang()
            self.book.write(*given)

    class Slow(Gate):
        @contextmanager
        def leadership(self, robot: str) -> Iterator[Any]:
            with self.files.leadership(robot) as book:
                yield Hanging(book, self)

    slow = Slow(files)
    box = bounded(slow, most=2.0)
    with box.leadership(ROBOT) as book:
        assert book is not None
        with pytest.raises(LeadershipLostError, match="has not answered"):
            book.write({("a", "b"): 1})
        with pytest.raises(LeadershipLostError):
            book.keep(1)
    assert not _can_be_led(files)
    slow.may_go_on.set()
    assert eventually(lambda: _can_be_led(files))
    assert files.records_of(ROBOT) == {("a", "b"): 1}


def _can_be_led(files: SpoolOutbox) -> bool:
    with files.leadership(ROBOT) as book:
        return book is not None


def test_what_cannot_be_opened_is_no_outbox() -> None:
    def opened() -> Any:
        raise OutboxError("no Redis URL")

    with pytest.raises(OutboxError, match="no Redis URL"):
        BoundedOutbox(opened, Deadline.after(30)).put(ALERT)


def test_an_alert_is_written_down_though_others_have_used_up_the_time(files: SpoolOutbox) -> None:
    box = bounded(files, seconds=-1.0)
    box.put(ALERT)
    assert files.pending_in(HERE) == 1
    with pytest.raises(OutboxError, match="used up the time"):
        box.receiver_of(HERE)


def test_many_questions_that_are_a_little_slow_use_up_the_patience() -> None:
    with redis_server() as server, slow_network(server.socket, 0.1) as network:
        box = bounded(RedisOutbox(network.url), most=30.0, patience_seconds=0.5)
        answers = 0
        with suppress(OutboxError):
            while answers < 20:
                box.receiver_of(HERE)
                answers += 1
        assert answers < 8
        assert box.lost


def test_a_leader_whose_round_trips_become_slow_leaves_at_once() -> None:
    """What waits is safe; whoever goes on would be killed in the middle."""
    with redis_server() as server, slow_network(server.socket) as network:
        outbox = RedisOutbox(network.url)
        outbox.assign(HERE, ROBOT)
        outbox.put(ALERT)
        box = bounded(outbox, most=30.0, slow_seconds=0.3)
        with box.leadership(ROBOT) as book:
            assert book is not None
            book.now()
            assert len(book.arrivals(9)) == 1
            network.seconds = 0.4
            book.now()
            with pytest.raises(LeadershipLostError, match="too slowly to lead"):
                book.arrivals(9)
            with pytest.raises(LeadershipLostError, match="too slowly to lead"):
                book.write({("a", "b"): 1})
        network.seconds = 0.0
        assert outbox.pending_in(HERE) == 1
