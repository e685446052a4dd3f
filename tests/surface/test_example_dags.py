"""Each example DAG is read by Airflow without a connection, and run for real against a robot of its own."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow
import pytest

from airflow_provider_dingpush.sandbox import Robot, Sandbox

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "example_dags"
FILES = sorted(FOLDER.glob("*.py"))
MOST_LINES = 40
MOST_SECONDS = 300
MENTIONS = {"zhangsan": "13800000000"}

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

folder, outcome, connections = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
bag = DagBag(folder)
files = {dag_id: os.path.basename(dag.fileloc) for dag_id, dag in bag.dags.items()}
with open(outcome, "w") as file:
    json.dump({"import_errors": bag.import_errors, "files": files}, file)
for dag_id, dag in bag.dags.items():
    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = connections[files[dag_id]]
    try:
        dag.test()
    except Exception as error:
        print(f"{dag_id}: {error!r}")
"""


@dataclass(frozen=True)
class Runs:
    """What came of reading and running all example DAGs."""

    import_errors: dict[str, str]
    dag_ids: dict[str, str]
    payloads: dict[str, list[dict[str, Any]]]
    log: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    home = tmp_path_factory.mktemp("examples")
    log, outcome = home / "log", home / "outcome.json"
    robots = {file.name: Robot(name=file.name, secret=f"SEC{file.stem}") for file in FILES}
    with Sandbox(robots=tuple(robots.values())) as sandbox:
        connections = {
            name: json.dumps(
                {
                    "conn_type": "dingtalk_robot",
                    "password": sandbox.webhook_url_of(robot),
                    "extra": {"secret": robot.secret, "mentions": MENTIONS, "language": "zh"},
                }
            )
            for name, robot in robots.items()
        }
        environment = environment_of(home)
        call([sys.executable, "-m", "airflow", "db", "migrate"], environment, log)
        arguments = [str(FOLDER), str(outcome), json.dumps(connections)]
        call([sys.executable, "-c", RUN_ALL, *arguments], environment, log)
        messages = sandbox.messages
    found = json.loads(outcome.read_text("utf-8"))
    return Runs(
        import_errors=found["import_errors"],
        dag_ids={file: dag_id for dag_id, file in found["files"].items()},
        payloads={
            name: [each.payload for each in messages if each.robot.name == name]
            for name in (file.name for file in FILES)
        },
        log=log.read_text("utf-8", "replace"),
    )


def environment_of(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
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
# From 3.0 to 3.2 `DAG.test()` doesn't tell callbacks the exception; a worker does.
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
    assert all(dag_id == f"dingpush_{Path(file).stem}" for file, dag_id in runs.dag_ids.items())


@pytest.mark.parametrize(
    ("file", "kinds"),
    [
        ("alert_on_failure.py", ["markdown"]),
        ("alert_on_run_failure.py", ["markdown"]),
        ("daily_report_card.py", ["actionCard"]),
        ("deadline_alert.py", ["text"] if TESTS_DEADLINES else []),
        ("feed_of_reports.py", ["feedCard"]),
        ("mention_owner.py", ["markdown"]),
        ("message_per_partition.py", ["markdown"] * 3),
        ("own_alert_text.py", ["markdown"]),
        ("report_from_template_file.py", ["markdown"]),
        ("send_from_task.py", ["text"]),
    ],
)
def test_example_sends_what_it_promises(runs: Runs, file: str, kinds: list[str]) -> None:
    assert [payload["msgtype"] for payload in runs.payloads[file]] == kinds, runs.log[-6000:]


def test_no_example_is_left_out(runs: Runs) -> None:
    silent = {name for name, payloads in runs.payloads.items() if not payloads}
    assert silent == (set() if TESTS_DEADLINES else {"deadline_alert.py"})


def only(runs: Runs, file: str) -> dict[str, Any]:
    (payload,) = runs.payloads[file]
    content: dict[str, Any] = payload[payload["msgtype"]]
    return {**content, "at": payload.get("at")}


def test_failure_alert_says_what_failed_and_why(runs: Runs) -> None:
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
