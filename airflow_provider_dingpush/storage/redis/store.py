"""The store of many machines, in Redis.

::

    dingpush:labels              hash: box -> its label
    dingpush:books               set: the names of all books
    dingpush:{<box>}:mail        hash: id -> body
    dingpush:{<box>}:order       sorted set: id by its time of arrival
    dingpush:{<box>}:bytes       size of all its bodies
    dingpush:{<box>}:overflow    how many bodies were ever refused
    dingpush:{<box>}:acknowledged     how many of them are acknowledged
    dingpush:{<box>}:dead        hash: bodies that were set aside
    dingpush:{<of>}:<kind>       a lock: the token of its holder; expires
    dingpush:{<book>}:records    hash: kind and key -> record
    dingpush:{<book>}:known      sorted set: keys by when they were remembered
    dingpush:{<book>}:names      sorted set: the same keys by name
    dingpush:{<family>}:until    sorted set: notes by when they expire
    dingpush:{<family>}:values   hash: note -> its value, if it has one

Keys that change in one step have the same braces, so that a cluster keeps them in one slot. Every write to a book
checks in the same step that the writer still holds its lock. Emptying a box doesn't: it only follows such a write.

A body is as safe as Redis is: with ``appendonly yes`` it survives a restart, with an eviction policy it may vanish.

A slow Redis counts as unavailable before anything is written to it: leading takes about thirty round trips, and a
callback has a few seconds. So it is known whether a body is stored, and it can be put into another store if not.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.storage.contract import (
    REMEMBERED_SECONDS,
    Bound,
    Change,
    Listing,
    Lock,
    Mail,
    PutResult,
    RecordId,
    Records,
)
from airflow_provider_dingpush.storage.notes import FoundNote, Note
from airflow_provider_dingpush.storage.redis.notes import PREFIX, RedisNotes, key, text_of
from airflow_provider_dingpush.storage.redis.server import Call, Server

_PUT_RESULTS = {1: PutResult.KEPT, 0: PutResult.REFUSED, -1: PutResult.REPEATED}
_NO_APPENDONLY = (
    "this Redis writes no append-only file: when it is killed, its pending alerts are lost, except for those "
    "of its last snapshot, and what was sent may be sent again. Set `appendonly yes` in its configuration, or at once: "
    "redis-cli CONFIG SET appendonly yes, then CONFIG REWRITE. 未开启 AOF，Redis 被杀时会丢失待发送的告警，请开启。"
)
_EVICTS = (
    "this Redis may drop alerts when its memory is full (maxmemory-policy {policy}). Set maxmemory-policy noeviction: "
    "then it refuses them instead, and they wait in files. 内存淘汰策略可能丢弃告警，请改为 noeviction。"
)

_log = logging.getLogger(__name__)


class RedisStore:
    """A :class:`~airflow_provider_dingpush.storage.contract.Store` that many machines share.

    :param url: ``redis://``, ``rediss://`` or ``unix://``, as redis-py and Celery take it.
    :param prefix: of all keys, so that other programs and several Airflows can share a Redis.
    :raises OutboxError: if the URL isn't valid, or redis-py isn't installed.
    """

    def __init__(self, url: str, *, prefix: str = PREFIX) -> None:
        self._server = Server(url)
        self._prefix = prefix
        self._notes = RedisNotes(self._server, prefix=prefix)

    def now(self) -> float:
        ((seconds, microseconds),) = self._server.run(Call("TIME"))
        return float(seconds) + float(microseconds) / 1e6

    def risks(self) -> Sequence[str]:
        """Settings of this server that may lose mail, as far as it reports them."""
        from redis.exceptions import ResponseError

        self._server.check_kind()
        found: list[str] = []
        with self._server.client() as redis:
            try:
                about = {**redis.info("persistence"), **redis.info("memory")}
            except ResponseError:
                return []  # INFO isn't allowed
        if about.get("aof_enabled") == 0:
            found.append(_NO_APPENDONLY)
        policy = about.get("maxmemory_policy", "noeviction")
        if about.get("maxmemory") and policy != "noeviction":
            found.append(_EVICTS.format(policy=policy))
        return found

    # mail

    def put(
        self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Sequence[Note] = ()
    ) -> PutResult:
        keys = self._keys(box, "mail", "order", "bytes", "overflow")
        self._server.check_kind()
        with self._server.client() as redis:
            if self._server.run_if_fast(lambda: redis.hexists(keys[0], key)):
                return PutResult.REPEATED
        *_, result = self._server.run(
            Call("HSET", [self._key("labels")], box, label),
            *(self._notes.setting(note) for note in notes),
            Call("put", keys, key, body, bound.bodies, bound.size),
        )
        return _PUT_RESULTS[result]

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        calls = [Call("mail", self._keys(box, "mail", "order", "overflow", "acknowledged"), at_most) for box in boxes]
        answers = dict(zip(boxes, self._server.run(*calls), strict=True))
        found = ((box, row) for box, (_, _, rows) in answers.items() for row in rows)
        oldest = sorted((float(at), box, mail_id, body) for box, (at, mail_id, body) in found)
        counts = {box: (_count(refused), _count(acknowledged)) for box, (refused, acknowledged, _) in answers.items()}
        return Listing(
            [Mail(box, text_of(mail_id), body) for _, box, mail_id, body in oldest[:at_most]],
            {box: max(0, refused - acknowledged) for box, (refused, acknowledged) in counts.items()},
            {box: refused for box, (refused, _) in counts.items()},
        )

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        self._server.run(
            *(self._removing(box, ids.get(box, ()), acknowledged=marks.get(box, 0)) for box in {**ids, **marks})
        )

    def set_aside(self, box: str, mail_id: str) -> str:
        self._server.run(self._removing(box, [mail_id], aside=True))
        return f"{mail_id!r} of the hash {self._key('dead', box)}"

    def labels(self) -> Mapping[str, bytes | None]:
        (found,) = self._server.run(Call("HGETALL", [self._key("labels")]))
        labels = {text_of(box): label for box, label in found.items()}
        counts = self._server.run(*(Call("HLEN", [self._key("mail", box)]) for box in labels))
        return {box: label for (box, label), count in zip(labels.items(), counts, strict=True) if count}

    def count(self, box: str) -> int:
        return int(self._server.run(Call("HLEN", [self._key("mail", box)]))[0])

    # lock

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:
        lock = RedisLock(self._server, self._key(kind, of), seconds)
        books = self._key("books")
        # A key without braces has its own slot.
        noting = [Call("add_name", [books, f"{{{books}}}:unused"], of)] if opens_book else []
        return lock if lock.take(*noting) else None

    def is_locked(self, kind: str, of: str) -> bool:
        return bool(self._server.run(Call("EXISTS", [self._key(kind, of)]))[0])

    # records

    def records(self, book: str, lock: Lock) -> Records:
        if not isinstance(lock, RedisLock):
            raise TypeError("this lock is of another store")
        keys = self._keys(book, "records", "known", "names")
        return RedisRecords(self._server, book, keys, lock, self._key("books"))

    def read(self, book: str) -> dict[RecordId, Any]:
        return _records(self._server, self._key("records", book))

    def books(self) -> Sequence[str]:
        return sorted(text_of(each) for each in self._server.run(Call("SMEMBERS", [self._key("books")]))[0])

    # notes

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:
        self._notes.set_notes(notes, waits=waits)

    def note(self, family: str, name: str) -> FoundNote | None:
        return self._notes.note(family, name)

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        return self._notes.notes(family, at_most)

    def remove_notes(self, names: Iterable[tuple[str, str]], *, waits: bool = True) -> None:
        self._notes.remove_notes(names, waits=waits)

    # inside

    def _key(self, part: str, slot: str | None = None) -> str:
        return key(self._prefix, part, slot)

    def _keys(self, slot: str, *parts: str) -> list[str]:
        return [self._key(part, slot) for part in parts]

    def _removing(self, box: str, ids: Sequence[str], *, acknowledged: int = 0, aside: bool = False) -> Call:
        keys = self._keys(box, "mail", "order", "bytes", "dead", "acknowledged")
        return Call("remove", keys, int(aside), acknowledged, *map(_bytes, ids))


class RedisLock:
    """A key with a random token that expires unless it is kept.

    :param server: that has it.
    :param key: its name.
    :param seconds: how long it lasts when taken, in seconds.
    """

    def __init__(self, server: Server, key: str, seconds: float) -> None:
        self.token = uuid.uuid4().hex
        self.key = key
        self._server = server
        self._seconds = seconds
        self._process = os.getpid()

    def take(self, *further: Call) -> bool:
        """Take it, unless another process has it.

        :param further: run in the same round trip.
        """
        keys = [self.key, f"{self.key}:unused"]
        return bool(self._server.run(Call("take", keys, self.token, _milliseconds(self._seconds)), *further)[0])

    def check(self) -> None:
        """Check that this is no forked child; every write to a book checks that the lock has not expired.

        :raises LeadershipLostError: if it is one.
        """
        if self._process != os.getpid():
            raise LeadershipLostError(f"{self.key} is held by process {self._process}, and this is {os.getpid()}")

    def keep(self, seconds: float) -> None:
        """Hold it for at least so long, in seconds, and at least as long as when it was taken.

        :raises LeadershipLostError: if it expired, or this is a forked child.
        """
        self.check()
        if not self._server.run(Call("keep", [self.key], self.token, _milliseconds(max(seconds, self._seconds))))[0]:
            raise LeadershipLostError(f"{self.key} expired: another process may lead")

    def release(self) -> None:
        """Release it; a second call does nothing."""
        if self._process == os.getpid():
            with suppress(OutboxError):  # it expires by itself
                self._server.run(Call("release", [self.key], self.token))


class RedisRecords:
    """The :class:`~airflow_provider_dingpush.storage.contract.Records` of one book.

    :param server: that has them.
    :param book: its name.
    :param keys: Redis keys of its records, of the remembered keys by time, and of the same by name.
    :param lock: must be held to write.
    :param books: the set of all books.
    """

    def __init__(self, server: Server, book: str, keys: Sequence[str], lock: RedisLock, books: str) -> None:
        self._server = server
        self._book = book
        self._keys = keys
        self._lock = lock
        self._books = books

    def load(self) -> dict[RecordId, Any]:
        return _records(self._server, self._keys[0])

    def write(self, change: Change) -> None:
        self._lock.check()
        puts = [text for record_id, value in change.puts.items() for text in map(json.dumps, (record_id, value))]
        deletes = list(map(json.dumps, change.deletes))
        counts = len(deletes), len(change.puts), len(change.forget), len(change.forget_prefixes)
        rows = (*deletes, *puts, *change.forget, *change.forget_prefixes, *change.remember)
        keys = [self._lock.key, *self._keys]
        if not self._server.run(Call("write", keys, self._lock.token, REMEMBERED_SECONDS, *counts, *rows))[0]:
            raise LeadershipLostError(f"another process may lead receiver {self._book}")

    def known(self, keys: Sequence[str]) -> set[str]:
        (found,) = self._server.run(Call("known", [self._keys[1]], REMEMBERED_SECONDS, *keys))
        return {key.decode() for key in found}

    def newest_keys(self, at_most: int) -> list[str]:
        (found,) = self._server.run(Call("ZREVRANGE", [self._keys[1]], 0, at_most - 1))
        return [text_of(key) for key in found]

    def drop(self) -> None:
        self._lock.keep(0.0)
        self._server.run(*(Call("DEL", [key]) for key in self._keys), Call("SREM", [self._books], self._book))

    def close(self) -> None:
        """Does nothing: nothing is open."""


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _count(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        return 0


def _records(server: Server, key: str) -> dict[RecordId, Any]:
    records = {}
    for field, value in server.run(Call("HGETALL", [key]))[0].items():
        try:
            kind, name = json.loads(field)
            records[str(kind), str(name)] = json.loads(value)
        except (ValueError, TypeError, RecursionError) as problem:
            _log.error("A record in the hash %s can't be read (%s): %.100r is skipped.", key, problem, field)
    return records
