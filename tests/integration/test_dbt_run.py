"""A real dbt project (DuckDB) in a real run: in Cosmos in both of its modes, in ``dbtRunner``, and in Bash."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox

GOLDEN = Path(__file__).parents[1] / "golden" / "dbt" / "alerts_of_a_run.json"
PROJECT = Path(__file__).with_name("dbt_shop")
DBT = Path(sys.executable).with_name("dbt")
MOST_SECONDS = 1200
"""Of the run, which starts dbt a dozen times."""
SECRET = "SEC-of-a-real-dbt-0123456789"

pytestmark = [
    pytest.mark.skipif(
        find_spec("cosmos") is None or not DBT.exists(),
        reason="there is no Cosmos with dbt: install the dependency group 'dbt' (pip install --group dbt)",
    ),
    pytest.mark.skipif(
        # This module is new in 3.3.
        is_airflow_3() and find_spec("airflow.sdk.definitions.retry_policy") is None,
        reason="dags test of Airflow 3.0 to 3.2 gives callbacks no exception: install apache-airflow>=3.3",
    ),
]


@pytest.fixture(scope="module")
def run(dag_test: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox after the run, and everything that Airflow wrote."""
    folder = tmp_path_factory.mktemp("dbt")
    project = shutil.copytree(PROJECT, folder / "shop")
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = {
            "AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&secret={SECRET}&group_interval_seconds=0",
            "AIRFLOW__DINGPUSH__BASE_URL": "https://airflow.example.com",
            "AIRFLOW__DINGPUSH__TIMEZONE": "Asia/Shanghai",
            "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "DO_NOT_TRACK": "1",
            "SHOP_PROJECT": str(project),
            "SHOP_DATABASE": str(folder / "shop_duckdb"),
            "SHOP_DBT": str(DBT),
        }
        yield sandbox, dag_test(sandbox, "dbt_shop", environment, seconds=MOST_SECONDS)


def without_times(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload without what is different in each run, and in each Airflow: times, and the addresses of its pages."""
    text = re.sub(r"\]\(dingtalk:[^)]*\)", "](…)", payload["markdown"]["text"])
    # ``dags test`` of Airflow 2 gives a task neither start nor end.
    text = re.sub(r"\n- (Run|Started|Duration): .*", "", text)
    kept = {name: value for name, value in payload.items() if name != "msgUuid"}
    return {**kept, "markdown": {**payload["markdown"], "text": text.strip()}}


def test_each_failure_and_each_warning_is_one_alert_that_lists_what_dbt_found(run: tuple[Sandbox, str]) -> None:
    """After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    sandbox, written = run
    sent = sorted(
        (without_times(each.payload) for each in sandbox.messages), key=lambda each: each["markdown"]["title"]
    )
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(sent, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert sent == json.loads(GOLDEN.read_text("utf-8")), written[-5000:]


def test_cosmos_called_for_the_builds_without_a_warning_as_well(run: tuple[Sandbox, str]) -> None:
    """And nothing was sent for them."""
    assert run[1].count("No warning is reported") >= 2


def test_no_secret_was_written(run: tuple[Sandbox, str]) -> None:
    # In ``dags test`` Airflow 3 prints each secret that it is given to mask, of whatever connection.
    ours = "\n".join(line for line in run[1].splitlines() if "MaskSecret(" not in line)
    assert SECRET not in ours
