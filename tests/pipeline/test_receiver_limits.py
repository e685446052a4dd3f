"""Limits that the flush notes: the page shows them without reading a connection."""

from __future__ import annotations

import time

import pytest

from airflow_provider_dingpush.alerts.mailboxes import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.page_state import read_state
from airflow_provider_dingpush.pipeline.receiver_limits import LIMITS, note_limits, noted_limits
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.storage.notes import Note
from tests.callback_contexts import task_context
from tests.outbox_in_use import NOBODY, use
from tests.web.page_data import Anybody

HERE = Mailbox("dingtalk_default")
POLICY = DeliveryPolicy(rate_limit_per_minute=7, max_messages_per_day=9, monthly_quota=11)


def test_the_flush_notes_them(connected: Sandbox, unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connected.fail_next(Fault.THROTTLED)
    DingTalkNotifier()(task_context())
    main(["flush"])
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    [receiver] = read_state(Anybody(), time.monotonic() + 60).receivers
    assert receiver.usage is not None
    assert receiver.usage.has_limits
    assert (receiver.usage.rate_limit_per_minute, receiver.usage.monthly_quota) == (18, 3_000)


def test_changes_are_noted_and_what_another_version_wrote_is_unknown() -> None:
    box = outbox()
    assert noted_limits(box)(HERE) is None
    with box.resolving(HERE):
        box.assign(HERE, "r1")
    assert noted_limits(box)(HERE) is None
    note_limits(box, "r1", POLICY)
    assert noted_limits(box)(HERE) == POLICY
    note_limits(box, "r1", DeliveryPolicy())
    assert noted_limits(box)(HERE) == DeliveryPolicy()
    for value in (b"", b"[]", b"{}", b'{"rate_limit_per_minute": "x", "max_messages_per_day": 1, "monthly_quota": 1}'):
        box.store.set_notes([Note(LIMITS, "r1", value)])
        assert noted_limits(box)(HERE) is None


def test_a_store_that_is_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    use(NOBODY, monkeypatch)
    note_limits(outbox(), "r1", POLICY)
