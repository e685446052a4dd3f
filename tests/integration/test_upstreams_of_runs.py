"""What runs of a real Airflow that assets or other runs have started may follow from. Takes minutes.

No DAG has a notifier: the alerts of tasks come from the task processes, those of runs from the scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.upstreams import Upstream
from airflow_provider_dingpush.pipeline.outboxes import files_in
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.integration.standalone_airflow import RUN_ID, standalone
from tests.outbox_in_use import HERE

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="its API"),
]

RUN_SECONDS = 400
DAG_FILE = """
from datetime import datetime, timezone

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, task

ORDERS = Asset("s3://lake/orders")
DEFAULTS = {"start_date": datetime(2026, 1, 1, tzinfo=timezone.utc)}


@task
def fail():
    raise ValueError("no rows")


@task(outlets=[ORDERS])
def produce():
    pass


with DAG("producer", schedule=None, **DEFAULTS):
    fail()
    produce()
    TriggerDagRunOperator(task_id="trigger", trigger_dag_id="child", trigger_run_id="started_by_{{ dag.dag_id }}")

with DAG("consumer", schedule=[ORDERS], **DEFAULTS):
    fail()

with DAG("child", schedule=None, **DEFAULTS):
    fail()
"""


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Alert]]:
    """Those in the outbox once all runs have failed: there is no connection that they could be sent through."""
    home = tmp_path_factory.mktemp("airflow")
    options = {"DINGPUSH__ALERT_CONN_ID": HERE.conn_id}
    with standalone(home, {"follows.py": DAG_FILE}, options, {}) as airflow:
        airflow.run(["producer"], within_seconds=RUN_SECONDS)

        def found() -> list[Alert]:
            return [alert for _, alert in Outbox(files_in(home / "dingpush")).mail_of(HERE, 100)]

        expected = {(dag_id, task_id) for dag_id in ("producer", "consumer", "child") for task_id in (None, "fail")}
        airflow.wait_until(
            "all alerts", lambda: expected <= {(each.dag_id, each.task_id) for each in found()}, RUN_SECONDS
        )
        yield found()


def of(alerts: list[Alert], dag_id: str) -> dict[str | None, tuple[Upstream, ...]]:
    return {each.task_id: each.upstreams for each in alerts if each.dag_id == dag_id}


def test_a_run_follows_from_that_which_produced_its_assets(alerts: list[Alert]) -> None:
    by = Upstream("producer", None, RUN_ID)
    assert of(alerts, "consumer") == {"fail": (by,), None: (by,)}


def test_a_run_follows_from_that_which_triggered_it(alerts: list[Alert]) -> None:
    """The task that triggered it has ended before."""
    by = Upstream("producer", None, RUN_ID)
    assert of(alerts, "child") == {"fail": (by,), None: (by,)}


def test_what_began_follows_from_nothing(alerts: list[Alert]) -> None:
    assert of(alerts, "producer") == {"fail": (), None: ()}
