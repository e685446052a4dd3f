"""A Redis as the store uses it: scripts that it knows already, and errors that say what to do and no password."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.redis.url import RedisUrl

Redis: TypeAlias = Any
"""redis-py's client: what its commands are annotated to return changes with its version."""
Value: TypeAlias = "str | bytes | int | float"

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
SLOW_SECONDS = 0.15
"""A Redis whose round trips take longer than this, in seconds, counts as one that is away."""

# The best of so many round trips counts: a busy machine makes a single one slow.
_ROUND_TRIPS = 3
# By name: redis-py has not had all of them always.
_OF_A_CLUSTER = {"MovedError", "AskError", "ClusterCrossSlotError"}
_SCRIPTS = Path(__file__).with_name("scripts")


class Call:
    """A script to be run, or a command.

    :param name: of the script, which is a file of ``scripts/``; or the command, in capitals.
    :param keys: of the script; all in one slot.
    :param arguments: what follows.
    """

    def __init__(self, name: str, keys: Sequence[str] = (), *arguments: Value) -> None:
        self.name = name
        self._rest = (*keys, *arguments)
        self._keys = len(keys)

    def command(self, *, whole: bool) -> tuple[Value, ...]:
        """What is sent.

        :param whole: send the text of the script, because the server doesn't know it.
        """
        if self.name.isupper():
            return self.name, *self._rest
        text, digest = _script(self.name)
        return ("EVAL", text, self._keys, *self._rest) if whole else ("EVALSHA", digest, self._keys, *self._rest)


@lru_cache(maxsize=32)
def _script(name: str) -> tuple[str, str]:
    """The text of a script, and the name under which the server knows it."""
    text = (_SCRIPTS / f"{name}.lua").read_text("utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """A Redis, whose troubles become those of an outbox, without its password.

    :param url: as redis-py and Celery take it.
    :raises OutboxError: if the URL is none, or redis-py isn't installed.
    """

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
                # Newer ones look their own version up for each connection, to name it to the server: 2 ms.
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

    def run(self, *calls: Call) -> list[Any]:
        """Run scripts and commands in one round trip; what each returned.

        :raises OutboxError: if one fails.
        """
        if not calls:
            return []
        with self.asked() as redis:
            answers = _piped(redis, [call.command(whole=False) for call in calls])
            unknown = [number for number, answer in enumerate(answers) if _is_unknown_script(answer)]
            if unknown:
                # Nobody has used this server since it was started; one more round trip, and it knows all of them.
                loads = [("SCRIPT LOAD", path.read_text("utf-8")) for path in sorted(_SCRIPTS.glob("*.lua"))]
                whole = [calls[number].command(whole=True) for number in unknown]
                again = _piped(redis, [*whole, *loads])
                for number, answer in zip(unknown, again, strict=False):
                    answers[number] = answer
            for answer in answers:
                if isinstance(answer, Exception):  # as the server says it: the pipeline would quote the whole script
                    raise answer
        return answers

    @contextmanager
    def asked(self) -> Iterator[Redis]:
        """The client; what it raises becomes an :class:`OutboxError`."""
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


def _piped(redis: Redis, commands: Iterable[tuple[Value, ...]]) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    return answers


def _is_unknown_script(answer: object) -> bool:
    return type(answer).__name__ == "NoScriptError"
