"""A deadline as one value, calls with a time limit, and work that many wait for and one does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from airflow_provider_dingpush.errors import QuotaExhaustedError
from airflow_provider_dingpush.timeouts import Deadline, SingleFlight, WorkerThreads, call_within


def test_a_deadline_knows_what_is_left_of_it() -> None:
    now = [100.0]
    deadline = Deadline.after(8, clock=lambda: now[0])
    assert deadline.seconds_left() == 8
    now[0] += 9
    assert deadline.seconds_left() == -1


def test_a_part_ends_no_later_than_the_whole() -> None:
    now = [100.0]
    deadline = Deadline.after(8, clock=lambda: now[0])
    assert deadline.sub(3).seconds_left() == 3
    assert deadline.sub(30).seconds_left() == 8


def test_a_deadline_is_a_limit_too() -> None:
    """One that has passed leaves no time."""
    go_on = threading.Event()
    assert call_within(Deadline.after(10), lambda: "done") == "done"
    with pytest.raises(TimeoutError):
        call_within(Deadline.after(-1), lambda: go_on.wait(20))
    go_on.set()


def test_a_result_in_time_is_handed_on() -> None:
    """Also if it is nothing."""
    assert call_within(10, lambda: "done") == "done"
    assert call_within(10, lambda: None) is None


def test_an_error_in_time_is_raised_where_it_is_waited_for() -> None:
    """The very one that the function raised."""
    problem = KeyError("x")

    def fail() -> None:
        raise problem

    with pytest.raises(KeyError) as caught:
        call_within(10, fail)
    assert caught.value is problem


@pytest.mark.parametrize("seconds", [0.05, 0.0, -3.0])
def test_what_is_not_done_in_time_goes_on_alone(seconds: float) -> None:
    """The caller goes on while the function is still at work."""
    go_on, ended = threading.Event(), threading.Event()

    def stuck() -> None:
        go_on.wait(20)
        ended.set()

    with pytest.raises(TimeoutError, match=f"not done within {seconds:g} seconds"):
        call_within(seconds, stuck)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(10)


def test_one_thread_serves_one_call_after_the_other() -> None:
    """A new thread for each would cost more than what it does."""
    threads = WorkerThreads()
    assert len({threads.call_within(10, threading.get_ident) for _ in range(20)}) == 1


def test_calls_side_by_side_do_not_wait_for_each_other() -> None:
    """Eight calls are at work at once."""
    threads, together = WorkerThreads(), threading.Barrier(8)
    with ThreadPoolExecutor(8) as callers:
        places = list(callers.map(lambda _: threads.call_within(10, lambda: together.wait(10)), range(8)))
    assert sorted(places) == list(range(8))


def test_a_call_that_goes_on_alone_does_not_delay_the_next() -> None:
    """Its thread is busy, so another one takes over."""
    threads, go_on = WorkerThreads(), threading.Event()
    with pytest.raises(TimeoutError):
        threads.call_within(0.01, lambda: go_on.wait(20))
    assert threads.call_within(10, lambda: "next") == "next"
    go_on.set()


def test_a_thread_without_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it, and the next call gets a new one."""
    monkeypatch.setattr("airflow_provider_dingpush.timeouts._IDLE_SECONDS", 0.01)
    threads = WorkerThreads()
    thread = threads.call_within(10, threading.current_thread)
    thread.join(10)
    assert not thread.is_alive()
    assert threads.call_within(10, lambda: "again") == "again"


# Python 3.12 warns of what is tried here.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    """Threads don't come along when a process is forked."""
    threads = WorkerThreads()
    assert threads.call_within(10, lambda: "parent") == "parent"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if threads.call_within(10, lambda: "child") == "child" else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


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


def started(threads: ThreadPoolExecutor, shared: SingleFlight[object], gate: Gate, count: int) -> list[Future[object]]:
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
    shared: SingleFlight[object] = SingleFlight()
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
    """Each can be raised and given its number of tries without touching the others."""
    shared: SingleFlight[object] = SingleFlight()
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
    shared: SingleFlight[object] = SingleFlight()
    gate = Gate()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(shared.result, "key", gate.work, wait_seconds=20)
        assert gate.begun.wait(20)
        assert shared.result("other", lambda: "at once", wait_seconds=0) == "at once"
        gate.opened.set()
        assert first.result(20) == "done"


def test_nobody_waits_longer_than_allowed() -> None:
    """The work goes on for whoever has more time."""
    shared: SingleFlight[object] = SingleFlight()
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
    shared: SingleFlight[object] = SingleFlight()
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
    """The thread that works is in the parent, so it will never be done here."""
    script = """
import os, threading
from airflow_provider_dingpush.timeouts import SingleFlight
shared, begun, go_on = SingleFlight(), threading.Event(), threading.Event()
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
