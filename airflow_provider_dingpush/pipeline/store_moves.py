"""Moves from substitute stores into the outbox once it is available: alerts by any process, a book by its leader."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.errors import LeadershipLostError, OutboxError
from airflow_provider_dingpush.pipeline.stores import Store
from airflow_provider_dingpush.storage import kept_aside
from airflow_provider_dingpush.storage.contract import LedgerBook, RecordId
from airflow_provider_dingpush.timeouts import Deadline

MOST_MOVED = 200
"""The most alerts that one callback moves; the next one moves the rest."""
_MOST_KEYS = 10_000
_BATCH: RecordId = ("batch", "")
_TOTALS: RecordId = ("totals", "")
# Records that count something, by the name of the count.
_COUNTED = {"day", "totals"}
_KEPT_IF_NEW = {"slot", "dead", "notified", "run", "recovered", "hint", "withholding"}
_ALERTS = ("alert", "withheld")

_log = logging.getLogger(__name__)


def move_alerts(first: Store, others: Sequence[Store], deadline: Deadline, *, at_most: int | None = None) -> int:
    """Move pending alerts from files into the outbox, as far as there is time; returns how many.

    The file of an alert is removed after the outbox has it, and its key is unique in both, so that many processes may
    do this at once and any of them may be killed. Alerts that a leader of this machine is sending are left to it.

    :param at_most: how many alerts; by default :data:`MOST_MOVED`.
    """
    at_most = MOST_MOVED if at_most is None else at_most
    moved = 0
    for store in others:
        try:
            if deadline.seconds_left() <= 0 or store.is_empty:
                continue
            _move_kept_aside(store, first, at_most)
            for mailbox in store.outbox.pending_mailboxes():
                moved += _move_mail(store, first, mailbox, deadline, at_most - moved)
            for receiver_id in store.outbox.receivers():
                moved += _move_from_book(store, first, receiver_id, deadline, at_most - moved)
        except OutboxError as trouble:
            _log.info("Pending alerts stay in %s for now: %s", store.folder, trouble)
    if moved:
        _log.info("%d pending alert(s) were moved from files into the outbox.", moved)
    return moved


def _move_kept_aside(store: Store, first: Store, at_most: int) -> None:
    """Move open incidents, successes that may resolve one, and copies."""
    opened = store.outbox.opened_incidents(at_most)
    if opened:
        noted = {
            name: each.to_bytes() for name, each in store.outbox.open_failures(at_most).items() if each is not None
        }
        first.outbox.open_incidents(opened, noted)
        for incident in opened:
            kept_aside.remove(store.outbox, kept_aside.RECOVERED, incident)
        store.outbox.forget_incidents(opened)
    for name, alert in kept_aside.kept(store.outbox, kept_aside.RECOVERED, at_most):
        # It may have failed again since then, on another machine.
        if first.outbox.has_open_incident(alert.incident, before=alert.at):
            first.outbox.put(alert)
        kept_aside.remove(store.outbox, kept_aside.RECOVERED, name)
    for name, alert in kept_aside.kept(store.outbox, kept_aside.COPIES, at_most):
        first.outbox.put(alert)
        kept_aside.remove(store.outbox, kept_aside.COPIES, name)


def _move_mail(store: Store, first: Store, mailbox: Mailbox, deadline: Deadline, at_most: int) -> int:
    moved = 0
    with _alone_with(store, mailbox) as alone:
        if not alone:
            return 0
        for mail_id, alert in store.outbox.mail_of(mailbox, at_most):
            if deadline.seconds_left() <= 0:
                break
            first.outbox.put(alert)
            store.outbox.remove(mailbox, mail_id)
            moved += 1
    return moved


@contextmanager
def _alone_with(store: Store, mailbox: Mailbox) -> Iterator[bool]:
    """Whether no other process of this machine sends the alerts of a mailbox, for as long as this is open."""
    receiver_id = store.outbox.receiver_of(mailbox)
    if receiver_id is None:
        with store.outbox.resolving(mailbox) as first:
            yield first
        return
    with store.outbox.leadership(receiver_id) as book:
        yield book is not None


def _move_from_book(store: Store, first: Store, receiver_id: str, deadline: Deadline, at_most: int) -> int:
    """Move alerts in a book that a leader of this machine couldn't send, except a message that may have arrived."""
    from airflow_provider_dingpush.delivery.record_kinds import Batch
    from airflow_provider_dingpush.delivery.repetitions import remembered_names

    with store.outbox.leadership(receiver_id) as book:
        if book is None:
            return 0
        records = _sound_records(book)
        batch = Batch.from_record(records[_BATCH]) if _BATCH in records else None
        fixed = batch is not None and (batch.under_way or batch.perhaps_arrived)
        bound = set(batch.members) if batch and fixed else set()
        alerts = [(key, alert) for key, alert in _alerts_of(records) if key not in bound]
        moved: list[str] = []
        names: list[str] = []
        for key, alert in alerts[: max(0, at_most)]:
            if deadline.seconds_left() <= 0:
                break
            first.outbox.put(alert)
            moved.append(key)
            names += remembered_names(alert)
        if moved:
            # First, because keys that are still here count as sent when the book is carried over.
            book.forget_keys(names)
            gone = [(kind, key) for key in moved for kind in _ALERTS if (kind, key) in records]
            totals = records.get(_TOTALS)
            left = {_TOTALS: {**totals, "written": max(0, totals["written"] - len(moved))}} if totals else {}
            book.write(left, [*gone, *([_BATCH] if batch and not fixed else [])])
        return len(moved)


def carry_over(store: Store, receiver_id: str, book: LedgerBook) -> None:
    """Copy a receiver's book from files into the outbox, for its leader there.

    That is its slots in the rate limit, a hold, counts, dead letters, a message that may have arrived, and the keys of
    what was sent, so that it isn't sent again.

    :param book: the receiver's, in the outbox.
    """
    from airflow_provider_dingpush.delivery.repetitions import ended_by, lookup_names

    try:
        if store.is_empty or receiver_id not in store.outbox.receivers():
            return
        with store.outbox.leadership(receiver_id) as theirs:
            if theirs is None:
                return
            records = _sound_records(theirs)
            keys = theirs.newest_keys(_MOST_KEYS)
            if records or keys:
                waiting = {lookup_names(alert)[0]: key for key, alert in _alerts_of(records)}
                known = {waiting[name] for name in book.known(list(waiting))} if waiting else set()
                # After a recovery that was sent from there, the next failure is reported here, too.
                book.write(_joined(_sound_records(book), records, known), keys=keys, forget=ended_by(keys))
            theirs.drop()
    except LeadershipLostError:
        # Of their book: then nothing was carried over. Of ours: then the next step raises it.
        _log.info("What was sent from %s is recorded in the outbox next time.", store.folder)
    except OutboxError as trouble:
        _log.info("What was sent from %s is recorded in the outbox next time: %s", store.folder, trouble)


def _sound_records(book: LedgerBook) -> dict[RecordId, Any]:
    """The records of a book without damaged ones."""
    from airflow_provider_dingpush.delivery.record_kinds import is_sound

    return {place: value for place, value in book.load().items() if is_sound(place[0], value)}


def _alerts_of(records: Mapping[RecordId, Any]) -> Iterator[tuple[str, Alert]]:
    """The readable alerts of a book, by key, also withheld ones; the next leader handles the others."""
    for (kind, key), value in records.items():
        if kind in _ALERTS:
            with suppress(ValueError):
                yield key, Alert.from_json(value if kind == "alert" else value["alert"])


def _joined(ours: Mapping[RecordId, Any], theirs: Mapping[RecordId, Any], known: set[str]) -> dict[RecordId, Any]:
    """The records that go from their book into ours."""
    puts: dict[RecordId, Any] = {
        place: value
        for place, value in theirs.items()
        if (place[0] in _KEPT_IF_NEW and place not in ours) or (place[0] in _ALERTS and place[1] not in known)
    }
    if _BATCH in theirs and _BATCH not in ours:
        puts[_BATCH] = theirs[_BATCH]
        puts.update({place: theirs[place] for place in theirs if place[0] == "alert"})
    hold = theirs.get(("hold", ""))
    if hold and hold["until"] > ours.get(("hold", ""), {"until": 0.0})["until"]:
        puts["hold", ""] = hold
    for place, counts in theirs.items():
        if place[0] in _COUNTED:
            before = ours.get(place, {})
            puts[place] = {name: before.get(name, 0) + counts.get(name, 0) for name in {*before, *counts}}
    last_at, overflow_count = theirs.get(("last", "")), theirs.get(("overflow", ""), 0)
    storm = _storm_of(ours, theirs)
    if storm:
        puts["storm", ""] = storm
    if last_at and last_at > (ours.get(("last", "")) or 0.0):
        puts["last", ""] = last_at
    if overflow_count:
        puts["overflow", ""] = ours.get(("overflow", ""), 0) + overflow_count
    return puts


def _storm_of(ours: Mapping[RecordId, Any], theirs: Mapping[RecordId, Any]) -> Any:
    """The storm with the failures that were sent from both books."""
    from airflow_provider_dingpush.delivery.record_kinds import STORM
    from airflow_provider_dingpush.delivery.storm_total import joined_storms

    place = (STORM.name, "")
    if place not in theirs or place not in ours:
        return theirs.get(place)
    return STORM.to_json(joined_storms(STORM.read(ours[place]), STORM.read(theirs[place])))
