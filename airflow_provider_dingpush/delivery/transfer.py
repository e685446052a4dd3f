"""Moving pending alerts to another book when a mailbox gets another receiver, without loss in a crash.

A transfer is a record of the old book with everything of up to a thousand alerts. In this order, each step whole or not
at all: the old book turns them into a transfer, so that its own leaders don't send them; the new book takes the
transfer in and records its name; the old book deletes the transfer; the new book deletes its name. A process that finds
a transfer later continues where the last one ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.delivery.record_kinds import (
    ALERT,
    BATCH,
    DEAD,
    MOVED,
    NOTIFIED,
    OVERFLOW,
    QUARANTINE,
    TOTALS,
    TRANSFER,
    TRANSFERRED,
    WITHHELD,
    QuarantinedBatch,
    RecordKind,
    Totals,
    Transfer,
)
from airflow_provider_dingpush.delivery.records import Changes, Records, RecordTable
from airflow_provider_dingpush.delivery.repetitions import remembered_names
from airflow_provider_dingpush.delivery.withholding import pending_again
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import REMEMBERED_SECONDS, LedgerBook, RecordId

_AT_ONCE = 1_000
_STEP_SECONDS = 10.0


def move(
    old: LedgerBook,
    new: LedgerBook,
    mailbox: Mailbox,
    *,
    last: bool,
    new_uuid: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> int:
    """Move everything of a mailbox from one book to another; returns the number of alerts. Lead both receivers.

    :param last: whether no other mailbox belongs to the old receiver: then records of no mailbox are moved, too.
    :raises OutboxError: if a book can't be read or written. What isn't moved stays in the old book.
    """
    source, target = _readable(old), _readable(new)
    moved = 0
    _make_transfers(source, mailbox, old.now(), last=last, new_uuid=new_uuid)
    for name, transfer in list(source.table.of(TRANSFER).items()):
        if transfer.mailbox != mailbox.name:
            continue
        for book in (old, new):
            book.keep(_STEP_SECONDS)
        if target.table.get(TRANSFERRED, name) is None:
            taken_in = _taken_in(target.table, name, transfer)
            taken_in.put(TRANSFERRED, True, name)
            for key in transfer.alerts:
                if target.table.get(MOVED, key) is not None:
                    taken_in.delete(MOVED, key)
            taken_in.keys = list(_names_of(transfer.alerts.values()))
            _write(target, taken_in)
        _forget(source, TRANSFER, name)
        _forget(target, TRANSFERRED, name)
        moved += len(transfer.alerts)
    return moved


def take_back(book: LedgerBook, mailbox: Mailbox) -> int:
    """Take a mailbox's transfers back into this book; returns the number of alerts.

    For a connection that got its former receiver back after the process that moved its alerts had died.
    """
    records = _readable(book)
    mine = [(name, each) for name, each in records.table.of(TRANSFER).items() if each.mailbox == mailbox.name]
    for name, transfer in mine:
        changes = _taken_in(records.table, name, transfer)
        changes.delete(TRANSFER, name)
        for key in transfer.alerts:
            changes.delete(MOVED, key)
        _write(records, changes)
    return sum(len(transfer.alerts) for _, transfer in mine)


def alerts_in(records: Mapping[RecordId, Any], *, with_withheld: bool = False) -> dict[str, Mailbox | None]:
    """The pending alerts of a book, with their mailboxes; ``None`` for one that can't be read.

    :param records: as plain JSON data.
    :param with_withheld: those that are withheld as well.
    """
    found: dict[str, Mailbox | None] = {}
    for (kind, key), value in records.items():
        if kind == ALERT.name:
            found[key] = mailbox_in(value)
        elif kind == WITHHELD.name and with_withheld and isinstance(value, dict):
            found[key] = mailbox_in(value.get("alert"))
        elif kind == TRANSFER.name and isinstance(value, dict) and isinstance(value.get("alerts"), dict):
            found.update({each: mailbox_in(alert) for each, alert in value["alerts"].items()})
    return found


def mailbox_in(alert: Any) -> Mailbox | None:
    """The mailbox of an alert in a record, if it can be read."""
    try:
        return Alert.from_json(alert).mailbox
    except ValueError:
        return None


def _make_transfers(source: Records, mailbox: Mailbox, now: float, *, last: bool, new_uuid: Callable[[], str]) -> None:
    """Turn everything of a mailbox into transfers, a thousand alerts at a time."""
    table = source.table
    withheld = {key for key, each in table.of(WITHHELD).items() if last or mailbox_in(each.alert) == mailbox}
    if released := pending_again(table, None if last else withheld):
        _write(source, released)
    mine = [key for key, alert in table.of(ALERT).items() if mailbox_in(alert) == mailbox]
    _unfreeze(source, mine, new_uuid)
    # What isn't an alert is moved with the first of them.
    besides = Transfer(
        mailbox.name,
        dead={key: each for key, each in table.of(DEAD).items() if mailbox_in(each.alert) == mailbox},
        notified={key: each for key, each in table.of(NOTIFIED).items() if last or each.mailbox == mailbox.name},
        overflow=(table.get(OVERFLOW) or 0) if last else 0,
    )
    for start in range(0, max(len(mine), 1), _AT_ONCE):
        some = mine[start : start + _AT_ONCE]
        if some or besides.dead or besides.notified or besides.overflow:
            _write(source, _one_transfer(table, besides, some, now, new_uuid()))
        besides = Transfer(mailbox.name)


def _one_transfer(table: RecordTable, besides: Transfer, keys: Sequence[str], now: float, name: str) -> Changes:
    """Replace these alerts, their quarantine and the records ``besides`` by one transfer."""
    changes, some = Changes(), set(keys)
    quarantine = [(name, each) for name, each in table.of(QUARANTINE).items() if some.intersection(each.keys)]
    moved = (replace(each, keys=tuple(key for key in each.keys if key in some)) for _, each in quarantine)
    alerts = {key: table.of(ALERT)[key] for key in keys}
    changes.put(TRANSFER, replace(besides, alerts=alerts, quarantine=tuple(moved)), name)
    for quarantined, each in quarantine:
        left = each.without(some)
        changes.put_or_delete(QUARANTINE, left if left.keys else None, quarantined)
    for key, at in table.of(MOVED).items():
        if at < now - REMEMBERED_SECONDS:
            changes.delete(MOVED, key)
    for key in keys:
        changes.delete(ALERT, key)
        changes.put(MOVED, now, key)
    _count_moved(table, -len(keys) - len(besides.dead), changes)
    for key in besides.dead:
        changes.delete(DEAD, key)
    for key in besides.notified:
        changes.delete(NOTIFIED, key)
    if besides.overflow:
        changes.delete(OVERFLOW)
    return changes


def _unfreeze(source: Records, mine: Iterable[str], new_uuid: Callable[[], str]) -> None:
    """Unfreeze the batch if these alerts are in it: it was made for the old receiver.

    A batch that may have been delivered stays, without them, to be recognised; they are marked as a possible repeat.
    """
    batch = source.table.get(BATCH)
    ours = set(batch.members).intersection(mine) if batch else set()
    if batch is None or not ours:
        return
    others = tuple(key for key in batch.members if key not in ours)
    changes = Changes()
    changes.delete(BATCH)
    if batch.perhaps_arrived or batch.under_way:
        keys = tuple(key for key in batch.members if key in ours)
        may_repeat = batch.may_repeat or batch.number
        apart = QuarantinedBatch(keys, batch.names_only, batch.created, batch.proven, may_repeat)
        changes.put(QUARANTINE, apart, new_uuid())
        if others:
            changes.put(BATCH, replace(batch, members=others))
    elif batch.quarantine:
        apart = QuarantinedBatch(batch.members, batch.names_only, batch.created, batch.proven, batch.may_repeat)
        changes.put(QUARANTINE, apart, batch.quarantine)
    _write(source, changes)


def _taken_in(target: RecordTable, name: str, transfer: Transfer) -> Changes:
    """The changes of a transfer in the book that takes it in; existing records stay."""
    changes = Changes()
    for number, quarantined in enumerate(transfer.quarantine):
        changes.put(QUARANTINE, quarantined, f"{name}.{number}")
    moved = _put_new(target, ALERT, transfer.alerts, changes) + _put_new(target, DEAD, transfer.dead, changes)
    _count_moved(target, moved, changes)
    _put_new(target, NOTIFIED, transfer.notified, changes)
    if transfer.overflow:
        changes.put(OVERFLOW, transfer.overflow + (target.get(OVERFLOW) or 0))
    return changes


def _put_new(target: RecordTable, kind: RecordKind[Any], values: Mapping[str, Any], changes: Changes) -> int:
    new = {key: value for key, value in values.items() if target.get(kind, key) is None}
    for key, value in new.items():
        changes.put(kind, value, key)
    return len(new)


def _count_moved(table: RecordTable, count: int, changes: Changes) -> None:
    if count:
        totals = table.get(TOTALS) or Totals()
        changes.put(TOTALS, replace(totals, written=max(0, totals.written + count)))


def _names_of(alerts: Iterable[str]) -> Iterator[str]:
    """The names to remember of these alerts, of those that can be read."""
    for each in alerts:
        with suppress(ValueError):
            yield from remembered_names(Alert.from_json(each))


def _readable(book: LedgerBook) -> Records:
    records = Records(book)
    if records.problem:
        raise records.problem
    return records


def _forget(records: Records, kind: RecordKind[Any], name: str) -> None:
    changes = Changes()
    changes.delete(kind, name)
    _write(records, changes)


def _write(records: Records, changes: Changes) -> None:
    if not records.change(changes):
        raise records.problem or OutboxError("the outbox can't be written")
