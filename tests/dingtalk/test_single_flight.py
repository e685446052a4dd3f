"""Many threads that need the same work: one does it, all get what comes of it, and a fork waits for nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from airflow_provider_dingpush.dingtalk.single_flight import SharedWork
from airflow_provider_dingpush.errors import QuotaExhaustedError


class Gate:
    """Work that waits until the test lets it go on, and counts how often it is done."""

    def __init__(self, outcome: object = "done") -> None:
        self.begun, self.opened = threading.Event(), threading.Event()
        self.times = 0
        self._outcome = outcome

    def work(self) -> object:
        self.times += 1
        self.begun.set()
        assert self.opened.wait(20)
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


def started(threads: ThreadPoolExecutor, shared: SharedWork[object], gate: Gate, count: int) -> list[Future[object]]:
    """One thread that works, and others of which each is about to wait."""
    first = threads.submit(shared.result, "key", gate.work, wait_seconds=20)
    assert gate.begun.wait(20)
    waiting = threading.Semaphore(0)

    def wait() -> object:
        waiting.release()
        return shared.result("key", gate.work, wait_seconds=20)

    others = [threads.submit(wait) for _ in range(count - 1)]
    for _ in others:
        assert waiting.acquire(timeout=20)
    return [first, *others]


def test_one_works_and_all_get_the_result() -> None:
    """And the next one who asks, after it is over, has it done anew."""
    shared: SharedWork[object] = SharedWork()
    gate = Gate()
    with ThreadPoolExecutor(50) as threads:
        asked = started(threads, shared, gate, 50)
        gate.opened.set()
        assert [each.result(20) for each in asked] == ["done"] * 50
    assert gate.times < 50
    before = gate.times
    assert shared.result("key", gate.work, wait_seconds=1) == "done"
    assert gate.times == before + 1


def test_an_error_is_everybody_s_own_copy() -> None:
    """Each can be raised, and told its number of tries, without touching the others."""
    shared: SharedWork[object] = SharedWork()
    problem = QuotaExhaustedError("used up", "wait", errcode="90020", request_id="r1")
    problem.tries = 3
    gate = Gate(problem)
    with ThreadPoolExecutor(2) as threads:
        first, second = started(threads, shared, gate, 2)
        gate.opened.set()
        assert first.exception(20) is problem
        copied = second.exception(20)
    assert type(copied) is QuotaExhaustedError
    assert vars(copied) == vars(problem)
    assert str(copied) == str(problem)


def test_other_keys_do_not_wait() -> None:
    """Two apps don't hold each other up."""
    shared: SharedWork[object] = SharedWork()
    gate = Gate()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(shared.result, "key", gate.work, wait_seconds=20)
        assert gate.begun.wait(20)
        assert shared.result("other", lambda: "at once", wait_seconds=0) == "at once"
        gate.opened.set()
        assert first.result(20) == "done"


def test_nobody_waits_longer_than_told() -> None:
    """The work goes on for whoever has more time."""
    shared: SharedWork[object] = SharedWork()
    gate = Gate()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(shared.result, "key", gate.work, wait_seconds=20)
        assert gate.begun.wait(20)
        with pytest.raises(TimeoutError, match=r"not done within 0\.01 seconds"):
            shared.result("key", gate.work, wait_seconds=0.01)
        gate.opened.set()
        assert first.result(20) == "done"


def test_work_that_was_killed_is_taken_over() -> None:
    """A task's timeout ends a thread in the middle, and those that wait for it must not wait for ever."""
    shared: SharedWork[object] = SharedWork()
    killed, taken_over = Gate(KeyboardInterrupt()), Gate()
    taken_over.opened.set()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(shared.result, "key", killed.work, wait_seconds=20)
        assert killed.begun.wait(20)
        second = threads.submit(shared.result, "key", taken_over.work, wait_seconds=20)
        killed.opened.set()
        assert isinstance(first.exception(20), KeyboardInterrupt)
        assert second.result(20) == "done"


def test_a_forked_process_does_not_wait_for_its_parent() -> None:
    """The thread that works stayed behind, so it will never be done there."""
    script = """
import os, threading
from airflow_provider_dingpush.dingtalk.single_flight import SharedWork
shared, begun, go_on = SharedWork(), threading.Event(), threading.Event()
def work():
    begun.set()
    go_on.wait(20)
    return "parent"
thread = threading.Thread(target=lambda: shared.result("key", work, wait_seconds=20))
thread.start()
begun.wait(20)
child = os.fork()
if not child:
    try:
        done = shared.result("key", lambda: "child", wait_seconds=0.1) == "child"
    except BaseException:
        done = False
    os._exit(not done)
assert os.waitpid(child, 0)[1] == 0
go_on.set()
thread.join(20)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)
