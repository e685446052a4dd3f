"""Warnings of tasks of every DAG, by rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush import cluster_policy, listeners
from airflow_provider_dingpush.pipeline.task_warnings import watch_warnings
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context

pytestmark = pytest.mark.usefixtures("unhurried")

RULES = """
rules:
  - name: dbt
    match: {event: task_warned}
    receiver: dingtalk_default
    severity: P3
"""


def warned() -> dict[str, Any]:
    context = task_context(
        "test_orders", test_names=["unique_a"], test_results=["Got 2 results, configured to warn if != 0"]
    )
    del context["exception"]
    context["ti"].state = "running"
    return context


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(file))


@pytest.mark.usefixtures("rules")
def test_a_rule_decides_about_warnings(connected: Sandbox) -> None:
    task = SimpleNamespace(on_warning_callback=None)
    watch_warnings(task)
    watch_warnings(task)
    task.on_warning_callback(warned())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "警告：etl_daily · test_orders"
    assert "- unique\\_a · 警告，2 行" in message.payload["markdown"]["text"]
    assert "P3" in message.payload["markdown"]["text"]


def test_without_a_rule_nobody_is_notified(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is no failure, which is all that ``alert_conn_id`` asks for."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    task = SimpleNamespace(on_warning_callback=None)
    watch_warnings(task)
    task.on_warning_callback(warned())
    assert not connected.messages


@pytest.mark.usefixtures("rules")
def test_the_callback_of_the_dag_file_is_called_as_before(connected: Sandbox) -> None:
    """First, and what it raises reaches the task."""
    called: list[Mapping[str, Any]] = []

    def own(context: Mapping[str, Any]) -> None:
        called.append(context)
        raise LookupError("of the DAG file")

    task = SimpleNamespace(on_warning_callback=own)
    watch_warnings(task)
    with pytest.raises(LookupError):
        task.on_warning_callback(context := warned())
    assert called == [context]
    assert len(connected.messages) == 1


@pytest.mark.usefixtures("rules")
def test_a_context_of_any_shape_fails_no_task(connected: Sandbox) -> None:
    task = SimpleNamespace(on_warning_callback=None)
    watch_warnings(task)
    task.on_warning_callback({"ti": 5})
    task.on_warning_callback(None)
    assert not connected.messages


def test_the_listener_and_the_policy_watch_operators_that_warn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rules: None
) -> None:
    task = SimpleNamespace(on_warning_callback=None, on_failure_callback=None)
    listeners.on_task_instance_running(SimpleNamespace(task=task))
    assert callable(task.on_warning_callback)
    other = SimpleNamespace(on_failure_callback=None)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ATTACH", "policy")
    cluster_policy.task_policy(other)
    assert not hasattr(other, "on_warning_callback")
    task = SimpleNamespace(on_warning_callback=None, on_failure_callback=None)
    cluster_policy.task_policy(task)
    assert callable(task.on_warning_callback)
