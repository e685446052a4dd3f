"""Functions with a time limit, in threads that are kept for the next one.

A limit that holds whatever the function waits for takes a second thread. A new one for each call would cost more than a
whole POST over a connection that is kept open; one that waits for work costs a fifth of it.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")

_IDLE_SECONDS = 5.0


class SpareThreads:
    """Threads that wait for work, and end after five seconds without any.

    There is no lock in here: a process that is forked while another thread holds one would find it locked for ever.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._idle: deque[queue.SimpleQueue[_Job[object]]] = deque()

    def within(self, seconds: float, function: Callable[[], Result]) -> Result:
        """What the function returns or raises, if it does so in time; otherwise it is left behind in its thread.

        :param seconds: how long to wait for it.
        :raises TimeoutError: if that was too short.
        """
        job = _Job(function)
        self._free_thread().put(job)  # type: ignore[arg-type]
        return job.outcome_within(seconds)

    def _free_thread(self) -> queue.SimpleQueue[_Job[object]]:
        if self._process != os.getpid():
            # Threads don't come along when a process is forked.
            self._process, self._idle = os.getpid(), deque()
        try:
            return self._idle.pop()
        except IndexError:
            work: queue.SimpleQueue[_Job[object]] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(work,), name="dingpush", daemon=True).start()
            return work

    def _work(self, work: queue.SimpleQueue[_Job[object]]) -> None:
        idle = self._idle
        while True:
            try:
                job = work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                try:
                    idle.remove(work)
                except ValueError:
                    # Somebody took this thread a moment ago, so there is work on its way.
                    job = work.get()
                else:
                    return
            job.run()
            # Free again before the caller hears of it, so that the caller's next job finds this thread.
            idle.append(work)
            job.finished.release()
            del job


class _Job(Generic[Result]):
    """One call, and what came of it."""

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

    def outcome_within(self, seconds: float) -> Result:
        if not self.finished.acquire(timeout=max(0.0, seconds)):
            raise TimeoutError(f"not done within {seconds:g} seconds")
        if self._problem is not None:
            raise self._problem
        return self._results[0]


_shared = SpareThreads()
within = _shared.within
