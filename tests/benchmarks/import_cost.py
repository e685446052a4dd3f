"""What importing this package costs on top of Airflow, and what one cold alert costs from import to sent.

    python tests/benchmarks/import_cost.py [--rounds 15]

Each round is a new process that has loaded Airflow's base classes already; prints medians in milliseconds. The official
operator takes part if ``apache-airflow-providers-dingding`` is installed. Bytecode is written, as anywhere but here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

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
before = set(sys.modules)
gc.collect()
start = time.perf_counter()
"""
ALONE = "group_interval_seconds=0&rate_limit_per_minute=1000"
PRINT = """
print((time.perf_counter() - start) * 1e3)
print(" ".join(sorted({"requests", "urllib3", "redis", "aiohttp"} & (set(sys.modules) - before))), file=sys.stderr)
"""
OURS = """
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.hooks import DingTalkRobotHook
"""
OFFICIAL = "from airflow.providers.dingding.operators.dingding import DingdingOperator\n"
# The alert of a plain failed task, to a server on this machine that answers at once.
OUR_ALERT = (
    OURS
    + """
class Thing:
    def __init__(self, **values): self.__dict__.update(values)
# Another run each time: what was sent once is not sent again.
run_id = f"run_{time.time_ns()}"
ti = Thing(dag_id="d", task_id="t", run_id=run_id, map_index=-1, try_number=1, max_tries=0, state="failed")
task = Thing(owner="airflow", task_id="t", retries=0)
dag = Thing(dag_id="d")
context = {"ti": ti, "task": task, "dag": dag, "run_id": run_id, "exception": ValueError("x")}
DingTalkNotifier(raise_on_failure=True)(context)
"""
)
OFFICIAL_ALERT = (
    OFFICIAL
    + """
operator = DingdingOperator(task_id="t", dingding_conn_id="dingding_default", message_type="text", message="d t failed")
operator.execute({})
"""
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    from airflow_provider_dingpush.sandbox import Robot, Sandbox

    with Sandbox(robots=(Robot(messages_per_minute=10_000),)) as sandbox:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "AIRFLOW_HOME": tempfile.mkdtemp(),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
            # Each alert is alone, as in an hour in which one task fails.
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&{ALONE}",
            "AIRFLOW_CONN_DINGDING_DEFAULT": json.dumps(
                {"conn_type": "dingding", "host": sandbox.url, "password": sandbox.robot.access_token}
            ),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        for name, ours, official in (
            ("import", OURS, OFFICIAL),
            ("cold alert, import to sent", OUR_ALERT, OFFICIAL_ALERT),
        ):
            programs = {"this package": ours, "official": official}
            taken: dict[str, list[float]] = {each: [] for each in programs}
            loaded: dict[str, str] = {}
            for _ in range(rounds + 1):
                for each, program in programs.items():
                    done = subprocess.run(
                        [sys.executable, "-W", "ignore", "-c", BASE + program + PRINT],
                        env=environment,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    if done.returncode == 0:
                        taken[each].append(float(done.stdout.strip().splitlines()[-1]))
                        loaded[each] = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
            for each, milliseconds in taken.items():
                if milliseconds:
                    # The first process compiled bytecode.
                    median = statistics.median(milliseconds[1:])
                    print(f"{name}: {each:13} {median:6.1f} ms  (loads besides: {loaded[each] or 'nothing heavy'})")
                else:
                    print(f"{name}: {each:13} did not run (is apache-airflow-providers-dingding installed?)")


if __name__ == "__main__":
    main()
