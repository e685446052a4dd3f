"""Work that many threads need at the same moment, and one of them does for all."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    """The first thread that asks does the work; whoever asks meanwhile waits for what comes of it.

    There is no lock in here: a process that is forked while another thread holds one would find it locked for ever. One
    that is forked while work is done doesn't wait for it, since the thread that does it stayed behind.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[int, Hashable], _Work[Result]] = {}

    def result(self, key: Hashable, work: Callable[[], Result], *, wait_seconds: float) -> Result:
        """What ``work`` returns or raises, in this thread or in the one that came first.

        :param key: what is the same work.
        :param wait_seconds: how long to wait for the other thread, in seconds.
        :raises TimeoutError: if that was too short.
        """
        place = (os.getpid(), key)
        mine: _Work[Result] = _Work()
        # In one step, so that two threads can't both come first.
        running = self._running.setdefault(place, mine)
        if running is mine:
            try:
                return mine.do(work)
            finally:
                del self._running[place]
                mine.over.set()
        if not running.over.wait(max(0.0, wait_seconds)):
            raise TimeoutError(f"not done within {wait_seconds:g} seconds")
        if running.problem is not None:
            # A copy: each thread writes its own traceback into what it raises.
            raise copy.copy(running.problem)
        if not running.results:
            # That thread was killed in the middle, by a task's timeout for example.
            return self.result(key, work, wait_seconds=wait_seconds)
        return running.results[0]


class _Work(Generic[Result]):
    """One piece of work, and what came of it."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.results: list[Result] = []
        self.problem: Exception | None = None

    def do(self, work: Callable[[], Result]) -> Result:
        try:
            self.results.append(work())
        except Exception as error:
            self.problem = error
            raise
        return self.results[0]
