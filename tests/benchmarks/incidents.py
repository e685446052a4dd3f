"""How long the check of escalations takes with many open incidents of which no step is due, and how much memory.

    PYTHONPATH=. python tests/benchmarks/incidents.py [--incidents 10000] [--rounds 3]

The incidents are noted in files. Each round is a new process; prints the median of the time that the check took, of its
time of a processor, and of the process's largest memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.notes import OPEN, Note

CHECK = """
import resource, sys, time
from datetime import timezone
from pathlib import Path
from airflow_provider_dingpush.pipeline.escalations import check_store
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.stores import stores
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.timeouts import Deadline
steps = "[{after: 1h, ding: app, who: a}, {after: 2h, ding: phone, who: a}]"
text = f"people: [{{name: a, user_id: u}}]\\nrules: [{{name: core, receiver: x, escalate: {steps}}}]"
rules = read_rules(text, "rules.yaml", zone=timezone.utc, read_file=str, group_labels=())
usable = stores(Deadline.after(600), most_seconds=600, total_seconds=600)
assert len(incidents_in(usable[0].outbox)) == int(sys.argv[1])
start, used = time.perf_counter(), time.process_time()
check_store(usable[0], usable, rules, Deadline.after(600))
passed, used = time.perf_counter() - start, time.process_time() - used
print(passed, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        note(Path(home), options.incidents)
        rows = [measured(home, options.incidents) for _ in range(options.rounds)]
    seconds, used, megabytes = (statistics.median(each) for each in zip(*rows, strict=True))
    print(f"{options.incidents:,} open incidents: {seconds:.2f} s, {used:.2f} s of a processor, {megabytes:.0f} MB")


def note(home: Path, count: int) -> None:
    """Note incidents that began a minute ago."""
    at = time.time() - 60
    FileStore(home).set_notes(
        Note(
            OPEN,
            f"{number:024x}",
            OpenFailure(
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
            ).to_bytes(),
        )
        for number in range(count)
    )


def measured(home: str, count: int) -> list[float]:
    """The numbers of one process."""
    environment = {"AIRFLOW__DINGPUSH__HOME": home, "AIRFLOW_HOME": home, "PATH": "", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(count)], env=environment, capture_output=True, text=True, check=True
    )
    return [float(each) for each in done.stdout.split()[-3:]]


if __name__ == "__main__":
    main()
