"""Storms on a real Airflow of several machines, while something breaks: what Airflow calls failed is in the chat.

PostgreSQL, CeleryExecutor, Redis and two workers with homes of their own. Takes about half an hour::

    pip install --group cluster && pytest -m standalone tests/integration/test_celery_cluster.py -s

``DINGPUSH_STORM_TASKS`` makes the storms smaller or larger than 500 tasks.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import ChatMessage, Robot, Sandbox
from tests.integration.celery_cluster import TASKS_OF_A_WORKER, Cluster, celery_cluster
from tests.integration.standalone_airflow import RUN_ID

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

TASKS = int(os.environ.get("DINGPUSH_STORM_TASKS", "500"))
STUBBORN = 20
"""So many tasks of a storm are tried twice; the others raise AirflowFailException, and must not be tried again."""
FEW = 30
STORM_SECONDS = 1_800
FLUSH_SECONDS = 420
"""The flush DAG collects a storm's last alerts, for five minutes at most."""
BAN_SECONDS = 600
AWAY_SECONDS = 10
ROUND_TRIP_SECONDS = 0.5
STORMS = ("throttled", "killed_worker", "redis_away", "slow_redis")
DAGS = (*STORMS, "cleared", "corrected")

DAG_FILE = f"""
import os, time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowFailException
from airflow_provider_dingpush.notifications import DingTalkNotifier

def note(what):
    def write(context):
        ti = context["ti"]
        with open(os.environ["NOTES"], "a") as file:
            file.write(f"{{what}} {{ti.dag_id}} {{ti.map_index}} {{ti.try_number}} {{time.time()}}\\n")
    return write

for dag_id, count in {{**dict.fromkeys({STORMS!r}, {TASKS}), "corrected": {FEW}}}.items():
    with DAG(
        dag_id=dag_id,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        catchup=False,
        default_args={{
            "on_failure_callback": [note("begin"), DingTalkNotifier(dingtalk_conn_id=dag_id), note("end")],
            "retries": 1,
            "retry_delay": timedelta(seconds=1),
        }},
    ):
        @task
        def part(number):
            if number < {STUBBORN}:
                raise ConnectionError("could not connect to server: Connection refused")
            raise AirflowFailException(f"file {{number}} is broken")

        part.expand(number=list(range(count)))

with DAG(
    dag_id="cleared",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    catchup=False,
    on_failure_callback=DingTalkNotifier(dingtalk_conn_id="cleared"),
    on_success_callback=DingTalkNotifier(dingtalk_conn_id="cleared"),
):
    @task
    def moody():
        # Fails, fails, works, fails: somebody clears the run three times.
        with open(os.environ["NOTES"] + ".moody", "a+") as file:
            file.seek(0)
            times = len(file.read())
            file.write(".")
        if times != 2:
            raise ValueError(f"time {{times + 1}}")
    moody()
"""
FLUSH_FILE = """
from airflow_provider_dingpush.operators import create_flush_dag

flush_dag = create_flush_dag()
"""

ROBOTS = {name: Robot(name=name, access_token=f"{name:0<32}") for name in DAGS}


class Scene:
    """The cluster, the chat, and what the callbacks noted."""

    def __init__(self, cluster: Cluster, chat: Sandbox, notes: Path) -> None:
        self.cluster = cluster
        self.chat = chat
        self._notes = notes

    def messages(self, dag_id: str) -> list[ChatMessage]:
        """What the DAG's robot sent about it."""
        sent = [each for each in self.chat.messages if each.sender == ROBOTS[dag_id]]
        return [each for each in sent if "markdown" in each.payload]

    def reported(self, dag_id: str) -> list[int]:
        """How many failures each message reports."""
        return [reported_in(message, dag_id) for message in self.messages(dag_id)]

    def outcomes(self, dag_id: str) -> Counter[str]:
        """The outcomes of the requests to the DAG's robot."""
        token = ROBOTS[dag_id].access_token
        return Counter(each.outcome for each in self.chat.requests if each.query.get("access_token") == token)

    def noted(self, what: str, dag_id: str) -> set[tuple[str, ...]]:
        """Map index and try of each task instance whose callback began or ended."""
        lines = (line.split() for line in self._notes.read_text().splitlines())
        return {tuple(line[2:4]) for line in lines if line[:2] == [what, dag_id]}

    def longest_callback(self, dag_id: str) -> float:
        """The most seconds between the callback before the notifier and the one after it."""
        begun: dict[tuple[str, str], float] = {}
        longest = 0.0
        for what, dag, index, number, moment in map(str.split, self._notes.read_text().splitlines()):
            if dag == dag_id and what == "begin":
                begun[index, number] = float(moment)
            elif dag == dag_id:
                longest = max(longest, float(moment) - begun.get((index, number), float(moment)))
        return longest

    def storm(self, dag_id: str) -> None:
        self.cluster.airflow.start([dag_id])

    def wait_for_failures(self, dag_id: str, count: int) -> None:
        self.cluster.airflow.wait_until(
            f"{count} failures of {dag_id}", lambda: len(self.cluster.failed_tasks(dag_id)) >= count, STORM_SECONDS
        )

    def wait_for_end(self, dag_id: str, *, more_seconds: float = 0.0) -> None:
        """Until the run has failed and as many failures are reported, or the last flush is over."""
        run = f"/api/v2/dags/{dag_id}/dagRuns/{quote(RUN_ID)}"
        airflow = self.cluster.airflow
        airflow.wait_until(run, lambda: (airflow.call(run) or {}).get("state") == "failed", STORM_SECONDS)
        wanted, until = len(self.cluster.failed_tasks(dag_id)), time.monotonic() + FLUSH_SECONDS + more_seconds
        while sum(self.reported(dag_id)) < wanted and time.monotonic() < until:
            time.sleep(1)

    def check_storm(self, dag_id: str, *, may_miss: int = 0) -> None:
        """What Airflow calls failed is what the chat shows, and no task was tried more often than without us."""
        tries = self.cluster.tries(dag_id)
        reported, failed = self.reported(dag_id), len(self.cluster.failed_tasks(dag_id))
        ended = len(self.noted("end", dag_id))
        print(  # noqa: T201 - figures for people
            f"\n{dag_id}: {failed} failed, {sum(reported)} reported in {len(reported)} messages {reported}; "
            f"{ended} callbacks ended, the longest after {self.longest_callback(dag_id):.1f} s; "
            f"requests {dict(self.outcomes(dag_id))}"
        )
        assert {state for state, _ in tries.values()} == {"failed"}
        assert len(tries) == failed == TASKS
        if may_miss:
            # Airflow calls no callback for a task whose process is killed between its end and its callback, and tries
            # a task again that was killed between its callback and its end.
            assert ended <= sum(reported) <= len(self.noted("begin", dag_id))
            assert failed <= sum(reported) + may_miss
        else:
            assert sum(reported) == failed
            twice = {index for (_, index), (_, number) in tries.items() if number != 1}
            assert twice == set(range(STUBBORN))


def reported_in(message: ChatMessage, dag_id: str) -> int:
    """How many failures a message reports."""
    title = message.payload["markdown"]["title"]
    counted = re.match(rf"^([\d,]+) failures?: {dag_id} · part", title)
    assert counted or title.startswith(f"Failed: {dag_id} · part ["), title
    return int(counted[1].replace(",", "")) if counted else 1


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    notes = tmp_path_factory.mktemp("notes") / "notes"
    notes.touch()
    with Sandbox(tuple(ROBOTS.values())) as chat:
        connections = {
            f"AIRFLOW_CONN_{robot.name.upper()}": json.dumps(
                {"conn_type": "dingtalk_robot", "host": chat.url, "password": robot.access_token}
            )
            for robot in ROBOTS.values()
            if robot.name != "corrected"
        }
        files = {"storm.py": DAG_FILE, "flush.py": FLUSH_FILE}
        with celery_cluster(files, {"NOTES": str(notes), **connections}) as cluster:
            yield Scene(cluster, chat, notes)


def test_a_robot_that_was_throttled_by_others_reports_all_after_its_ban(scene: Scene) -> None:
    scene.storm("throttled")
    scene.wait_for_failures("throttled", TASKS // 5)
    for number in range(25):
        requests.post(
            f"{scene.chat.url}/robot/send?access_token={ROBOTS['throttled'].access_token}",
            json={"msgtype": "text", "text": {"content": f"somebody else's {number}"}},
            timeout=30,
        )
    scene.wait_for_failures("throttled", TASKS)
    # Its ban takes ten minutes: its messages are checked by the last test.


def test_a_storm_with_a_killed_worker_is_reported_completely(scene: Scene) -> None:
    scene.storm("killed_worker")
    scene.wait_for_failures("killed_worker", TASKS // 4)
    scene.cluster.workers[1].kill()
    scene.wait_for_failures("killed_worker", TASKS // 2)
    scene.cluster.workers[1].start()
    scene.wait_for_end("killed_worker")
    scene.check_storm("killed_worker", may_miss=TASKS_OF_A_WORKER)


def test_a_storm_while_redis_is_away_is_reported_completely(scene: Scene) -> None:
    scene.storm("redis_away")
    scene.wait_for_failures("redis_away", TASKS // 5)
    scene.cluster.outbox_redis.kill()
    time.sleep(AWAY_SECONDS)
    scene.cluster.outbox_redis.start()
    scene.wait_for_end("redis_away")
    scene.check_storm("redis_away")


def test_a_storm_on_a_slow_redis_is_reported_completely_and_runs_no_task_again(scene: Scene) -> None:
    scene.storm("slow_redis")
    scene.wait_for_failures("slow_redis", TASKS // 5)
    scene.cluster.outbox_proxy.delay_seconds = ROUND_TRIP_SECONDS / 2
    scene.wait_for_failures("slow_redis", TASKS * 4 // 5)
    scene.cluster.outbox_proxy.delay_seconds = 0.0
    scene.wait_for_end("slow_redis")
    scene.check_storm("slow_redis")


def test_a_run_that_is_cleared_and_fails_again_is_reported_each_time(scene: Scene) -> None:
    airflow = scene.cluster.airflow
    run = f"/api/v2/dags/cleared/dagRuns/{quote(RUN_ID)}"
    airflow.start(["cleared"])
    for number, (state, title) in enumerate(
        [("failed", "Run failed"), ("failed", "Run failed"), ("success", "Run succeeded"), ("failed", "Run failed")]
    ):
        airflow.wait_until(f"{state} {number}", lambda: (airflow.call(run) or {}).get("state") == state, 120)  # noqa: B023
        airflow.wait_until(f"message {number + 1}", lambda: len(scene.messages("cleared")) > number, 120)  # noqa: B023
        reported = scene.messages("cleared")[-1].payload["markdown"]["title"]
        print(reported)  # noqa: T201 - for people
        assert title in reported
        if number < 3:
            assert airflow.call(f"{run}/clear", {"dry_run": False})


def test_a_token_corrected_in_the_middle_loses_nothing(scene: Scene) -> None:
    def connect(token: str) -> None:
        scene.cluster.command("airflow", "connections", "delete", "corrected")
        plain = json.dumps({"conn_type": "dingtalk_robot", "host": scene.chat.url, "password": token})
        added = scene.cluster.command("airflow", "connections", "add", "corrected", "--conn-json", plain)
        assert added.returncode == 0, added.stderr

    connect("a" * 32)
    scene.cluster.airflow.run(["corrected"], within_seconds=STORM_SECONDS)
    assert scene.reported("corrected") == []
    connect(ROBOTS["corrected"].access_token)
    flushed = scene.cluster.command("dingpush", "flush", "--now")
    print(flushed.stdout[-2000:], flushed.stderr[-2000:])  # noqa: T201 - for people
    assert sum(scene.reported("corrected")) == FEW
    status = scene.cluster.command("dingpush", "status", "--json")
    assert '"?"' not in status.stdout


def test_the_robot_that_was_throttled_has_reported_all(scene: Scene) -> None:
    scene.wait_for_end("throttled", more_seconds=BAN_SECONDS)
    scene.check_storm("throttled")
