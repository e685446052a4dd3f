"""Many short processes that put alerts at once, while leaders take them in and are killed halfway.

A program, not a test: ``python tests/storage/outbox_storm.py '{"home": "/tmp/x"}'`` prints the result as JSON,
with how long each put took. The test of it is in ``test_outbox.py``.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import LedgerBook
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.storage.redis.store import RedisStore

MAILBOXES = (Mailbox("dingtalk_default"), Mailbox("dingtalk_app_default", '{"user_ids":["user1"]}'))
RECEIVER = "0123456789ab"
FAILED, LOST_LEAD = 1, 3
STEPS = ("came", "written", "cleared")


@dataclass(frozen=True)
class Storm:
    """The parameters of a storm. The outbox is in ``home``, or at ``url`` under ``prefix``."""

    home: str = ""
    url: str = ""
    prefix: str = ""
    alerts: int = 300
    at_once: int = 16
    twins: float = 0.2
    """The share of alerts that are put a second time by another process, as Airflow sometimes does."""
    killed: float = 0.2
    """The share of processes that are killed at any moment of their short life."""
    leaders_killed: float = 0.6
    """The share of processes that would kill themselves at one step of leading."""
    seed: int = 1

    def outbox(self) -> Outbox:
        if self.home:
            return Outbox(FileStore(Path(self.home)))
        return Outbox(RedisStore(self.url, prefix=self.prefix), lease_seconds=0.5)


def callback(storm: Storm, number: int, diary: Path, *, dies_at: str | None) -> None:
    """The work of one process: put an alert, then lead if no other process does."""
    started = time.perf_counter()
    outbox = storm.outbox()
    mailbox = MAILBOXES[number % len(MAILBOXES)]
    outbox.put(
        Alert(
            key=f"{number:040x}", mailbox=mailbox, event=Event.TASK_FAILED, at=float(number), dag_id=f"dag {number % 7}"
        )
    )
    note(diary, put=number, seconds=time.perf_counter() - started)

    def step(name: str) -> None:
        if name == dies_at:
            note(diary, died_at=name)
            os.kill(os.getpid(), signal.SIGKILL)

    for each in MAILBOXES:
        outbox.assign(each, RECEIVER)
    with outbox.leadership(RECEIVER) as book:
        if book is not None:
            note(diary, led=number)
            take_in(book, step)


def take_in(book: LedgerBook, step: Callable[[str], None] = lambda _: None) -> None:
    """Record the pending alerts, each once, until none is pending."""
    taken = len(book.load())
    while arrivals := book.arrivals(20):
        step("came")
        known = book.known([alert.key for _, alert in arrivals])
        new = [alert.key for _, alert in arrivals if alert.key not in known]
        if new:
            taken += 1
            book.write({("taken", str(taken)): new}, keys=new)
        step("written")
        book.remove_arrivals([ticket for ticket, _ in arrivals])
        step("cleared")


def note(diary: Path, **what: Any) -> None:
    """Write one line that survives if the process is killed right after."""
    descriptor = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, json.dumps(what).encode() + b"\n")
    os.close(descriptor)


def start(work: Callable[[], None]) -> int:
    """Fork a process; returns its id."""
    child = os.fork()
    if not child:
        work_and_end(work)
    return child


def work_and_end(work: Callable[[], None]) -> NoReturn:
    """Exit with a code for the result."""
    code = FAILED
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        work()
        code = 0
    except LeadershipLostError:
        code = LOST_LEAD
    except BaseException:  # noqa: BLE001 - a forked process must end here
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def callbacks(storm: Storm, diary: Path) -> Iterator[tuple[Callable[[], None], float | None]]:
    """The work of each process, and after how many seconds it is killed."""
    dice = random.Random(storm.seed)  # noqa: S311 - the same storm for the same seed
    numbers = [*range(storm.alerts), *dice.sample(range(storm.alerts), int(storm.alerts * storm.twins))]
    dice.shuffle(numbers)
    for number in numbers:
        dies_at = dice.choice(STEPS) if dice.random() < storm.leaders_killed else None
        killed_after = dice.choice((0.004, 0.01, 0.03)) * dice.random() if dice.random() < storm.killed else None
        yield partial(callback, storm, number, diary, dies_at=dies_at), killed_after


def run(storm: Storm) -> dict[str, Any]:
    """The whole storm, and then a last leader that isn't killed."""
    storm.outbox()  # imports redis-py once, which takes longer than everything else
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with tempfile.TemporaryDirectory() as folder:
        diary = Path(folder, "diary")
        ended = [*first_leaders(storm, diary)]
        alive: set[int] = set()
        kills: list[tuple[float, int]] = []
        for work, killed_after in callbacks(storm, diary):
            while len(alive) >= storm.at_once:
                ended += wait_for_one(alive, kills)
            child = start(work)
            alive.add(child)
            if killed_after is not None:
                heapq.heappush(kills, (time.monotonic() + killed_after, child))
        while alive:
            ended += wait_for_one(alive, kills)
        lines = [json.loads(line) for line in diary.read_text("ascii").splitlines()]
    taken = last_leader(storm.outbox())
    return {
        "put": sorted({f"{line['put']:040x}" for line in lines if "put" in line}),
        "taken": taken,
        "killed": sum(code == -signal.SIGKILL for code in ended),
        "leaders_killed": {step: sum(line.get("died_at") == step for line in lines) for step in STEPS},
        "leaders": sum("led" in line for line in lines),
        "lost_the_lead": ended.count(LOST_LEAD),
        "failed": ended.count(FAILED),
        "seconds": sorted(line["seconds"] for line in lines if "put" in line),
    }


def first_leaders(storm: Storm, diary: Path) -> Iterator[int]:
    """The exit codes of leaders that die before the storm, one at each step: in it there may be one leader for all."""
    for number, step in enumerate(STEPS, storm.alerts):
        code = 0
        while code != -signal.SIGKILL:  # another one leads as long as the lease of a dead one lasts
            _, status = os.waitpid(start(partial(callback, storm, number, diary, dies_at=step)), 0)
            code = os.waitstatus_to_exitcode(status)
            yield code


def wait_for_one(alive: set[int], kills: list[tuple[float, int]], *, at_most: float = 60.0) -> list[int]:
    """Wait until a process ends, killing those whose time has come; the exit codes of all that ended.

    :param at_most: how long to wait, in seconds.
    """
    due = max(0.0, kills[0][0] - time.monotonic()) if kills else at_most
    signal.sigtimedwait({signal.SIGCHLD}, min(due, at_most))
    while kills and kills[0][0] <= time.monotonic():
        _, child = heapq.heappop(kills)
        if child in alive:
            os.kill(child, signal.SIGKILL)
    codes = []
    for child in list(alive):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            alive.remove(child)
            codes.append(os.waitstatus_to_exitcode(status))
    return codes


def last_leader(outbox: Outbox) -> list[str]:
    """Take in the remaining alerts when no process leads, and list the keys of all that were ever taken in."""
    while True:
        for each in MAILBOXES:
            outbox.assign(each, RECEIVER)
        with outbox.leadership(RECEIVER) as book:
            if book is None:  # the lease of a dead one
                continue
            take_in(book)
            return [key for (kind, _), keys in book.load().items() if kind == "taken" for key in keys]


if __name__ == "__main__":
    json.dump(run(Storm(**json.loads(sys.argv[1]))), sys.stdout)
