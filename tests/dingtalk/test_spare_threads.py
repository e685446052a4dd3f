"""Functions with a time limit, and the threads that they run in."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_dingpush.dingtalk.spare_threads import SpareThreads, within


def test_a_result_in_time_is_handed_on() -> None:
    """Also if it is nothing."""
    assert within(10, lambda: "done") == "done"
    assert within(10, lambda: None) is None


def test_an_error_in_time_is_raised_where_it_is_waited_for() -> None:
    """The very one that the function raised."""
    problem = KeyError("x")

    def fail() -> None:
        raise problem

    with pytest.raises(KeyError) as caught:
        within(10, fail)
    assert caught.value is problem


@pytest.mark.parametrize("seconds", [0.05, 0.0, -3.0])
def test_what_is_not_done_in_time_is_left_behind(seconds: float) -> None:
    """The caller goes on while the function is still at work."""
    go_on, ended = threading.Event(), threading.Event()

    def stuck() -> None:
        go_on.wait(20)
        ended.set()

    with pytest.raises(TimeoutError, match=f"not done within {seconds:g} seconds"):
        within(seconds, stuck)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(10)


def test_one_thread_serves_one_call_after_the_other() -> None:
    """A new thread for each would cost more than what it does."""
    threads = SpareThreads()
    assert len({threads.within(10, threading.get_ident) for _ in range(20)}) == 1


def test_calls_side_by_side_do_not_wait_for_each_other() -> None:
    """Eight calls are at work at once."""
    threads, together = SpareThreads(), threading.Barrier(8)
    with ThreadPoolExecutor(8) as callers:
        places = list(callers.map(lambda _: threads.within(10, lambda: together.wait(10)), range(8)))
    assert sorted(places) == list(range(8))


def test_a_call_that_is_left_behind_does_not_hold_up_the_next() -> None:
    """Its thread is busy, so another one takes over."""
    threads, go_on = SpareThreads(), threading.Event()
    with pytest.raises(TimeoutError):
        threads.within(0.01, lambda: go_on.wait(20))
    assert threads.within(10, lambda: "next") == "next"
    go_on.set()


def test_a_thread_without_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it, and the next call gets a new one."""
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.spare_threads._IDLE_SECONDS", 0.01)
    threads = SpareThreads()
    thread = threads.within(10, threading.current_thread)
    thread.join(10)
    assert not thread.is_alive()
    assert threads.within(10, lambda: "again") == "again"


# Python 3.12 warns of what is tried here.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    """Threads don't come along when a process is forked."""
    threads = SpareThreads()
    assert threads.within(10, lambda: "parent") == "parent"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if threads.within(10, lambda: "child") == "child" else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
