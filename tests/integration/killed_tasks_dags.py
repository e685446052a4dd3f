"""Written into the folder of DAG files by a test: tasks that die in several ways, of DAGs without a line of ours."""

from __future__ import annotations

import logging
import os
import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow before 3.0
    from airflow.decorators import task  # type: ignore[attr-defined,no-redef]
    from airflow.models.dag import DAG  # type: ignore[no-redef]

log = logging.getLogger(__name__)
FOLDER = Path(os.environ["AIRFLOW_HOME"])
CGROUP = os.environ.get("DINGPUSH_TEST_CGROUP")


def dag(dag_id: str, **more: object) -> DAG:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return DAG(
        dag_id,
        start_date=start,
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        default_args={"owner": "zhangsan"},
        **more,  # type: ignore[arg-type]
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


with dag("killed"):

    @task(task_id="dies")
    def dies() -> None:
        """Killed on its only try; a child that it left behind lives on."""
        if os.fork() == 0:
            os.setsid()
            for descriptor in range(64):
                try:
                    # What it has of Airflow, which would wait for it; a marker's file stays open.
                    if "/markers/" not in os.readlink(f"/proc/self/fd/{descriptor}"):
                        os.close(descriptor)
                except OSError:
                    continue
            time.sleep(600)
            os._exit(0)
        die()

    dies()

with dag("later"):

    @task(task_id="dies")
    def dies_later() -> None:
        """Killed while the flush DAG runs."""
        (FOLDER / "killed_at").write_text(str(time.time()))
        die()

    dies_later()

with dag("tolerated"):

    @task(task_id="dies")
    def dies_tolerated() -> None:
        """Killed, and the run succeeds nevertheless."""
        log.info("the last line before the end")
        time.sleep(1)
        die()

    @task(trigger_rule="all_done")
    def goes_on() -> None:
        """Runs whatever happened."""

    dies_tolerated() >> goes_on()

with dag("retried"):

    @task(task_id="dies_once", retries=1, retry_delay=timedelta(seconds=1))
    def dies_once() -> None:
        """Killed on its first try, well on its second."""
        mark = FOLDER / "died_once"
        if not mark.exists():
            mark.touch()
            die()

    dies_once()

with dag("cleared"):

    @task(task_id="dies_once")
    def dies_before_it_is_cleared() -> None:
        """Killed, and well when it runs again."""
        mark = FOLDER / "died_before"
        if not mark.exists():
            mark.touch()
            die()
        (FOLDER / "is_well").touch()

    @task(task_id="waits")
    def waits() -> None:
        """Keeps the run from failing before somebody clears the other task."""
        until = time.monotonic() + 900
        while not (FOLDER / "is_well").exists() and time.monotonic() < until:
            time.sleep(0.2)

    dies_before_it_is_cleared()
    waits()

with dag("marked"):

    @task(task_id="sleeps")
    def sleeps() -> None:
        """Until somebody marks it as failed."""
        time.sleep(900)

    sleeps()

with dag("raises"):

    @task(task_id="fails")
    def fails() -> None:
        """Fails by itself."""
        raise ValueError("no such table")

    fails()

with dag("pauses", max_consecutive_failed_dag_runs=1):

    @task(task_id="fails")
    def fails_and_pauses() -> None:
        """Fails, and Airflow pauses its DAG."""
        raise ValueError("no such partition")

    fails_and_pauses()

with dag("times_out", dagrun_timeout=timedelta(seconds=60)):

    @task(task_id="sleeps")
    def sleeps_too_long() -> None:
        """Longer than its run may."""
        time.sleep(900)

    sleeps_too_long()

if CGROUP:
    with dag("out_of_memory"):

        @task(task_id="fills_memory")
        def fills_memory() -> None:
            """Killed by the kernel: more memory than its cgroup may have."""
            Path(str(CGROUP), "cgroup.procs").write_text(str(os.getpid()))
            log.info("%s bytes", len(bytearray(900 * 1024 * 1024)))

        fills_memory()
