"""A thousand failures through this package and through the official ``dingding`` hook: what arrives, and what it costs.

    PYTHONPATH=. python tests/benchmarks/storm.py [--alerts 1000] [--at-once 16] [--over 60] [--rounds 1]

Each failure is a process of its own, 16 at a time, and the sandbox takes 20 messages a minute with 0.1 s each, then
blocks the robot for ten minutes, as DingTalk does. The official hook posts each alert itself, as its operator does;
it takes part if ``apache-airflow-providers-dingding`` is installed. A follower is a callback that leaves its alert to
the process that sends. Failures come as quickly as the machine can fork them, which keeps all its processors busy, or,
with ``--over``, in bursts that take so many seconds together. Then single alerts in a quiet hour: from the callback's
begin until the message is in the chat. All processes are forks of one that has loaded what they need;
``import_cost.py`` measures what loading costs.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

OURS, OFFICIAL, QUIET = "this package", "official hook", "quiet"
SLOW_SECONDS = 0.1
FLUSH_SECONDS = 150.0


@dataclass(frozen=True)
class Outcome:
    """The result of a storm.

    :param messages: in the chat.
    :param reported: failures in them.
    :param refused: requests that were refused.
    :param seconds: from the first failure to the last message, in seconds.
    :param others: how long each callback took that did not lead, in seconds.
    :param cpu: how much time of a processor each of these used, in seconds.
    :param leaders: how long the others took, in seconds.
    """

    messages: int
    reported: int
    refused: int
    seconds: float
    others: Sequence[float]
    cpu: Sequence[float]
    leaders: Sequence[float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=1, help="storms of each; medians are printed")
    parser.add_argument("--quiet", type=int, default=20, help="single alerts in quiet hours")
    parser.add_argument("--at-once", type=int, default=16, help="callbacks that run at a time")
    parser.add_argument("--over", type=float, default=0.0, help="seconds that the storm lasts, in bursts of --at-once")
    parser.add_argument("--rage", help=argparse.SUPPRESS)
    parser.add_argument("--diary", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rage:
        rage(options.rage, options.alerts, options.at_once, options.over, options.diary)
        return
    outcomes: dict[str, list[Outcome]] = {OFFICIAL: [], OURS: []}
    for _ in range(options.rounds):
        for name, several in outcomes.items():
            outcome = storm(name, options.alerts, options.at_once, options.over)
            if outcome is None:
                print(f"{name}: did not run (pip install apache-airflow-providers-dingding)")
            else:
                several.append(outcome)
    print_table(options.alerts, {name: several for name, several in outcomes.items() if several})
    quiet = [seconds for _ in range(options.quiet) for seconds in [quiet_alert()] if seconds is not None]
    print(
        f"\na single quiet alert is in the chat after {1e3 * statistics.median(quiet):.0f} ms "
        f"(median of {len(quiet)}), {1e3 * max(quiet):.0f} ms at most"
    )


def print_table(alerts: int, outcomes: dict[str, list[Outcome]]) -> None:
    """One column for each."""
    rows: dict[str, Callable[[Outcome], float]] = {
        "alerts": lambda _: alerts,
        "messages": lambda each: each.messages,
        "lost": lambda each: max(0, alerts - each.reported),
        "repeated": lambda each: max(0, each.reported - alerts),
        "refused": lambda each: each.refused,
        "seconds": lambda each: each.seconds,
        "leaders": lambda each: len(each.leaders),
        "leader p50 ms": lambda each: 1e3 * percentile(each.leaders, 50),
        "follower p50 ms": lambda each: 1e3 * percentile(each.others, 50),
        "follower p99 ms": lambda each: 1e3 * percentile(each.others, 99),
        "follower cpu ms": lambda each: 1e3 * percentile(each.cpu, 50),
    }
    print(f"{'':16}" + "".join(f"{name:>16}" for name in outcomes))
    for row, figure in rows.items():
        figures = {name: statistics.median(map(figure, several)) for name, several in outcomes.items()}
        tail = ""
        if row.startswith("follower") and len(figures) > 1:
            tail = f"   {figures[OURS] / figures[OFFICIAL]:.2f} x a callback of the official hook"
        digits = 1 if row.startswith(("seconds", "follower")) else 0
        print(f"{row:16}" + "".join(f"{each:>16,.{digits}f}" for each in figures.values()) + tail)


def percentile(seconds: Sequence[float], share: int) -> float:
    """The value that so many of a hundred don't exceed; 0 if there is none."""
    return sorted(seconds)[min(len(seconds) - 1, len(seconds) * share // 100)] if seconds else 0.0


def storm(name: str, alerts: int, at_once: int, over: float) -> Outcome | None:
    """One storm against a sandbox of its own; ``None`` if it can't be had."""
    from airflow_provider_dingpush.sandbox import Fault, Sandbox

    with Sandbox() as chat, diary_in_memory() as diary, tempfile.TemporaryDirectory() as home:
        chat.fail_next(Fault.SLOW, times=10 * alerts, seconds=SLOW_SECONDS)
        if not raged({"rage": name, "alerts": alerts, "at-once": at_once, "over": over, "diary": diary}, home, chat):
            return None
        notes = [json.loads(line) for line in diary.read_text("ascii").splitlines()]
        begin = min(note["at"] for note in notes if "at" in note)
        done = [note for note in notes if "done" in note]
        return Outcome(
            messages=len(chat.messages),
            reported=reported_in(chat, diary),
            refused=sum(request.outcome == "refused" for request in chat.requests),
            seconds=chat.messages[-1].received_at - begin,
            others=[note["seconds"] for note in done if not note.get("leader")],
            cpu=[note["cpu_seconds"] for note in done if not note.get("leader")],
            leaders=[note["seconds"] for note in done if note.get("leader")],
        )


def quiet_alert() -> float | None:
    """How long a single alert is on its way, in seconds."""
    from airflow_provider_dingpush.sandbox import Sandbox

    with Sandbox() as chat, diary_in_memory() as diary, tempfile.TemporaryDirectory() as home:
        raged({"rage": QUIET, "alerts": 1, "diary": diary}, home, chat)
        begin = json.loads(diary.read_text("ascii").splitlines()[0])["at"]
        return chat.messages[0].received_at - begin if chat.messages else None


@contextmanager
def diary_in_memory() -> Iterator[Path]:
    """A file for notes, apart from the outbox's disk: what is written to that disk makes every fsync on it longer."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder, "diary")


def reported_in(chat: Any, diary: Path) -> int:
    """How many failures the chat has: those that its messages cover; one in each of the official hook."""
    from tests.covered_alerts import covered_alerts

    ids = [message.payload["msgUuid"] for message in chat.messages if "msgUuid" in message.payload]
    lines = Path(f"{diary}.covered")
    covered = covered_alerts(lines.read_text("ascii"), ids).total() if ids else 0
    return covered + len(chat.messages) - len(ids)


def raged(options: Mapping[str, Any], home: str, chat: Any) -> bool:
    """Let tasks fail in processes that are no forks of this one, which has the sandbox's threads."""
    environment = {each: value for each, value in os.environ.items() if each != "PYTHONDONTWRITEBYTECODE"} | {
        "AIRFLOW_HOME": home,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "AIRFLOW__DINGPUSH__LANGUAGE": "en",
        "AIRFLOW_CONN_DINGTALK_DEFAULT": chat.webhook_url,
        "AIRFLOW_CONN_DINGDING_DEFAULT": json.dumps(
            {"conn_type": "dingding", "host": chat.url, "password": chat.robot.access_token}
        ),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, __file__, *(f"--{each}={value}" for each, value in options.items())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and "No module named" not in done.stderr:
        sys.exit(done.stderr)
    return done.returncode == 0


def rage(name: str, alerts: int, at_once: int, over: float, diary: Path) -> None:
    """What the process does from which all callbacks are forked."""
    from tests.covered_alerts import write_covered_to
    from tests.integration.callback_storm import run, warm_up

    for each in ("", "airflow", "airflow_provider_dingpush"):
        logging.getLogger(each).setLevel(logging.CRITICAL)
    write_covered_to(Path(f"{diary}.covered"))
    works = [partial(timed, diary, partial(our_callback, number, diary)) for number in range(alerts)]
    if name == OFFICIAL:
        from airflow.providers.dingding.hooks.dingding import DingdingHook  # type: ignore[import-not-found]

        works = [
            partial(timed, diary, partial(official_callback, DingdingHook, number, diary)) for number in range(alerts)
        ]
    warm_up()
    run([(work, []) for work in works], at_once=at_once, over=over)
    if name == OURS:
        from airflow_provider_dingpush.delivery.drain_result import LeaderRole
        from airflow_provider_dingpush.pipeline.dispatching import flush
        from airflow_provider_dingpush.pipeline.outboxes import outbox
        from airflow_provider_dingpush.timeouts import Deadline

        list(flush(outbox(), Deadline.after(FLUSH_SECONDS), LeaderRole.PERSON))


def timed(diary: Path, work: Callable[[], None]) -> None:
    """Note when a callback began."""
    from tests.storage.outbox_storm import note

    note(diary, at=time.time())
    work()


def our_callback(number: int, diary: Path) -> None:
    """A callback as Airflow calls it, and whether it led."""
    from airflow_provider_dingpush.notifications import DingTalkNotifier
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from tests.integration.callback_storm import context_of
    from tests.storage.outbox_storm import note

    led: list[bool] = []
    store: Any = outbox().store
    lock = store.lock

    def noted_lock(kind: str, *given: Any, **more: Any) -> Any:
        taken = lock(kind, *given, **more)
        led.append(kind == "leader" and taken is not None)
        return taken

    store.lock = noted_lock
    context = context_of(number)
    started, used = time.perf_counter(), time.process_time()
    DingTalkNotifier()(context)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    note(diary, done=number, leader=any(led), seconds=seconds, cpu_seconds=used)


def official_callback(hook: Any, number: int, diary: Path) -> None:
    """A callback that notes it itself."""
    from tests.integration.callback_storm import context_of
    from tests.storage.outbox_storm import note

    ti = context_of(number)["ti"]
    text = f"Task failed: {ti.dag_id} {ti.task_id} [{ti.map_index}]"
    started, used = time.perf_counter(), time.process_time()
    with suppress(Exception):  # as Airflow does with what a callback raises
        hook(dingding_conn_id="dingding_default", message_type="text", message=text).send()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    note(diary, done=number, seconds=seconds, cpu_seconds=used)


if __name__ == "__main__":
    main()
