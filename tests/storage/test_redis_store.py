"""Alerts in Redis: leases, a server that is slow, full or unavailable, and passwords that are never shown."""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.redis_servers import redis_server, slow_network

RECEIVER = "0123456789ab"
HERE, THERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_default", '{"user_ids":["user1"]}')
PASSWORD = "Top5ecret"

MakeAlert = Callable[..., Alert]
StartRedis = Callable[..., str]


@pytest.fixture
def outbox(redis_url: str, prefix: str) -> Outbox:
    """An outbox whose mailbox has a receiver."""
    outbox = Outbox(RedisStore(redis_url, prefix=prefix))
    outbox.assign(HERE, RECEIVER)
    return outbox


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    """Another client of the same server."""
    from redis import Redis

    with Redis.from_url(redis_url) as client:
        yield client


def test_a_leader_that_lost_its_lock_writes_nothing(outbox: Outbox, client: Any, prefix: str) -> None:
    """Another process leads now."""
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({("a", "b"): 1})
        client.delete(f"{prefix}:{{{RECEIVER}}}:leader")
        with outbox.leadership(RECEIVER) as other:
            assert other is not None
            with pytest.raises(LeadershipLostError, match=RECEIVER):
                book.write({("a", "b"): 2}, deletes=[("a", "b")], keys=["k1"])
            with pytest.raises(LeadershipLostError, match=RECEIVER):
                book.keep(1)
            assert other.load() == {("a", "b"): 1}
            assert other.known(["k1"]) == set()


def test_a_late_release_does_not_end_the_next_lead(outbox: Outbox, client: Any, prefix: str) -> None:
    """Each has a token of its own."""
    leader = f"{prefix}:{{{RECEIVER}}}:leader"
    with outbox.leadership(RECEIVER):
        client.set(leader, "of another client")
    assert client.get(leader) == b"of another client"


def test_a_lease_is_kept_as_long_as_requested(outbox: Outbox, client: Any, prefix: str) -> None:
    """At least its own length, and nothing shortens it."""
    leader = f"{prefix}:{{{RECEIVER}}}:leader"
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert 0 < client.pttl(leader) <= 12_000
        book.keep(60)
        assert 12_000 < client.pttl(leader) <= 60_000
        book.keep(1)
        book.write({("a", "b"): 1})
        assert 12_000 < client.pttl(leader) <= 60_000
    assert client.get(leader) is None


def test_the_time_is_the_servers(outbox: Outbox, client: Any) -> None:
    """Machines whose clocks differ agree on it."""
    before = client.time()
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        now = book.now()
    after = client.time()
    assert before[0] + before[1] / 1e6 <= now <= after[0] + after[1] / 1e6


def test_keys_are_known_for_seven_days(outbox: Outbox, client: Any, prefix: str) -> None:
    """And then forgotten."""
    known = f"{prefix}:{{{RECEIVER}}}:known"
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.write({}, keys=["old", "young"])
        now = book.now()
        client.zadd(known, {"old": now - 7 * 24 * 3600 - 60, "young": now - 7 * 24 * 3600 + 60})
        assert book.known(["old", "young"]) == {"young"}
        book.write({("a", "b"): 1}, keys=["new"])
    assert set(client.zrange(known, 0, -1)) == {b"young", b"new"}
    assert set(client.zrange(f"{prefix}:{{{RECEIVER}}}:names", 0, -1)) == {b"young", b"new"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"v": 1, "key": "k1"}'])
def test_an_unreadable_alert_is_set_aside(
    outbox: Outbox,
    client: Any,
    prefix: str,
    make_alert: MakeAlert,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    """It never blocks the rest, and a log line names where it is."""
    outbox.put(make_alert("k1"))
    outbox.put(make_alert("broken"))
    box = f"{prefix}:{{{HERE.name}}}"
    client.hset(f"{box}:mail", "broken", content)
    with outbox.leadership(RECEIVER) as book, caplog.at_level(logging.ERROR):
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]
        assert client.hgetall(f"{box}:dead") == {b"broken": content}
        assert f"{box}:dead" in caplog.text
        assert [alert.key for _, alert in book.arrivals(9)] == ["k1"]


def test_many_unreadable_alerts_hide_no_alert(outbox: Outbox, client: Any, prefix: str, make_alert: MakeAlert) -> None:
    """A leader that lists two gets the third."""
    for key in ("b1", "b2", "b3", "k1"):
        outbox.put(make_alert(key))
    client.hset(f"{prefix}:{{{HERE.name}}}:mail", mapping={"b1": "", "b2": "", "b3": ""})
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        assert [alert.key for _, alert in book.arrivals(2)] == ["k1"]


def test_a_process_that_dies_while_it_assigns_a_mailbox_leaves_one_receiver(
    outbox: Outbox, client: Any, prefix: str, make_alert: MakeAlert
) -> None:
    """One value has the receiver and is replaced in one step."""
    outbox.put(make_alert("k1"))
    (value,) = client.hgetall(f"{prefix}:{{receivers}}:values").values()
    assert json.loads(value) == [RECEIVER, HERE.conn_id, HERE.target]
    with outbox.leadership("ba9876543210") as book:
        assert book is not None
        assert list(book.arrivals(9)) == []
    assert list(outbox.mailboxes_of("ba9876543210")) == []


def test_no_key_is_left_of_removed_alerts(outbox: Outbox, client: Any, prefix: str, make_alert: MakeAlert) -> None:
    """Or they would fill up a shared broker."""
    for key in ("k1", "k2"):
        outbox.put(make_alert(key, summary="x" * 1000))
    box = f"{prefix}:{{{HERE.name}}}"
    assert int(client.get(f"{box}:bytes")) > 2000
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        book.remove_arrivals([ticket for ticket, _ in book.arrivals(9)])
    assert sorted(name.decode() for name in client.keys(f"{box}:*")) == []


def test_open_failures_expire(outbox: Outbox, client: Any, prefix: str, make_alert: MakeAlert) -> None:
    """Tasks that are never fixed leave no keys for ever."""
    alert = make_alert()
    outbox.put(alert)
    places = f"{prefix}:{{open}}:until"
    assert 0 < client.ttl(places) <= 90 * 24 * 3600
    seconds, _ = client.time()
    client.zadd(places, {alert.incident: seconds - 60, "young": seconds + 60})
    outbox.put(make_alert("k2"))
    assert not outbox.has_open_incident(alert.incident)
    assert outbox.has_open_incident("young")


def test_several_airflows_share_a_redis(redis_url: str, prefix: str, make_alert: MakeAlert) -> None:
    """Each under a prefix of its own."""
    first, second = (Outbox(RedisStore(redis_url, prefix=f"{prefix}-{name}")) for name in ("a", "b"))
    first.put(make_alert())
    assert list(first.pending_mailboxes()) == [HERE]
    assert list(second.pending_mailboxes()) == []
    with first.leadership(RECEIVER), second.leadership(RECEIVER) as book:
        assert book is not None


def test_a_closed_connection_is_opened_again(outbox: Outbox, client: Any, make_alert: MakeAlert) -> None:
    """Servers and proxies close idle connections."""
    outbox.put(make_alert("k1"))
    client.client_kill_filter(_type="normal", skipme=True)
    outbox.put(make_alert("k2"))
    assert outbox.pending_in(HERE) == 2


def test_every_step_stays_in_one_slot(start_redis: StartRedis, tmp_path: Path, make_alert: MakeAlert) -> None:
    """A Redis in cluster mode refuses a step that touches two, also where one node has all of them."""
    ports = ("--port", str(_free_port()), "--cluster-port", str(_free_port()))
    url = start_redis("--cluster-enabled", "yes", *ports)
    from redis import Redis

    with Redis.from_url(url) as client:
        client.execute_command("CLUSTER ADDSLOTS", *range(16384))
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            pass
    outbox = Outbox(RedisStore(url), most_alerts=1)
    for mailbox in (HERE, THERE):
        outbox.assign(mailbox, RECEIVER)
        for key in ("k1", "k2"):
            outbox.put(make_alert(key, mailbox=mailbox))
        outbox.put(make_alert("k3", mailbox=mailbox, resolved=True))
    assert set(outbox.pending_mailboxes()) == {HERE, THERE}
    with outbox.resolving(HERE) as mine, outbox.leadership(RECEIVER) as book:
        assert mine
        assert book is not None
        tickets = [ticket for ticket, _ in book.arrivals(9)]
        assert len(tickets) == 2
        assert book.overflow_count() == 4
        book.keep(1)
        book.write({("a", "b"): 1}, deletes=[("c", "d")], keys=["k1"], forget=["k0"])
        book.remove_arrivals(tickets)
        assert (book.load(), book.known(["k1"]), book.overflow_count()) == ({("a", "b"): 1}, {"k1"}, 0)
    outbox.assign(HERE, "ba9876543210")
    assert list(outbox.mailboxes_of(RECEIVER)) == [THERE]
    assert list(outbox.receivers()) == [RECEIVER]


def test_a_full_server_is_an_outbox_error(start_redis: StartRedis, make_alert: MakeAlert) -> None:
    """With the policy noeviction, the new alert is refused with an error."""
    import redis

    url = start_redis("--maxmemory", "100mb", "--maxmemory-policy", "noeviction")
    outbox = Outbox(RedisStore(url))
    outbox.put(make_alert("k1"))
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", "1mb")
    with pytest.raises(OutboxError, match=r"sock: .*maxmemory'\. Check the Redis"):
        outbox.put(make_alert("k2"))
    assert outbox.pending_in(HERE) == 1


def test_an_unavailable_server_is_an_outbox_error(tmp_path: Path, make_alert: MakeAlert) -> None:
    """In every step; an outbox can be created though, and works once the server runs."""
    pytest.importorskip("redis", reason="redis-py isn't installed")
    outbox = Outbox(RedisStore(f"redis://:{PASSWORD}@127.0.0.1:{_free_port()}/0"))
    for step in (
        lambda: outbox.put(make_alert()),
        lambda: outbox.has_open_incident("x"),
        lambda: outbox.leadership(RECEIVER).__enter__(),
        lambda: outbox.resolving(HERE).__enter__(),
        outbox.pending_mailboxes,
    ):
        with pytest.raises(OutboxError, match=r"redis://127\.0\.0\.1:\d+/0: .*refused.* outbox_url") as caught:
            step()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_does_not_reply_is_an_outbox_error(make_alert: MakeAlert) -> None:
    """Without retries: a callback has a few seconds."""
    pytest.importorskip("redis", reason="redis-py isn't installed")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        outbox = Outbox(RedisStore(f"redis://127.0.0.1:{mute.getsockname()[1]}/0"))
        with pytest.raises(OutboxError, match=re.compile("timeout", re.IGNORECASE)):
            outbox.put(make_alert())
        mute.setblocking(False)
        mute.accept()[0].close()
        with pytest.raises(BlockingIOError):
            mute.accept()


def test_a_wrong_password_is_not_shown(start_redis: StartRedis, make_alert: MakeAlert) -> None:
    """Neither the server's nor the one that was tried; the right one works."""
    url = start_redis("--requirepass", PASSWORD)
    outbox = Outbox(RedisStore(url.replace("unix://", "unix://:n0tThis0ne@")))
    with pytest.raises(OutboxError) as caught:
        outbox.put(make_alert())
    text = "".join(traceback.format_exception(caught.value))
    assert "unix:///" in text
    assert not {PASSWORD, "n0tThis0ne"} & set(re.findall(r"\w+", text))
    Outbox(RedisStore(url.replace("unix://", f"unix://:{PASSWORD}@"))).put(make_alert())


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{PASSWORD}@redis:6379/0",
        f"redis//:{PASSWORD}@redis:6379/0",
        f":{PASSWORD}@redis",
        f"redis://:12/{PASSWORD}@redis:6379/0",
        f"redis://:{PASSWORD}#x@redis:port/0",
        f"redis://:{PASSWORD}/x@redis:6379/0",
        f"redis://redis:{PASSWORD}/0",
        f"redis://redis:6379/0?password=x@{PASSWORD}&nonsense=1",
        f"redis://:a?{PASSWORD}@redis:6379/0?nonsense=1",
        f"redis://redis:6379/0?password={PASSWORD}&nonsense=1",
        f"redis://u:55555?{PASSWORD}@redis:6379/0?nonsense=1",
        "",
    ],
)
def test_what_is_no_redis_url_is_refused_and_not_repeated(url: str, make_alert: MakeAlert) -> None:
    """When it is made or when it is first used, with a text that shows what one looks like."""
    pytest.importorskip("redis", reason="redis-py isn't installed")
    with pytest.raises(OutboxError) as caught:
        Outbox(RedisStore(url))
    text = "".join(traceback.format_exception(caught.value))
    assert "redis://:password@host:6379/0" in text
    assert PASSWORD not in text
    assert "55555" not in text


@pytest.mark.parametrize("words", ["required", "CERT_REQUIRED", "CERT_NONE", "none"])
def test_celerys_names_for_certificates_are_supported(words: str, make_alert: MakeAlert) -> None:
    """The URL of its broker can be pasted as it is; here no server listens."""
    pytest.importorskip("redis", reason="redis-py isn't installed")
    outbox = Outbox(RedisStore(f"rediss://127.0.0.1:{_free_port()}/0?ssl_cert_reqs={words}"))
    with pytest.raises(OutboxError, match="refused"):
        outbox.put(make_alert())


def test_without_redis_py_the_error_names_what_to_install() -> None:
    """It is needed with outbox_url only."""
    script = """
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore
try:
    Outbox(RedisStore("redis://localhost"))
except Exception as problem:
    print(type(problem).__name__, problem)
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    assert done.stdout == ("OutboxError outbox_url needs redis-py: pip install 'airflow-provider-dingpush[redis]'\n")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _cluster(start_redis: StartRedis, masters: int) -> Iterator[str]:
    """The URL of one node of a real cluster that has as many masters."""
    from redis import Redis

    ports = [_free_port() for _ in range(2 * masters)]
    urls = []
    for port, bus in zip(ports[:masters], ports[masters:], strict=True):
        urls.append(start_redis("--cluster-enabled", "yes", "--port", str(port), "--cluster-port", str(bus)))
    clients: list[Any] = [Redis.from_url(url) for url in urls]
    try:
        share = -(-16384 // masters)
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTS", *range(share * number, min(16384, share * (number + 1))))
            for port, bus in zip(ports[:masters], ports[masters:], strict=True):
                client.execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
        while any(client.execute_command("CLUSTER INFO")["cluster_state"] != "ok" for client in clients):
            pass
        yield urls[0]
    finally:
        for client in clients:
            client.close()


def test_a_node_of_a_cluster_is_refused(start_redis: StartRedis, make_alert: MakeAlert) -> None:
    """It would keep some of the alerts, and send none of them. By any first call."""
    with _cluster(start_redis, 3) as url:
        for number in range(9):
            with pytest.raises(OutboxError, match=r"3 masters of a Redis Cluster.*set \[dingpush\] outbox_url"):
                Outbox(RedisStore(url)).put(make_alert(mailbox=Mailbox(f"conn_{number}")))
        outbox, errors = Outbox(RedisStore(url)), []
        for number in range(40):
            try:
                outbox.receiver_of(Mailbox(f"conn_{number}"))
            except OutboxError as problem:
                errors.append(str(problem))
        assert errors
        assert [each for each in errors if "Redis Cluster" not in each or "MOVED" in each] == []


def test_a_sentinel_is_refused(start_redis: StartRedis, tmp_path: Path, make_alert: MakeAlert) -> None:
    """It keeps no data."""
    (tmp_path / "sentinel.conf").write_text("sentinel monitor mymaster 127.0.0.1 1 1\n")
    expected = r"is a Redis Sentinel.*set \[dingpush\] outbox_url"
    with _sentinel(tmp_path / "sentinel.conf") as url, pytest.raises(OutboxError, match=expected):
        Outbox(RedisStore(url)).put(make_alert())


@contextmanager
def _sentinel(configuration: Path) -> Iterator[str]:
    port = _free_port()
    program = shutil.which("redis-server")
    assert program is not None
    command = [program, str(configuration), "--sentinel", "--port", str(port), "--dir", str(configuration.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            next(line for line in server.stdout if "+monitor" in line)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


def test_a_replica_is_an_outbox_error(start_redis: StartRedis, make_alert: MakeAlert) -> None:
    outbox = Outbox(RedisStore(start_redis("--replicaof", "127.0.0.1", "1")))
    with pytest.raises(OutboxError, match="replica"):
        outbox.put(make_alert())


def test_a_redis_that_is_slow_is_refused_before_anything_is_put(make_alert: MakeAlert) -> None:
    """So that the alert is surely not stored and can be put elsewhere. One slow round trip is no reason."""
    with redis_server() as server, slow_network(server.socket) as network:
        outbox = Outbox(RedisStore(network.url))
        outbox.put(make_alert("k1"))
        network.seconds = 0.3
        with pytest.raises(OutboxError, match=r"too slow \(0\.[3-9] s"):
            outbox.put(make_alert("k2"))
        network.seconds = 0.0
        assert outbox.pending_in(HERE) == 1
        outbox.put(make_alert("k2"))
        assert outbox.pending_in(HERE) == 2


def test_a_leader_makes_few_round_trips(make_alert: MakeAlert) -> None:
    """A callback has a few seconds."""
    with redis_server() as server, slow_network(server.socket) as network:
        outbox = Outbox(RedisStore(network.url))
        outbox.assign(HERE, RECEIVER)
        outbox.put(make_alert())
        before = network.round_trips
        with outbox.leadership(RECEIVER) as book:
            assert book is not None
            tickets = [ticket for ticket, _ in book.arrivals(9)]
            assert book.overflow_count() == 0
            book.remove_arrivals(tickets)
        assert network.round_trips - before <= 6
