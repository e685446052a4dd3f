"""A request in progress: its current step, and whether its caller still waits for it.

The thread that sends a request can't be stopped when its caller returns. So one atomic step decides: if the caller
returns first, nothing of the message is written any more; if the message is being written first, the caller knows that
it may arrive.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import MutableSet
from enum import Enum
from typing import Any

# How long connecting may take: half of a request's time, but within these limits, because an upload has minutes.
_LEAST_CONNECT_SECONDS, _MOST_CONNECT_SECONDS = 3.0, 10.0
_ABANDONED, _WRITING = "abandoned", "writing"


class Step(Enum):
    """The steps of a request until its message is written: the text for a slow step, and for a failed one."""

    START = "it could not begin", "it could not begin"
    LOOKUP = "the name of {where} was not looked up", "the name of {where} could not be looked up"
    CONNECT = "{where} did not accept a connection", "{where} did not accept a connection"
    TUNNEL = "the proxy {where} did not connect to DingTalk", "the proxy {where} did not connect to DingTalk"
    TLS = "{where} did not finish the TLS handshake", "the TLS handshake with {where} failed"
    WRITE = "{where} accepted nothing of the message", "the connection to {where} broke before the message was sent"


class InFlight:
    """One request.

    :param limit_seconds: its time limit, in seconds from now.
    :param dead: addresses to try last; this request adds and removes some.
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
        self._where: tuple[object, ...] = ()
        # Which came first; ``setdefault`` decides it atomically, without a lock.
        self._decided: dict[str, str] = {}
        self._socket: socket.socket | None = None
        self._abandoned = False

    @property
    def is_abandoned(self) -> bool:
        """Whether its caller has returned, or its time is over."""
        return self._abandoned or time.monotonic() >= self._end

    @property
    def written(self) -> bool:
        """Whether the message, or a part of it, may have been written."""
        return self._decided.get("") == _WRITING

    def at(self, step: Step, *where: object) -> None:
        """Set the next step.

        :param where: host and port.
        """
        self._step, self._where = step, where

    def begin_connecting(self) -> None:
        """Start the time for connecting; the time that a busy process needed to load ``requests`` doesn't count."""
        self.connect_until = min(self._end, time.monotonic() + self.connect_seconds)

    def connect_seconds_left(self) -> float:
        """How long connecting may still take, in seconds; more than 0.

        :raises TimeoutError: if that is over or the caller has returned.
        """
        left = self.connect_until - time.monotonic()
        if left <= 0 or self._abandoned:
            raise TimeoutError("there is no time left to connect")
        return left

    def ordered(self, infos: list[Any]) -> list[Any]:
        """The addresses of a name, with those last that were dead the last time."""
        self._tried = tuple(dict.fromkeys(info[4] for info in infos))
        return sorted(infos, key=lambda info: info[4] in self._dead)

    def accepted(self, address: Any, slower: list[Any]) -> None:
        """Record which address has accepted a connection, and which were tried earlier but didn't."""
        self._address = address
        self._dead.discard(address)
        for each in slower:
            self._dead.add(each)

    def may_write(self, connection: socket.socket) -> float:
        """Begin to write the message; from here on it may arrive. Returns the seconds that are left.

        :raises TimeoutError: if its caller has returned or its time is over: then nothing may be written.
        """
        left = self._end - time.monotonic()
        self._socket = connection
        if self._decided.setdefault("", _WRITING if left > 0 else _ABANDONED) != _WRITING:
            raise TimeoutError("the caller of this request has returned")
        return left

    def release(self) -> None:
        """Forget the connection, which another request may use from now on."""
        self._socket = None

    def abandon(self) -> bool:
        """Abandon the request, and return whether the message may arrive nevertheless.

        If writing hasn't begun it never will, and the connection is shut down, so that its thread is free soon.
        """
        self._abandoned = True
        may_arrive = self._decided.setdefault("", _ABANDONED) == _WRITING
        self.failed()
        connection = self._socket
        if connection is not None:
            # The method of the plain class: that of a TLS socket would drop its TLS state while a thread writes to it.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        return may_arrive

    def failed(self) -> None:
        """Mark the connected address to be tried last the next time, if it failed."""
        if self._address is not None and not self.written and self._step is not Step.WRITE:
            self._dead.add(self._address)

    def why_not_sent(self, reason: str = "") -> str:
        """At which step it stopped, as a text.

        :param reason: the system's text, if it failed; empty if it was too slow.
        """
        slow, failed = self._step.value
        where = self._shown_where()
        if reason:
            return f"{failed.format(where=where)} ({reason})"
        took = min(time.monotonic() - self._began, self.limit_seconds)
        several = [str(each[0]) for each in self._tried]
        tried = (
            f" (tried {', '.join(several)})" if self._step is Step.CONNECT and several != [str(self._where[0])] else ""
        )
        return f"{slow.format(where=where)} within {took:.2g} s{tried}"

    def why_no_answer(self) -> str:
        """That the message was written and there was no answer, as a text."""
        return f"{self._shown_where()} did not answer within {self.limit_seconds:.3g} s after it was asked"

    def _shown_where(self) -> str:
        host, port = map(str, self._where or ("DingTalk", ""))
        words, _, name = host.rpartition(" ")
        name = name.strip("[]")
        shown = f"[{name}]" if ":" in name else name
        return f"{words} {shown}:{port}".strip(" :")

    def __enter__(self) -> None:
        """Assign connections that this thread uses in this block to this request."""
        _thread.request = self

    def __exit__(self, *_: object) -> None:
        _thread.request = None


class _OfThread(threading.local):
    request: InFlight | None = None


_thread = _OfThread()


def current() -> InFlight | None:
    """The request of this thread."""
    return _thread.request
