"""How long the page in Airflow's UI takes with many open incidents and baselines, and how much memory.

    PYTHONPATH=. python tests/benchmarks/page.py [--incidents 10000] [--baselines 1000] [--rounds 3]

Everything is in files. A third of the incidents is claimed, and another third has escalated; each baseline has a DAG of
its own, with 30 runs. Each round is a new process, whose first page is timed, and then the second one, as a browser
gets them: what was read, as HTML. Prints the medians of both times, of the second one's time of a processor, of the
process's largest memory, and the size of the page. Airflow's own answers about permissions aren't part of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_dingpush.oncall.claims import Claim
from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome, Progress
from airflow_provider_dingpush.oncall.run_history import SUCCESS, Run, RunHistory
from airflow_provider_dingpush.pipeline.baseline_events import HISTORY, OF_DAG, name_of_history
from airflow_provider_dingpush.pipeline.escalation_notes import note_progress
from airflow_provider_dingpush.pipeline.incidents import CLAIMS
from airflow_provider_dingpush.rules.escalations import Way
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.notes import Note
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.benchmarks.tick import open_incidents

PAGE = """
import resource, time
from airflow_provider_dingpush.web.answers import PageRequest, answer_page
from airflow_provider_dingpush.web.tokens import FormTokens

class Everybody:
    name = user_id = "ann"
    def may_read(self, dag_id): return True
    may_edit = may_read

def taken():
    start, used = time.perf_counter(), time.process_time()
    answer = answer_page(PageRequest(language_cookie="en"), Everybody(), FormTokens(b"secret"))
    assert answer.status == 200
    return time.perf_counter() - start, time.process_time() - used, len(answer.body)

first, (second, used, size) = taken()[0], taken()
print(first, second, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size / 1024)
"""
_DAY = 86_400.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--baselines", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        FileStore(home).set_notes(open_incidents(options.incidents))
        note_claims(home, options.incidents)
        note_baselines(home, options.baselines)
        rows = [measured(home) for _ in range(options.rounds)]
    first, second, used, megabytes, size = (statistics.median(each) for each in zip(*rows, strict=True))
    print(
        f"{options.incidents:,} open incidents, {options.baselines:,} baselines: the first page {first:.2f} s, "
        f"the next one {second:.2f} s, {used:.2f} s of a processor, {megabytes:.0f} MB, {size:.0f} KiB"
    )


def note_claims(home: Path, count: int) -> None:
    """Claim a third of the incidents, and have another third escalated."""
    now = time.time()
    store = FileStore(home)
    store.set_notes(
        Note(CLAIMS, f"{number:024x}", Claim("zhangsan", now, name="x", mailbox="y").to_bytes())
        for number in range(0, count, 3)
    )
    attempts = {"0 app a": (Attempt(Way.APP, now, Outcome.DONE, ("u",)),)}
    note_progress(Outbox(store), {f"{number:024x}": Progress(now, attempts) for number in range(1, count, 3)})


def note_baselines(home: Path, count: int) -> None:
    """Write the rules file, and the history of each DAG."""
    baselines = [{"name": f"baseline {number}", "dags": f"dag_{number}", "due": "23:59"} for number in range(count)]
    (home / "rules.yaml").write_text(json.dumps({"baselines": baselines}))
    midnight = time.time() // _DAY * _DAY
    runs = [
        Run(f"r{day}", "scheduled", at, at, at + 3_600, SUCCESS) for day in range(30) for at in [midnight - day * _DAY]
    ]
    history = RunHistory().with_runs(runs).to_plain()
    FileStore(home).set_notes(
        Note(
            HISTORY,
            name_of_history(OF_DAG, f"dag_{number}"),
            json.dumps({"of": [OF_DAG, f"dag_{number}"], **history}).encode(),
        )
        for number in range(count)
    )


def measured(home: Path) -> list[float]:
    """The numbers of one process."""
    environment = {
        "AIRFLOW__DINGPUSH__HOME": str(home),
        "AIRFLOW__DINGPUSH__RULES_FILE": str(home / "rules.yaml"),
        "AIRFLOW_HOME": str(home),
        "PATH": "",
        "PYTHONPATH": ".",
    }
    done = subprocess.run([sys.executable, "-c", PAGE], env=environment, capture_output=True, text=True, check=True)
    return [float(each) for each in done.stdout.split()[-5:]]


if __name__ == "__main__":
    main()
