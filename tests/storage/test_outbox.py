"""The contract of the outbox, for every store."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import LeadPause, LedgerBook, Store
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore

RECEIVER, OTHER_RECEIVER = "0123456789ab", "ba9876543210"
HERE, THERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_default", '{"user_ids":["user1"]}')
STORM = Path(__file__).with_name("outbox_storm.py")

Open = Callable[..., Outbox]
MakeAlert = Callable[..., Alert]


@pytest.fixture(params=["files", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The location of a store that several processes use, as plain data."""
    return _place(request.param, request, tmp_path)


@pytest.fixture
def open_outbox(open_store: Callable[[], Store]) -> Open:
    """Opens the outbox anew, as each process does."""
    return lambda **bounds: Outbox(open_store(), **bounds)


@pytest.fixture
def outbox(open_outbox: Open) -> Outbox:
    """An outbox in which both mailboxes belong to one receiver."""
    outbox = open_outbox()
    outbox.assign(HERE, RECEIVER)
    outbox.assign(THERE, RECEIVER)
    return outbox


@contextmanager
def leading(outbox: Outbox, receiver: str = RECEIVER) -> Iterator[LedgerBook]:
    """The book of a receiver without another leader."""
    with outbox.leadership(receiver) as book:
        assert book is not None
        yield book


def arrived(outbox: Outbox, receiver: str = RECEIVER) -> list[Alert]:
    """The pending alerts of a receiver."""
    with leading(outbox, receiver) as book:
        return [alert for _, alert in book.arrivals(100)]


def test_an_alert_arrives_as_it_was_put(outbox: Outbox, open_outbox: Open) -> None:
    """With all fields, in another process."""
    alert = Alert(
        key="k1",
        mailbox=THERE,
        event=Event.TASK_FAILED,
        at=1_800_000_000.25,
        dag_id="销售日报",
        run_id="scheduled__2026-11-22T00:00:00+00:00",
        task_id="load_orders",
        map_index=3,
        try_number=2,
        summary="KeyError: 'café' 🔴 \udcff",
        log_link="https://airflow.example.com/log",
        run_link="https://airflow.example.com/run",
        environment="生产",
        owners=("zhangsan", "李四"),
        facts={"failed_tasks": ["a", "b"], "duration": 1.5, "nothing": None},
        message={"msgtype": "text", "text": {"content": "x"}},
        mentions={"mobiles": ["138"]},
        language="zh",
    )
    outbox.put(alert)
    assert arrived(open_outbox()) == [alert]


def test_alerts_arrive_oldest_first_and_not_more_than_requested(outbox: Outbox, make_alert: MakeAlert) -> None:
    """In the order in which they were put, from all mailboxes of the receiver."""
    alerts = [make_alert(f"k{9 - number}", mailbox=(HERE, THERE)[number % 2]) for number in range(6)]
    for alert in alerts:
        outbox.put(alert)
    with leading(outbox) as book:
        assert [alert for _, alert in book.arrivals(4)] == alerts[:4]
        assert [alert for _, alert in book.arrivals(100)] == alerts


def test_a_second_alert_of_a_key_changes_nothing(outbox: Outbox, open_outbox: Open, make_alert: MakeAlert) -> None:
    """Airflow sometimes calls back twice, from different processes."""
    first = make_alert(summary="the first")
    outbox.put(first)
    open_outbox().put(make_alert(summary="the second"))
    assert arrived(outbox) == [first]


def test_a_second_alert_of_a_key_leaves_one_line(
    outbox: Outbox, open_outbox: Open, make_alert: MakeAlert, caplog: pytest.LogCaptureFixture
) -> None:
    """With the DAG, run and task."""
    caplog.set_level(logging.INFO)
    for box in (outbox, open_outbox(), open_outbox()):
        box.put(make_alert("k1", task_id="load", try_number=2, map_index=0))
    line = "A repetition isn't sent again: task_failed, DAG sales, run manual__1, task load, map index 0, try 2."
    assert [each.getMessage() for each in caplog.records] == [line] * 2


def test_the_same_key_may_wait_in_two_mailboxes(outbox: Outbox, make_alert: MakeAlert) -> None:
    """Two connections of one failure both get it."""
    both = [make_alert(mailbox=HERE), make_alert(mailbox=THERE)]
    for alert in both:
        outbox.put(alert)
    assert arrived(outbox) == both


@pytest.mark.parametrize("key", ["a/b", "..", "", "x" * 300, "任务", "-rf", "a b\n"])
def test_any_text_can_be_a_key(outbox: Outbox, make_alert: MakeAlert, key: str) -> None:
    """It is recognised and can be removed, even if it is no valid file name."""
    alert = make_alert(key)
    outbox.put(alert)
    outbox.put(alert)
    with leading(outbox) as book:
        ((ticket, found),) = book.arrivals(100)
        assert found == alert
        book.remove_arrivals([ticket])
        assert list(book.arrivals(100)) == []


def test_only_removed_alerts_are_gone(outbox: Outbox, make_alert: MakeAlert) -> None:
    """The others stay for the next leader; removing twice does nothing."""
    for number in range(4):
        outbox.put(make_alert(f"k{number}"))
    with leading(outbox) as book:
        tickets = [ticket for ticket, alert in book.arrivals(100) if alert.key in {"k0", "k2"}]
        book.remove_arrivals(tickets)
        book.remove_arrivals(tickets)
    assert [alert.key for alert in arrived(outbox)] == ["k1", "k3"]


def test_a_removed_alert_may_arrive_again(outbox: Outbox, make_alert: MakeAlert) -> None:
    """The leader recognises it by the keys in its book."""
    outbox.put(make_alert())
    with leading(outbox) as book:
        book.write({}, keys=["k1"])
        book.remove_arrivals([ticket for ticket, _ in book.arrivals(100)])
        outbox.put(make_alert())
        assert book.known([alert.key for _, alert in book.arrivals(100)]) == {"k1"}


def test_pending_mailboxes_are_listed_before_they_have_a_receiver(open_outbox: Open, make_alert: MakeAlert) -> None:
    """With connection id and target."""
    outbox = open_outbox()
    assert list(outbox.pending_mailboxes()) == []
    outbox.put(make_alert(mailbox=HERE))
    outbox.put(make_alert(mailbox=THERE))
    assert set(open_outbox().pending_mailboxes()) == {HERE, THERE}
    assert outbox.receiver_of(HERE) is None
    outbox.assign(HERE, RECEIVER)
    assert set(outbox.pending_mailboxes()) == {HERE, THERE}
    with leading(outbox) as book:
        book.remove_arrivals([ticket for ticket, _ in book.arrivals(100)])
    assert list(outbox.pending_mailboxes()) == [THERE]


def test_a_leader_lists_the_mailboxes_of_its_receiver_only(outbox: Outbox, make_alert: MakeAlert) -> None:
    """Also those assigned to it while it leads."""
    outbox.assign(THERE, OTHER_RECEIVER)
    outbox.put(make_alert("here", mailbox=HERE))
    outbox.put(make_alert("there", mailbox=THERE))
    with leading(outbox, OTHER_RECEIVER) as book:
        assert [alert.key for _, alert in book.arrivals(100)] == ["there"]
        outbox.assign(HERE, OTHER_RECEIVER)
        assert [alert.key for _, alert in book.arrivals(100)] == ["here", "there"]


def test_a_mailbox_belongs_to_its_last_receiver(outbox: Outbox, make_alert: MakeAlert) -> None:
    """Its pending alerts get the new receiver."""
    outbox.put(make_alert(mailbox=HERE))
    outbox.assign(HERE, OTHER_RECEIVER)
    outbox.assign(HERE, OTHER_RECEIVER)
    assert outbox.receiver_of(HERE) == OTHER_RECEIVER
    assert list(outbox.mailboxes_of(RECEIVER)) == [THERE]
    assert list(outbox.mailboxes_of(OTHER_RECEIVER)) == [HERE]
    assert arrived(outbox) == []
    assert [alert.mailbox for alert in arrived(outbox, OTHER_RECEIVER)] == [HERE]
    outbox.assign(HERE, RECEIVER)
    assert set(outbox.mailboxes_of(RECEIVER)) == {HERE, THERE}
    assert list(outbox.mailboxes_of(OTHER_RECEIVER)) == []


def test_one_leads_at_a_time(outbox: Outbox, open_outbox: Open) -> None:
    """Each receiver has its own leader, and the next one may follow at once."""
    with leading(outbox), open_outbox().leadership(RECEIVER) as second:
        assert second is None
        with leading(outbox, OTHER_RECEIVER) as other:
            assert other.load() == {}
    with leading(open_outbox()):
        pass


def test_an_error_ends_leading(outbox: Outbox) -> None:
    """As the end of a block does."""
    with pytest.raises(KeyError, match="x"), leading(outbox):
        raise KeyError("x")
    with leading(outbox):
        pass


def test_a_killed_leader_is_followed(place: dict[str, str]) -> None:
    """At once where the kernel holds the lock, after the lease where Redis does."""
    outbox = _opened(place)
    script = """
import sys, json
from outbox_storm import Storm, RECEIVER
with Storm(**json.loads(sys.argv[1])).outbox().leadership(RECEIVER) as book:
    print(book is not None, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, json.dumps(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), text=True
    ) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "True\n"
        with outbox.leadership(RECEIVER) as book:
            assert book is None
        leader.kill()
        leader.wait()
        followed = False
        while not followed:
            with outbox.leadership(RECEIVER) as book:
                followed = book is not None
                assert followed or "url" in place


def test_a_book_keeps_what_is_written(outbox: Outbox, open_outbox: Open) -> None:
    """From leader to leader, and for each receiver by itself."""
    records: dict[tuple[str, str], Any] = {
        ("batch", "1"): {"body": "aGVsbG8=", "members": ["k1"], "at": 1.5, "text": "告警 \udcff 🔴", "none": None},
        ("batch", "a\x00:b"): [],
        ("hold", ""): 0,
        ("", "batch"): "x" * 100_000,
    }
    with leading(outbox) as book:
        assert book.load() == {}
        book.write(records)
        assert book.load() == records
    with leading(open_outbox()) as book:
        assert book.load() == records
        book.write({("hold", ""): 1}, deletes=[("batch", "1"), ("never", "there")])
        del records["batch", "1"]
        assert book.load() == {**records, ("hold", ""): 1}
    with leading(outbox, OTHER_RECEIVER) as book:
        assert book.load() == {}


def test_what_is_deleted_and_put_at_once_is_there(outbox: Outbox) -> None:
    """Deletes come first."""
    with leading(outbox) as book:
        book.write({("a", "b"): 1})
        book.write({("a", "b"): 2}, deletes=[("a", "b")])
        assert book.load() == {("a", "b"): 2}


def test_many_records_and_keys_fit_in_one_step(outbox: Outbox) -> None:
    """As many as a mailbox holds."""
    keys = [f"k{number}" for number in range(10_000)]
    with leading(outbox) as book:
        book.write({("waiting", key): key for key in keys}, keys=keys)
        assert len(book.load()) == 10_000
        assert book.known([*keys, "never seen"]) == set(keys)
        book.write({}, deletes=[("waiting", key) for key in keys])
        assert book.load() == {}


def test_keys_are_remembered_by_receiver(outbox: Outbox) -> None:
    """From leader to leader."""
    with leading(outbox) as book:
        book.write({}, keys=["k1", "k2"])
        book.write({("a", "b"): 1}, keys=["k2"])
        assert book.known([]) == set()
    with leading(outbox) as book:
        assert book.known(["k1", "k2", "k3"]) == {"k1", "k2"}
    with leading(outbox, OTHER_RECEIVER) as book:
        assert book.known(["k1"]) == set()


def test_keys_are_forgotten_by_prefix(outbox: Outbox) -> None:
    """Before the keys of the same change are remembered."""
    with leading(outbox) as book:
        book.write({}, keys=["a/1", "a/2", "a/ä", "ab/1", "b/1", "a"])
        book.write({}, keys=["a/2"], forget=["a/", ""])
        assert book.known(["a/1", "a/2", "a/ä", "ab/1", "b/1", "a"]) == {"a/2", "ab/1", "b/1", "a"}
        book.write({}, forget=[f"a/{number}" for number in range(500)])
    with leading(outbox) as book:
        assert book.known(["a/2", "b/1"]) == {"b/1"}


def test_a_former_leader_cannot_write(outbox: Outbox) -> None:
    """The book belongs to the next leader."""
    with leading(outbox) as book:
        pass
    with leading(outbox) as next_book:
        with pytest.raises(LeadershipLostError):
            book.write({("a", "b"): 1}, keys=["k1"])
        with pytest.raises(LeadershipLostError):
            book.keep(1)
        with pytest.raises(LeadershipLostError):
            book.note_pause(LeadPause(time.time() + 60.0, "too late"))
        assert next_book.load() == {}
        assert outbox.pause_of(RECEIVER) is None
        assert next_book.known(["k1"]) == set()


def test_a_forked_child_does_not_lead(place: dict[str, str]) -> None:
    """It can't write; its end doesn't end its parent's lead, and the parent's end ends the lead."""
    script = """
import json, os, signal, sys
from airflow_provider_dingpush.errors import LeadershipLostError
from outbox_storm import Storm, RECEIVER
storm = Storm(**json.loads(sys.argv[1]))
with storm.outbox().leadership(RECEIVER) as book:
    book.keep(2)  # a busy machine takes its time for the steps below
    child = os.fork()
    if not child:
        for step in (lambda: book.write({("a", "b"): 1}), lambda: book.keep(1), lambda: book.remove_arrivals([])):
            try:
                step()
            except LeadershipLostError:
                continue
            os._exit(1)
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    with storm.outbox().leadership(RECEIVER) as second:
        print(second, flush=True)
    book.write({("still", "leader"): True})
    child = os.fork()
    if not child:
        print("pending", flush=True)
        os.close(1)
        sys.stdin.read()
        os._exit(0)
    signal.pause()
"""
    command = [sys.executable, "-c", script, json.dumps(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), text=True
    ) as leader:
        assert leader.stdout is not None
        try:
            assert [leader.stdout.readline().strip() for _ in range(3)] == ["0", "None", "pending"]
        finally:
            leader.send_signal(signal.SIGKILL)
        leader.wait()
        outbox = _opened(place)
        records = None
        while records is None:
            with outbox.leadership(RECEIVER) as book:
                assert book is not None or "url" in place
                records = book and book.load()
        assert records == {("still", "leader"): True}


def test_a_leader_can_stay(outbox: Outbox, open_outbox: Open) -> None:
    """For the time that it asks for."""
    with leading(outbox) as book:
        book.keep(30)
        book.write({("a", "b"): 1})
        with open_outbox().leadership(RECEIVER) as second:
            assert second is None


def test_beyond_so_many_alerts_they_are_counted(open_outbox: Open, make_alert: MakeAlert) -> None:
    """None is lost uncounted, and a repetition doesn't count."""
    outbox = open_outbox(most_alerts=3)
    outbox.assign(HERE, RECEIVER)
    outbox.assign(THERE, RECEIVER)
    for number in (0, 1, 2, 3, 4, 0):
        outbox.put(make_alert(f"k{number}"))
    outbox.put(make_alert("k9", mailbox=THERE))
    with leading(outbox) as book:
        assert book.overflow_count() == 2
        assert [alert.key for _, alert in book.arrivals(100)] == ["k0", "k1", "k2", "k9"]
        book.remove_arrivals([ticket for ticket, _ in book.arrivals(100)])
        assert book.overflow_count() == 0
        outbox.put(make_alert("k5"))
        assert [alert.key for _, alert in book.arrivals(100)] == ["k5"]


def test_overflow_after_the_count_is_counted_next_time(open_outbox: Open, make_alert: MakeAlert) -> None:
    """Removing acknowledges only what the leader has counted, also if it dies before."""
    outbox = open_outbox(most_alerts=1)
    outbox.assign(HERE, RECEIVER)
    for number in range(4):
        outbox.put(make_alert(f"k{number}"))
    with leading(outbox) as book:
        assert book.overflow_count() == 3
    with leading(outbox) as book:
        assert book.overflow_count() == 3
        outbox.put(make_alert("k8"))
        book.remove_arrivals([])
        assert book.overflow_count() == 1
        outbox.put(make_alert("k9"))
    with leading(outbox) as book:
        assert book.overflow_count() == 2


def test_beyond_so_many_bytes_they_are_counted(open_outbox: Open, make_alert: MakeAlert) -> None:
    """A few huge alerts fill a disk as well as many small ones; the first one is always taken."""
    outbox = open_outbox(most_bytes=5_000)
    outbox.assign(HERE, RECEIVER)
    for number in range(4):
        outbox.put(make_alert(f"k{number}", summary="x" * 3_000))
    with leading(outbox) as book:
        assert book.overflow_count() == 2
        first, second = [ticket for ticket, _ in book.arrivals(100)]
        book.remove_arrivals([first])
        outbox.put(make_alert("k8"))
        assert [alert.key for _, alert in book.arrivals(100)] == ["k1", "k8"]
        book.remove_arrivals([second, *[ticket for ticket, _ in book.arrivals(100)]])
        outbox.put(make_alert("huge", summary="x" * 6_000))
        assert [alert.key for _, alert in book.arrivals(100)] == ["huge"]


def test_a_failure_is_open_until_its_end_is_put(outbox: Outbox, open_outbox: Open, make_alert: MakeAlert) -> None:
    """The end has a key and a run of its own; other tasks and other mailboxes stay as they are."""
    failed = make_alert("k1", task_id="load")
    others = [make_alert("k2", task_id="extract"), make_alert("k3", task_id="load", mailbox=THERE)]
    assert not outbox.has_open_incident(failed.incident)
    for alert in (failed, *others):
        outbox.put(alert)
    assert open_outbox().has_open_incident(failed.incident)
    outbox.put(make_alert("k4", task_id="load", run_id="manual__2", event=Event.TASK_SUCCEEDED, resolved=True))
    assert not open_outbox().has_open_incident(failed.incident)
    assert all(outbox.has_open_incident(alert.incident) for alert in others)
    outbox.put(failed)
    assert not outbox.has_open_incident(failed.incident)
    assert [alert.key for alert in arrived(outbox)] == ["k1", "k2", "k3", "k4"]


def test_a_failure_that_is_only_counted_is_open_too(open_outbox: Open, make_alert: MakeAlert) -> None:
    """It was reported in a count."""
    outbox = open_outbox(most_alerts=1)
    counted = make_alert("k2")
    outbox.put(make_alert("k1"))
    outbox.put(counted)
    assert outbox.has_open_incident(counted.incident)


def test_open_failures_have_a_bound(open_outbox: Open, make_alert: MakeAlert) -> None:
    """The oldest are forgotten; in files only from time to time."""
    outbox = open_outbox(most_incidents=20)
    alerts = [make_alert(f"k{number}") for number in range(400)]
    for alert in alerts[:-1]:
        outbox.put(alert)
        outbox.put(replace(alerts[0], key=f"{alert.key} again"))
    # In files, one put in many counts them: the last one here does.
    last = next(each for each in _many(make_alert) if each.incident.startswith("00"))
    outbox.put(last)
    still = [each.key for each in (*alerts, last) if outbox.has_open_incident(each.incident)]
    assert still == ["k0", *[each.key for each in alerts[-19:-1]], last.key]
    assert len(outbox.opened_incidents(1000)) == 20


def _many(make_alert: MakeAlert) -> Iterator[Alert]:
    return (make_alert(f"last {number}") for number in range(10_000))


def test_one_process_looks_up_a_connection_at_a_time(open_outbox: Open) -> None:
    """For each mailbox by itself."""
    first, second = open_outbox(), open_outbox()
    with first.resolving(HERE) as mine:
        assert mine
        with second.resolving(HERE) as also_mine, second.resolving(THERE) as another:
            assert not also_mine
            assert another
        with second.resolving(HERE) as still_not_mine:
            assert not still_not_mine
    with second.resolving(HERE) as at_last:
        assert at_last


def test_receivers_with_a_book_are_listed(outbox: Outbox) -> None:
    """Not those that only own a mailbox."""
    assert list(outbox.receivers()) == []
    for receiver in (OTHER_RECEIVER, RECEIVER):
        with leading(outbox, receiver):
            pass
    assert sorted(outbox.receivers()) == sorted([RECEIVER, OTHER_RECEIVER])


def test_a_flush_is_remembered(outbox: Outbox, open_outbox: Open) -> None:
    """The last one."""
    assert outbox.last_flush() is None
    outbox.note_flush(1_800_000_000.25)
    outbox.note_flush(1_800_000_060.5)
    assert open_outbox().last_flush() == 1_800_000_060.5


def test_a_pause_lasts_until_it_ends(outbox: Outbox, open_outbox: Open) -> None:
    """Any process can read it without leading."""
    pause = LeadPause(time.time() + 60.0, "the receiver is throttled: 130101 发送过快 ?")
    with leading(outbox) as book:
        book.note_pause(pause._replace(reason=pause.reason.replace("?", "\udcff")))
        assert open_outbox().pause_of(RECEIVER) == pause
    assert open_outbox().pause_of(RECEIVER) == pause
    assert outbox.pause_of(OTHER_RECEIVER) is None
    with leading(outbox) as book:
        book.note_pause(None)
    assert outbox.pause_of(RECEIVER) is None
    with leading(outbox) as book:
        book.note_pause(LeadPause(time.time() - 1.0, "over"))
    assert outbox.pause_of(RECEIVER) is None


def test_one_process_waits_to_lead_if_the_leader_asks_for_a_successor(outbox: Outbox, open_outbox: Open) -> None:
    """And the leader can see it, without waiting."""
    other = open_outbox()
    with leading(outbox) as book:
        assert not other.wants_successor(RECEIVER)
        with other.successor_slot(RECEIVER) as chosen:
            assert chosen is None
        book.ask_for_successor(True)
        assert not book.has_successor()
        with other.successor_slot(RECEIVER) as chosen:
            assert chosen is True
            assert book.has_successor()
            with open_outbox().successor_slot(RECEIVER) as second:
                assert second is False
            assert book.has_successor()
        assert not book.has_successor()
        assert other.wants_successor(RECEIVER)
    assert not other.wants_successor(RECEIVER)
    # The leader left and relies on a successor, so one can still be chosen.
    with other.successor_slot(RECEIVER) as chosen:
        assert chosen is True
    assert other.receivers() == [RECEIVER]
    with leading(other) as book:
        assert outbox.wants_successor(RECEIVER)
        book.ask_for_successor(False)
        book.ask_for_successor(False)
        assert not outbox.wants_successor(RECEIVER)
        with outbox.successor_slot(RECEIVER) as chosen:
            assert chosen is None


def test_people_read_without_leading(open_outbox: Open, make_alert: MakeAlert) -> None:
    """Also while a process leads."""
    outbox: Any = open_outbox()
    assert outbox.records_of(RECEIVER) == {}
    assert outbox.pending_in(HERE) == 0
    outbox.put(make_alert())
    with leading(outbox) as book:
        book.write({("a", "b"): [1]})
        assert open_outbox().records_of(RECEIVER) == {("a", "b"): [1]}
    assert outbox.pending_in(HERE) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_no_alert_is_lost_or_taken_in_twice_in_a_storm_of_kills(place: dict[str, str], seed: int) -> None:
    """Real processes, put side by side, some killed at any moment, leaders killed between any two of their steps."""
    done = subprocess.run(
        [sys.executable, str(STORM), json.dumps({**place, "seed": seed})],
        capture_output=True,
        env=_environment(),
        text=True,
        check=False,
    )
    assert done.stderr == ""
    storm = json.loads(done.stdout)
    assert storm["failed"] == 0
    assert storm["killed"] > 0
    assert min(storm["leaders_killed"].values()) > 0
    assert len(storm["put"]) > 150
    assert set(storm["put"]) - set(storm["taken"]) == set()
    assert [key for key, times in Counter(storm["taken"]).items() if times > 1] == []


def _environment() -> dict[str, str]:
    """So that a script finds this package and the storm."""
    return {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{STORM.parent}"}


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if kind == "files":
        return {"home": str(tmp_path / "outbox")}
    return {"url": request.getfixturevalue("redis_url"), "prefix": request.getfixturevalue("prefix")}


def _opened(place: dict[str, str], **bounds: Any) -> Outbox:
    if "home" in place:
        return Outbox(FileStore(Path(place["home"])), **bounds)
    return Outbox(RedisStore(place["url"], prefix=place["prefix"]), **bounds)
