"""What a whole tick costs with 1,000 baselines and 10,000 open incidents: its time, and the memory of its process.

    PYTHONPATH=. python tests/benchmarks/tick.py [--redis URL] [--incidents 10000] [BASELINES]

Each baseline waits for a DAG of its own with 60 runs and 20 tasks; a tenth of them runs at that time, and a hundredth
is late. The first tick takes in the runs of today and writes these alerts, which stay in the outbox, because there is
no robot. Each incident has steps of an escalation, of which none is due. Each tick is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.notes import Note

TASKS, DAYS = 20, 60
DAY = 86_400.0
RULES = """
people: [{name: zhangsan, user_id: u1}]
rules:
  - name: core
    receiver: dingtalk_default
    escalate: [{after: 1h, ding: app, who: zhangsan}, {after: 2h, ding: phone, who: zhangsan}]
"""


def prepare(folder: Path, number: int, redis: str | None) -> None:
    """The environment and the rules file."""
    os.environ.update(
        AIRFLOW_HOME=str(folder),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DINGPUSH__TIMEZONE="Asia/Shanghai",
        AIRFLOW__DINGPUSH__HOME=str(folder / "dingpush"),
        AIRFLOW__DINGPUSH__RULES_FILE=str(folder / "rules.yaml"),
        AIRFLOW__DINGPUSH__ALERT_CONN_ID="dingtalk_default",
    )
    if redis:
        os.environ["AIRFLOW__DINGPUSH__OUTBOX_URL"] = redis
    lines = [f'  - {{name: b{each}, dags: dag_{each}, due: "08:30", time_zone: UTC}}\n' for each in range(number)]
    (folder / "rules.yaml").write_text(f"baselines:\n{''.join(lines)}{RULES}")


def fill(number: int, incidents: int, now: float) -> None:
    """The histories of earlier days, and the runs of today."""
    import json

    import airflow.configuration  # noqa: F401 - loading it takes longer than an option may

    from airflow_provider_dingpush.oncall.critical_path import TaskHistory
    from airflow_provider_dingpush.oncall.run_history import Run, RunHistory
    from airflow_provider_dingpush.pipeline.baseline_events import DAGS, HISTORY, OF_DAG, RUNS, STATES, name_of_history
    from airflow_provider_dingpush.pipeline.baseline_notes import _packed
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.storage.notes import Note

    start = now // DAY * DAY + 7 * 3_600
    tasks = tuple(TaskHistory(f"t{each}", (f"t{each - 1}",) if each else (), (170.0,) * 30) for each in range(TASKS))
    notes = []
    for each in range(number):
        name = f"dag_{each}"
        runs = [
            Run(f"r{day}", "scheduled", start - day * DAY + 3, start - day * DAY, start - day * DAY + 3_500, "success")
            for day in range(DAYS, 0, -1)
        ]
        history = RunHistory(zone="UTC", tasks=tasks, tells_tasks=True).with_runs(runs)
        notes.append(Note(HISTORY, name_of_history(OF_DAG, name), _packed((OF_DAG, name), history)))
        if each % 100 == 0:
            continue
        plain = {"kind": OF_DAG, "name": name, "run_id": "r0", "type": "scheduled", "planned": start, "attempt": 0}
        plain |= {"state": "running", "started": start + 3}
        if each % 10:
            plain |= {"state": "success", "ended": start + 3_000}
        notes.append(Note(RUNS, f"{name}-0-{plain['state']}", json.dumps(plain).encode()))
    states = {"at": time.time(), "dags": {f"dag_{each}": [False, None] for each in range(number)}}
    notes.append(Note(DAGS, STATES, json.dumps(states).encode()))
    outbox().store.set_notes([*notes, *open_incidents(incidents)])


def open_incidents(count: int) -> Iterator[Note]:
    """Incidents that began a minute ago."""
    from airflow_provider_dingpush.alerts.open_failure import OpenFailure
    from airflow_provider_dingpush.storage.notes import OPEN, Note

    at = time.time() - 60
    for number in range(count):
        failure = OpenFailure(
            "task_failed",
            at,
            at,
            dag_id=f"dag_{number % 500}",
            task_id=f"task_{number}",
            run_id="scheduled__2026-11-27T19:00:00+00:00",
            severity="P1",
            conn_id="dingtalk_default",
            rule="core",
            rule_since=at,
            summary="x" * 150,
            log_link=f"https://airflow.example.com/{'y' * 150}",
        )
        yield Note(OPEN, f"{number:024x}", failure.to_bytes())


def main() -> None:
    """Print a line for each of three ticks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("baselines", nargs="?", type=int, default=1_000)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--redis", metavar="URL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.baselines, options.redis)
        # The check reads the clock: it is now half an hour before they are due.
        now = time.time() // DAY * DAY + 7.9 * 3_600
        in_a_process(lambda: fill(options.baselines, options.incidents, now))
        for name in ("first", "second", "third"):
            in_a_process(lambda: measure(f"{name} tick", now))  # noqa: B023 - it is called at once


def in_a_process(work: Callable[[], None]) -> None:
    """Do it in a child, whose modules and memory nobody has afterwards."""
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            raise SystemExit(1)
        return
    try:
        work()
        sys.stdout.flush()
        os._exit(0)
    except Exception:  # noqa: BLE001 - the files are the parent's
        traceback.print_exc()
    finally:
        os._exit(1)


def measure(name: str, now: float) -> None:
    """Print what one tick costs, in a process that has loaded what the command loads before it ticks."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.pipeline import baselines, dispatching  # noqa: F401 - loads Airflow
    from airflow_provider_dingpush.pipeline.outboxes import outbox
    from airflow_provider_dingpush.pipeline.tick import tick

    baselines.check = partial(baselines.check_at, now)
    before = megabytes()
    began, cpu = time.perf_counter(), time.process_time()
    deque(tick(until=time.monotonic() + 60), maxlen=0)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    memory = f"{megabytes():.0f} MB ({before:.0f} MB before it)"
    waiting = len(list(outbox().mail_of(Mailbox("dingtalk_default"), 10_000)))
    print(f"{name}: {seconds:.2f} s ({used:.2f} s CPU), {memory}, {waiting} alerts wait")


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
