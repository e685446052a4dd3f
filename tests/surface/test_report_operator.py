"""The operator that reports failures, and the DAGs for each day and each week."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import (
    DingTalkReportOperator,
    create_daily_digest_dag,
    create_weekly_report_dag,
)
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import CONTEXT, task_context


@pytest.fixture(autouse=True)
def _of_its_own(callback_process: None, outbox_home: object) -> None:
    """Each test has an outbox of its own."""


def test_the_daily_digest_is_sent_only_if_something_is_open(connected: Sandbox, unhurried: None) -> None:
    digest = DingTalkReportOperator(task_id="a", open_only=True)
    assert digest.execute(CONTEXT) is None
    assert not connected.messages
    DingTalkNotifier()(task_context("one"))
    receipt = digest.execute(CONTEXT)
    assert receipt is not None
    assert receipt["conn_id"] == "dingtalk_default"
    assert "未恢复故障：1 个" in str(connected.messages[-1].payload)


def test_the_report_is_sent_also_if_nothing_happened(connected: Sandbox) -> None:
    assert DingTalkReportOperator(task_id="a", days=1, language="en").execute(CONTEXT)
    assert "Failures: 0" in str(connected.messages[-1].payload)


@pytest.mark.parametrize(
    ("create", "dag_id", "schedule", "open_only"),
    [
        (create_daily_digest_dag, "dingpush_daily_digest", "0 9 * * *", True),
        (create_weekly_report_dag, "dingpush_weekly_report", "0 9 * * 1", False),
    ],
)
def test_the_dags(create: Any, dag_id: str, schedule: str, open_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    dag = create(dingtalk_conn_id="other", description="x")
    [task] = dag.tasks
    assert (dag.dag_id, dag.description, str(dag.timezone)) == (dag_id, "x", "Asia/Shanghai")
    assert str(getattr(dag, "schedule", None) or dag.schedule_interval) == schedule
    assert (task.dingtalk_conn_id, task.open_only) == ("other", open_only)
