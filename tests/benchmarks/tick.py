"""What a tick costs with 1,000 baselines: the time of one check, and the memory of its process.

Run it from a clone: ``PYTHONPATH=. python tests/benchmarks/tick.py [--redis URL] [BASELINES]``. Each baseline waits for
a DAG of its own with 60 runs and 20 tasks; a tenth of them runs at that time, and a hundredth is late.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

TASKS, DAYS = 20, 60
DAY = 86_400.0


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
    (folder / "rules.yaml").write_text("baselines:\n" + "".join(lines))


def fill(number: int, now: float) -> None:
    """The histories of earlier days, and the runs of today."""
    import json

    from airflow_provider_dingpush.oncall.critical_path import TaskHistory
    from airflow_provider_dingpush.oncall.run_history import Run, RunHistory
    from airflow_provider_dingpush.pipeline.baseline_events import HISTORY, OF_DAG, RUNS, name_of_history
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
    outbox().store.set_notes(notes)


def main() -> None:
    """Print a line for each of three checks: the first one has all of today's runs to take in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("baselines", nargs="?", type=int, default=1_000)
    parser.add_argument("--redis")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.baselines, options.redis)
        from airflow_provider_dingpush.pipeline.baselines import check_at
        from airflow_provider_dingpush.timeouts import Deadline

        now = time.time() // DAY * DAY + 7.9 * 3_600
        if not (child := os.fork()):  # so that its memory isn't counted
            fill(options.baselines, now)
            os._exit(0)
        os.waitpid(child, 0)
        print(f"before: {megabytes():.0f} MB")
        for name in ("first", "second", "third"):
            began, cpu = time.perf_counter(), time.process_time()
            check_at(now, Deadline.after(60))
            seconds, used = time.perf_counter() - began, time.process_time() - cpu
            print(f"{name} check of {options.baselines}: {seconds:.2f} s ({used:.2f} s CPU), {megabytes():.0f} MB")


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
