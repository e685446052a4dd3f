"""A request under way: how far it is, and whether anybody still waits for it.

The thread that sends a request can't be stopped when its caller leaves. So the two settle it between them, in one step:
once the caller has left, nothing of the message is written any more; once the message is being written, the caller
knows that it may arrive.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import MutableSet
from enum import Enum
from typing import Any

# How long connecting may take: half of a request's time, but not less or more than this. An upload has minutes.
_LEAST_CONNECT_SECONDS, _MOST_CONNECT_SECONDS = 3.0, 10.0
_CALLER_LEFT, _WRITING = "caller left", "writing"


class Step(Enum):
    """What a request does before its message is written: the words for it if that is slow, and if it fails."""

    START = "it could not begin", "it could not begin"
    LOOKUP = "the name of {place} was not looked up", "the name of {place} could not be looked up"
    CONNECT = "{place} did not accept a connection", "{place} did not accept a connection"
    TUNNEL = "the proxy {place} did not connect to DingTalk", "the proxy {place} did not connect to DingTalk"
    TLS = "{place} did not finish the TLS handshake", "the TLS handshake with {place} failed"
    WRITE = "{place} took nothing of the message", "the connection to {place} broke before the message was sent"


class InFlight:
    """One request.

    :param limit_seconds: the most that it may take in all, in seconds from now.
    :param dead: addresses that are better tried last; this request adds to them and takes from them.
    """

    def __init__(self, limit_seconds: float, dead: MutableSet[Any]) -> None:
        self._began = time.monotonic()
        self.limit_seconds = limit_seconds
        self.connect_seconds = min(
            limit_seconds, max(_LEAST_CONNECT_SECONDS, min(limit_seconds / 2, _MOST_CONNECT_SECONDS))
        )
        self._end = self.connect_until = self._began + limit_seconds
        self._dead = dead
        self._tried: tuple[Any, ...] = ()
        self._address: Any = None
        self._step = Step.START
        self._place: tuple[object, ...] = ()
        # Who came first; ``setdefault`` decides it in one step, without a lock.
        self._settled: dict[str, str] = {}
        self._socket: socket.socket | None = None
        self._gone = False

    @property
    def is_abandoned(self) -> bool:
        """Whether its caller has left, or its time is over."""
        return self._gone or time.monotonic() >= self._end

    @property
    def written(self) -> bool:
        """Whether the message, or some of it, may have been written."""
        return self._settled.get("") == _WRITING

    def at(self, step: Step, *place: object) -> None:
        """Note what comes next.

        :param place: host and port.
        """
        self._step, self._place = step, place

    def begin_connecting(self) -> None:
        """Its time for that begins; what a busy process took to load ``requests`` doesn't count."""
        self.connect_until = min(self._end, time.monotonic() + self.connect_seconds)

    def connect_seconds_left(self) -> float:
        """How long connecting may still take, in seconds; more than 0.

        :raises TimeoutError: if that is over or nobody waits any more.
        """
        left = self.connect_until - time.monotonic()
        if left <= 0 or self._gone:
            raise TimeoutError("there is no time left to connect")
        return left

    def ordered(self, infos: list[Any]) -> list[Any]:
        """The addresses of a name, those last that were dead the last time."""
        self._tried = tuple(dict.fromkeys(info[4] for info in infos))
        return sorted(infos, key=lambda info: info[4] in self._dead)

    def accepted(self, address: Any, slower: list[Any]) -> None:
        """Note which address has accepted a connection, and which didn't although they were asked before it."""
        self._address = address
        self._dead.discard(address)
        for each in slower:
            self._dead.add(each)

    def may_write(self, connection: socket.socket) -> float:
        """Begin to write the message; from here on it may arrive. Returns the seconds that are left.

        :raises TimeoutError: if its caller has left or its time is over: then nothing may be written.
        """
        left = self._end - time.monotonic()
        self._socket = connection
        if self._settled.setdefault("", _WRITING if left > 0 else _CALLER_LEFT) != _WRITING:
            raise TimeoutError("nobody waits for this request any more")
        return left

    def let_go(self) -> None:
        """Its connection may be another request's from now on."""
        self._socket = None

    def leave(self) -> bool:
        """Its caller leaves: whether the message may arrive nevertheless.

        What isn't written yet never will be, and the connection is cut, so that its thread is free soon.
        """
        self._gone = True
        may_arrive = self._settled.setdefault("", _CALLER_LEFT) == _WRITING
        self.failed()
        connection = self._socket
        if connection is not None:
            # That of the plain class: a TLS socket would first forget that it is one, beneath whoever writes to it.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        return may_arrive

    def failed(self) -> None:
        """Try the address that was connected to last the next time, if it is at fault."""
        if self._address is not None and not self.written and self._step is not Step.WRITE:
            self._dead.add(self._address)

    def why_not_sent(self, reason: str = "") -> str:
        """At which step it stopped, for people.

        :param reason: the system's words for it, if it failed; without any it was too slow.
        """
        slow, failed = self._step.value
        place = self._written_place()
        if reason:
            return f"{failed.format(place=place)} ({reason})"
        took = min(time.monotonic() - self._began, self.limit_seconds)
        several = [str(each[0]) for each in self._tried]
        tried = (
            f" (tried {', '.join(several)})" if self._step is Step.CONNECT and several != [str(self._place[0])] else ""
        )
        return f"{slow.format(place=place)} within {took:.2g} s{tried}"

    def why_no_answer(self) -> str:
        """That it was written and nothing came back, for people."""
        return f"{self._written_place()} did not answer within {self.limit_seconds:.3g} s after it was asked"

    def _written_place(self) -> str:
        host, port = map(str, self._place or ("DingTalk", ""))
        words, _, name = host.rpartition(" ")
        name = name.strip("[]")
        shown = f"[{name}]" if ":" in name else name
        return f"{words} {shown}:{port}".strip(" :")

    def __enter__(self) -> None:
        """Connections that this thread uses in this block belong to this request."""
        _thread.request = self

    def __exit__(self, *_: object) -> None:
        _thread.request = None


class _OfThread(threading.local):
    request: InFlight | None = None


_thread = _OfThread()


def current() -> InFlight | None:
    """The request that this thread is at."""
    return _thread.request
