"""What Airflow calls a callback with, and the facts in it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context
from tests.default_robot import texts


def test_five_arguments_are_an_sla_of_airflow_2(connected: Sandbox) -> None:
    """An sla_miss_callback isn't given a context."""
    arguments: Any = (task_context()["dag"], "load_orders", "", [], [])
    DingTalkNotifier(message="late: {{ task_list }}")(*arguments)
    DingTalkNotifier(language="en")(*arguments)
    assert texts(connected)[0] == "late: load_orders"
    assert connected.messages[1].payload["markdown"]["title"] == "Deadline missed: etl_daily"


def test_a_context_of_nothing_at_all_is_survived(connected: Sandbox) -> None:
    """Whatever Airflow may call it with."""
    DingTalkNotifier()({})
    assert len(connected.messages) == 1


def test_options_shape_links_label_and_times(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``[dingpush]`` defines where Airflow is, what it is called, and what time it is there."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com/prod/")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ENVIRONMENT", "生产")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    DingTalkNotifier()(task_context())
    (message,) = connected.messages
    assert message.payload["markdown"]["title"] == "[生产] 失败：etl_daily · load_orders"
    assert "2026-11-22 09:02:03 +08:00" in message.payload["markdown"]["text"]
    assert "https%3A%2F%2Fairflow.example.com%2Fprod%2Fdags%2Fetl_daily" in message.payload["markdown"]["text"]
    assert "本机地址" not in message.payload["markdown"]["text"]
