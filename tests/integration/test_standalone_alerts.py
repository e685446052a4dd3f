"""What the alert of a real run says: where it failed, the end of the log, the runbook, and the last success.

Only a real Airflow writes the log of a task, in another process than the one that calls back. Takes minutes:
``pytest -m standalone``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.standalone_airflow import START_SECONDS, standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has no supervisor, and another API"),
]

RUN_SECONDS = 300
DAG_FILE = """
import json
from datetime import datetime, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

from airflow_provider_dingpush.notifications import DingTalkNotifier

with DAG(
    "etl_orders",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    tags=["runbook:https://wiki.example.com/etl"],
    default_args={"on_failure_callback": DingTalkNotifier(language="en")},
    on_failure_callback=DingTalkNotifier(dingtalk_conn_id="of_runs", language="en"),
):
    dbt = BashOperator(
        task_id="dbt_run",
        bash_command=r'''
            [ "{{ run_id }}" = good ] && exit 0
            for i in $(seq 40); do printf '%s%% of model\\r' $i; done; echo
            seq -f 'row %g' 20
            printf '\\033[31mDatabase Error in model orders\\033[0m\\n  password=hunter2\\n'
            exit 2''',
    )

    @task(trigger_rule="all_done")
    def load(run_id=None):
        json.loads("{}" if run_id == "good" else "{broken")

    dbt >> load()
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Title and text of each alert, after a good run and a failed one."""
    tasks, runs = Robot(), Robot(access_token="b" * 64)
    with Sandbox(robots=(tasks, runs)) as sandbox:

        def connection(robot: Robot) -> str:
            extra = {"group_interval_seconds": 0}
            return json.dumps(
                {
                    "conn_type": "dingtalk_robot",
                    "host": sandbox.url,
                    "password": robot.access_token,
                    "extra": extra,
                }
            )

        environment = {
            "AIRFLOW_CONN_DINGTALK_DEFAULT": connection(tasks),
            "AIRFLOW_CONN_OF_RUNS": connection(runs),
        }
        home: Path = tmp_path_factory.mktemp("airflow")
        with standalone(home, {"etl_orders.py": DAG_FILE}, {}, environment) as airflow:
            path = "/api/v2/dags/etl_orders/dagRuns"
            for day, (run_id, state) in enumerate((("good", "success"), ("bad", "failed")), 1):
                body = {"dag_run_id": run_id, "logical_date": f"2026-02-0{day}T00:00:00Z"}
                airflow.wait_until(path, lambda: airflow.call(path, body), START_SECONDS)  # noqa: B023
                run = f"{path}/{run_id}"
                airflow.wait_until(run, lambda: (airflow.call(run) or {}).get("state") == state, RUN_SECONDS)  # noqa: B023
            airflow.wait_until("three alerts", lambda: len(sandbox.messages) >= 3, RUN_SECONDS)
        bodies = [message.payload["markdown"] for message in sandbox.messages]
        yield {body["title"]: body["text"].replace("\\", "") for body in bodies}


def test_a_command_shows_what_it_printed(texts: dict[str, str]) -> None:
    """Written by the supervisor, read by the task's process."""
    text = texts["Failed: etl_orders · dbt_run"]
    assert "> row 20  \n> Database Error in model orders  \n> password=***\n\n[View log" in text
    assert text.count("> row ") == 6


def test_an_exception_shows_the_line_of_the_dag_file(texts: dict[str, str]) -> None:
    line = next(number for number, text in enumerate(DAG_FILE.splitlines(), 1) if "json.loads" in text)
    text = texts["Failed: etl_orders · load"]
    assert f"\n\nAt: etl_orders.py:{line} in load\n\n[View log" in text
    assert "End of the log" not in text


def test_a_run_lists_its_failed_tasks(texts: dict[str, str]) -> None:
    text = texts["Run failed: etl_orders"]
    assert "isn't available" in text or ("- dbt_run [log" in text and "- load [log" in text)


def test_each_has_the_runbook_and_the_last_success(texts: dict[str, str]) -> None:
    for title, text in texts.items():
        assert "[Runbook](" in text, title
    for task_id in ("dbt_run", "load"):
        assert "- Last success: today " in texts[f"Failed: etl_orders · {task_id}"]
