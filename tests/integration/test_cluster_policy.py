"""The package's own cluster policy, in Airflows of their own: what it adds, keeps and survives, and what arrives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cluster_policy import dag_policy, report_failure, task_policy
from tests.integration.policy_run import run_with_policy
from tests.integration.test_every_dag import DAGS, LOOK

LOCAL_SETTINGS = "from airflow_provider_dingpush.cluster_policy import dag_policy, task_policy\n"
# A sensor as Airflow refuses it while any plugin listens to tasks.
SENSOR = """
from airflow.triggers.base import StartTriggerArgs
try:
    from airflow.sdk import BaseSensorOperator
except ImportError:
    from airflow.sensors.base import BaseSensorOperator

class Waits(BaseSensorOperator):
    start_trigger_args = StartTriggerArgs(
        trigger_cls="airflow.triggers.temporal.TimeDeltaTrigger", trigger_kwargs={}, next_method="execute_complete",
        timeout=None,
    )
    start_from_trigger = True

with dag("with_sensor"):
    waits = Waits(task_id="waits")
    waits.start_trigger_args.next_kwargs = None
    waits.end_from_trigger = True
"""
ADDED = ["report_failure"]
POLICY = {"AIRFLOW__DINGPUSH__ATTACH": "policy", "AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default"}
Parse = Callable[..., dict[str, Any]]


@pytest.fixture
def parsed(tmp_path: Path, airflow_home: Path) -> Parse:
    """What an Airflow with this policy makes of the DAGs."""
    folder, config = tmp_path / "dags", tmp_path / "config"
    for each in (folder, config):
        each.mkdir()
    (folder / "dags.py").write_text(DAGS)
    (config / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)

    def parse(**environment: str) -> dict[str, Any]:
        path = os.pathsep.join(map(str, [config, *sys.path]))
        done = subprocess.run(
            [sys.executable, "-c", LOOK.replace("{folder}", str(folder))],
            env={**os.environ, "PYTHONPATH": path, "AIRFLOW_HOME": str(airflow_home), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "FOUND" in done.stdout, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND")[2].splitlines()[0])
        return found

    return parse


def test_each_task_and_each_dag_gets_the_callback(parsed: Parse, tmp_path: Path) -> None:
    """Mapped ones too; a notifier for the same connection is enough. Sensors that end by their trigger are imported."""
    (tmp_path / "dags" / "dags.py").write_text(DAGS + SENSOR)
    found = parsed(**POLICY)
    assert found["errors"] == {}
    assert found["dags"] == {
        "without": {"has": True, "dag": ADDED, "plain": ADDED, "mapped": ADDED},
        "with_own": {"has": True, "dag": ["own", *ADDED], "plain": ["own", *ADDED]},
        "with_notifier": {"has": True, "dag": ["own", "DingTalkNotifier"], "plain": ["DingTalkNotifier"]},
        "left_out": {"has": True, "dag": ADDED, "plain": ADDED},
        "with_sensor": {"has": True, "dag": ADDED, "waits": ADDED},
    }


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AIRFLOW__DINGPUSH__ATTACH": "policy"},
        {"AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default"},
    ],
    ids=["nothing set", "no receiver", "the plugin sends"],
)
def test_without_both_options_it_adds_nothing(parsed: Parse, environment: dict[str, str]) -> None:
    found = parsed(**environment)
    assert found["errors"] == {}
    assert found["dags"]["without"] == {"has": False, "dag": [], "plain": [], "mapped": []}


def test_rules_decide_when_the_failure_happens(parsed: Parse) -> None:
    """Which receiver an alert has is unknown before, so a notifier of the DAG is no reason to add nothing."""
    found = parsed(AIRFLOW__DINGPUSH__ATTACH="policy", AIRFLOW__DINGPUSH__RULES_FILE="/any/rules.yaml")
    assert found["dags"]["with_notifier"]["plain"] == ["DingTalkNotifier", *ADDED]


class Odd:
    """Something that no policy expects."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("odd")


@pytest.fixture
def configured_logging() -> None:
    """Airflow configures logging when it is first used, and removes the handlers that are there then."""
    airflow_option("core", "executor")


def test_nothing_is_raised(
    configured_logging: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception would make an import error of every DAG."""
    for name, value in POLICY.items():
        monkeypatch.setenv(name, value)

    class Refuses:
        dag_id = task_id = "refuses"
        on_failure_callback = None

        def __setattr__(self, name: str, value: Any) -> None:
            raise TypeError("frozen")

    task_policy(Refuses())
    dag_policy(Refuses())
    report_failure({"dag": Odd(), "ti": Odd()})
    assert "Failures of task refuses aren't reported (TypeError)." in caplog.messages


def test_what_fails_arrives_once(dag_test: Callable[..., str], tmp_path: Path) -> None:
    written, texts = run_with_policy(dag_test, tmp_path, DAGS, LOCAL_SETTINGS, **POLICY)
    # That of the run is merged into it where Airflow lists the failed tasks, which `dags test` of Airflow 3 doesn't.
    assert 1 <= len(texts) <= 2, written[-5000:]
    assert "plain" in texts[0]
    assert "own callback called" in written
