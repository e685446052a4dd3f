"""What is sent without an outbox keeps to the rate limit and to a hold that is known."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.messages import Image
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import outboxes
from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.contract import LeadPause
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import task_context
from tests.outbox_in_use import HERE, fail


def test_an_alert_that_no_store_takes_is_not_sent_to_a_throttled_robot(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is full can still be read."""
    fail("before")
    Outbox(FileStore(outbox_home)).note_pause_of(
        HERE, receiver_of_mailbox(HERE).receiver_id, LeadPause(time.time() + 600, "throttled 130101")
    )
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null/nowhere")
    monkeypatch.setattr(FileStore, "put", _full)
    fail("t")
    assert len(connected.messages) == 1
    assert "Nothing may be sent before" in caplog.text


def _full(*_: object, **__: object) -> None:
    from airflow_provider_dingpush.errors import OutboxError

    raise OutboxError("No space left on device")


def test_a_picture_that_cannot_be_kept_counts_in_the_window_and_waits_as_words(
    app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent past the outbox while there is room; then the built-in alert waits in its place."""
    connection = json.loads(os.environ["AIRFLOW_CONN_DINGTALK_APP_DEFAULT"])
    connection["extra"]["rate_limit_per_minute"] = 1
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps(connection))
    picture = Image(b"\x89PNG\r\n\x1a\n" + bytes(20))
    for number in range(2):
        DingTalkNotifier(dingtalk_conn_id="dingtalk_app_default", message=picture)(task_context(f"t{number}"))
    assert [message.shown["msgtype"] for message in app_connected.messages] == ["image"]
    mailbox = Mailbox("dingtalk_app_default")
    assert outboxes.outbox().pending_in(mailbox) == 1
    assert receiver_of_mailbox(mailbox).receiver_id in outboxes.outbox().receivers()
