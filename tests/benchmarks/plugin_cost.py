"""What the plugin costs: loading it in any process of Airflow, and each task from its start to its end.

    PYTHONPATH=. python tests/benchmarks/plugin_cost.py [--tasks 40] [--rounds 5]

Tasks are forks of a process that has loaded Airflow's task runner, as with Airflow's executors. Each gets its listeners
from Airflow and calls them as Airflow does: at the start, before the task's code, after it, and at the end. That is
timed without the options of the plugin, and with ``alert_conn_id``: with files, and with Redis if ``redis-server`` is
installed, where a round trip is timed as well. Those that are compared take turns, one task each. Loading is timed in
new processes that have loaded Airflow's plugin manager and configuration. Prints medians of the rounds.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

WITHOUT, FILES, REDIS = "without", "files", "Redis"
CONFIGURED = {"AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default"}
MOST_MORE_MS = 2.0
MOST_IMPORT_MS = 1.0
# What every process of Airflow has loaded when it loads plugins.
LOADING = """
import gc, time
{manager}
from airflow.configuration import conf
conf.get("core", "dags_folder")
try:
    from airflow.sdk.configuration import conf as _
except ImportError:
    pass
gc.collect()
start = time.perf_counter()
from airflow_provider_dingpush.plugin import DingPushPlugin
DingPushPlugin.on_load()
print((time.perf_counter() - start) * 1e3)
"""
MANAGERS = {
    "scheduler and others": "import airflow.plugins_manager",
    "task of Airflow 3": "import airflow.sdk.execution_time.task_runner, airflow.sdk.plugins_manager",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=40, help="tasks of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    # Plugins are loaded with their bytecode, which whoever installs a package has.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(
            AIRFLOW_HOME=home, AIRFLOW__LOGGING__LOGGING_LEVEL="CRITICAL", AIRFLOW__CORE__LOAD_EXAMPLES="False"
        )
        print_loading(options.rounds)
        print_tasks(Path(home), options.tasks, options.rounds)


def print_loading(rounds: int) -> None:
    """Print what loading the plugin takes."""
    for process, manager in MANAGERS.items():
        for name, more in (("not configured", {}), ("configured", CONFIGURED)):
            taken = [milliseconds for _ in range(rounds + 1) if (milliseconds := _loading(manager, more)) is not None]
            if not taken:
                print(f"loading, {process}: this Airflow has none")
                break
            # The first process compiled bytecode.
            median = statistics.median(taken[1:])
            verdict = "" if median <= MOST_IMPORT_MS else f", more than {MOST_IMPORT_MS:g} ms"
            print(f"loading, {process}, {name}: {median:.2f} ms{verdict}")


def _loading(manager: str, more: Mapping[str, str]) -> float | None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADING.format(manager=manager)],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def print_tasks(home: Path, tasks: int, rounds: int) -> None:
    """Print what a task's listeners take."""
    hooks = listener_hooks()
    with kinds(home) as environments:
        # What is allocated so far is no child's business.
        gc.collect()
        gc.freeze()
        medians: dict[str, list[Taken]] = {name: [] for name in environments}
        for _ in range(rounds):
            taken: dict[str, list[Taken]] = {name: [] for name in environments}
            for _ in range(tasks):
                for name, environment in environments.items():
                    taken[name].append(in_fork(hooks, environment))
            for name, each in taken.items():
                medians[name].append(_median(each))
        trip = round_trip_ms(environments[REDIS]) if REDIS in environments else 0.0
    measure = _median(medians[WITHOUT])
    for name, each in medians.items():
        median = _median(each)
        more, most = median.passed - measure.passed, MOST_MORE_MS + (trip if name == REDIS else 0.0)
        verdict = f", more than {most:.1f} ms more" if more > most else ""
        spread = f"{min(row.passed for row in each):.2f}-{max(row.passed for row in each):.2f}"
        ratio = median.passed / measure.passed
        print(
            f"task, {name:8} {median.passed:6.2f} ms ({spread}), {more:+.2f} ms, {ratio:.2f} x; "
            f"of a processor {median.used:6.2f} ms, {median.used - measure.used:+.2f} ms{verdict}"
        )
    if trip:
        print(f"a round trip to Redis: {trip:.2f} ms")


class Taken(NamedTuple):
    """What a task's listeners took, in milliseconds.

    :param passed: on the clock.
    :param used: of a processor, which other work on the machine changes little.
    """

    passed: float
    used: float


def _median(rows: Sequence[Taken]) -> Taken:
    return Taken(*(statistics.median(column) for column in zip(*rows, strict=True)))


def listener_hooks() -> Callable[[], None]:
    """Calls the listeners of one task that succeeds, as Airflow does."""
    try:
        runner: Any = importlib.import_module("airflow.sdk.execution_time.task_runner")
    except ImportError:
        runner = importlib.import_module("airflow.listeners.listener")
    task_instance = _task_instance()

    def call() -> None:
        hook = runner.get_listener_manager().hook
        hook.on_starting(component=None)
        more = {"session": None} if "session" in _arguments_of(hook.on_task_instance_running) else {}
        hook.on_task_instance_running(previous_state="queued", task_instance=task_instance, **more)
        hook.on_task_instance_success(previous_state="running", task_instance=task_instance, **more)
        hook.before_stopping(component=None)

    return call


def _arguments_of(caller: Any) -> Sequence[str]:
    return tuple(caller.spec.argnames)


def _task_instance() -> Any:
    """One that just succeeded: of the database on Airflow 2, of the task's process on Airflow 3."""
    now = datetime.now(timezone.utc)
    dag = SimpleNamespace(dag_id="etl", owner="data-team", tags=["core"], fileloc=None, params={})
    task = SimpleNamespace(task_id="load", owner="data-team", retries=0, dag=dag, params={})
    ids = {"dag_id": "etl", "task_id": "load", "run_id": "scheduled__2026-11-22T02:00:00+00:00", "map_index": -1}
    run = SimpleNamespace(dag_id="etl", run_id=ids["run_id"], run_type="scheduled", start_date=now, logical_date=now)
    ti = SimpleNamespace(
        **ids, try_number=1, max_tries=0, state="success", start_date=now, end_date=now, task=task, dag_run=run
    )
    if importlib.util.find_spec("airflow.sdk") is None:
        ti._sa_instance_state = None
    context = {"ti": ti, "task": task, "dag": dag, "dag_run": run, "run_id": ids["run_id"]}
    ti.get_template_context = lambda: context
    return ti


@contextmanager
def kinds(home: Path) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """What is compared -> the environment of its tasks."""
    found: dict[str, Mapping[str, str]] = {
        WITHOUT: {},
        FILES: {**CONFIGURED, "AIRFLOW__DINGPUSH__HOME": str(home / "dingpush")},
    }
    if shutil.which("redis-server") is None:
        yield found
        return
    import redis  # noqa: F401 - Celery's processes have loaded it

    from tests.redis_servers import redis_server

    with redis_server() as redis_:
        yield {**found, REDIS: {**CONFIGURED, "AIRFLOW__DINGPUSH__OUTBOX_URL": redis_.url}}


def in_fork(work: Callable[[], None], environment: Mapping[str, str]) -> Taken:
    """What the work takes in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        start, used = time.perf_counter(), time.process_time()
        work()
        taken = (time.perf_counter() - start) * 1e3, (time.process_time() - used) * 1e3
        os.write(writing, json.dumps(taken).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return Taken(*json.loads(text))


def round_trip_ms(environment: Mapping[str, str]) -> float:
    """The median of a PING, the first of a connection, which opens it."""
    import redis

    taken = []
    for _ in range(50):
        client = redis.Redis.from_url(environment["AIRFLOW__DINGPUSH__OUTBOX_URL"])
        start = time.perf_counter()
        client.ping()
        taken.append((time.perf_counter() - start) * 1e3)
        client.close()
    return statistics.median(taken)


if __name__ == "__main__":
    main()
