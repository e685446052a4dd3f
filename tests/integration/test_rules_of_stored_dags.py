"""``dingpush rules`` and ``doctor`` with the DAGs of a real database, as the installed Airflow stores them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOST_SECONDS = 240
DAGS = """
from datetime import datetime, timezone
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG(
    "ods.orders", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None, catchup=False,
    tags=["core", "severity:P1"], default_args={"owner": "zhangsan"},
):
    @task
    def load(number): ...
    @task(owner="lisi")
    def check(): ...
    @task(owner="airflow")
    def clean(): ...
    load.expand(number=[1, 2]) >> check() >> clean()
"""
WAITING = """
from datetime import datetime, timezone
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models.dag import DAG
try:
    from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
except ImportError:
    from airflow.sensors.date_time import DateTimeSensorAsync

with DAG("waiting", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None, catchup=False):
    DateTimeSensorAsync(task_id="wait", target_time="2026-01-01", end_from_trigger=True)
"""
RULES = """\
rules:
  - {name: mapped, match: {task_id: load, owner: zhangsan}, receiver: dingtalk_a, continue: true}
  - {name: by default, match: {owner: airflow}, receiver: dingtalk_a, continue: true}
  - {name: gone, match: {dag_id: "dwd_*"}, receiver: dingtalk_a}
  - {name: core, match: {tags: core}, receiver: dingtalk_b}
  - {name: hidden, match: {severity: P1}, receiver: dingtalk_b}
"""


# As the DAG processor does; `airflow dags reserialize` does it only on Airflow 3.
STORE_IMPORT_ERRORS = """
from datetime import datetime, timezone
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session

with create_session() as session:
    if not session.query(ParseImportError).count():
        for file, text in DagBag().import_errors.items():
            session.add(ParseImportError(filename=file, stacktrace=text, timestamp=datetime.now(timezone.utc)))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Path:
    """An Airflow that has parsed both files, the second of which it refuses."""
    folder = tmp_path_factory.mktemp("airflow")
    shutil.copy(migrated_database, folder / "airflow.db")
    (folder / "dags").mkdir()
    (folder / "dags" / "orders.py").write_text(DAGS)
    (folder / "dags" / "waiting.py").write_text(WAITING)
    (folder / "rules.yaml").write_text(RULES)
    call(folder, "-m", "airflow", "dags", "reserialize")
    call(folder, "-c", STORE_IMPORT_ERRORS)
    return folder


def call(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__DINGPUSH__RULES_FILE": str(home / "rules.yaml"),
        },
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    return done.stdout


def printed(home: Path, *arguments: str) -> Any:
    return json.loads(call(home, "-m", "airflow_provider_dingpush", *arguments, "--json"))


def test_rules_that_no_dag_hits_are_named(home: Path) -> None:
    document = printed(home, "rules", "check")
    assert document["dags"] == 1
    unused = [(each["code"], each["name"]) for each in document["warnings"] if each["code"] != "receiver_missing"]
    assert unused == [("no_dag", "gone"), ("never_reached", "hidden")]


@pytest.mark.parametrize(
    ("name", "task_id", "owners", "receivers"),
    [
        ("ods.orders.load", "load", ["zhangsan"], ["mapped", "core"]),
        ("ods.orders.check", "check", ["lisi"], ["core"]),
        ("ods.orders.clean", "clean", ["airflow"], ["by default", "core"]),
        ("ods.orders", None, ["airflow", "lisi", "zhangsan"], ["by default", "core"]),
    ],
)
def test_tags_and_owners_are_those_of_the_dag(
    home: Path, name: str, task_id: str | None, owners: list[str], receivers: list[str]
) -> None:
    """Also if its id has a dot."""
    document = printed(home, "rules", "explain", name)
    assert (document["dag_id"], document["task_id"], document["problem"]) == ("ods.orders", task_id, None)
    assert document["labels"]["tags"] == ["core", "severity:P1"]
    assert document["labels"]["owner"] == owners
    assert [each["rule"] for each in document["receivers"]] == receivers


def test_an_unknown_dag_or_task_is_said(home: Path) -> None:
    assert "has no DAG 'nothing'" in printed(home, "rules", "explain", "nothing.load")["problem"]
    assert "has no task 'lod'" in printed(home, "rules", "explain", "ods.orders.lod")["problem"]


def test_the_task_that_airflow_refuses_is_named(home: Path) -> None:
    """A listener is registered because of the rules file."""
    (finding,) = (each for each in printed(home, "doctor")["findings"] if each["check"] == "end_from_trigger")
    assert (finding["severity"], finding["code"]) == ("error", "end_from_trigger_used")
    assert "waiting.wait" in finding["message"]
