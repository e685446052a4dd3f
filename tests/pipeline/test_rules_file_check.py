"""The check of the rules file: alerts for a receiver that doesn't exist go where failures without a rule go."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline import routes, rules_file_alerts, scheduler_writing
from airflow_provider_dingpush.pipeline.airflow_events import write_alerts
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.rules_file_check import check
from airflow_provider_dingpush.pipeline.tick import tick
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.default_robot import titles

RIGHT = "rules: [{receiver: dingtalk_default}]\n"
FAILURE = RunFacts(Event.TASK_FAILED, "ods_orders", run_id="r1", task_id="load")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this Airflow looks for its rules."""
    path = tmp_path / "rules.yaml"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(path))
    monkeypatch.setattr(scheduler_writing._writer, "_failed_at", None)
    new_process(monkeypatch)
    return path


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_known", {})
    monkeypatch.setattr(rules_file_alerts, "_told", {})


def write(path: Path, text: str | bytes) -> None:
    """As a person does who saves it again: a moment later."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, ns=(before + 1_000, before + 1_000))


def waiting(conn_id: str = "dingtalk_default", box: Outbox | None = None) -> list[tuple[str, str]]:
    """Event and text of the alerts that wait there, the oldest first."""
    found = [alert for _, alert in (box or outbox()).mail_of(Mailbox(conn_id), 100)]
    found.sort(key=lambda each: each.at)
    return [(each.event.value, str(each.facts.get("exception_text") or "")) for each in found]


def run_check() -> None:
    check(Deadline.after(60))


def flush() -> None:
    list(tick(until=time.monotonic() + 60))


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
