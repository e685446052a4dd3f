"""The check of the rules file: alerts for a receiver that doesn't exist go where failures without a rule go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.airflow_events import write_alerts
from airflow_provider_dingpush.sandbox import Sandbox
from tests.default_robot import titles
from tests.rules_file_in_use import flush, run_check, use_rules_file, waiting, write

RIGHT = "rules: [{receiver: dingtalk_default}]\n"
FAILURE = RunFacts(Event.TASK_FAILED, "ods_orders", run_id="r1", task_id="load")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this Airflow looks for its rules."""
    path = tmp_path / "rules.yaml"
    use_rules_file(path, monkeypatch)
    return path


UNKNOWN = "rules:\n  - name: finance\n    receiver: dingtalk_finance\n"


def fail(**changes: Any) -> None:
    write_alerts(FAILURE._replace(**changes))


def test_alerts_for_an_unknown_connection_go_where_failures_go(
    connected: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one alert that says which rule it is, and its end once there is such a connection."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    write(file, UNKNOWN)
    fail(dag_name="ods_orders", task_name="load")
    flush()
    (message,) = connected.messages
    text = message.payload["markdown"]["text"].replace("\\", "")
    assert "rules.yaml:2: finance → dingtalk_finance" in text
    assert "load" in text
    fail(dag_name="ods_orders", task_name="load", run_id="r2")
    flush()
    assert titles(connected)[1:] == ["Failed: ods_orders · load"]
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_FINANCE", os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"])
    flush()
    assert titles(connected)[2:] == ["Rules file is right again: rules.yaml · dingtalk_finance"]
    flush()
    assert len(titles(connected)) == 3


def test_a_recovery_follows_its_failure(connected: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    write(file, UNKNOWN)
    fail(dag_name="ods_orders", task_name="load")
    flush()
    write_alerts(FAILURE._replace(event=Event.TASK_SUCCEEDED, dag_name="ods_orders", task_name="load", run_id="r2"))
    flush()
    assert titles(connected)[1:] == ["Succeeded: ods_orders · load"]


def test_a_rule_that_is_corrected_ends_it(connected: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", "en")
    write(file, UNKNOWN)
    fail()
    flush()
    write(file, RIGHT)
    flush()
    assert titles(connected)[1:] == ["Rules file is right again: rules.yaml · dingtalk_finance"]


def test_without_any_connection_the_log_says_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the alerts wait."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "gone_too")
    write(file, UNKNOWN)
    fail()
    run_check()
    assert len(waiting("dingtalk_finance")) == 1
    assert (
        "rules.yaml:2: rule 'finance': there is no connection 'dingtalk_finance', and none to use instead"
        in caplog.text
    )
