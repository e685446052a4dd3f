"""The ways in which tasks, runs and DAG files fail, or nearly do: a DAG for each, and what is reported of it.

None of the DAG files has a line of this package, except those that show that a notifier of their own changes nothing.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

NOTES = "WHOLE_AIRFLOW_NOTES"
"""Environment variable: a folder in which tasks note that they ran."""
HEAD = """
import os, signal, sys, time
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
try:
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowFailException, AirflowSkipException
try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:
    from airflow.operators.bash import BashOperator

def first_time(name):
    try:
        (Path(os.environ["WHOLE_AIRFLOW_NOTES"]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
"""
DAG_FILE = """
with DAG(
    "{dag_id}",
    start_date={start},
    schedule={schedule},
    catchup={catchup},
    max_active_runs=1,
    {options}
) as dag:
{tasks}
"""
# A module of its own, because the triggerer imports it as well.
TRIGGERS = """
import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent
try:
    from airflow.sdk import BaseOperator
except ImportError:
    from airflow.models.baseoperator import BaseOperator

class Waiting(BaseTrigger):
    def __init__(self, fails):
        super().__init__()
        self.fails = fails

    def serialize(self):
        return "failing_triggers.Waiting", {"fails": self.fails}

    async def run(self):
        if self.fails:
            raise ValueError("the warehouse answered 503")
        await asyncio.sleep(3600)
        yield TriggerEvent("too late")

class Deferring(BaseOperator):
    def __init__(self, *, fails, seconds=None, **more):
        super().__init__(**more)
        self.fails, self.seconds = fails, seconds

    def execute(self, context):
        from datetime import timedelta

        timeout = timedelta(seconds=self.seconds) if self.seconds else None
        self.defer(trigger=Waiting(fails=self.fails), method_name="resumed", timeout=timeout)

    def resumed(self, context, event=None):
        pass
"""
FLUSH_FILE = """
from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
"""
TASK, RUN, FILE = "task_failed", "dag_failed", "dag_import_error"
Reports = Counter[tuple[str, str | None]]
"""Event and task -> how many are reported."""
LOAD: Reports = Counter({(TASK, "load"): 1})
NOTHING: Reports = Counter()
# Its supervisor knows only "success" and "failed" of a process that ended (sdk/execution_time/supervisor.py of 3.0.6).
TRIES_NO_KILLED_TASK_AGAIN = version("apache-airflow").startswith("3.0.")


@dataclass(frozen=True)
class Way:
    """A way to fail.

    :param name: of the way; DAGs are named after it.
    :param share: of 200 DAGs.
    :param tasks: the body of the DAG; ``{number}`` is the DAG's.
    :param reports: of each DAG.
    :param options: arguments of the DAG.
    :param states: of its runs at the end; empty for one whose file can't be imported.
    :param head: more of the file, before the DAG; ``{letter}`` is another one in each.
    :param days: how many days ago it starts, with a run each day; 0 for a single run.
    """

    name: str
    share: int
    tasks: str
    reports: Reports = field(default_factory=lambda: LOAD)
    options: str = ""
    states: Sequence[str] = ("failed",)
    head: str = ""
    days: int = 0

    def wanted(self, count: int) -> Reports:
        """The reports of so many DAGs."""
        return Counter({key: number * count for key, number in self.reports.items()})

    def file(self, number: int, *, now: datetime) -> str:
        """The text of a DAG file."""
        start = now - timedelta(days=self.days) if self.days else datetime(2026, 1, 1, tzinfo=timezone.utc)
        tasks = textwrap.dedent(self.tasks).replace("{number}", str(number))
        text = DAG_FILE.format(
            dag_id=self.dag_id(number),
            start=f"datetime({start:%Y, %-m, %-d}, tzinfo=timezone.utc)",
            schedule="timedelta(days=1)" if self.days else '"@once"',
            catchup=bool(self.days),
            options=self.options,
            tasks=textwrap.indent(tasks, "    "),
        )
        return HEAD + textwrap.dedent(self.head).replace("{letter}", chr(ord("a") + number)) + text

    def dag_id(self, number: int) -> str:
        return f"{self.name}_{number:02d}"


PLAIN = """
    @task
    def load():
        raise ValueError("no such table: ods_{number}")

    @task
    def publish(loaded):
        pass

    publish(load())
"""
SLEEPING = """
    @task{arguments}
    def load():
        time.sleep(600)

    load()
"""
OWN = """
from airflow_provider_dingpush.notifications import DingTalkNotifier
"""
BY_HAND = """
    from failing_triggers import Deferring

    Deferring(task_id="load", fails=False)
"""
WAYS: Sequence[Way] = (
    Way("exception", 30, PLAIN),
    Way("exit_status", 10, 'BashOperator(task_id="load", bash_command="echo no space left; exit 3")'),
    Way("template", 4, 'BashOperator(task_id="load", bash_command="{{ nobody.knows }}")'),
    Way(
        "fail_exception",
        8,
        PLAIN.replace("ValueError", "AirflowFailException").replace(
            "@task\n    def load", "@task(retries=3, retry_delay=timedelta(seconds=1))\n    def load"
        ),
    ),
    Way(
        "retried",
        8,
        PLAIN.replace("@task\n    def load", "@task(retries=1, retry_delay=timedelta(seconds=1))\n    def load"),
    ),
    Way(
        "retried_and_fine",
        8,
        """
        @task(retries=1, retry_delay=timedelta(seconds=1))
        def load():
            if first_time("retried_{number}"):
                raise ConnectionError("reset by peer")

        load()
        """,
        NOTHING,
        states=("success",),
    ),
    Way(
        "mapped",
        8,
        """
        @task
        def load(part):
            if part % 2:
                raise ValueError(f"part {part} is broken")

        load.expand(part=[0, 1, 2, 3, 4])
        """,
        Counter({(TASK, "load"): 2}),
    ),
    Way(
        "not_mappable",
        3,
        """
        @task
        def load():
            return 7

        @task
        def part(number):
            pass

        part.expand(number=load())
        """,
    ),
    Way("execution_timeout", 6, SLEEPING.replace("{arguments}", "(execution_timeout=timedelta(seconds=2))")),
    Way(
        "run_timeout",
        6,
        SLEEPING.replace("{arguments}", ""),
        Counter({(RUN, None): 1}),
        options="dagrun_timeout=timedelta(seconds=20),",
    ),
    Way(
        "deadlock",
        4,
        """
        never = BashOperator(task_id="never", bash_command="true", end_date=datetime(2025, 1, 1, tzinfo=timezone.utc))
        never >> BashOperator(task_id="load", bash_command="true")
        """,
        Counter({(RUN, None): 1}),
    ),
    Way(
        "paused_by_airflow",
        4,
        PLAIN,
        # The alert of the second run says that Airflow pauses the DAG.
        Counter({(TASK, "load"): 2, (RUN, None): 1}),
        options="max_consecutive_failed_dag_runs=2,",
        states=("failed", "failed"),
        days=3,
    ),
    Way(
        "skipped",
        6,
        """
        @task
        def load():
            raise AirflowSkipException("nothing today")

        load()
        """,
        NOTHING,
        states=("success",),
    ),
    Way(
        "exit",
        4,
        """
        @task
        def load():
            sys.exit(1)

        load()
        """,
    ),
    Way(
        "hard_exit",
        4,
        """
        @task
        def load():
            os._exit(1)

        load()
        """,
    ),
    Way(
        "killed",
        6,
        """
        @task
        def load():
            os.kill(os.getpid(), signal.SIGKILL)

        load()
        """,
    ),
    Way(
        "killed_and_retried",
        4,
        """
        @task(retries=1, retry_delay=timedelta(seconds=1))
        def load():
            if first_time("killed_{number}"):
                os.kill(os.getpid(), signal.SIGKILL)

        load()
        """,
        LOAD if TRIES_NO_KILLED_TASK_AGAIN else NOTHING,
        states=("failed",) if TRIES_NO_KILLED_TASK_AGAIN else ("success",),
    ),
    Way(
        "killed_in_good_run",
        4,
        """
        @task
        def load():
            os.kill(os.getpid(), signal.SIGKILL)

        @task(trigger_rule="all_done")
        def report():
            pass

        load() >> report()
        """,
        states=("success",),
    ),
    Way(
        "worker_killed",
        3,
        """
        @task
        def load():
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

        load()
        """,
    ),
    Way("own_notifier", 6, PLAIN, options='default_args={"on_failure_callback": DingTalkNotifier()},', head=OWN),
    Way("own_run_notifier", 4, PLAIN, options="on_failure_callback=DingTalkNotifier(),", head=OWN),
    Way(
        "trigger_fails",
        6,
        """
        from failing_triggers import Deferring

        Deferring(task_id="load", fails=True)
        """,
    ),
    Way(
        "deferred_too_long",
        4,
        """
        from failing_triggers import Deferring

        Deferring(task_id="load", fails=False, seconds=5)
        """,
    ),
    Way(
        "sensor",
        6,
        """
        @task.sensor(timeout=3, poke_interval=1, retries=2)
        def load():
            return False

        load()
        """,
    ),
    Way(
        "rescheduled_sensor",
        4,
        """
        @task.sensor(timeout=3, poke_interval=1, mode="reschedule")
        def load():
            return False

        load()
        """,
    ),
    Way(
        "setup",
        4,
        PLAIN.replace("publish(load())", "load().as_setup() >> publish(1)"),
    ),
    Way(
        "teardown",
        4,
        PLAIN.replace("publish(load())", "publish(1) >> load().as_teardown()"),
        states=("success",),
    ),
    Way(
        "all_done",
        8,
        PLAIN.replace("@task\n    def publish", '@task(trigger_rule="all_done")\n    def publish').replace(
            "publish(load())", "load() >> publish(1)"
        ),
        states=("success",),
    ),
    Way("marked_failed", 4, BY_HAND, NOTHING),
    Way("run_marked_failed", 4, BY_HAND, NOTHING),
    Way(
        "cleared",
        4,
        """
        @task
        def load():
            if first_time("cleared_{number}"):
                raise ValueError("no such table: ods_{number}")

        load()
        """,
        states=("success",),
    ),
    Way(
        "broken_file",
        4,
        "pass",
        Counter({(FILE, None): 1}),
        states=(),
        # Reasons that differ in digits alone would be one.
        head="import no_such_module_{letter}\n",
    ),
    Way("fine", 6, "BashOperator(task_id='load', bash_command='true')", NOTHING, states=("success",)),
)


def numbers_of(dags: int) -> Mapping[str, int]:
    """How many DAGs of each way there are; the rest fail plainly.

    :param dags: how many there are in all; each way has at least one.
    """
    counts = {way.name: max(1, way.share * dags // 200) for way in WAYS}
    counts[WAYS[0].name] += max(0, dags - sum(counts.values()))
    return counts
