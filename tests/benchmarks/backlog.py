"""How long a flush takes that finds a backlog, such as after a night without a connection, and how much memory.

    PYTHONPATH=. python tests/benchmarks/backlog.py [--alerts 10000] [--rounds 3]

The alerts wait in files. Each round is a new process that sends all of them to a sandbox which answers at once; prints
the median of the time that the flush took, of its time of a processor, and of the process's largest memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLUSH = """
import json, resource, time
from airflow_provider_dingpush.delivery.drain_result import LeaderRole
from airflow_provider_dingpush.pipeline.dispatching import flush
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.timeouts import Deadline
start, used = time.perf_counter(), time.process_time()
results = list(flush(outbox(), Deadline.after(600.0), LeaderRole.PERSON))
passed, used = time.perf_counter() - start, time.process_time() - used
assert [result.left for _, result in results] == [0], results
print(passed, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = [measured(options.alerts) for _ in range(options.rounds)]
    seconds, used, megabytes = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"{options.alerts:,} alerts: {seconds:.1f} s, {used:.1f} s of a processor, {megabytes:.0f} MB at most")


def measured(alerts: int) -> tuple[float, ...]:
    """Seconds that passed, seconds of a processor, and megabytes."""
    from airflow_provider_dingpush.sandbox import Robot, Sandbox

    with Sandbox(robots=(Robot(messages_per_minute=10_000),)) as sandbox, tempfile.TemporaryDirectory() as home:
        fill(Path(home, "dingpush"), alerts)
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&rate_limit_per_minute=1000",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FLUSH],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert sandbox.messages
        return tuple(map(float, done.stdout.split()[-3:]))


def fill(home: Path, alerts: int) -> None:
    """Let so many alerts of task failures wait."""
    from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.events import Event
    from airflow_provider_dingpush.storage.files.store import FileStore
    from airflow_provider_dingpush.storage.outbox import Outbox

    outbox, mailbox = Outbox(FileStore(home)), Mailbox("dingtalk_default")
    for number in range(alerts):
        facts = RunFacts(
            Event.TASK_FAILED,
            f"dag_{number % 40}",
            run_id="scheduled__2026-11-22T02:00:00+00:00",
            task_id=f"task_{number}",
            exception_type="ValueError",
            exception_text=f"value {number} is out of range",
        )
        outbox.put(
            Alert(
                key=f"key{number}",
                mailbox=mailbox,
                event=facts.event,
                at=time.time(),
                dag_id=facts.dag_id,
                run_id=facts.run_id,
                task_id=facts.task_id,
                summary=f"ValueError: value {number} is out of range",
                facts=facts.to_dict(),
            )
        )


if __name__ == "__main__":
    main()
