"""What failures of real DAG runs may follow from, in the alerts that they write."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.alerts.upstreams import Upstream
from airflow_provider_dingpush.pipeline.outboxes import files_in
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.outbox_in_use import HERE

needs_exceptions = pytest.mark.skipif(
    # This module is new in 3.3.
    is_airflow_3() and find_spec("airflow.sdk.definitions.retry_policy") is None,
    reason="dags test of Airflow 3.0 to 3.2 gives callbacks no exception: install apache-airflow>=3.3",
)


@pytest.fixture
def written(dag_test: Callable[..., str], tmp_path: Path) -> Callable[[str], dict[str, list[Upstream]]]:
    """Run a DAG without a connection, so that its alerts stay in the outbox: task -> upstreams of its alert."""

    def run(dag_id: str) -> dict[str, list[Upstream]]:
        with Sandbox() as sandbox:
            # Airflow 2 triggers only DAGs that its database knows.
            printed = dag_test(sandbox, dag_id, {}, home=tmp_path, knows_dags=not is_airflow_3())
        alerts = [alert for _, alert in Outbox(files_in(tmp_path / "dingpush")).mail_of(HERE, 100)]
        assert alerts, printed[-5000:]
        runs = {each.run_id for each in alerts}
        assert len(runs) == 1, runs
        return {
            str(alert.task_id): [
                each._replace(run_id="this run") if each.run_id in runs else each for each in alert.upstreams
            ]
            for alert in alerts
        }

    return run


def test_a_task_follows_from_the_failed_one_before_it(written: Callable[[str], dict[str, list[Upstream]]]) -> None:
    """Also from one that isn't directly before it; but from none that must have succeeded."""
    assert written("follows_within_run") == {
        "extract": [],
        "publish": [Upstream("follows_within_run", "extract", "this run")],
    }


@needs_exceptions
def test_a_sensor_follows_from_what_it_waited_for(written: Callable[[str], dict[str, list[Upstream]]]) -> None:
    """A subclass of the sensor, too; ids are rendered; an error of another task follows from nothing."""
    awaited = "follows_awaited_elsewhere"
    assert written("follows_awaited") == {
        "dag": [Upstream(awaited)],
        "task": [Upstream(awaited, "load"), Upstream(awaited)],
        "tasks": [Upstream(awaited, "load"), Upstream(awaited, "check"), Upstream(awaited)],
        "of_its_own": [],
    }


@needs_exceptions
def test_a_task_follows_from_the_run_that_it_triggered(written: Callable[[str], dict[str, list[Upstream]]]) -> None:
    """With that run's id."""
    assert written("follows_triggered") == {"trigger": [Upstream("follows_triggered", None, "child_2026-11-22")]}
