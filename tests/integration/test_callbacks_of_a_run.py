"""Real DAG runs on the installed Airflow: the notifier's class as a callback, and a task that asks a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_dingpush.airflow_compat import notifier_takes_context
from airflow_provider_dingpush.sandbox import Sandbox


def _connection(sandbox: Sandbox) -> dict[str, str]:
    secret = sandbox.robot.secret
    return {"AIRFLOW_CONN_DINGTALK_DEFAULT": f"{sandbox.webhook_url}&secret={secret}&group_interval_seconds=0"}


def test_a_callback_without_brackets_reports_the_failure(
    dag_test: Callable[[Sandbox, str, dict[str, str]], str], sandbox: Sandbox
) -> None:
    """``on_failure_callback=DingTalkNotifier``, of a task and in ``default_args``."""
    written = dag_test(sandbox, "without_brackets", _connection(sandbox))
    text = "\n".join(each.payload["markdown"]["text"] for each in sandbox.messages)
    # Airflow 3.0 gives its callbacks no exception.
    for words in ("fails\n", "fails\\_too\n"):
        assert f"without\\_brackets · {words}" in text, written[-3000:]


@pytest.mark.skipif(
    not notifier_takes_context(), reason="approvals need Airflow 3.1 or later: install apache-airflow>=3.1"
)
def test_an_approval_is_reported_with_the_page_where_to_answer(
    dag_that_waits: Callable[..., str], sandbox: Sandbox
) -> None:
    """By its own notifier, once it has asked; its ``on_execute_callback`` comes before that."""
    written = dag_that_waits(sandbox, "asks", _connection(sandbox), messages=2)
    assert len(sandbox.messages) == 2, written[-3000:]
    started, asked = (each.payload["markdown"] for each in sandbox.messages)
    assert started["title"] == "Started: asks · approve"
    assert asked["title"] == "Answer needed: asks · approve · Publish the report of asks?"
    for words in ("312 rows", "Options: Approve, Reject", "Answer by: ", "Reject is chosen", "required_actions"):
        assert words in asked["text"]
