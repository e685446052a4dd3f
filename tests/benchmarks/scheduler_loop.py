"""What the plugin costs the scheduler: 200 DAGs, their runs from the first start to the last end.

    PYTHONPATH=. python tests/benchmarks/scheduler_loop.py [--dags 200] [--runs 5] [--failing 0] [--rounds 5]

A real scheduler runs tasks that need no worker (``EmptyOperator``), so that all work is its own; with ``--failing`` so
many DAGs have runs that Airflow ends as deadlocked. It is measured without the options of the plugin, and with
``alert_conn_id``, in turns, each time with a copy of one database (SQLite) that knows the DAGs and none of their runs.
Prints, of the rounds, the medians of the time that passed and of the scheduler's processor time, which other work on
the machine changes little, and the ratios.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

MOST_RATIO = 1.02
MOST_SECONDS = 3600.0
CONFIGURED = {"AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default"}
KINDS: Mapping[str, Mapping[str, str]] = {"without": {}, "with": CONFIGURED}
DAG_FILE = """
from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models.dag import DAG
try:
    from airflow.providers.standard.operators.empty import EmptyOperator
except ImportError:
    from airflow.operators.empty import EmptyOperator

now = datetime.now(timezone.utc)
for number in range({dags}):
    with DAG(
        f"etl_{{number:03d}}",
        start_date=datetime({start:%Y, %-m, %-d}, tzinfo=timezone.utc),
        end_date=datetime({start:%Y, %-m, %-d}, tzinfo=timezone.utc) + timedelta(days={runs} - 1),
        schedule="0 0 * * *",
        catchup=True,
        tags=["core"],
        default_args={{"owner": "zhangsan"}},
    ) as dag:
        # One that ended long ago is never started, and its downstream waits for it.
        past = {{"end_date": datetime(2020, 1, 1, tzinfo=timezone.utc)}} if number < {failing} else {{}}
        EmptyOperator(task_id="extract", **past) >> EmptyOperator(task_id="load") >> EmptyOperator(task_id="publish")
    globals()[dag.dag_id] = dag
"""


class Taken(NamedTuple):
    """What the scheduler took for all runs, in seconds.

    :param passed: from the start of the first run to the end of the last.
    :param used: of a processor, user and system, from the scheduler's start.
    """

    passed: float
    used: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5, help="runs of each DAG")
    parser.add_argument("--failing", type=int, default=0, help="DAGs whose runs fail")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dags").mkdir()
        (home / "dags" / "etl.py").write_text(
            DAG_FILE.format(
                dags=options.dags,
                runs=options.runs,
                failing=options.failing,
                start=datetime(2026, 1, 1),  # noqa: DTZ001
            )
        )
        environment = _environment(home)
        for command in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run(
                [sys.executable, "-m", "airflow", *command], env=environment, check=True, capture_output=True
            )
        (home / "airflow.db").rename(home / "known.db")
        taken: dict[str, list[Taken]] = {name: [] for name in KINDS}
        for number in range(options.rounds):
            # The first of a round isn't always the same one.
            for name in list(KINDS)[:: 1 if number % 2 else -1]:
                shutil.copy(home / "known.db", home / "airflow.db")
                shutil.rmtree(home / "dingpush", ignore_errors=True)
                taken[name].append(scheduled(home, {**environment, **KINDS[name]}, options.dags * options.runs))
    for column in Taken._fields:
        medians = {name: statistics.median(getattr(each, column) for each in rows) for name, rows in taken.items()}
        ratio = medians["with"] / medians["without"]
        verdict = f", more than {MOST_RATIO}" if ratio > MOST_RATIO else ""
        listed = ", ".join(f"{name} {median:.2f} s" for name, median in medians.items())
        print(f"{options.dags} DAGs, {options.runs} runs each, time {column}: {listed}, {ratio:.3f} x{verdict}")


def _environment(home: Path) -> dict[str, str]:
    options = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "LOGGING__LOGGING_LEVEL": "ERROR",
        # Airflow 2: nothing but the scheduler.
        "SCHEDULER__STANDALONE_DAG_PROCESSOR": True,
        "SCHEDULER__ENABLE_HEALTH_CHECK": False,
        # Of DAGs that no DAG processor has seen for that long, no more runs are made.
        "SCHEDULER__DAG_STALE_NOT_SEEN_DURATION": 86_400,
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": 86_400,
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        **{f"AIRFLOW__{name}": str(value) for name, value in options.items()},
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def scheduled(home: Path, environment: Mapping[str, str], runs: int) -> Taken:
    """Let the scheduler do all runs."""
    with (home / "scheduler.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "scheduler"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + MOST_SECONDS
            while _ended(home) < runs:
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"The scheduler did not do its runs:\n{(home / 'scheduler.log').read_text()[-3000:]}")
                time.sleep(0.5)
            used = _processor_seconds(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        ((passed,),) = database.execute(
            "SELECT (julianday(max(end_date)) - julianday(min(start_date))) * 86400 FROM dag_run"
        ).fetchall()
    return Taken(passed, used)


def _ended(home: Path) -> int:
    with closing(sqlite3.connect(f"file:{home / 'airflow.db'}?mode=ro", uri=True, timeout=30)) as database:
        ((count,),) = database.execute("SELECT count(*) FROM dag_run WHERE state IN ('success', 'failed')").fetchall()
    return int(count)


def _processor_seconds(pid: int) -> float:
    """The processor time of a process so far, without that of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
