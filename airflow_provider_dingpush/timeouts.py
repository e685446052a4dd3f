"""Limits on time: a deadline as one value, a call that is given up in time, and work that many wait for and one does.

Standard library only, and nothing of it that is not loaded anyway: DAG files load this module.
"""

from __future__ import annotations

import copy
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

Result = TypeVar("Result")

_IDLE_SECONDS = 5.0


class Deadline(NamedTuple):
    """A moment at which something must be over.

    :param at: when, by ``clock``.
    :param clock: seconds that only go forward.
    """

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline that is so many seconds from now."""
        return cls(clock() + seconds, clock)

    def seconds_left(self) -> float:
        """The seconds until then; negative when it is over."""
        return self.at - self.clock()

    def sub(self, seconds: float) -> Deadline:
        """The deadline of a part: so many seconds from now, but never later than the whole."""
        return Deadline(min(self.at, self.clock() + seconds), self.clock)


class WorkerThreads:
    """Threads that wait for calls, and end after five seconds without any.

    A limit that holds whatever the function waits for takes a second thread. A new one for each call would cost more
    than a whole POST over a connection that is kept open; one that waits for work costs a fifth of it.

    There is no lock in here: a process that is forked while another thread holds one would find it locked for ever.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._idle: deque[queue.SimpleQueue[_Call[object]]] = deque()

    def call_within(self, limit: float | Deadline, function: Callable[[], Result]) -> Result:
        """What the function returns or raises, if it does so in time; otherwise its thread goes on alone.

        :param limit: how long to wait for it: seconds, or a deadline.
        :raises TimeoutError: if that was too short.
        """
        call = _Call(function)
        self._free_thread().put(call)  # type: ignore[arg-type]
        return call.result_within(limit.seconds_left() if isinstance(limit, Deadline) else limit)

    def _free_thread(self) -> queue.SimpleQueue[_Call[object]]:
        if self._process != os.getpid():
            # Threads don't come along when a process is forked.
            self._process, self._idle = os.getpid(), deque()
        try:
            return self._idle.pop()
        except IndexError:
            calls: queue.SimpleQueue[_Call[object]] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(calls,), name="dingpush", daemon=True).start()
            return calls

    def _work(self, calls: queue.SimpleQueue[_Call[object]]) -> None:
        idle = self._idle
        while True:
            try:
                call = calls.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                try:
                    idle.remove(calls)
                except ValueError:
                    # Somebody took this thread a moment ago, so there is a call on its way.
                    call = calls.get()
                else:
                    return
            call.run()
            # Free again before the caller goes on, so that the caller's next call finds this thread.
            idle.append(calls)
            call.finished.release()
            del call


class _Call(Generic[Result]):
    """One call and its result."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._results: list[Result] = []
        self._problem: Exception | None = None
        self.finished = threading.Lock()
        self.finished.acquire()

    def run(self) -> None:
        try:
            self._results.append(self._function())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._problem = error

    def result_within(self, seconds: float) -> Result:
        if not self.finished.acquire(timeout=max(0.0, seconds)):
            raise TimeoutError(f"not done within {seconds:g} seconds")
        if self._problem is not None:
            raise self._problem
        return self._results[0]


class SingleFlight(Generic[Result]):
    """Work that many threads need at the same moment: the first one does it, the others wait for its result.

    There is no lock in here either. A process that is forked while work is done doesn't wait for it, since the thread
    that does it is in the parent.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[int, Hashable], _Flight[Result]] = {}

    def result(self, key: Hashable, work: Callable[[], Result], *, wait_seconds: float) -> Result:
        """What ``work`` returns or raises, in this thread or in the one that came first.

        :param key: what is the same work.
        :param wait_seconds: how long to wait for the other thread, in seconds.
        :raises TimeoutError: if that was too short.
        """
        place = (os.getpid(), key)
        mine: _Flight[Result] = _Flight()
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


class _Flight(Generic[Result]):
    """One piece of work and its result."""

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


call_within = WorkerThreads().call_within
"""Call a function with a time limit, in a thread of this process that is kept for the next call."""
