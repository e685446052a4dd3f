"""A store with a time limit: a question that hangs is given up, and does no harm afterwards."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.bounded_store import BoundedStore
from airflow_provider_dingpush.pipeline.stores import Store, store_alert
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from airflow_provider_dingpush.timeouts import Deadline
from tests.redis_servers import redis_server, slow_network

RECEIVER, HERE = "0123456789ab", Mailbox("dingtalk_default")
ALERT = Alert("k1", HERE, Event.TASK_FAILED, 1_800_000_000.0, dag_id="sales", task_id="t")


class Gate:
    """A store in files that hangs in one step until it may go on."""

    def __init__(self, files: Outbox) -> None:
        self.files: Any = files.store
        self.reached, self.may_go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    def hang(self) -> None:
        self.reached.set()
        self.may_go_on.wait(60)


@pytest.fixture
def files(tmp_path: Path) -> Outbox:
    files = Outbox(FileStore(tmp_path / "home"))
    files.assign(HERE, RECEIVER)
    return files


def bounded(store: Any, *, seconds: float = 30.0, most: float = 0.3, **options: Any) -> BoundedStore:
    return BoundedStore(lambda: store, Deadline.after(seconds), most_seconds=most, **options)


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it comes true in a while."""
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_an_answer_in_time_is_given_back(files: Outbox) -> None:
    store = bounded(files.store, most=30.0)
    box = Outbox(store)
    box.put(ALERT)
    assert (box.pending_in(HERE), box.receiver_of(HERE), store.lost) == (1, RECEIVER, None)
    with box.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]
    with files.leadership(RECEIVER) as after:
        assert after is not None


def test_a_file_that_hangs_is_given_up_and_nothing_is_asked_again(files: Outbox, tmp_path: Path) -> None:
    """As on a mount whose server is gone. The question ends when it can; the alert has a key, so it is sent once."""
    files.put(Alert("k0", HERE, Event.TASK_STARTED, 1.0))
    fifo = tmp_path / "home" / "notes" / "open" / ALERT.incident
    fifo.parent.mkdir(mode=0o700, parents=True)
    os.mkfifo(fifo)
    box = Outbox(bounded(files.store))
    with pytest.raises(OutboxError, match="has not answered within"):
        box.put(ALERT)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(OutboxError, match="has not answered within"):
            box.receiver_of(HERE)
    assert time.monotonic() - began < 5
    with open(fifo, "wb", buffering=0):
        pass  # it goes on
    assert eventually(lambda: files.pending_in(HERE) == 2)


def test_a_recovery_that_is_safe_is_not_put_elsewhere_because_no_time_is_left(files: Outbox) -> None:
    """Its incident stays open then, which costs less than the same alert in three places."""
    files.put(ALERT)
    recovery = replace(ALERT, key="k2", occurrence="k2", event=Event.TASK_SUCCEEDED, resolved=True)
    Outbox(bounded(files.store, seconds=0.0)).put(recovery)
    assert files.pending_in(HERE) == 2
    assert files.has_open_incident(ALERT.incident)


def test_what_others_may_have_noted_is_worth_half_a_second(files: Outbox, tmp_path: Path) -> None:
    """Of files that hang, as those of a second home may, an alert that is safe waits no longer for them."""

    class Hanging(Gate):
        def remove_notes(self, places: Any, *, waits: bool = True) -> None:
            self.hang()

    def store(asked: BoundedStore) -> Store:
        return Store(Outbox(asked), asked, tmp_path)

    hanging = Hanging(files)
    first, other = store(bounded(files.store, most=30.0)), store(bounded(hanging, most=30.0))
    assert store_alert(ALERT, [first, other]) is first
    hanging.may_go_on.set()
    assert other.lost is not None
    assert "within 0.5 s" in other.lost


def test_a_leadership_that_comes_too_late_is_given_up_where_it_comes(files: Outbox) -> None:
    """Nobody would lead, and nobody else could."""

    class Late(Gate):
        def lock(self, *given: Any, **named: Any) -> Any:
            self.hang()
            return self.files.lock(*given, **named)

    late = Late(files)
    with pytest.raises(OutboxError, match="has not answered"):
        Outbox(bounded(late)).leadership(RECEIVER).__enter__()
    late.may_go_on.set()
    assert eventually(lambda: _can_be_led(files))


def test_a_leader_that_leaves_during_a_step_leads_until_the_step_is_over(files: Outbox) -> None:
    """Or the step would land in the book of the next leader."""

    class Hanging:
        def __init__(self, records: Any, gate: Gate) -> None:
            self.records, self.gate = records, gate

        def __getattr__(self, name: str) -> Any:
            return getattr(self.records, name)

        def write(self, change: Any) -> None:
            self.gate.hang()
            self.records.write(change)

    class Slow(Gate):
        def records(self, *given: Any) -> Any:
            return Hanging(self.files.records(*given), self)

    slow = Slow(files)
    box = Outbox(bounded(slow, most=2.0))
    with box.leadership(RECEIVER) as book:
        assert book is not None
        with pytest.raises(LeadershipLostError, match="has not answered"):
            book.write({("a", "b"): 1})
        with pytest.raises(LeadershipLostError):
            book.keep(1)
    assert not _can_be_led(files)
    slow.may_go_on.set()
    assert eventually(lambda: _can_be_led(files))
    assert files.records_of(RECEIVER) == {("a", "b"): 1}


def _can_be_led(files: Outbox) -> bool:
    with files.leadership(RECEIVER) as book:
        return book is not None


def test_what_cannot_be_opened_is_no_outbox() -> None:
    def opened() -> Any:
        raise OutboxError("no Redis URL")

    with pytest.raises(OutboxError, match="no Redis URL"):
        Outbox(BoundedStore(opened, Deadline.after(30))).put(ALERT)


def test_an_alert_is_written_down_though_others_have_used_up_the_time(files: Outbox) -> None:
    box = Outbox(bounded(files.store, seconds=-1.0))
    box.put(ALERT)
    assert files.pending_in(HERE) == 1
    with pytest.raises(OutboxError, match="is used up"):
        box.receiver_of(HERE)


def test_many_questions_that_are_a_little_slow_use_up_the_time() -> None:
    with redis_server() as server, slow_network(server.socket, 0.1) as network:
        store = bounded(RedisStore(network.url), most=30.0, total_seconds=0.5)
        box = Outbox(store)
        answers = 0
        with suppress(OutboxError):
            while answers < 20:
                box.receiver_of(HERE)
                answers += 1
        assert answers < 8
        assert store.lost


def test_a_leader_whose_round_trips_become_slow_leaves_at_once() -> None:
    """What waits is safe; whoever goes on would be killed in the middle."""
    with redis_server() as server, slow_network(server.socket) as network:
        outbox = Outbox(RedisStore(network.url))
        outbox.assign(HERE, RECEIVER)
        outbox.put(ALERT)
        box = Outbox(bounded(outbox.store, most=30.0, slow_seconds=0.3))
        with box.leadership(RECEIVER) as book:
            assert book is not None
            book.now()
            assert len(book.arrivals(9)) == 1
            network.seconds = 0.4
            book.now()
            with pytest.raises(LeadershipLostError, match="too slowly to send"):
                book.arrivals(9)
            with pytest.raises(LeadershipLostError, match="too slowly to send"):
                book.write({("a", "b"): 1})
        network.seconds = 0.0
        assert outbox.pending_in(HERE) == 1
