"""Time limits: a deadline as one value, calls with a time limit, and work that one thread does for many.

Only modules of the standard library that are loaded anyway, because DAG files load this module.
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

LEAST_POST_SECONDS = 0.2
"""A POST that gets less time than this, in seconds, can only end in an unknown outcome."""

END_OF_TIME = 253_402_300_800.0
"""The year 10000, in seconds since 1970, which ``datetime`` can't represent; a damaged file may contain any number."""

_IDLE_SECONDS = 5.0


class Deadline(NamedTuple):
    """A time by which something must be done.

    :param at: by ``clock``, in seconds.
    :param clock: monotonic seconds.
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

    A time limit on any function needs a second thread. Starting one for each call would take longer than a POST over a
    connection that is kept open; a waiting thread needs a fifth of that.

    No lock is used: if a process is forked while another thread holds one, it stays locked in the child for ever.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._idle: deque[queue.SimpleQueue[_Call[object]]] = deque()

    def call_within(self, limit: float | Deadline, function: Callable[[], Result]) -> Result:
        """The result or exception of the function, if it ends in time; otherwise its thread goes on alone.

        :param limit: how long to wait for it: seconds, or a deadline.
        :raises TimeoutError: if it takes longer.
        """
        call = _Call(function)
        self._free_thread().put(call)  # type: ignore[arg-type]
        return call.result_within(limit.seconds_left() if isinstance(limit, Deadline) else limit)

    def _free_thread(self) -> queue.SimpleQueue[_Call[object]]:
        if self._process != os.getpid():
            # A forked process doesn't have the threads of its parent.
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
                    # This thread has just been reserved, so a call is about to arrive.
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
    """Work that many threads need at the same time: the first one does it, the others wait for its result.

    No lock is used here either. A process that is forked while work is in progress doesn't wait for it, since the
    thread that does it is in the parent.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[int, Hashable], _Flight[Result]] = {}

    def result(self, key: Hashable, work: Callable[[], Result], *, wait_seconds: float) -> Result:
        """The result or exception of ``work``, in this thread or in the one that came first.

        :param key: identifies the work.
        :param wait_seconds: how long to wait for the other thread, in seconds.
        :raises TimeoutError: if it takes longer.
        """
        flight_key = (os.getpid(), key)
        mine: _Flight[Result] = _Flight()
        # In one step, so that two threads can't both come first.
        running = self._running.setdefault(flight_key, mine)
        if running is mine:
            try:
                return mine.do(work)
            finally:
                del self._running[flight_key]
                mine.over.set()
        if not running.over.wait(max(0.0, wait_seconds)):
            raise TimeoutError(f"not done within {wait_seconds:g} seconds")
        if running.problem is not None:
            # A copy: each thread writes its own traceback into what it raises.
            raise copy.copy(running.problem)
        if not running.results:
            # That thread was interrupted, by a task's timeout for example.
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
