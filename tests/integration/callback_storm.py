"""Callbacks of a thousand failed tasks, each in a short process of its own, and some of them are killed.

A program, not a test: ``python tests/integration/callback_storm.py '{"diary": "/tmp/x"}'`` lets tasks fail in the
Airflow that its environment describes, and prints how its processes ended as JSON. What they did is in the diary.
The test of it is ``test_storm.py``.
"""

from __future__ import annotations

import gc
import heapq
import importlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2.sandbox import SandboxedEnvironment

from airflow_provider_dingpush.alerts import digest  # noqa: F401 - loaded once for all
from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery import drain  # noqa: F401 - loaded once for all
from airflow_provider_dingpush.delivery.repetitions import remembered_names
from airflow_provider_dingpush.hooks import hook_of
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import (
    composing,
    dispatching,  # noqa: F401 - loaded once for all
    outboxes,
)
from airflow_provider_dingpush.pipeline.receivers import RobotReceiver
from airflow_provider_dingpush.storage.files import store as _  # noqa: F401 - loaded once for all
from tests.covered_alerts import write_covered_to
from tests.storage.outbox_storm import FAILED, note, start, wait_for_one

DAGS = 40
RUN_ID = "scheduled__2026-11-22T02:00:00+00:00"
LEADS_BY_NOW_SECONDS = 0.3
"""Whoever is still there has become the leader."""
MOMENTS = ("before post", "after post")


@dataclass(frozen=True)
class Storm:
    """What happens.

    :param diary: a file to which processes append what they did.
    :param first: number of the first failure, so that several storms make one.
    :param alerts: how many tasks fail.
    :param at_once: how many callbacks run at a time.
    :param over: how long it lasts, in bursts of so many, in seconds; 0 as quickly as the machine can.
    :param seed: decides who fails when, and who is killed when.
    :param killed: share of the callbacks that are killed within their first half second.
    :param leaders_killed: share of the leaders that are killed within their first seconds.
    :param dying: share of the leaders that kill themselves just before or just after DingTalk took a message.
    """

    diary: str
    first: int = 0
    alerts: int = 1_000
    at_once: int = 16
    over: float = 0.0
    seed: int = 1
    killed: float = 0.2
    leaders_killed: float = 0.5
    dying: float = 0.3


def covered_beside(diary: Path) -> Path:
    """Where processes write which alerts their messages cover."""
    return diary.with_name("covered")


def dag_of(number: int) -> str:
    """The DAG of a failure."""
    return f"storm{number % DAGS:02d}"


def context_of(number: int) -> dict[str, Any]:
    """Of the callback of a failed task, as Airflow gives it."""
    ended = datetime.now(timezone.utc)
    ti = SimpleNamespace(
        dag_id=dag_of(number),
        task_id="load",
        run_id=RUN_ID,
        map_index=number // DAGS,
        try_number=1,
        max_tries=0,
        state="failed",
        start_date=ended - timedelta(seconds=42),
        end_date=ended,
    )
    return {
        "dag": SimpleNamespace(dag_id=ti.dag_id, owner="data-team", fileloc=None),
        "ti": ti,
        "task": SimpleNamespace(task_id=ti.task_id, owner="data-team", retries=0),
        "run_id": RUN_ID,
        "exception": ConnectionError("could not connect to server: Connection refused"),
    }


def callback(number: int, diary: Path, *, dies: str | None = None) -> None:
    """What the process of a failed task does last; it notes when its alert is safe, and whether it led."""
    led = False
    store: Any = outboxes.outbox().store
    put, lock, post = store.put, store.lock, RobotReceiver.post

    def noted_put(box: str, label: bytes, key: str, body: bytes, **more: Any) -> Any:
        alert = Alert.from_json(body)
        note(diary, putting=number, key=alert.key, remembered=remembered_names(alert)[0])
        result = put(box, label, key, body, **more)
        note(diary, put=number)
        return result

    def noted_lock(kind: str, *given: Any, **more: Any) -> Any:
        nonlocal led
        taken = lock(kind, *given, **more)
        if kind == "leader" and taken is not None and not led:
            led = True
            note(diary, led=number)
        return taken

    def deadly_post(*arguments: Any, **options: Any) -> Any:
        def step(moment: str) -> None:
            if dies == moment:
                note(diary, died=moment)
                os.kill(os.getpid(), signal.SIGKILL)

        step("before post")
        outcome = post(*arguments, **options)
        step("after post")
        return outcome

    store.put, store.lock = noted_put, noted_lock
    RobotReceiver.post = deadly_post  # type: ignore[method-assign]  # in this process, a fork
    context = context_of(number)
    started, used = time.perf_counter(), time.process_time()
    DingTalkNotifier()(context)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    note(diary, done=number, leader=led, seconds=seconds, cpu_seconds=used)


def callbacks(storm: Storm) -> Iterator[tuple[Callable[[], None], list[float]]]:
    """What each process does, and after how many seconds it is killed if it lives so long."""
    dice = random.Random(storm.seed)  # noqa: S311 - the same storm for the same seed
    numbers = [*range(storm.first, storm.first + storm.alerts)]
    dice.shuffle(numbers)
    for number in numbers:
        dies = dice.choice(MOMENTS) if dice.random() < storm.dying else None
        kills = []
        if dice.random() < storm.killed:
            kills.append(dice.choice((0.02, 0.1, 0.5)) * dice.random())
        if dice.random() < storm.leaders_killed:
            kills.append(LEADS_BY_NOW_SECONDS + 3 * dice.random())
        yield partial(callback, number, Path(storm.diary), dies=dies), kills


def run(works: Sequence[tuple[Callable[[], None], list[float]]], *, at_once: int, over: float = 0.0) -> dict[str, int]:
    """Let each work be done in a process; how many were killed, and how many ended with an error of their own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    gc.freeze()
    ended: list[int] = []
    alive: set[int] = set()
    kills: list[tuple[float, int]] = []
    began, pause = time.monotonic(), over * at_once / len(works)
    for number, (work, killed_after) in enumerate(works):
        due = began + number // at_once * pause
        while (pause_left := due - time.monotonic()) > 0 or len(alive) >= at_once:
            ended += wait_for_one(alive, kills, **({"at_most": pause_left} if pause_left > 0 else {}))
        child = start(work)
        alive.add(child)
        for seconds in killed_after:
            heapq.heappush(kills, (time.monotonic() + seconds, child))
    while alive:
        ended += wait_for_one(alive, kills)
    return {"killed": ended.count(-signal.SIGKILL), "failed": ended.count(FAILED)}


def warm_up() -> None:
    """Do what a task has done before its callback: read options, looked up a connection, rendered templates.

    Modules are loaded as well: ``import_cost.py`` measures what that costs.
    """
    for module in (
        *("alerts.run_alert", "alerts.context_reading", "pipeline.callback", "pipeline.notifier_arguments"),
        *(
            "pipeline.alert_sizes",
            "pipeline.composing",
            "pipeline.stores",
            "pipeline.store_moves",
            "storage.kept_aside",
        ),
    ):
        importlib.import_module(f"airflow_provider_dingpush.{module}")
    hook_of(DingTalkNotifier().dingtalk_conn_id)
    outboxes.outbox()  # imports redis-py, which takes longer than everything else
    composing.local_zone()
    SandboxedEnvironment().from_string("")


def main(storm: Storm) -> None:
    """Let all tasks fail and print how their processes ended."""
    warm_up()
    write_covered_to(covered_beside(Path(storm.diary)))
    json.dump(run([*callbacks(storm)], at_once=storm.at_once, over=storm.over), sys.stdout)


if __name__ == "__main__":
    main(Storm(**json.loads(sys.argv[1])))
