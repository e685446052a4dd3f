"""What a new process of Airflow pays for this package: importing it, one message, one alert, and one that only follows.

    python -m compileall -q airflow_provider_dingpush "$VIRTUAL_ENV/lib"
    PYTHONPATH=. python tests/benchmarks/import_cost.py [--rounds 15]

Each round is a new process that has loaded Airflow's base classes already, a follower also Airflow's task runner. A
follower is timed from the notifier's import until it has left its alert to the process that leads; with Redis also
where redis-py is loaded already, as in Celery's processes. Those that are compared take turns. Prints the median of the
time that passed, and the median and the least time of a processor (user and system), which other work on the machine
changes little; ratios are of the latter. The official operator takes part if ``apache-airflow-providers-dingding`` is
installed, and Redis if ``redis-server`` is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Store

# A full collection of all that Airflow has allocated takes longer than what is measured and falls on whoever allocates
# next, so it is done before the clock starts.
BASE = """
import gc, sys, time
try:
    from airflow.sdk import BaseNotifier, BaseOperator
    try:
        from airflow.sdk import BaseHook
    except ImportError:
        from airflow.hooks.base import BaseHook
except ImportError:
    from airflow.models.baseoperator import BaseOperator
    from airflow.notifications.basenotifier import BaseNotifier
    from airflow.hooks.base import BaseHook
# Airflow's own first look-up of a connection loads modules, whoever asks for one.
import os
os.environ["AIRFLOW_CONN_FIRST"] = "http://first"
BaseHook.get_connection("first")
"""
CLOCK = """
before = set(sys.modules)
gc.collect()
start, used = time.perf_counter(), time.process_time()
"""
ALONE = "group_interval_seconds=0&rate_limit_per_minute=1000"
PRINT = """
print((time.perf_counter() - start) * 1e3, (time.process_time() - used) * 1e3)
print(" ".join(sorted({"requests", "urllib3", "redis", "aiohttp"} & (set(sys.modules) - before))), file=sys.stderr)
"""
OURS = """
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.hooks import DingTalkRobotHook
"""
OFFICIAL = "from airflow.providers.dingding.operators.dingding import DingdingOperator\n"
# The alert of a plain failed task, to a server on this machine that answers at once.
ALERT = """
class Thing:
    def __init__(self, **values): self.__dict__.update(values)
# Another run each time: what was sent once is not sent again.
run_id = f"run_{time.time_ns()}"
ti = Thing(dag_id="d", task_id="t", run_id=run_id, map_index=-1, try_number=1, max_tries=0, state="failed")
task = Thing(owner="airflow", task_id="t", retries=0)
dag = Thing(dag_id="d")
context = {"ti": ti, "task": task, "dag": dag, "run_id": run_id, "exception": ValueError("no such table: orders")}
DingTalkNotifier(raise_on_failure=RAISES)(context)
"""
OUR_ALERT = OURS + ALERT.replace("RAISES", "True")
# Airflow's configuration is read by whoever runs a task.
TASK_RUNNER = """
try:
    import airflow.sdk.execution_time.task_runner
except ImportError:
    import airflow.models.taskinstance
from airflow.configuration import conf
conf.get("core", "dags_folder")
"""
WITH_REDIS = "import redis, redis.backoff, redis.retry\nredis.Redis(port=1)\n"
FOLLOWER = "from airflow_provider_dingpush.notifications import DingTalkNotifier\n" + ALERT.replace("RAISES", "False")
OUR_MESSAGE = """
from airflow_provider_dingpush.hooks import DingTalkRobotHook
DingTalkRobotHook().send("hello")
"""
BARE_MESSAGE = """
import requests
requests.post(os.environ["WEBHOOK"], json={"msgtype": "text", "text": {"content": "hello"}}, timeout=5).json()
"""
OFFICIAL_ALERT = (
    OFFICIAL
    + """
operator = DingdingOperator(task_id="t", dingding_conn_id="dingding_default", message_type="text", message="d t failed")
operator.execute({})
"""
)


Programs = Mapping[str, tuple[str, str, Mapping[str, str]]]
"""Who -> what its process has loaded already, what is timed, and more of its environment."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    from airflow_provider_dingpush.sandbox import Robot, Sandbox

    nothing: Mapping[str, str] = {}
    with Sandbox(robots=(Robot(messages_per_minute=10_000),)) as sandbox, tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
            # Each alert is alone, as in an hour in which one task fails.
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&{ALONE}",
            "AIRFLOW_CONN_DINGDING_DEFAULT": json.dumps(
                {"conn_type": "dingding", "host": sandbox.url, "password": sandbox.robot.access_token}
            ),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "WEBHOOK": sandbox.webhook_url,
        }
        ours, official = "this package", "official"
        compare("import", {official: (BASE, OFFICIAL, nothing), ours: (BASE, OURS, nothing)}, environment, rounds)
        programs = {official: (BASE, OFFICIAL_ALERT, nothing), ours: (BASE, OUR_ALERT, nothing)}
        compare("cold alert, import to sent", programs, environment, rounds)
        programs = {"requests.post": (BASE, BARE_MESSAGE, nothing), ours: (BASE, OUR_MESSAGE, nothing)}
        compare("cold message, import to sent", programs, environment, rounds)
        with followers() as each_outbox:
            compare("cold follower, import to left", each_outbox, environment, rounds)


@contextmanager
def followers() -> Iterator[Programs]:
    """What followers run, while somebody leads in each of their outboxes."""
    from airflow_provider_dingpush.storage.files.store import FileStore

    with tempfile.TemporaryDirectory() as home, led(FileStore(Path(home, "dingpush"))):
        programs = {"files": (TASK_RUNNER, FOLLOWER, {"AIRFLOW_HOME": home})}
        if shutil.which("redis-server") is None:
            yield programs
            return
        from airflow_provider_dingpush.storage.redis.store import RedisStore
        from tests.redis_servers import redis_server

        with redis_server() as redis, tempfile.TemporaryDirectory() as second, led(RedisStore(redis.url)):
            of_redis = {"AIRFLOW_HOME": second, "AIRFLOW__DINGPUSH__OUTBOX_URL": redis.url}
            programs["Redis"] = TASK_RUNNER, FOLLOWER, of_redis
            programs["Redis, loaded"] = TASK_RUNNER + WITH_REDIS, FOLLOWER, of_redis
            yield programs


@contextmanager
def led(store: Store) -> Iterator[None]:
    """Lead in a store for as long as the block lasts; nobody who comes may have found a leader missing."""
    from airflow_provider_dingpush.alerts.alert import Mailbox
    from airflow_provider_dingpush.storage.outbox import Outbox

    outbox, mailbox = Outbox(store, lease_seconds=3_600.0), Mailbox("dingtalk_default")
    outbox.assign(mailbox, "led")
    with outbox.leadership("led") as book:
        assert book is not None
        yield
        assert outbox.pending_in(mailbox)
        book.keep(1.0)


def compare(name: str, programs: Programs, environment: Mapping[str, str], rounds: int) -> None:
    """Run programs in turns and print what they take; the first of them is the measure."""
    taken: dict[str, list[tuple[float, float]]] = {each: [] for each in programs}
    loaded: dict[str, str] = {}
    for _ in range(rounds + 1):
        for each, (base, program, more) in programs.items():
            code = "import gc, os, sys, time\n" + base + CLOCK + program + PRINT
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code],
                env={**environment, **more},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                passed, used = done.stdout.strip().splitlines()[-1].split()
                taken[each].append((float(passed), float(used)))
                loaded[each] = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
    measure = 0.0
    for each, rows in taken.items():
        if not rows:
            print(f"{name}: {each:13} did not run (is apache-airflow-providers-dingding installed?)")
            continue
        # The first process compiled bytecode.
        passed_, used_ = ([row[column] for row in rows[1:]] for column in (0, 1))
        measure = measure or min(used_)
        print(
            f"{name}: {each:13} {statistics.median(passed_):6.1f} ms, of a processor {statistics.median(used_):6.1f} "
            f"(least {min(used_):6.1f}, {min(used_) / measure:4.2f} x)  "
            f"(loads besides: {loaded[each] or 'nothing heavy'})"
        )


if __name__ == "__main__":
    main()
