"""Random contexts through the whole notifier: it raises nothing, and no alert is lost."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_dingpush.messages import At, Markdown, Text
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.random_inputs import Inputs
from tests.test_random_inputs import random_at, random_context, random_message, random_target

CONTEXTS = 1_500
"""Each is written to a disk, so there are fewer than of what is only read."""
MESSAGES = 12


@pytest.fixture
def unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of a wrong type: all alerts wait for somebody to correct it, and none takes the time of a send."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", "mysql://me@db/etl")


def random_notifier(inputs: Inputs) -> DingTalkNotifier:
    """One with arguments as a careless person writes them, as far as the constructor takes them."""
    return DingTalkNotifier(
        message=inputs.one_of(
            None, None, None, inputs.text, lambda: random_message(inputs), Text("{{ ti.task_id }}"),
            Markdown("{{ oops.mobile }}", "{{ 1 / 0 }}"),
        ),
        at=inputs.one_of(None, None, lambda: random_at(inputs), At(mobiles="{{ oops.mobile }}")),
        to=inputs.one_of(None, None, None, lambda: random_target(inputs)),
        language=inputs.one_of(None, "zh", "en"),
    )  # fmt: skip


@pytest.mark.usefixtures("unusable")
def test_no_context_makes_the_notifier_raise_or_lose_its_alert(caplog: pytest.LogCaptureFixture) -> None:
    """What can't be used is left out; the alert waits."""
    inputs, waiting = Inputs(22), 0
    with caplog.at_level(logging.INFO, "airflow_provider_dingpush"):
        for number in range(CONTEXTS):
            notifier, context = random_notifier(inputs), random_context(inputs)
            caplog.clear()
            notifier.notify(context)
            logged = [record.getMessage() for record in caplog.records]
            assert not [line for line in logged if "was not sent" in line], (number, logged)
            waiting += any("waits to be sent" in line for line in logged)
    assert waiting > CONTEXTS / 2


def test_what_random_contexts_make_is_taken_by_dingtalk(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """As many as a robot may send in a minute, each sent as it comes."""
    inputs = Inputs(23)
    for _ in range(MESSAGES):
        context: Any = {**random_context(inputs), "run_id": inputs.text(), "ti": None, "reason": "failed"}
        DingTalkNotifier().notify(context)
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(connected.messages) > MESSAGES / 2
