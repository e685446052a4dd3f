"""One failure after the other for half an hour: how many messages a group gets, with a flusher and without one.

    PYTHONPATH=. python tests/benchmarks/trickle.py

The outbox, the leaders and their succession are the real ones; only time is not: it passes when everybody waits, so
that half an hour takes a minute. Each failure is a callback of its own with 8 seconds, a POST takes 0.1 s, and failures
come at random moments around their interval.
"""

from __future__ import annotations

import argparse
import heapq
import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

_START = 1_800_000_000.0


class VirtualTime:
    """Threads that take turns: one runs, and when all of them sleep the clock jumps to the first that wakes up."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._order = count()
        self._others = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Let the others go on; only threads started by :meth:`start` may."""
        wakes = threading.Event()
        heapq.heappush(self._sleeping, (self.now + max(0.0, seconds), next(self._order), wakes))
        self._others.set()
        wakes.wait()

    def start(self, after: float, work: Callable[[], object]) -> None:
        """Let something begin so many seconds from now."""
        begins = threading.Event()
        heapq.heappush(self._sleeping, (self.now + after, next(self._order), begins))

        def run() -> None:
            begins.wait()
            try:
                work()
            finally:
                self._others.set()

        threading.Thread(target=run, daemon=True).start()

    def run(self) -> None:
        """Until nobody sleeps any more."""
        while self._sleeping:
            wakes_at, _, event = heapq.heappop(self._sleeping)
            self.now = max(self.now, wakes_at)
            self._others.clear()
            event.set()
            self._others.wait()


def messages_of_a_trickle(every_seconds: float, *, minutes: float, flusher: bool, seed: int = 1) -> int:
    """How many messages so many minutes of failures make.

    :param every_seconds: seconds from one failure to the next, more or less.
    :param flusher: whether the flush DAG runs once a minute.
    """
    virtual, chance = VirtualTime(), random.Random(seed)  # noqa: S311 - no secret
    real = time.monotonic, time.time, time.sleep
    clock: Any = time
    clock.monotonic, clock.time, clock.sleep = lambda: virtual.now, lambda: _START + virtual.now, virtual.sleep
    try:
        with tempfile.TemporaryDirectory(prefix="dingpush-trickle-") as home:
            return _played(virtual, chance, Path(home), every_seconds, minutes, flusher=flusher)
    finally:
        clock.monotonic, clock.time, clock.sleep = real


def _played(
    virtual: VirtualTime, chance: random.Random, home: Path, every_seconds: float, minutes: float, *, flusher: bool
) -> int:
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.delivery.channel import SendResult, SendStatus
    from airflow_provider_dingpush.delivery.drain_result import LeaderRole
    from airflow_provider_dingpush.events import Event
    from airflow_provider_dingpush.hooks import hook_of
    from airflow_provider_dingpush.pipeline import dispatching, receivers
    from airflow_provider_dingpush.storage.files.store import FileStore
    from airflow_provider_dingpush.storage.outbox import Outbox
    from airflow_provider_dingpush.timeouts import Deadline

    posted: list[float] = []

    class Robot(receivers.RobotReceiver):
        def post(self, body: bytes, deadline: Deadline) -> SendResult:
            virtual.sleep(0.1)
            posted.append(virtual.now)
            return SendResult(SendStatus.SENT)

    mailbox = Mailbox("dingtalk_default")
    hook: Any = hook_of(mailbox.conn_id)

    def find(_: Mailbox) -> receivers.RobotReceiver:
        return Robot(hook)

    box = Outbox(FileStore(home, clock=time.time))

    def fail(number: int) -> None:
        box.put(
            Alert(
                key=f"k{number}",
                mailbox=mailbox,
                event=Event.TASK_FAILED,
                at=time.time(),
                dag_id="trickle",
                run_id="r1",
                task_id=f"t{number}",
            )
        )
        dispatching.serve(box, mailbox, Deadline.after(8.0, time.monotonic), LeaderRole.CALLBACK, find=find)

    receivers.receiver_of_mailbox = find  # type: ignore[assignment]
    failures = int(minutes * 60 / every_seconds)
    for number in range(failures):
        at = (number + chance.uniform(-0.3, 0.3)) * every_seconds
        virtual.start(max(0.0, at), lambda number=number: fail(number))  # type: ignore[misc]
    for minute in range(int(minutes) + 6 if flusher else 0):
        flush = lambda: list(dispatching.flush(box, Deadline.after(50.0, time.monotonic)))  # noqa: E731 - one line
        virtual.start(minute * 60.0, flush)
    virtual.run()
    assert list(box.pending_mailboxes()) == []
    assert not any(kind == "alert" for robot in box.receivers() for kind, _ in box.records_of(robot))
    return len(posted)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0, 30.0], metavar="SECONDS")
    parser.add_argument("--without-flusher", action="store_true", help="leave the last column out")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="dingpush-trickle-")
    token = "0" * 64
    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = f"https://oapi.dingtalk.com/robot/send?access_token={token}"
    logging.disable(logging.CRITICAL)
    write = sys.stdout.write
    write("| a failure every | failures | messages without a flusher | with one |\n|---|---|---|---|\n")
    for every in given.every:
        without = messages_of_a_trickle(every, minutes=given.minutes, flusher=False)
        with_one = "" if given.without_flusher else messages_of_a_trickle(every, minutes=given.minutes, flusher=True)
        write(f"| {every:g} s | {int(given.minutes * 60 / every):,} | {without} | {with_one} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
