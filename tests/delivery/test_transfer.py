"""Pending alerts are moved from one book to another: all of them, once, wherever a process dies."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.delivery.ledger import Ledger
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.delivery.record_kinds import Batch
from airflow_provider_dingpush.delivery.repetitions import remembered_names
from airflow_provider_dingpush.delivery.transfer import alerts_in, move, take_back
from airflow_provider_dingpush.storage.contract import LedgerBook, RecordId
from tests.delivery.simulation import KilledError, MemoryBook, Storage, WatchedBook, failure

HERE, THERE = Mailbox("dingtalk_default"), Mailbox("dingtalk_other")
NOW = 1_800_000_000.0


@dataclass
class Books:
    """The books of the former and the new receiver; a process can be killed at any call."""

    old: Storage
    new: Storage
    kill_at: int = 0
    calls: int = 0

    def open(self, storage: Storage) -> LedgerBook:
        return WatchedBook(MemoryBook(storage, lambda: NOW), self._on_step)

    def move(self, **given: Any) -> int:
        return move(self.open(self.old), self.open(self.new), HERE, **{"last": False, **given})

    def _on_step(self, _: str) -> None:
        self.calls += 1
        if self.calls == self.kill_at:
            raise KilledError


def alerts(count: int, mailbox: Mailbox = HERE, start: int = 0) -> list[Alert]:
    return [replace(failure(f"{mailbox.conn_id}-{number}"), mailbox=mailbox) for number in range(start, start + count)]


def book_with(*every: Alert, **more: Any) -> Storage:
    """A book with pending alerts, and more records, by kind and key with a blank between."""
    records: dict[RecordId, str] = {("alert", each.key): json.dumps(each.to_json()) for each in every}
    for place, value in more.items():
        kind, _, key = place.partition(" ")
        records[kind, key] = json.dumps(value)
    return Storage(records=records)


def frozen(*members: Alert, **given: Any) -> dict[str, Any]:
    batch = Batch("3f9a" * 8, "0123456789ab", b"{}", tuple(each.key for each in members), created=NOW, due=NOW)
    return replace(batch, **given).to_record()


def keys(storage: Storage, kind: str = "alert") -> list[str]:
    return sorted(key for each, key in storage.records if each == kind)


def records(storage: Storage, kind: str) -> dict[str, Any]:
    return {key: json.loads(value) for (each, key), value in storage.records.items() if each == kind}


def test_only_records_of_the_mailbox_are_moved() -> None:
    """Quarantined alerts, dead letters and counts as well."""
    mine, theirs, dead = alerts(4), alerts(2, THERE), alerts(1, start=9)[0]
    letter = {"alert": dead.to_json(), "problem": "refused", "at": NOW, "reported": False}
    notified = {"at": NOW, "repeats": 3, "occurrence": "r1"}
    whole = {"proven": False, "may_repeat": ""}
    more: dict[str, Any] = {
        "quarantine mixed": {"keys": [mine[0].key, theirs[0].key], "names_only": False, "created": NOW, **whole},
        "quarantine mine": {"keys": [mine[1].key], "names_only": True, "created": NOW},
        f"dead {dead.key}": letter,
        "notified mine": {**notified, "mailbox": HERE.name},
        "notified theirs": {**notified, "mailbox": THERE.name},
        "overflow": 7,
    }
    books = Books(book_with(*mine, *theirs, **more), Storage())
    assert books.move() == 4
    assert keys(books.new) == sorted(each.key for each in mine)
    assert keys(books.old) == sorted(each.key for each in theirs)
    assert records(books.old, "quarantine") == {"mixed": {**more["quarantine mixed"], "keys": [theirs[0].key]}}
    assert sorted((each["keys"], each["names_only"]) for each in records(books.new, "quarantine").values()) == [
        ([mine[0].key], False),
        ([mine[1].key], True),
    ]
    assert (keys(books.old, "dead"), keys(books.new, "dead")) == ([], [dead.key])
    assert (keys(books.old, "notified"), keys(books.new, "notified")) == (["theirs"], ["mine"])
    assert (records(books.old, "overflow"), records(books.new, "overflow")) == ({"": 7}, {})
    assert keys(books.old, "transfer") == keys(books.new, "transferred") == []
    assert {name for each in mine for name in remembered_names(each)} <= books.new.keys


def test_with_the_last_mailbox_records_of_no_mailbox_are_moved() -> None:
    """The overflow count, of all mailboxes."""
    books = Books(book_with(*alerts(1), overflow=7), book_with(overflow=2))
    books.move(last=True)
    assert (records(books.old, "overflow"), records(books.new, "overflow")) == ({}, {"": 9})


def test_many_alerts_are_moved_in_several_steps() -> None:
    """No record gets too big."""
    books = Books(book_with(*alerts(2_500)), Storage())
    assert books.move() == 2_500
    assert len(keys(books.new)) == 2_500
    assert keys(books.old) == []


@pytest.mark.parametrize("perhaps_arrived", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_frozen_batch_is_unfrozen(perhaps_arrived: bool, shared: bool) -> None:
    """A batch that may have been delivered stays for the others; the moved alerts are marked as possible repeats."""
    mine, theirs = alerts(2), alerts(2 if shared else 0, THERE)
    batch = frozen(*mine, *theirs, under_way=perhaps_arrived)
    books = Books(book_with(*mine, *theirs, batch=batch), Storage())
    books.move()
    left = records(books.old, "batch")
    assert bool(left) == (perhaps_arrived and shared)
    assert not left or left[""]["members"] == [each.key for each in theirs]
    quarantine = list(records(books.new, "quarantine").values())
    assert [(each["keys"], each["may_repeat"]) for each in quarantine] == (
        [([each.key for each in mine], "3f9a")] if perhaps_arrived else []
    )
    assert records(books.new, "batch") == {}


def test_no_crash_loses_or_duplicates_an_alert() -> None:
    """Killed before or after any call, and moved again: each alert is in one book, once."""
    mine, theirs = alerts(3), alerts(1, THERE)
    more = {"batch": frozen(*mine, *theirs, perhaps_arrived=True), "overflow": 2}
    calls = Books(book_with(*mine, *theirs, **more), Storage())
    calls.move(last=True)
    assert calls.calls > 10
    for kill_at in range(1, calls.calls + 1):
        books = Books(book_with(*mine, *theirs, **more), Storage(), kill_at=kill_at)
        with pytest.raises(KilledError):
            books.move(last=True)
        inside = [*alerts_in(_plain(books.old)), *(key for key in keys(books.new) if key not in _leaving(books))]
        assert sorted(inside) == sorted(each.key for each in (*mine, *theirs)), kill_at
        books.move(last=True)
        assert keys(books.new) == sorted(each.key for each in mine), kill_at
        assert keys(books.old) == [theirs[0].key], kill_at
        assert (records(books.old, "overflow"), records(books.new, "overflow")) == ({}, {"": 2}), kill_at
        assert keys(books.old, "transfer") == [], kill_at


def _plain(storage: Storage) -> dict[RecordId, Any]:
    return {place: json.loads(value) for place, value in storage.records.items()}


def _leaving(books: Books) -> set[str]:
    """Alerts of transfers that the former book still has."""
    return {key for each in records(books.old, "transfer").values() for key in each["alerts"]}


def test_a_transfer_can_be_taken_back() -> None:
    """The process died halfway, and the connection got its former receiver back."""
    mine = alerts(2)
    books = Books(book_with(*mine), Storage(), kill_at=7)
    with pytest.raises(KilledError):
        books.move()
    assert len(keys(books.old, "transfer")) == 1
    assert take_back(books.open(books.old), HERE) == 2
    assert keys(books.old) == sorted(each.key for each in mine)
    assert keys(books.old, "transfer") == keys(books.old, "moved") == []


def test_a_moved_alert_may_arrive_again() -> None:
    """From another mailbox, for the same event: the key is known here, and was never sent here."""
    (alert,) = alerts(1)
    books = Books(Storage(), Storage())
    books.old.put(alert)
    ledger = Ledger(books.open(books.old), DeliveryPolicy())
    ledger.take_in(NOW)
    books.move()
    again = replace(alert, mailbox=THERE)
    books.old.put(again)
    ledger = Ledger(books.open(books.old), DeliveryPolicy())
    ledger.take_in(NOW)
    assert [each.mailbox for each in ledger.queue.fresh(NOW)] == [THERE]
    books.old.put(alert)
    ledger.take_in(NOW)
    assert len(ledger.merged(ledger.queue.fresh(NOW)).shown) == 1


def test_a_damaged_book_is_not_changed() -> None:
    """Its alerts stay, and its damage stops no leader."""
    books = Books(
        book_with(*alerts(1), **{"quarantine p": 5, "transfer t": {"mailbox": HERE.name}, "batch": "x"}), Storage()
    )
    assert books.move() == 1
    assert len(keys(books.new)) == 1
