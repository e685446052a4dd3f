"""Alerts that wait to be sent are found wherever they are: in a mailbox, or in the book of a receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.pipeline.pending import alerts_of, all_alerts, holders_of_alerts
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.conftest import MakeAlert

RECEIVER = "0123456789ab"
HERE, THERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_other")


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(FileStore(tmp_path / "home"))


def take_in(outbox: Outbox, alert: Alert) -> None:
    """Put an alert and write it into the book of the receiver, as its leader does."""
    outbox.put(alert)
    outbox.assign(alert.mailbox, RECEIVER)
    with outbox.leadership(RECEIVER) as book:
        assert book is not None
        ((ticket, taken),) = book.arrivals(10)
        book.write({("alert", taken.key): taken.to_json()})
        book.remove_arrivals([ticket])


def test_nothing_waits_in_an_outbox_that_was_never_used(outbox: Outbox) -> None:
    assert (holders_of_alerts(outbox), alerts_of(outbox, HERE), all_alerts(outbox)) == ({}, 0, 0)


def test_alerts_in_mailboxes_and_in_books_are_counted(outbox: Outbox, make_alert: MakeAlert) -> None:
    take_in(outbox, make_alert("in_book"))
    outbox.put(make_alert("in_mailbox"))
    outbox.put(make_alert("of_another", mailbox=THERE))
    assert holders_of_alerts(outbox) == {HERE: [RECEIVER], THERE: []}
    assert (alerts_of(outbox, HERE), alerts_of(outbox, THERE), all_alerts(outbox)) == (2, 1, 3)


def test_a_book_that_can_not_be_read_counts_as_one_alert_of_its_mailbox(
    outbox: Outbox, make_alert: MakeAlert, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take_in(outbox, make_alert("in_book"))
    (database,) = (tmp_path / "home").glob("books/*/state.db")
    database.write_bytes(b"no database " * 100)
    assert holders_of_alerts(outbox) == {HERE: [RECEIVER]}
    assert all_alerts(outbox) == 1
    assert f"The book of receiver {RECEIVER} can't be read" in caplog.text
