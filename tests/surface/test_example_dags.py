"""Each example DAG is read by Airflow without a connection, and run for real against a robot and an app of its own."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow
import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.sandbox import App, ChatMessage, Ding, Robot, Sandbox, Todo
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "example_dags"
FILES = sorted(FOLDER.glob("*.py"))
MOST_LINES = 40
MOST_SECONDS = 300
FAIL_ON_PURPOSE = {
    "alert_on_call_person.py",
    "alert_on_failure.py",
    "alert_on_run_failure.py",
    "mention_owner.py",
    "own_alert_text.py",
}
MENTIONS = {"zhangsan": "13800000000"}
# What each run is given, where an example is run more than once.
RUNS = {"report_recovery.py": [{}, {"source_is_up": True}, {"source_is_up": True}]}
# The flush DAG has the id that its function gives it.
DAG_IDS = {"flush_pending_alerts.py": "dingpush_flush"}
PENDING = Mailbox("dingtalk_of_a_killed_process")

# Runs in a process of its own: `DAG.test()` changes much in the process that calls it.
RUN_ALL = """
import asyncio, json, os, sys

# Airflow before 3.3 doesn't wait until the API that `DAG.test()` starts in this process is ready, and every task then
# fails with "'State' object has no attribute 'svcs_registry'".
start = asyncio.run_coroutine_threadsafe

def start_and_wait(coroutine, loop):
    started = start(coroutine, loop)
    if coroutine.__name__ == "start_lifespan":
        started.result(60)
    return started

asyncio.run_coroutine_threadsafe = start_and_wait
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

folder, outcome, connections, runs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
bag = DagBag(folder)
files = {dag_id: os.path.basename(dag.fileloc) for dag_id, dag in bag.dags.items()}
states = {}
for dag_id, dag in bag.dags.items():
    os.environ.update(connections[files[dag_id]])
    try:
        for conf in runs.get(files[dag_id], [{}]):
            states[files[dag_id]] = str(dag.test(run_conf=conf).state)
    except Exception as error:
        print(f"{dag_id}: {error!r}")
with open(outcome, "w") as file:
    json.dump({"import_errors": bag.import_errors, "files": files, "states": states}, file)
"""


@dataclass(frozen=True)
class Runs:
    """The results of reading and running all example DAGs."""

    import_errors: dict[str, str]
    dag_ids: dict[str, str]
    states: dict[str, str]
    messages: dict[str, list[ChatMessage]]
    uploads: dict[str, bytes]
    dings: dict[str, list[Ding]]
    todos: dict[str, list[Todo]]
    log: str

    @property
    def payloads(self) -> dict[str, list[dict[str, Any]]]:
        """What each example sent, as DingTalk got it."""
        return {file: [each.payload for each in messages] for file, messages in self.messages.items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Runs:
    home = tmp_path_factory.mktemp("examples")
    log, outcome = home / "log", home / "outcome.json"
    robots = {file.name: Robot(name=file.name, secret=f"SEC{file.stem}") for file in FILES}
    apps = {file.name: App(name=file.name) for file in FILES}
    with Sandbox(robots=tuple(robots.values()), apps=tuple(apps.values())) as sandbox:
        connections = {
            file.name: {
                "AIRFLOW_CONN_DINGTALK_DEFAULT": robot_connection(sandbox, robots[file.name]),
                "AIRFLOW_CONN_DINGTALK_APP_DEFAULT": sandbox.connection_of(apps[file.name]),
            }
            for file in FILES
        }
        flushes = robots["flush_pending_alerts.py"]
        connections["flush_pending_alerts.py"][f"AIRFLOW_CONN_{PENDING.conn_id.upper()}"] = robot_connection(
            sandbox, flushes
        )
        put_pending_alerts(home)
        environment = environment_of(home)
        shutil.copy(migrated_database, home / "airflow.db")
        arguments = [str(FOLDER), str(outcome), json.dumps(connections), json.dumps(RUNS)]
        call([sys.executable, "-c", RUN_ALL, *arguments], environment, log)
        messages, uploads = sandbox.messages, sandbox.media
        dings, todos = sandbox.dings, sandbox.todos
    found = json.loads(outcome.read_text("utf-8"))
    return Runs(
        import_errors=found["import_errors"],
        dag_ids={file: dag_id for dag_id, file in found["files"].items()},
        states=found["states"],
        messages={
            name: [each for each in messages if each.sender.name == name] for name in (file.name for file in FILES)
        },
        uploads={each.media_id: each.content for each in uploads},
        dings={name: [each for each in dings if each.app.name == name] for name in apps},
        todos={name: [each for each in todos if each.app.name == name] for name in apps},
        log=log.read_text("utf-8", "replace"),
    )


def put_pending_alerts(home: Path) -> None:
    """Write what a callback writes, and nothing more: its process was killed then."""
    alerts = [
        Alert(
            key=f"pending-{number}",
            mailbox=PENDING,
            event=Event.TASK_FAILED,
            at=time.time(),
            dag_id="etl_daily",
            run_id="manual__1",
            task_id=f"load_{number}",
            try_number=1,
        )
        for number in (1, 2)
    ]
    outbox = Outbox(FileStore(home / "dingpush"))
    for alert in alerts:
        outbox.put(alert)


def robot_connection(sandbox: Sandbox, robot: Robot) -> str:
    return json.dumps(
        {
            "conn_type": "dingtalk_robot",
            "password": sandbox.webhook_url_of(robot),
            "extra": {"secret": robot.secret, "mentions": MENTIONS, "language": "zh"},
        }
    )


def environment_of(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": os.environ["AIRFLOW__API_AUTH__JWT_SECRET"],
        "AIRFLOW__DINGPUSH__BASE_URL": "https://airflow.example.com",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }


def call(command: list[str], environment: dict[str, str], log: Path) -> None:
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=MOST_SECONDS,
            check=False,
        )
    assert done.returncode == 0, log.read_text("utf-8", "replace")[-4000:]


AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
HAS_DEADLINES = AIRFLOW >= (3, 1)
# On 3.1 `DAG.test()` can't start a run with a deadline: it has no time at which it was queued.
TESTS_DEADLINES = AIRFLOW >= (3, 2)
# From 3.0 to 3.2 `DAG.test()` doesn't pass the exception to callbacks; a worker does.
TELLS_EXCEPTIONS = not (3, 0) <= AIRFLOW <= (3, 2)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_example_is_one_short_story(file: Path) -> None:
    source = file.read_text("utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    docstring = ast.get_docstring(ast.parse(source)) or ""
    assert docstring.startswith("Appears in DingTalk: ")
    assert file.name in (FOLDER / "README.md").read_text("utf-8")


def test_examples_are_read_without_an_error(runs: Runs) -> None:
    assert runs.import_errors == {}
    expected = {file.name for file in FILES} - (set() if HAS_DEADLINES else {"deadline_alert.py"})
    assert set(runs.dag_ids) == expected
    named = {file: DAG_IDS.get(file, f"dingpush_{Path(file).stem}") for file in expected}
    assert runs.dag_ids == named


@pytest.mark.parametrize(
    ("file", "kinds"),
    [
        ("alert_on_failure.py", ["markdown"]),
        ("alert_on_run_failure.py", ["markdown"]),
        ("daily_report_card.py", ["actionCard"]),
        ("deadline_alert.py", ["text"] if TESTS_DEADLINES else []),
        ("feed_of_reports.py", ["feedCard"]),
        ("flush_pending_alerts.py", ["markdown"]),
        ("mention_owner.py", ["markdown"]),
        ("message_per_partition.py", ["markdown"] * 3),
        ("own_alert_text.py", ["markdown"]),
        ("report_from_template_file.py", ["markdown"]),
        ("report_recovery.py", ["markdown"] * 2),
        ("send_from_task.py", ["text"]),
    ],
)
def test_example_sends_what_it_promises(runs: Runs, file: str, kinds: list[str]) -> None:
    assert [payload["msgtype"] for payload in runs.payloads[file]] == kinds, runs.log[-6000:]


@pytest.mark.parametrize(
    ("file", "arrived"),
    [
        ("alert_on_call_person.py", [("notification", "王五", "markdown")]),
        ("report_file_to_people.py", [("private", "张三", "file"), ("private", "李四", "file")]),
        (
            "robot_to_group.py",
            [
                ("group", "数据平台告警群", "image"),
                ("group", "数据平台告警群", "link"),
                ("group", "数据平台告警群", "text"),
            ],
        ),
        (
            "robot_to_person.py",
            [("private", "李四", "image"), ("private", "李四", "link"), ("private", "李四", "text")],
        ),
        ("work_notification_delivered.py", [("notification", "张三", "oa"), ("notification", "李四", "oa")]),
        (
            "work_notification_to_person.py",
            [("notification", "张三", "image"), ("notification", "张三", "oa"), ("notification", "张三", "text")],
        ),
    ],
)
def test_example_of_an_app_reaches_whom_it_promises(runs: Runs, file: str, arrived: list[tuple[str, str, str]]) -> None:
    shown = [(each.conversation.kind, each.conversation.name, each.shown["msgtype"]) for each in runs.messages[file]]
    assert sorted(shown) == sorted(arrived), runs.log[-6000:]


def test_examples_end_as_they_mean_to(runs: Runs) -> None:
    meant = {file: "failed" if file in FAIL_ON_PURPOSE else "success" for file in runs.dag_ids}
    # `DAG.test()` of some Airflows can't end a run with a deadline.
    assert {**runs.states, "deadline_alert.py": "any"} == {**meant, "deadline_alert.py": "any"}


def test_no_example_is_left_out(runs: Runs) -> None:
    silent = {name for name, payloads in runs.payloads.items() if not payloads and not runs.dings[name]}
    assert silent == (set() if TESTS_DEADLINES else {"deadline_alert.py"})


def test_ding_and_todo_reach_the_person_on_call(runs: Runs) -> None:
    (ding,), (todo,) = runs.dings["ding_and_todo.py"], runs.todos["ding_and_todo.py"]
    assert (ding.person.user_id, ding.kind) == ("lisi", "app")
    assert ([person.user_id for person in todo.executors], todo.is_done) == (["lisi"], True)
    assert todo.source_id.startswith("orders ")


def only(runs: Runs, file: str) -> dict[str, Any]:
    (payload,) = runs.payloads[file]
    content: dict[str, Any] = payload[payload["msgtype"]]
    return {**content, "at": payload.get("at")}


def test_failure_alert_names_what_failed_and_why(runs: Runs) -> None:
    alert = only(runs, "alert_on_failure.py")
    assert alert["title"] == "失败：dingpush_alert_on_failure · load_orders"
    assert "airflow.example.com" in alert["text"]
    if TELLS_EXCEPTIONS:
        assert "ConnectionError" in alert["text"]
        assert "10086 行未写入" in alert["text"]


def test_run_failure_alert_is_one_for_all_tasks(runs: Runs) -> None:
    alert = only(runs, "alert_on_run_failure.py")
    assert alert["title"] == "运行失败：dingpush_alert_on_run_failure"


def test_owner_and_person_on_duty_are_mentioned(runs: Runs) -> None:
    alert = only(runs, "mention_owner.py")
    assert set(alert["at"]["atMobiles"]) == {"13800000000", "13900000000"}
    assert "@13800000000" in alert["text"]


def test_pending_alerts_are_sent_in_one_message(runs: Runs) -> None:
    digest = only(runs, "flush_pending_alerts.py")
    assert digest["title"] == "2 个失败：etl_daily"
    assert "load\\_1" in digest["text"]
    assert "load\\_2" in digest["text"]


def test_recovery_is_sent_once(runs: Runs) -> None:
    """And the success after it isn't sent at all."""
    failure, recovery = (payload["markdown"]["title"] for payload in runs.payloads["report_recovery.py"])
    assert failure == "失败：dingpush_report_recovery · load_orders"
    assert "dingpush_report_recovery" in recovery
    assert "失败" not in recovery.replace("失败后", "")


def test_own_text_is_filled_with_facts(runs: Runs) -> None:
    alert = only(runs, "own_alert_text.py")
    assert alert["title"] == "dingpush_own_alert_text 失败"
    assert "`build_report` 失败（第 1/1 次）" in alert["text"]
    assert ("the warehouse did not answer" if TELLS_EXCEPTIONS else "没有留下异常") in alert["text"]
    assert "{{" not in alert["text"]
    assert "None" not in alert["text"]


def test_card_has_the_figures_and_its_buttons(runs: Runs) -> None:
    card = only(runs, "daily_report_card.py")
    assert "订单：10086" in card["text"]
    assert [button["title"] for button in card["btns"]] == ["查看报表", "处理退款"]
    assert "?run=manual__" in card["btns"][1]["actionURL"]


def test_feed_has_a_row_for_each_report(runs: Runs) -> None:
    assert [row["title"] for row in only(runs, "feed_of_reports.py")["links"]] == ["订单日报", "库存日报", "退款日报"]


def test_template_file_becomes_a_report_titled_by_its_heading(runs: Runs) -> None:
    report = only(runs, "report_from_template_file.py")
    assert report["title"] == "数据质量日报"
    assert "- 🔴 ods.stock：0 行" in report["text"]
    assert "1 张表需要处理" in report["text"]


def test_each_partition_gets_its_message(runs: Runs) -> None:
    titles = {payload["markdown"]["title"] for payload in runs.payloads["message_per_partition.py"]}
    assert titles == {"2026-01-01 迟到", "2026-01-02 迟到", "2026-01-03 迟到"}


def test_task_sends_with_the_hook_and_mentions_somebody(runs: Runs) -> None:
    message = only(runs, "send_from_task.py")
    assert message["content"].startswith("库存不足\nSKU-001：剩余 3 件\nSKU-002：剩余 0 件")
    assert message["at"]["atMobiles"] == ["13800000000"]


@pytest.mark.parametrize("file", ["robot_to_group.py", "robot_to_person.py", "work_notification_to_person.py"])
def test_picture_was_uploaded(runs: Runs, file: str) -> None:
    (media_id,) = [
        json.loads(each.payload["msgParam"])["photoURL"]
        if each.conversation.kind != "notification"
        else each.payload["image"]["media_id"]
        for each in runs.messages[file]
        if each.shown["msgtype"] == "image"
    ]
    assert runs.uploads[media_id] == (FOLDER / "pictures" / "sales.png").read_bytes()


def test_report_file_is_uploaded_once_for_all(runs: Runs) -> None:
    sent = {each.payload["msgParam"] for each in runs.messages["report_file_to_people.py"]}
    (param,) = map(json.loads, sent)
    assert param["fileName"] == "库存.zip"
    with zipfile.ZipFile(io.BytesIO(runs.uploads[param["mediaId"]])) as archive:
        assert archive.read("stock.csv").decode() == "sku,left\nSKU-001,3\nSKU-002,0\n"


def test_alert_to_the_person_on_call_names_what_failed(runs: Runs) -> None:
    alert = only(runs, "alert_on_call_person.py")
    assert alert["title"] == "[P1] 失败：dingpush_alert_on_call_person · load_orders"
    assert "airflow.example.com" in alert["text"]


def test_work_notification_that_is_waited_for_has_its_form_and_status(runs: Runs) -> None:
    (form,) = {
        json.dumps(each.payload["oa"], ensure_ascii=False) for each in runs.messages["work_notification_delivered.py"]
    }
    sent = json.loads(form)
    assert sent["status_bar"] == {"status_value": "待确认", "status_bg": "0xFFFF9D46"}
    assert sent["body"]["form"][0] == {"key": "差异", "value": "3 件"}
    assert sent["body"]["form"][1]["value"].startswith("manual__")
    assert "{{" not in form
