"""One evening on a real Airflow: five DAGs fail; one is claimed, one repaired, one read, one silenced, one unanswered.

Takes a quarter of an hour: ``pytest -m standalone``. Nothing in the DAGs is ours: what happens stands in the rules
file, the steps are done by the flush DAG, and what people do they do with the commands.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import has_own_plugin
from airflow_provider_dingpush.sandbox import ChatMessage, Ding, DingPlan, Person, Robot, Sandbox
from tests.integration.standalone_airflow import RunningAirflow, standalone

pytestmark = pytest.mark.standalone

WAIT_SECONDS = 900
MINUTE = 60.0
# On a busy machine a request of a task's supervisor takes longer than usual, and the task would fail before it starts.
PATIENCE = {
    "WORKERS__EXECUTION_API_TIMEOUT": 120,
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 900,
    "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": 900,
}
FLUSH_DAG = (
    "from airflow_provider_dingpush.operators import create_flush_dag\ncreate_flush_dag(is_paused_upon_creation=True)\n"
)
FAILING_DAG = """
from datetime import datetime
from pathlib import Path
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG(
    "{dag_id}",
    start_date=datetime(2026, 1, 1),
    schedule="@once",
    default_args={{"owner": "owner_of_{dag_id}"}},
    is_paused_upon_creation=True,
):

    @task
    def load():
        if not Path({fixed!r}).exists():
            raise ValueError("no such table: ods_{dag_id}")

    load()
"""
RULES = """\
people:
  - {name: zhangsan, user_id: zhangsan, mobile: 13800000001}
  - {name: lisi, user_id: lisi}
  - {name: wangwu, user_id: wangwu}
  - {name: owner_of_claimed, user_id: chenliu}
  - {name: owner_of_repaired, user_id: qianqi}
  - {name: owner_of_silenced, user_id: sunba}

rotations:
  - {name: primary, people: zhangsan}
  - {name: lead, people: lisi}

rules:
  - name: core
    match: {dag_id: unanswered}
    receiver: of_core
    at: on_call
    escalate:
      - {after: 0m, to: group}
      - {after: 1m, ding: app, who: on_call}
      - {after: 3m, ding: phone, who: on_call}
      - {after: 5m, ding: phone, who: lead}
  - name: personal
    match: {dag_id: read}
    receiver: dingtalk_default
    escalate:
      - {after: 1m, to: wangwu}
      - {after: 6m, ding: app, who: wangwu}
      - {after: 7m, ding: phone, who: wangwu}
    ack: read
  - name: owners
    match: {dag_id: [claimed, repaired, silenced]}
    receiver: dingtalk_default
    escalate:
      - {after: 0m, to: group}
      - {after: 1m, ding: app, who: owner}
      - {after: 6m, ding: phone, who: owner}
"""
USER_IDS = ("zhangsan", "lisi", "wangwu", "chenliu", "qianqi", "sunba")
PEOPLE = tuple(Person(user_id=each, name=each, mobile=f"1380000000{number}") for number, each in enumerate(USER_IDS, 1))
OF_OWNER = {"claimed": "chenliu", "repaired": "qianqi", "silenced": "sunba"}
DAG_IDS = (*OF_OWNER, "read", "unanswered")


@dataclass
class Evening:
    """What arrived until the end.

    :param failed_at: DAG -> when its task failed, in seconds since 1970.
    :param answered_at: DAG -> when somebody had answered, in seconds since 1970.
    :param incidents: as ``dingpush incidents --json`` lists them at the end.
    """

    failed_at: dict[str, float]
    answered_at: dict[str, float]
    incidents: list[dict[str, Any]]
    dings: Sequence[Ding]
    messages: Sequence[ChatMessage]

    def dings_to(self, user_id: str) -> list[Ding]:
        return [each for each in self.dings if each.person.user_id == user_id]

    def personal_to(self, user_id: str) -> list[ChatMessage]:
        # A private chat has one person, a group has none.
        return [each for each in self.messages if not isinstance(each.sender, Robot) and user_id in repr(each)]

    def of(self, robot: Robot) -> list[dict[str, str]]:
        return [each.payload["markdown"] for each in self.messages if each.sender == robot]

    def claim_of(self, dag_id: str) -> dict[str, Any] | None:
        [incident] = [each for each in self.incidents if each["dag_id"] == dag_id and each["task_id"]]
        claim: dict[str, Any] | None = incident["claim"]
        return claim


SHARED, CORE = Robot(name="data"), Robot(name="core")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """After everything has happened, and three more ticks found nothing else."""
    home: Path = tmp_path_factory.mktemp("airflow")
    (home / "rules.yaml").write_text(RULES)
    files = {f"{each}.py": FAILING_DAG.format(dag_id=each, fixed=str(home / f"fixed_{each}")) for each in DAG_IDS}
    # The second call finds no credit left.
    plan = DingPlan(phone=1)
    with Sandbox(robots=(SHARED, CORE), people=PEOPLE, ding=plan) as sandbox:
        extra = {"group_interval_seconds": 0, "language": "en"}
        app = json.loads(sandbox.connection_of(sandbox.app))
        connections = {
            "dingtalk_default": {"conn_type": "dingtalk_robot", "password": SHARED.access_token, "extra": extra},
            "of_core": {"conn_type": "dingtalk_robot", "password": CORE.access_token, "extra": extra},
            "dingtalk_app_default": {**app, "extra": {**app.get("extra", {}), "language": "en"}},
        }
        environment = {
            f"AIRFLOW_CONN_{name.upper()}": json.dumps({"host": sandbox.url, **each})
            for name, each in connections.items()
        }
        options = {"DINGPUSH__RULES_FILE": home / "rules.yaml", "CORE__PARALLELISM": 5, **PATIENCE}
        if not has_own_plugin("dingpush"):  # the package is only on the path
            (home / "plugins").mkdir()
            plugin = "from airflow_provider_dingpush.plugin import DingPushPlugin\n"
            (home / "plugins" / "dingpush.py").write_text(plugin)
        with standalone(home, {"flush.py": FLUSH_DAG, **files}, options, environment) as airflow:
            yield _Acting(airflow, sandbox).evening()


class _Acting:
    """Does what people do in the evening, each as soon as there is a reason for it."""

    def __init__(self, airflow: RunningAirflow, sandbox: Sandbox) -> None:
        self._airflow = airflow
        self._sandbox = sandbox
        self._answered_at: dict[str, float] = {}

    def evening(self) -> Evening:
        every = (*DAG_IDS, "dingpush_flush")
        self._wait("the DAGs", lambda: len(self._rows("SELECT dag_id FROM dag")) >= len(every))
        self._unpause(DAG_IDS)
        self._wait("five failures", lambda: len(self._failed_at()) == len(DAG_IDS))
        failed_at = self._failed_at()
        self._unpause(["dingpush_flush"])
        # What a person does follows from what has reached that person.
        self._wait("DINGs to the owners", lambda: set(OF_OWNER.values()) <= self._reached_by_ding())
        self._do("claimed", "dingpush", "ack", "claimed.load", "--by", "chenliu", "--note", "the disk is full")
        self._do("silenced", "dingpush", "silence", "add", "dag_id=silenced", "--for", "2h")
        (self._airflow.home / "fixed_repaired").touch()
        self._do("repaired", "airflow", "tasks", "clear", "--yes", "repaired")
        self._wait("the message to wangwu", self._personal)
        self._sandbox.read("wangwu")
        self._answered_at["read"] = time.time()
        self._wait("the last step", lambda: "lisi" in self._reached_by_ding())
        self._wait("the end of the repaired run", lambda: self._state_of("repaired") == "success")
        done = self._flushes()
        # By then all steps of the others would have been due for a minute.
        last = max(failed_at.values()) + 8 * MINUTE
        self._wait("three more flushes", lambda: time.time() > last and self._flushes() >= done + 3)
        listed = json.loads(self._run("dingpush", "incidents", "--json"))["incidents"]
        sys.stderr.write(self._run("dingpush", "incidents"))  # for whoever runs it with -s
        sys.stderr.write(self._run("dingpush", "report", "--since", "1d"))
        return Evening(failed_at, self._answered_at, listed, self._sandbox.dings, self._sandbox.messages)

    def _wait(self, what: str, look: Callable[[], Any]) -> None:
        self._airflow.wait_until(what, look, WAIT_SECONDS)

    def _unpause(self, dag_ids: Sequence[str]) -> None:
        for each in dag_ids:
            self._run("airflow", "dags", "unpause", "--yes", each)

    def _do(self, dag_id: str, *command: str) -> None:
        self._run(*command)
        self._answered_at[dag_id] = time.time()

    def _run(self, program: str, *arguments: str) -> str:
        module = {"airflow": "airflow", "dingpush": "airflow_provider_dingpush"}[program]
        environment = {**self._airflow.environment, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with closing(
            sqlite3.connect(f"file:{self._airflow.home}/airflow.db?mode=ro", uri=True, timeout=30)
        ) as database:
            return database.execute(query, values).fetchall()

    def _failed_at(self) -> dict[str, float]:
        query = "SELECT dag_id, end_date FROM task_instance WHERE state = 'failed' AND task_id = 'load'"
        return {dag_id: _seconds(ended) for dag_id, ended in self._rows(query)}

    def _state_of(self, dag_id: str) -> str:
        return str(self._rows("SELECT state FROM dag_run WHERE dag_id = ?", dag_id)[0][0])

    def _flushes(self) -> int:
        query = "SELECT count(*) FROM dag_run WHERE dag_id = 'dingpush_flush' AND state = 'success'"
        return int(self._rows(query)[0][0])

    def _reached_by_ding(self) -> set[str]:
        return {each.person.user_id for each in self._sandbox.dings}

    def _personal(self) -> list[ChatMessage]:
        return [each for each in self._sandbox.messages if not isinstance(each.sender, Robot)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def _kinds(dings: Sequence[Ding]) -> list[str]:
    return [each.kind for each in dings]


def test_each_group_got_its_alert_once(evening: Evening) -> None:
    # Airflow 2 reports task and run in one message; no step falls back to the group on either.
    titles = [each["title"] for each in evening.of(CORE)]
    assert titles in (["Failed: unanswered · load", "Run failed: unanswered"], ["1 failure: unanswered · load"])
    shared = evening.of(SHARED)
    for dag_id in (*OF_OWNER, "read"):
        about = [each for each in shared if f"no such table: ods_{dag_id}" in each["text"].replace("\\", "")]
        assert len(about) == 1, (dag_id, shared)


def test_what_nobody_answers_reaches_each_person_once_and_in_order(evening: Evening) -> None:
    """The DING, the call, and the lead's SMS, as the credit for calls was used up by then."""
    on_call, lead = evening.dings_to("zhangsan"), evening.dings_to("lisi")
    assert _kinds(on_call) == ["app", "phone"]
    assert _kinds(lead) == ["sms"]
    assert "Phone call not possible: no DING credit left." in lead[0].content
    assert "dingpush ack i-" in lead[0].content
    times = [each.received_at for each in (*on_call, *lead)]
    assert times == sorted(times)


def test_nobody_was_reached_before_the_time(evening: Evening) -> None:
    """A phone least of all: each step is so many minutes after the failure."""
    wanted = [("zhangsan", 0, 1), ("zhangsan", 1, 3), ("lisi", 0, 5), *((each, 0, 1) for each in OF_OWNER.values())]
    of_user = {"zhangsan": "unanswered", "lisi": "unanswered", **{user: dag for dag, user in OF_OWNER.items()}}
    for user_id, number, minutes in wanted:
        ding = evening.dings_to(user_id)[number]
        assert ding.received_at >= evening.failed_at[of_user[user_id]] + minutes * MINUTE, ding
    [message] = evening.personal_to("wangwu")
    assert message.received_at >= evening.failed_at["read"] + MINUTE


@pytest.mark.parametrize("dag_id", sorted(OF_OWNER))
def test_nothing_follows_a_claim_a_repair_or_a_silence(evening: Evening, dag_id: str) -> None:
    [ding] = evening.dings_to(OF_OWNER[dag_id])
    assert ding.kind == "app"
    assert ding.received_at < evening.answered_at[dag_id]


def test_reading_the_message_claims(evening: Evening) -> None:
    assert evening.dings_to("wangwu") == []
    claim = evening.claim_of("read")
    assert claim is not None
    assert (claim["by"], claim["how"]) == ("wangwu", "read")


def test_the_list_says_who_has_claimed_and_what_is_open(evening: Evening) -> None:
    claim = evening.claim_of("claimed")
    assert claim is not None
    assert (claim["by"], claim["note"], claim["how"]) == ("chenliu", "the disk is full", "command")
    assert evening.claim_of("unanswered") is None
    assert "repaired" not in {each["dag_id"] for each in evening.incidents}
    [unanswered] = [each for each in evening.incidents if each["dag_id"] == "unanswered" and each["task_id"]]
    steps = [(each["way"], each["outcome"]) for each in unanswered["steps"]]
    assert steps == [("app", "done"), ("phone", "done"), ("phone", "no_credit"), ("sms", "done")]


def test_the_next_message_names_who_has_claimed(evening: Evening) -> None:
    """The one about the recovery of the repaired DAG."""
    texts = "\n".join(each["text"] for each in evening.of(SHARED)).replace("\\", "")
    assert "claimed · load: claimed by chenliu" in texts
    assert "the disk is full" in texts
