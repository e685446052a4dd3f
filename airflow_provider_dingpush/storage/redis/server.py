"""The client of a Redis: scripts sent by their digest, and errors with a remedy and without the password."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.redis.url import RedisUrl

Redis: TypeAlias = Any
"""redis-py's client; the return types of its commands change with its version."""
Value: TypeAlias = "str | bytes | int | float"

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
SLOW_SECONDS = 0.15
"""A Redis with slower round trips than this, in seconds, counts as unavailable."""

# The fastest of so many round trips counts: on a busy machine a single one may be slow.
_ROUND_TRIPS = 3
# By name, because older versions of redis-py lack some of them.
_OF_A_CLUSTER = {"MovedError", "AskError", "ClusterCrossSlotError"}
_SCRIPTS = Path(__file__).with_name("scripts")

_CHECK_REDIS = "Check the Redis of outbox_url. 请检查 outbox_url 指向的 Redis。"


class Call:
    """A call of a script or a command.

    :param name: of the script, which is a file of ``scripts/``; or the command, in capitals.
    :param keys: of the script; all in one slot.
    :param arguments: after the keys.
    """

    def __init__(self, name: str, keys: Sequence[str] = (), *arguments: Value) -> None:
        self.name = name
        self._rest = (*keys, *arguments)
        self._keys = len(keys)

    def command(self, *, whole: bool) -> tuple[Value, ...]:
        """The command to send.

        :param whole: send the text of the script, because the server doesn't have it.
        """
        if self.name.isupper():
            return self.name, *self._rest
        text, digest = _script(self.name)
        return ("EVAL", text, self._keys, *self._rest) if whole else ("EVALSHA", digest, self._keys, *self._rest)


@lru_cache(maxsize=32)
def _script(name: str) -> tuple[str, str]:
    """The text of a script, and its digest, by which the server finds it."""
    text = (_SCRIPTS / f"{name}.lua").read_text("utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """The client of one Redis, whose errors become :class:`OutboxError` without the password.

    :param url: as redis-py and Celery take it.
    :raises OutboxError: if the URL isn't valid, or redis-py isn't installed.
    """

    def __init__(self, url: str) -> None:
        if importlib.util.find_spec("redis") is None:
            raise OutboxError(
                "outbox_url needs redis-py: pip install 'airflow-provider-dingpush[redis]'",
                problem_zh="outbox_url 需要 redis-py：pip install 'airflow-provider-dingpush[redis]'",
            )
        address = RedisUrl.read(url)
        self._location = address.location
        self._redis = self._connected(address)
        self._kind_is_checked = False
        # What was sent without waiting: the process that did, its connection, and how many answers come.
        self._sent: list[tuple[int, Redis, int]] = []

    def _connected(self, address: RedisUrl) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as NoConnectionError
        from redis.exceptions import RedisError
        from redis.retry import Retry

        try:
            redis = Redis.from_url(
                _in_words_of_redis_py(address.url),
                # A Unix socket uses socket_timeout only, and redis-py 4.5 refuses the other one.
                **({} if address.url.startswith("unix:") else {"socket_connect_timeout": CONNECT_SECONDS}),
                **_options_of_newer_versions(),
                socket_timeout=READ_SECONDS,
                # One retry if the server has closed the connection meanwhile; none after a timeout.
                retry=Retry(NoBackoff(), 1, supported_errors=(NoConnectionError,)),
                retry_on_error=[NoConnectionError],
            )
            # Built but not opened, so that unknown options raise now.
            redis.connection_pool.connection_class(**redis.connection_pool.connection_kwargs)
        except (ValueError, TypeError, RedisError):
            # Its text may quote the URL.
            raise OutboxError(
                f"[dingpush] outbox_url ({self._location}) has an option that redis-py doesn't support. It looks "
                "like redis://:password@host:6379/0, with a password that is percent-encoded."
            ) from None
        return redis

    def run(self, *calls: Call) -> list[Any]:
        """Run scripts and commands in one round trip; returns the result of each.

        :raises OutboxError: if one fails.
        """
        if not calls:
            return []
        with self.client() as redis:
            self._read_answers(waits=True)
            answers = _piped(redis, [call.command(whole=False) for call in calls])
            unknown = [number for number, answer in enumerate(answers) if _is_unknown_script(answer)]
            if unknown:
                # The first use since the server was started: one more round trip loads all scripts.
                loads = [("SCRIPT LOAD", path.read_text("utf-8")) for path in sorted(_SCRIPTS.glob("*.lua"))]
                whole = [calls[number].command(whole=True) for number in unknown]
                again = _piped(redis, [*whole, *loads])
                for number, answer in zip(unknown, again, strict=False):
                    answers[number] = answer
            for answer in answers:
                if isinstance(answer, Exception):  # the server's text; the pipeline's would quote the whole script
                    raise answer
        return answers

    def send(self, *calls: Call) -> None:
        """Run scripts and commands without waiting for their results, which nobody sees.

        Scripts are sent whole, because nobody would see that the server doesn't have them.

        :raises OutboxError: if the server can't be reached.
        """
        if not calls:
            return
        commands = [call.command(whole=True) for call in calls]
        with self.client() as redis:
            # A client with one connection for itself, which has no other use until all answers are read.
            alone, answers = self._read_answers(waits=False) or (redis.client(), 0)
            alone.connection.send_packed_command(alone.connection.pack_commands(commands))
            self._sent.append((os.getpid(), alone, answers + len(calls)))

    def _read_answers(self, *, waits: bool) -> tuple[Redis, int] | None:
        """Read the answers to what was sent, which have most often arrived long since, and free its connection.

        :param waits: for those that have not arrived; otherwise their client and number is returned.
        """
        from redis.exceptions import ConnectionError as NoConnectionError
        from redis.exceptions import ResponseError

        while self._sent:
            process, alone, answers = self._sent.pop()
            with suppress(NoConnectionError):  # it may have been closed meanwhile
                while answers and process == os.getpid():  # a forked child leaves them to its parent
                    if not waits and not alone.connection.can_read():
                        return alone, answers
                    with suppress(ResponseError):
                        alone.connection.read_response()
                    answers -= 1
            alone.close()
        return None

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """The client; its errors become an :class:`OutboxError`."""
        from redis.exceptions import RedisError

        try:
            yield self._redis
        except RedisError as problem:
            if type(problem).__name__ in _OF_A_CLUSTER:
                raise self._refused("is one node of a Redis Cluster, and keeps only some of the keys") from None
            text = str(problem).partition(" script: ")[0].rstrip(".").replace("\n", " ")
            raise OutboxError(
                f"{self._location}: {text}.", _CHECK_REDIS, problem_zh=f"{self._location}：{text}。"
            ) from None
        except (OSError, UnicodeError) as problem:
            # A host name that can't be looked up, or a socket that doesn't exist.
            what = type(problem).__name__
            raise OutboxError(
                f"{self._location}: {what}.", _CHECK_REDIS, problem_zh=f"{self._location}：{what}。"
            ) from None

    def check_kind(self) -> None:
        """Check that this is a single Redis that can keep alerts, and neither a Sentinel nor one node of a cluster.

        :raises OutboxError: if it isn't.
        """
        if self._kind_is_checked:
            return
        from redis.exceptions import ResponseError

        with self.client() as redis:
            try:
                kind = redis.info("server").get("redis_mode")
                masters = int(redis.execute_command("CLUSTER INFO")["cluster_size"]) if kind == "cluster" else 1
            except (ResponseError, LookupError, TypeError, ValueError, AttributeError):
                return  # INFO isn't allowed, or this is a compatible server: it is tried
        if kind == "sentinel":
            raise self._refused("is a Redis Sentinel, which keeps no data")
        if masters > 1:
            raise self._refused(f"is one of {masters} masters of a Redis Cluster, and keeps only some of the keys")
        self._kind_is_checked = True

    def run_if_fast(self, command: Callable[[], Any]) -> Any:
        """The result of a command, if round trips are fast enough.

        :raises OutboxError: if they aren't.
        """
        took = []
        for each in (command, *(_ROUND_TRIPS - 1) * (self._redis.ping,)):
            began = time.monotonic()
            answer = each()
            took.append(time.monotonic() - began)
            if len(took) == 1:
                first = answer
            if took[-1] <= SLOW_SECONDS:
                return first
        raise OutboxError(
            f"{self._location}: too slow ({min(took):.1f} s for a round trip). Check the Redis of outbox_url, and the "
            "network to it."
        )

    def _refused(self, what: str) -> OutboxError:
        return OutboxError(
            f"{self._location} {what}: set [dingpush] outbox_url to a single Redis, or to an address that follows its "
            "master. 不支持 Redis Cluster 与 Sentinel，请将 outbox_url 指向单个 Redis 主节点。"
        )


def _in_words_of_redis_py(url: str) -> str:
    """A URL of Celery has other values for one option: CERT_REQUIRED."""
    for word in ("NONE", "OPTIONAL", "REQUIRED"):
        url = url.replace(f"ssl_cert_reqs=CERT_{word}", f"ssl_cert_reqs={word.lower()}")
    return url


def _options_of_newer_versions() -> dict[str, Any]:
    """With which a connection is opened without waiting for further answers, if no password and database are set.

    Since 5.0 redis-py reports its own version to the server, which takes 2 ms to look up and two answers; since 8 it
    greets the server in another protocol, which takes two as well.
    """
    if importlib.util.find_spec("redis._parsers") is None:
        return {}
    if importlib.util.find_spec("redis.driver_info") is None:
        return {"protocol": 2, "lib_name": None, "lib_version": None}
    return {"protocol": 2, "driver_info": None}


def _piped(redis: Redis, commands: Iterable[tuple[Value, ...]]) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    return answers


def _is_unknown_script(answer: object) -> bool:
    return type(answer).__name__ == "NoScriptError"
