"""Operators and alerts share the rate limit of a receiver."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.errors import ThrottledError
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import rate_limit
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.rate_limit import rate_limit_slot, seconds_until_slot
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import CONTEXT, task_context
from tests.default_robot import connect
from tests.outbox_in_use import HERE, away, use
from tests.redis_servers import SlowNetwork

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[no-redef,attr-defined,unused-ignore]


def test_operators_and_alerts_share_one_window(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deferrable operator gives its worker slot back until a slot of the window is free."""
    connect(sandbox, monkeypatch, rate_limit_per_minute=2, group_interval_seconds=0)
    context: Any = {}
    DingTalkNotifier()(task_context())
    DingTalkOperator(task_id="t", message="hello").execute(context)
    with pytest.raises(TaskDeferred) as deferred:
        DingTalkOperator(task_id="t", message="hello", deferrable=True).execute(context)
    _, arguments = deferred.value.trigger.serialize()
    assert 5 < arguments["moment"] - time.time() <= 60
    assert len(sandbox.messages) == 2


def test_an_operator_that_is_throttled_notes_it_though_another_process_leads(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the alerts would be throttled, too."""
    box, sender = outbox(), receiver_of_mailbox(Mailbox("dingtalk_default"))
    leads, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def lead() -> None:
        with box.leadership(sender.receiver_id) as book:
            assert book is not None
            leads.set()
            may_end.wait()
        ended.set()

    def wait(_: float) -> None:
        may_end.set()
        ended.wait()

    def send() -> None:
        with rate_limit_slot(box, sender):
            threading.Thread(target=lead).start()
            leads.wait()
            raise ThrottledError("130101", "Wait.", retry_after_seconds=600.0)

    monkeypatch.setattr("airflow_provider_dingpush.pipeline.rate_limit.time.sleep", wait)
    with pytest.raises(ThrottledError):
        send()
    assert 590 < seconds_until_slot(box, sender) <= 600


def test_an_operator_that_waits_in_files_sees_the_outbox_come_back(
    connected: Sandbox, network: SlowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the window is used up; the whole of it isn't, and Redis knows."""
    with away(network.url, monkeypatch):
        for _ in range(4):
            DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)

        def come_back(_: float) -> None:
            use(network.url, monkeypatch)

        with monkeypatch.context() as waiting:
            waiting.setattr("airflow_provider_dingpush.operators.time.sleep", come_back)
            began = time.monotonic()
            DingTalkOperator(task_id="t", message="the fifth").execute(CONTEXT)
    assert time.monotonic() - began < 30
    assert len(connected.messages) == 5


def test_an_operator_waits_for_no_leader_that_never_ends(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that was stopped keeps its lock."""
    monkeypatch.setattr(rate_limit, "_LONGEST_LEAD_SECONDS", 0.5)
    operator: Any = DingTalkOperator(task_id="t", message="hello")
    with Outbox(FileStore(outbox_home)).leadership(receiver_of_mailbox(HERE).receiver_id) as book:
        assert book is not None
        operator.execute(CONTEXT)
    assert len(connected.messages) == 1
    assert "doesn't end" in caplog.text
