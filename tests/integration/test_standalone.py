"""What arrives, and how the tasks end, when a real Airflow runs a failing DAG.

Only the real components do what hurts here: the supervisor kills slow callbacks and may retry their tasks, and the DAG
processor runs DAG-level callbacks. Takes minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3, notifier_takes_context
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.sandbox import ChatMessage, Fault, Robot, Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.integration.standalone_airflow import RUN_ID, RunningAirflow, standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

RUN_SECONDS = 300
ALERT_SECONDS = 60
CALLBACK_SECONDS = 8
# One DAG for each robot, and one without notifiers: its tasks end as all tasks should.
DAG_FILE = """
import os, time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:
    from airflow.exceptions import AirflowFailException
from airflow_provider_dingpush.notifications import DingTalkNotifier

def note(what, ti):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{what} {ti.dag_id} {ti.task_id} {ti.map_index} {ti.try_number} {time.time()}\\n")

def begin(context): note("begin", context["ti"])
def end(context): note("end", context["ti"])

for robot in (None, "answers", "hangs"):
    def callbacks(times=1):
        return [begin, *[DingTalkNotifier(dingtalk_conn_id=robot)] * times, end] if robot else None

    with DAG(
        dag_id=robot or "unreported",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        schedule=None,
        on_failure_callback=DingTalkNotifier(dingtalk_conn_id=robot) if robot else None,
        default_args={
            "on_failure_callback": callbacks(), "on_retry_callback": callbacks(), "retry_delay": timedelta(seconds=1)
        },
    ):
        @task(retries=2, on_failure_callback=callbacks(3))
        def gives_up(*, ti):
            note("run", ti)
            raise AirflowFailException("no use in trying again")

        @task(retries=1)
        def tries_again(*, ti):
            note("run", ti)
            raise RuntimeError("database down")

        @task
        def part(number, *, ti):
            note("run", ti)
            if number: raise ValueError(f"part {number} is broken")

        @task(on_success_callback=callbacks())
        def works(*, ti):
            note("run", ti)

        gives_up(); tries_again(); part.expand(number=[0, 1, 2]); works()
"""
FAILED = {"gives_up": 1, "part": 2, "tries_again": 1}
"""What is reported, alone or in digests; once, although the callback of the first has the notifier three times."""
_ALONE = re.compile(r"Failed: answers · (\w+)")
_LINE = re.compile(r"^- \*\*(\w+)\*\*(?: \[[^]]*])?(?: ×(\d+))?", re.MULTILINE)


def reported(messages: Sequence[ChatMessage]) -> Counter[str]:
    """How many failures of each task are in the chat."""
    found: Counter[str] = Counter()
    for message in messages:
        markdown = message.payload["markdown"]
        alone = _ALONE.match(markdown["title"])
        lines = [] if alone else _LINE.findall(markdown["text"].replace("\\", ""))
        found.update({alone[1]: 1} if alone else {})
        for task_id, count in lines:
            found[task_id] += int(count or 1)
    return found


def notes(airflow: RunningAirflow, what: str, dag_id: str) -> dict[tuple[str, ...], list[float]]:
    """(Task, map index, try) -> when its code ran, or when its callback began or ended."""
    found: dict[tuple[str, ...], list[float]] = {}
    for line in (airflow.home / "notes").read_text().splitlines():
        event, dag, *task, moment = line.split()
        if (event, dag) == (what, dag_id):
            found.setdefault(tuple(task), []).append(float(moment))
    return found


def runs_of(airflow: RunningAirflow, dag_id: str) -> dict[tuple[str, ...], int]:
    """(Task, map index, try) -> how often its code ran."""
    return {task: len(moments) for task, moments in notes(airflow, "run", dag_id).items()}


def callback_seconds(airflow: RunningAirflow, dag_id: str) -> list[float]:
    """How long each callback took; fails if one didn't come to its end or came twice."""
    begun, ended = notes(airflow, "begin", dag_id), notes(airflow, "end", dag_id)
    assert {task: len(moments) for task, moments in begun.items()} == dict.fromkeys(ended, 1)
    return [ended[task][0] - moments[0] for task, moments in begun.items()]


def everything_written(airflow: RunningAirflow) -> str:
    files = [airflow.log, *(each for each in (airflow.home / "logs").rglob("*") if each.is_file())]
    return "\n".join(each.read_text(errors="replace") for each in files)


@pytest.fixture
def hanging() -> Iterator[Sandbox]:
    """A robot that takes every request and answers none."""
    with Sandbox(robots=(Robot(secret="SEC-of-the-robot-that-hangs"),)) as running:
        running.fail_next(Fault.HANG, times=1000)
        yield running


@pytest.fixture
def airflow(tmp_path: Path, sandbox: Sandbox, hanging: Sandbox) -> Iterator[RunningAirflow]:
    """A throw-away Airflow that knows one robot from its database and the other from the environment."""
    options = {"CORE__PARALLELISM": 4, "LOGGING__LOGGING_LEVEL": "DEBUG"}  # where secrets leak first
    environment = {
        "AIRFLOW_CONN_HANGS": f"{hanging.webhook_url}&secret={hanging.robot.secret}",
        "NOTES": str(tmp_path / "notes"),
    }
    with standalone(tmp_path, {"robots.py": DAG_FILE}, options, environment) as running:
        extra = json.dumps({"secret": sandbox.robot.secret})
        robot = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
        assert running.call("/api/v2/connections", {"connection_id": "answers", **robot})
        yield running


def test_alerts_of_a_real_run_arrive_once_and_a_hanging_robot_changes_nothing(
    airflow: RunningAirflow, sandbox: Sandbox, hanging: Sandbox, tmp_path: Path
) -> None:
    airflow.run(("unreported", "answers", "hangs"), within_seconds=RUN_SECONDS)
    airflow.wait_until("alerts", lambda: reported(sandbox.messages).total() >= sum(FAILED.values()), ALERT_SECONDS)

    # Nobody may run twice, or once less, because of an alert.
    for dag_id in ("answers", "hangs"):
        assert airflow.tasks_of(dag_id) == airflow.tasks_of("unreported")
        assert runs_of(airflow, dag_id) == runs_of(airflow, "unreported")
        assert max(callback_seconds(airflow, dag_id)) < CALLBACK_SECONDS + 2
    assert [run for run in runs_of(airflow, "unreported") if "gives_up" in run] == [("gives_up", "-1", "1")]

    assert reported(sandbox.messages) == FAILED
    texts = "\n".join(message.payload["markdown"]["text"] for message in sandbox.messages)
    page = f"{airflow.url}/dags/answers/runs/{quote(RUN_ID)}/tasks/part/mapped"
    assert any(quote(f"{page}/{number}?try_number=1", safe="") in texts for number in (1, 2))
    assert "part 1 is broken" in texts or "part 2 is broken" in texts
    # Nobody waited for this success, and the run's own alert has nothing to add to its tasks'.
    assert "works" not in texts

    outbox = Outbox(FileStore(tmp_path / "dingpush"))
    waiting = {robot: _waiting(outbox, robot) for robot in ("answers", "hangs")}
    assert waiting["answers"] == 0
    assert waiting["hangs"] >= sum(FAILED.values())

    written = everything_written(airflow)
    assert "The DingTalk notification waits to be sent (task_failed hangs try+it" in written
    for robot in (sandbox.robot, hanging.robot):
        assert robot.access_token not in written
        assert str(robot.secret) not in written


RUN_ALERT_FILE = """
from datetime import datetime, timezone

from airflow.sdk import DAG, task
from airflow_provider_dingpush.notifications import DingTalkNotifier

with DAG(
    dag_id="first_alert",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    on_failure_callback=DingTalkNotifier(language="en"),
):
    @task
    def breaks(number):
        if number: raise ValueError(f"part {number} is broken")

    breaks.expand(number=[0, 1])
"""


@pytest.mark.skipif(not notifier_takes_context(), reason="Airflow 3.0 can't be asked: install apache-airflow>=3.1")
def test_the_first_run_alert_after_a_start_names_the_failed_tasks(tmp_path: Path, sandbox: Sandbox) -> None:
    """The DAG processor is asked while it still loads what answers."""
    environment = {"AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&secret={sandbox.robot.secret}"}
    with standalone(tmp_path, {"first_alert.py": RUN_ALERT_FILE}, {}, environment) as airflow:
        airflow.run(("first_alert",), within_seconds=RUN_SECONDS)
        airflow.wait_until("the alert", lambda: sandbox.messages, ALERT_SECONDS)
    (message,) = sandbox.messages
    text = message.payload["markdown"]["text"]
    assert "Failed tasks (1)" in text, everything_written(airflow)[-3000:]
    assert "breaks [1]" in text


def _waiting(outbox: Outbox, conn_id: str) -> int:
    """How many alerts are in the book of a connection's robot, or on their way to it."""
    mailbox = Mailbox(conn_id)
    robot = outbox.receiver_of(mailbox)
    assert robot is not None
    return outbox.pending_in(mailbox) + sum(kind == "alert" for kind, _ in outbox.records_of(robot))
