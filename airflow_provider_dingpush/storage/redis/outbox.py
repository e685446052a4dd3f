"""The outbox of many machines, in Redis: the same contract as the files of one machine.

::

    dingpush:mailboxes             hash: name of a mailbox -> its connection id and target
    dingpush:robots                set: every robot that has a book
    dingpush:open                  sorted set: failures that aren't over, by when they last happened; the newest 10,000
    dingpush:flushed               when a flusher last ran
    dingpush:{<mailbox>}:alerts    hash: key -> alert
    dingpush:{<mailbox>}:order     sorted set: key by the time it came
    dingpush:{<mailbox>}:bytes     size of all its alerts
    dingpush:{<mailbox>}:overflow  how many alerts were only counted, ever
    dingpush:{<mailbox>}:told      how many of them are in the book
    dingpush:{<mailbox>}:dead      hash: what was no alert
    dingpush:{<mailbox>}:robot     whose it is
    dingpush:{<mailbox>}:resolving token of who looks the connection up
    dingpush:{<robot>}:leader      token of who sends
    dingpush:{<robot>}:book        hash: kind and key -> record
    dingpush:{<robot>}:wanted      is there if the leader wants a successor
    dingpush:{<robot>}:next        token of who will be it
    dingpush:{<robot>}:rest        until when nobody needs to lead, and why; is there so long
    dingpush:{<robot>}:known       sorted set: keys of alerts by when they were remembered
    dingpush:{<robot>}:names       sorted set: the same keys by name
    dingpush:{<robot>}:mailboxes   set: names of its mailboxes

What changes in one step has one pair of braces, so that a cluster keeps it in one slot. Every write to a book checks in
the same step that the writer still leads. Emptying a mailbox doesn't: it only follows such a write.

An alert is as safe as Redis is: with ``appendonly yes`` it survives a restart, with an eviction policy it may vanish.

A Redis that is slow counts as one that is away, before anything is written to it: leading takes about thirty round
trips, and a callback has a few seconds. So what is put is surely there or surely not, and can go elsewhere.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import Any, TypeAlias

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, log_repetition
from airflow_provider_dingpush.storage.contract import (
    INCIDENT_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_INCIDENTS,
    LeadershipLostError,
    LeadPause,
    OutboxError,
    Place,
    opened_at,
    read_moment,
)
from airflow_provider_dingpush.storage.redis.url import RedisUrl

Redis: TypeAlias = Any
"""redis-py's client: what its commands are annotated to return changes with its version."""

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
SLOW_SECONDS = 0.15
"""A Redis whose round trips take longer than this, in seconds, counts as one that is away."""
REMEMBERED_SECONDS = 7 * 24 * 3600
"""How long keys of alerts are known."""

# The best of so many round trips counts: a busy machine makes a single one slow.
_ROUND_TRIPS = 3
_PRESENT = "1"
_REPEATED = -1  # what putting a second alert of a key returns
_SUCCESSION_SECONDS = 10.0  # a leader looks for a successor as long as its callback lasts

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
"""
# open | incident, seconds, most incidents, when it happened
_OPEN = (
    _NOW
    + """
local at = math.min(now, ARGV[4])
if at > tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) then
  redis.call('ZADD', KEYS[1], string.format('%.6f', at), ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.6f', now - ARGV[2]))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
)
# alerts, order, bytes, overflow | key, alert, most alerts, most bytes
_PUT = (
    _NOW
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return -1 end
local waiting = redis.call('HLEN', KEYS[1])
if waiting > 0 and (waiting >= tonumber(ARGV[3]) or tonumber(redis.call('GET', KEYS[3]) or 0) >= tonumber(ARGV[4])) then
  redis.call('INCR', KEYS[4])
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.6f', now), ARGV[1])
redis.call('INCRBY', KEYS[3], #ARGV[2])
return 1
"""
)
# alerts, order | at most
_ARRIVALS = """
local found = {}
local keys = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #keys, 2 do
  table.insert(found, {keys[i], keys[i + 1], redis.call('HGET', KEYS[1], keys[i]) or ''})
end
return found
"""
# alerts, order, bytes, dead | whether to keep them as dead, keys...
_TAKE_OUT = """
for i = 2, #ARGV do
  local alert = redis.call('HGET', KEYS[1], ARGV[i])
  if alert then
    redis.call('HDEL', KEYS[1], ARGV[i])
    if ARGV[1] == '1' then redis.call('HSET', KEYS[4], ARGV[i], alert) end
    redis.call('DECRBY', KEYS[3], #alert)
  end
  redis.call('ZREM', KEYS[2], ARGV[i])
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
"""
# What leads, settles and removes alerts has to go on when all memory is used up (maxmemory), or nothing would ever be
# sent and free some. Redis lets a script go on that has removed something, even if there was nothing to remove.
# key, any other in its slot | command, arguments...
_ANYWAY = """
redis.call('DEL', KEYS[2])
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
"""
# token's key, any other in its slot | token, milliseconds; a second time with the same token when the answer to the
# first was lost
_TAKE = """
redis.call('DEL', KEYS[2])
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
# token's key | token, milliseconds; never shortens
_KEEP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""
# leader, book, known, names | token, seconds, number of deletes, of puts, of what is forgotten;
# deletes..., (place, record)..., what is forgotten..., keys...
_WRITE = (
    _NOW
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[2], '')
local at = 6
local function forget(names)
  for _, name in ipairs(names) do
    redis.call('ZREM', KEYS[3], name)
    redis.call('ZREM', KEYS[4], name)
  end
end
for _ = 1, ARGV[3] do
  redis.call('HDEL', KEYS[2], ARGV[at])
  at = at + 1
end
for _ = 1, ARGV[4] do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, ARGV[5] do
  forget(redis.call('ZRANGEBYLEX', KEYS[4], '[' .. ARGV[at], '[' .. ARGV[at] .. '\\255'))
  at = at + 1
end
if at <= #ARGV then
  forget(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.6f', now - ARGV[2])))
  for i = at, #ARGV do
    redis.call('ZADD', KEYS[3], string.format('%.6f', now), ARGV[i])
    redis.call('ZADD', KEYS[4], 0, ARGV[i])
  end
end
return 1
"""
)
# leader, rest | token, milliseconds, note
_NOTE_PAUSE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2]) end
return 1
"""
# known | seconds, keys...
_KNOWN = (
    _NOW
    + """
local found = {}
for i = 2, #ARGV do
  local at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if at and tonumber(at) >= now - ARGV[1] then table.insert(found, ARGV[i]) end
end
return found
"""
)

_NO_APPENDONLY = (
    "this Redis writes no append-only file: when it is killed, the alerts that wait in it are lost, except for those "
    "of its last snapshot, and what was told may be told again. Set `appendonly yes` in its configuration, or at once: "
    "redis-cli CONFIG SET appendonly yes, then CONFIG REWRITE. 未开启 AOF，Redis 被杀时会丢失待发送的告警，请开启。"
)
_EVICTS = (
    "this Redis may drop alerts when its memory is full (maxmemory-policy {policy}). Set maxmemory-policy noeviction: "
    "then it refuses them instead, and they wait in files. 内存淘汰策略可能丢弃告警，请改为 noeviction。"
)

# By name: redis-py has not had all of them always.
_OF_A_CLUSTER = {"MovedError", "AskError", "ClusterCrossSlotError"}

_log = logging.getLogger(__name__)


class RedisOutbox:
    """An :class:`~airflow_provider_dingpush.storage.contract.Outbox` that many machines share.

    :param url: ``redis://``, ``rediss://`` or ``unix://``, as redis-py and Celery take it.
    :param prefix: of all names, so that a Redis can be shared with others, and by several Airflows.
    :param lease_seconds: how long a leader that says nothing stays leader, in seconds.
    :param most_alerts: how many alerts wait in a mailbox before further ones are only counted.
    :param most_bytes: how many bytes of alerts, likewise.
    :param most_incidents: how many failures are open before those that happened longest ago are forgotten.
    :raises OutboxError: if the URL is none, or redis-py isn't installed.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "dingpush",
        lease_seconds: float = 12.0,
        most_alerts: int = 10_000,
        most_bytes: int = 50_000_000,
        most_incidents: int = MOST_INCIDENTS,
    ) -> None:
        self._server = _Server(url)
        self._names = _Names(prefix)
        self._lease_seconds = lease_seconds
        self._most_alerts = most_alerts
        self._most_bytes = most_bytes
        self._most_incidents = most_incidents

    def put(self, alert: Alert) -> None:
        name = alert.mailbox.name
        body = alert.to_json().encode("utf-8", "surrogatepass")  # names of files may hold half characters
        incidents = self._names.shared("open")
        places = self._names.all_of(name, "alerts", "order", "bytes", "overflow")
        self._server.see_kind()
        with self._server.asked() as redis:
            if self._server.quickly(lambda: redis.hexists(places[0], alert.key)):
                log_repetition(_log, alert)
                return
            putting = redis.pipeline(transaction=False)
            putting.hset(
                self._names.shared("mailboxes"), name, json.dumps([alert.mailbox.conn_id, alert.mailbox.target])
            )
            if alert.opens_incident:
                # Before the alert, as in the files: a recovery without its failure is better than one that is not told.
                self._open_incident(putting, alert.incident, opened_at(alert, time.time()))
            putting.eval(_PUT, len(places), *places, alert.key, body, self._most_alerts, self._most_bytes)
            if _done(putting)[-1] == _REPEATED:
                log_repetition(_log, alert)
            if alert.resolved:
                redis.zrem(incidents, alert.incident)

    def open_incidents(self, incidents: Mapping[str, float]) -> None:
        with self._server.asked() as redis:
            opening = redis.pipeline(transaction=False)
            for incident, at in incidents.items():
                self._open_incident(opening, incident, at)
            _done(opening)

    def has_open_incident(self, incident: str, *, before: float = inf) -> bool:
        with self._server.asked() as redis:
            at = redis.zscore(self._names.shared("open"), incident)
        return at is not None and at <= before

    def receiver_of(self, mailbox: Mailbox) -> str | None:
        with self._server.asked() as redis:
            return _text(redis.get(self._names.of(mailbox.name, "robot")))

    def assign(self, mailbox: Mailbox, receiver_id: str) -> None:
        name = mailbox.name
        with self._server.asked() as redis:
            before = _text(redis.get(self._names.of(name, "robot")))
            # A mailbox that two robots name belongs to the one that it names itself.
            about = json.dumps([mailbox.conn_id, mailbox.target])
            _anyway(redis, "HSET", self._names.shared("mailboxes"), name, about)
            _anyway(redis, "SADD", self._names.of(receiver_id, "mailboxes"), name)
            _anyway(redis, "SET", self._names.of(name, "robot"), receiver_id)
            if before is not None and before != receiver_id:
                redis.srem(self._names.of(before, "mailboxes"), name)

    @contextmanager
    def resolving(self, mailbox: Mailbox) -> Iterator[bool]:
        lease = _Lease(self._server, self._names.of(mailbox.name, "resolving"), self._lease_seconds)
        won = lease.take()
        try:
            yield won
        finally:
            if won:
                lease.release()

    @contextmanager
    def leadership(self, receiver_id: str) -> Iterator[RedisBook | None]:
        lease = _Lease(self._server, self._names.of(receiver_id, "leader"), self._lease_seconds)
        if not lease.take(noting=(self._names.shared("robots"), receiver_id)):
            yield None
            return
        try:
            yield RedisBook(self._server, self._names, lease, receiver_id)
        finally:
            lease.release()

    def wants_successor(self, receiver_id: str) -> bool:
        places = self._names.all_of(receiver_id, "leader", "wanted")
        with self._server.asked() as redis:
            return bool(redis.exists(*places) == len(places))

    @contextmanager
    def successor_slot(self, receiver_id: str) -> Iterator[bool | None]:
        with self._server.asked() as redis:
            wanted = redis.exists(self._names.of(receiver_id, "wanted"))
        lease = _Lease(self._server, self._names.of(receiver_id, "next"), _SUCCESSION_SECONDS)
        chosen = bool(wanted) and lease.take()
        try:
            yield chosen if wanted else None
        finally:
            if chosen:
                lease.release()

    def pause_of(self, receiver_id: str) -> LeadPause | None:
        with self._server.asked() as redis:
            noted = redis.get(self._names.of(receiver_id, "rest"))
        with suppress(ValueError):
            return None if noted is None else LeadPause.from_bytes(noted)
        return None

    def pending_mailboxes(self) -> Sequence[Mailbox]:
        with self._server.asked() as redis:
            names = sorted(_texts(redis.hkeys(self._names.shared("mailboxes"))))
            counting = redis.pipeline(transaction=False)
            for name in names:
                counting.hlen(self._names.of(name, "alerts"))
            waiting = [name for name, count in zip(names, _done(counting), strict=True) if count]
            return self._mailboxes(redis, waiting)

    def receivers(self) -> Sequence[str]:
        with self._server.asked() as redis:
            return sorted(_texts(redis.smembers(self._names.shared("robots"))))

    def mailboxes_of(self, receiver_id: str) -> Sequence[Mailbox]:
        with self._server.asked() as redis:
            return self._mailboxes(redis, _mailboxes_of(redis, self._names, receiver_id))

    def note_flush(self, at: float) -> None:
        with self._server.asked() as redis:
            _anyway(redis, "SET", self._names.shared("flushed"), repr(at))

    def last_flush(self) -> float | None:
        with self._server.asked() as redis:
            noted = redis.get(self._names.shared("flushed"))
        return None if noted is None else read_moment(noted)

    def pending_in(self, mailbox: Mailbox) -> int:
        """How many alerts wait in a mailbox, for people who look."""
        with self._server.asked() as redis:
            return int(redis.hlen(self._names.of(mailbox.name, "alerts")))

    def records_of(self, receiver_id: str) -> dict[Place, Any]:
        """The records of a robot's book without leading it, for people who look."""
        return _records_of(self._server, self._names, receiver_id)

    def may_lose(self) -> list[str]:
        """What of this server's settings may cost alerts that wait in it, for people; what it doesn't tell isn't said.

        :raises OutboxError: if it can't be asked.
        """
        from redis.exceptions import ResponseError

        self._server.see_kind()
        found: list[str] = []
        with self._server.asked() as redis:
            try:
                about = {**redis.info("persistence"), **redis.info("memory")}
            except ResponseError:
                return []  # somebody who may not ask
        if about.get("aof_enabled") == 0:
            found.append(_NO_APPENDONLY)
        policy = about.get("maxmemory_policy", "noeviction")
        if about.get("maxmemory") and policy != "noeviction":
            found.append(_EVICTS.format(policy=policy))
        return found

    def _open_incident(self, redis: Redis, incident: str, at: float) -> None:
        place, seconds = self._names.shared("open"), int(INCIDENT_SECONDS)
        redis.eval(_OPEN, 1, place, incident, seconds, self._most_incidents, repr(at))

    def _mailboxes(self, redis: Redis, names: Sequence[str]) -> list[Mailbox]:
        if not names:
            return []
        noted = redis.hmget(self._names.shared("mailboxes"), list(names))
        every = [self._mailbox(redis, name, each) for name, each in zip(names, noted, strict=True)]
        return [mailbox for mailbox in every if mailbox is not None]

    def _mailbox(self, redis: Redis, name: str, noted: bytes | None) -> Mailbox | None:
        """Which mailbox has this name; its alerts say so too, should the note be damaged or gone."""
        with suppress(ValueError, TypeError, RecursionError):
            return Mailbox.read(json.loads(noted))  # type: ignore[arg-type] # that of None is an error as well
        places = self._names.all_of(name, "alerts", "order")
        for _, _, alert in redis.eval(_ARRIVALS, 2, *places, 1):
            with suppress(ValueError):
                return Alert.from_json(alert).mailbox
        if noted is not None:
            _log.error("Nothing in %s says which connection %s is for.", self._names.shared("mailboxes"), name)
        return None


class RedisBook:
    """A :class:`~airflow_provider_dingpush.storage.contract.LedgerBook` in Redis, told the time by the server.

    :param server: that holds it.
    :param names: of its keys.
    :param lease: that makes this process the leader.
    :param robot: whose book it is.
    """

    def __init__(self, server: _Server, names: _Names, lease: _Lease, receiver_id: str) -> None:
        self._server = server
        self._names = names
        self._lease = lease
        self._receiver_id = receiver_id
        # By mailbox: what was only counted, and what of it is told; and what the next step of the book settles.
        self._counts: dict[str, tuple[int, int]] | None = None
        self._counted: dict[str, int] = {}

    def now(self) -> float:
        with self._server.asked() as redis:
            seconds, microseconds = redis.time()
        return float(seconds) + float(microseconds) / 1e6

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        self._lease.check_process()
        with self._server.asked() as redis:
            while oldest := self._oldest(redis, at_most):
                read = [(name, key, self._read(redis, name, key, body)) for _, name, key, body in oldest]
                alerts = [(f"{name}/{key.decode()}", alert) for name, key, alert in read if alert is not None]
                if alerts:
                    return alerts
        return []

    def overflow_count(self) -> int:
        # Most often the mailboxes were looked into a moment ago.
        counts, self._counts = self._counts, None
        if counts is None:
            with self._server.asked() as redis:
                self._oldest(redis, 0)
            counts, self._counts = self._counts or {}, None
        self._counted = {name: counted for name, (counted, _) in counts.items()}
        return sum(max(0, counted - told) for counted, told in counts.values())

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        self._lease.check_process()
        by_mailbox: dict[str, list[str]] = {}
        for ticket in tickets:
            name, _, key = ticket.partition("/")
            by_mailbox.setdefault(name, []).append(key)
        with self._server.asked() as redis:
            clearing = redis.pipeline(transaction=False)
            for name, keys in by_mailbox.items():
                self._take_out(clearing, name, keys, keep_as_dead=False)
            for name, counted in self._counted.items():
                _anyway(clearing, "SET", self._names.of(name, "told"), counted)
            _done(clearing)
        self._counted, self._counts = {}, None

    def load(self) -> dict[Place, Any]:
        self._lease.check_process()
        return _records_of(self._server, self._names, self._receiver_id)

    def write(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        self._lease.check_process()
        gone, forgotten = [json.dumps(place) for place in deletes], [each for each in forget if each]
        records = [text for place, value in puts.items() for text in (json.dumps(place), json.dumps(value))]
        arguments: tuple[str | int, ...] = (
            self._lease.token,
            REMEMBERED_SECONDS,
            len(gone),
            len(puts),
            len(forgotten),
            *gone,
            *records,
            *forgotten,
            *keys,
        )
        with self._server.asked() as redis:
            places = self._names.all_of(self._receiver_id, "leader", "book", "known", "names")
            done = redis.eval(_WRITE, len(places), *places, *arguments)
        if not done:
            raise self._lost()

    def known(self, keys: Sequence[str]) -> set[str]:
        with self._server.asked() as redis:
            found = redis.eval(_KNOWN, 1, self._names.of(self._receiver_id, "known"), REMEMBERED_SECONDS, *keys)
        return {key.decode() for key in found}

    def note_pause(self, pause: LeadPause | None) -> None:
        self._lease.check_process()
        milliseconds, note = 0, b""
        if pause is not None:
            milliseconds = round(1000 * min(pause.until - self.now(), LONGEST_PAUSE_SECONDS))
            note = pause.to_bytes()
        places = self._names.all_of(self._receiver_id, "leader", "rest")
        with self._server.asked() as redis:
            done = redis.eval(_NOTE_PAUSE, len(places), *places, self._lease.token, milliseconds, note)
        if not done:
            raise self._lost()

    def ask_for_successor(self, wanted: bool) -> None:
        self._lease.check_process()
        with self._server.asked() as redis:
            if wanted:
                place = self._names.of(self._receiver_id, "wanted")
                _anyway(redis, "SET", place, _PRESENT, "PX", _milliseconds(_SUCCESSION_SECONDS))
            else:
                redis.delete(self._names.of(self._receiver_id, "wanted"))

    def has_successor(self) -> bool:
        with self._server.asked() as redis:
            return bool(redis.exists(self._names.of(self._receiver_id, "next")))

    def keep(self, seconds: float) -> None:
        self._lease.keep(seconds)

    def _lost(self) -> LeadershipLostError:
        return LeadershipLostError(f"another process leads robot {self._receiver_id} by now, or may")

    def _oldest(self, redis: Redis, at_most: int) -> list[tuple[float, str, bytes, bytes]]:
        """When each alert came, its mailbox, its key and what was put."""
        names = _mailboxes_of(redis, self._names, self._receiver_id)
        asking = redis.pipeline(transaction=False)
        for name in names:
            asking.eval(_ARRIVALS, 2, *self._names.all_of(name, "alerts", "order"), at_most)
            asking.mget(self._names.all_of(name, "overflow", "told"))
        answers = _done(asking)
        self._counts = {
            name: (_count(counted), _count(told)) for name, (counted, told) in zip(names, answers[1::2], strict=True)
        }
        found = zip(names, answers[::2], strict=True)
        every = [(float(score), name, key, body) for name, rows in found for key, score, body in rows]
        return sorted(every)[:at_most]

    def _read(self, redis: Redis, name: str, key: bytes, body: bytes) -> Alert | None:
        try:
            key.decode()
            return Alert.from_json(body)
        except ValueError as problem:
            dead = self._names.of(name, "dead")
            _log.error("An alert can't be read (%s): it is set aside in the hash %s as %r.", problem, dead, key)
            self._take_out(redis, name, [key], keep_as_dead=True)
            return None

    def _take_out(self, redis: Redis, name: str, keys: Sequence[str | bytes], *, keep_as_dead: bool) -> None:
        places = self._names.all_of(name, "alerts", "order", "bytes", "dead")
        redis.eval(_TAKE_OUT, len(places), *places, int(keep_as_dead), *keys)


class _Names:
    """How keys are called.

    :param prefix: what all begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def shared(self, *parts: str) -> str:
        """A key that stands alone."""
        return ":".join((self._prefix, *parts))

    def of(self, slot: str, part: str) -> str:
        """A key that changes together with others of a mailbox or robot."""
        return f"{self._prefix}:{{{slot}}}:{part}"

    def all_of(self, slot: str, *parts: str) -> list[str]:
        return [self.of(slot, part) for part in parts]


class _Lease:
    """A key with a random token that runs out, unless it is kept.

    :param server: that holds it.
    :param key: its name.
    :param seconds: how long it lasts when taken, in seconds.
    """

    def __init__(self, server: _Server, key: str, seconds: float) -> None:
        self.token = uuid.uuid4().hex
        self._server = server
        self._key = key
        self._seconds = seconds
        self._process = os.getpid()

    def take(self, *, noting: tuple[str, str] | None = None) -> bool:
        """Take it, unless somebody has it.

        :param noting: a set and a member of it, to be added in the same round trip.
        """
        with self._server.asked() as redis:
            taking = redis.pipeline(transaction=False)
            taking.eval(_TAKE, 2, self._key, f"{self._key}:room", self.token, _milliseconds(self._seconds))
            if noting:
                _anyway(taking, "SADD", *noting)
            return bool(_done(taking)[0])

    def keep(self, seconds: float) -> None:
        """Let it last for so long at least, in seconds.

        :raises LeadershipLostError: if it ran out, or this is a forked child.
        """
        self.check_process()
        with self._server.asked() as redis:
            kept = redis.eval(_KEEP, 1, self._key, self.token, _milliseconds(max(seconds, self._seconds)))
        if not kept:
            raise LeadershipLostError(f"{self._key} ran out: another process leads by now, or may")

    def check_process(self) -> None:
        if self._process != os.getpid():
            raise LeadershipLostError(f"{self._key} is held by process {self._process}, and this is {os.getpid()}")

    def release(self) -> None:
        if self._process != os.getpid():
            return
        with suppress(OutboxError), self._server.asked() as redis:  # it runs out by itself
            redis.eval(_RELEASE, 1, self._key, self.token)


class _Server:
    """A Redis, whose troubles are told as those of an outbox and without its password."""

    def __init__(self, url: str) -> None:
        if importlib.util.find_spec("redis") is None:
            raise OutboxError("outbox_url needs redis-py: pip install 'airflow-provider-dingpush[redis]'")
        address = RedisUrl.read(url)
        self._place = address.place
        self._redis = self._connected(address)
        self._kind_is_seen = False

    def _connected(self, address: RedisUrl) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as NoConnectionError
        from redis.exceptions import RedisError
        from redis.retry import Retry

        try:
            redis = Redis.from_url(
                # Celery's URLs have other words for it: CERT_REQUIRED.
                re.sub(r"(?<=ssl_cert_reqs=)CERT_\w+", lambda word: word[0][5:].lower(), address.url),
                # A socket on this machine takes the other one, and redis-py 4.5 knows only that for it.
                **({} if address.url.startswith("unix:") else {"socket_connect_timeout": CONNECT_SECONDS}),
                # Newer ones look their own version up for each connection, to tell the server: 2 ms.
                **({"driver_info": None} if importlib.util.find_spec("redis.driver_info") else {}),
                socket_timeout=READ_SECONDS,
                # Once more on a connection that the server has closed meanwhile; one that is slow isn't asked twice.
                retry=Retry(NoBackoff(), 1, supported_errors=(NoConnectionError,)),
                retry_on_error=[NoConnectionError],
            )
            # Built and not opened: options that it doesn't know show now.
            redis.connection_pool.connection_class(**redis.connection_pool.connection_kwargs)
        except (ValueError, TypeError, RedisError):
            # Its text may quote the URL.
            raise OutboxError(
                f"[dingpush] outbox_url ({self._place}) has an option that redis-py doesn't know. It looks like "
                "redis://:password@host:6379/0, with a password that is percent-encoded."
            ) from None
        return redis

    @contextmanager
    def asked(self) -> Iterator[Redis]:
        from redis.exceptions import RedisError

        try:
            yield self._redis
        except RedisError as problem:
            if type(problem).__name__ in _OF_A_CLUSTER:
                raise self._refused("is one node of a Redis Cluster, and keeps only some of the keys") from None
            text = str(problem).partition(" script: ")[0].rstrip(".").replace("\n", " ")
            raise OutboxError(f"{self._place}: {text}. Look at the Redis that outbox_url names.") from None
        except (OSError, UnicodeError) as problem:
            # A name that no look-up takes, or a socket that isn't there.
            raise OutboxError(
                f"{self._place}: {type(problem).__name__}. Look at the Redis that outbox_url names."
            ) from None

    def see_kind(self) -> None:
        """See that this is a Redis that can keep alerts, and not one of several or one that only knows where it is.

        :raises OutboxError: if it isn't.
        """
        if self._kind_is_seen:
            return
        from redis.exceptions import ResponseError

        with self.asked() as redis:
            try:
                kind = redis.info("server").get("redis_mode")
                masters = int(redis.execute_command("CLUSTER INFO")["cluster_size"]) if kind == "cluster" else 1
            except (ResponseError, LookupError, TypeError, ValueError, AttributeError):
                return  # somebody who may not ask, or something that only speaks like a Redis: it is tried
        if kind == "sentinel":
            raise self._refused("is a Redis Sentinel, which only knows where the Redis is")
        if masters > 1:
            raise self._refused(f"is one of {masters} masters of a Redis Cluster, and keeps only some of the keys")
        self._kind_is_seen = True

    def quickly(self, ask: Callable[[], Any]) -> Any:
        """What an answer says, if round trips are quick enough to work with.

        :raises OutboxError: if they aren't.
        """
        took = []
        for question in (ask, *(_ROUND_TRIPS - 1) * (self._redis.ping,)):
            began = time.monotonic()
            answer = question()
            took.append(time.monotonic() - began)
            if len(took) == 1:
                first = answer
            if took[-1] <= SLOW_SECONDS:
                return first
        raise OutboxError(
            f"{self._place}: too slow to work with ({min(took):.1f} s for an answer). Look at the Redis that "
            "outbox_url names, and at the network to it."
        )

    def _refused(self, what: str) -> OutboxError:
        return OutboxError(
            f"{self._place} {what}: set [dingpush] outbox_url to a single Redis, or to an address that follows its "
            "master. 不支持 Redis Cluster 与 Sentinel，请将 outbox_url 指向单个 Redis 主节点。"
        )


def _anyway(redis: Redis, command: str, key: str, *arguments: str | int) -> None:
    """A command that adds a little, also when all memory is used up."""
    # Where a key has no braces, all of it says which slot it is in.
    room = f"{key}:room" if "{" in key else f"{{{key}}}:room"
    redis.eval(_ANYWAY, 2, key, room, command, *arguments)


def _done(pipeline: Redis) -> list[Any]:
    """What each command of a pipeline came to."""
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):  # as the server says it: the pipeline would quote the whole script
            raise answer
    return answers


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(value: bytes | None) -> str | None:
    """What is noted; ``None`` if that is nothing, or damaged."""
    try:
        return None if value is None else value.decode()
    except ValueError:
        return None


def _texts(values: Iterable[bytes]) -> list[str]:
    return [text for each in values if (text := _text(each)) is not None]


def _count(value: bytes | None) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return 0


def _mailboxes_of(redis: Redis, names: _Names, receiver_id: str) -> list[str]:
    """The names of the mailboxes that belong to a robot now."""
    found = sorted(_texts(redis.smembers(names.of(receiver_id, "mailboxes"))))
    asking = redis.pipeline(transaction=False)
    for name in found:
        asking.get(names.of(name, "robot"))
    return [name for name, owner in zip(found, _done(asking), strict=True) if _text(owner) == receiver_id]


def _records_of(server: _Server, names: _Names, receiver_id: str) -> dict[Place, Any]:
    book_name = names.of(receiver_id, "book")
    with server.asked() as redis:
        book = redis.hgetall(book_name)
    records = {}
    for field, value in book.items():
        try:
            kind, key = json.loads(field)
            records[str(kind), str(key)] = json.loads(value)
        except (ValueError, TypeError, RecursionError) as problem:
            _log.error("A record in the hash %s can't be read (%s): %.100r is left out.", book_name, problem, field)
    return records
