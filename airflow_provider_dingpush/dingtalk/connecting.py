"""A connection to the first address of a host that accepts one (RFC 8305, "Happy Eyeballs").

A name may have several addresses, and the first ones may be dead: a packet filter that drops, an IPv6 without a route.
Trying them one after the other would use up the time limit, so the next is tried while the others are still pending.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

AddressInfo = tuple[int, int, int, str, Any]
"""One entry of ``socket.getaddrinfo``."""

_NEXT_AFTER_SECONDS = 0.25


def first_to_accept(
    infos: Sequence[AddressInfo], *, until: float, prepare: Callable[[socket.socket], None]
) -> tuple[socket.socket, Any]:
    """The connected socket of the first address that accepts, and that address; nothing is written to any.

    After a refusal the next address is tried at once, otherwise after a quarter of a second.

    :param infos: the addresses, in the order in which to try them.
    :param until: the deadline, in seconds of ``time.monotonic``.
    :param prepare: sets the options of a new socket.
    :raises TimeoutError: if none has accepted by then.
    :raises OSError: that of the last one, if all have refused.
    """
    waiting = list(infos)
    # Short enough to try all of them in time.
    pause = min(_NEXT_AFTER_SECONDS, max(0.0, until - time.monotonic()) / (len(waiting) + 1))
    next_at = time.monotonic()
    problem: OSError = OSError("the name has no address")
    with selectors.DefaultSelector() as pending:
        try:
            while waiting or pending.get_map():
                now = time.monotonic()
                if now >= until:
                    raise TimeoutError("no address has accepted a connection in time")
                if waiting and (now >= next_at or not pending.get_map()):
                    next_at = now + pause
                    try:
                        _begin(waiting.pop(0), prepare, pending)
                    except OSError as error:
                        problem = error
                    continue
                for key, _ in pending.select((min(until, next_at) if waiting else until) - now):
                    candidate: socket.socket = key.fileobj  # type: ignore[assignment]
                    pending.unregister(candidate)
                    code = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        return candidate, key.data
                    candidate.close()
                    problem = OSError(code, os.strerror(code))
        finally:
            for key in list(pending.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
    raise problem


def _begin(info: AddressInfo, prepare: Callable[[socket.socket], None], pending: selectors.BaseSelector) -> None:
    family, kind, protocol, _, address = info
    candidate = socket.socket(family, kind, protocol)
    try:
        prepare(candidate)
        candidate.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            candidate.connect(address)
        pending.register(candidate, selectors.EVENT_WRITE, address)
    except BaseException:
        candidate.close()
        raise
