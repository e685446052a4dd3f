"""``dingpush demo --storm``: what it counts. A whole storm is run in test_demo."""

from __future__ import annotations

import time

import pytest

from airflow_provider_dingpush.cli import storm
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox


@pytest.mark.parametrize("language", ["zh", "en"])
def test_failures_are_counted_by_their_keys(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    """Those that no message reports, and those that two do, whatever the language."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__LANGUAGE", language)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com")
    started = time.time()
    for number in (0, 1, 2, 41):
        DingTalkNotifier()(storm._context(number))
    result = storm._result(42, connected, started)
    assert (result.alerts, result.lost, result.repeated, result.refused) == (42, 38, 0, 0)
    assert result.messages == len(connected.messages)
    assert 0 < result.first_seconds <= result.seconds
    again = connected.messages[0].payload["markdown"]
    DingTalkRobotHook("dingtalk_default").send(Markdown(again["title"], again["text"]))
    assert storm._result(42, connected, started).repeated == 1


def test_each_failure_is_another_one() -> None:
    """Or some of them would be taken for repetitions."""
    assert len({storm._failure(number) for number in range(5_000)}) == 5_000
