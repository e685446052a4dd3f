"""What waits goes along when a mailbox gets another receiver: out of one book, into the other, and lost by no crash.

A transfer is a record of the old book with everything of up to a thousand alerts. In this order, each step whole or not
at all: the old book sets them apart as a transfer, so that its own leaders send them no more; the new book takes the
transfer in and remembers its name; the old book forgets the transfer; the new book forgets its name. Whoever finds a
transfer later goes on where a process ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.delivery.ledger_entries import Batch, QuarantinedBatch
from airflow_provider_dingpush.delivery.records import ONLY, Records
from airflow_provider_dingpush.delivery.repetitions import remembered
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import LedgerBook, Place

TRANSFER = "transfer"
"""The kind of record that a transfer is in the old book."""

_TAKEN = "transferred"
_AT_ONCE = 1_000
_STEP_SECONDS = 10.0
_REMEMBERED_SECONDS = 7 * 86_400.0  # as long as the keys of alerts are known


@dataclass(frozen=True)
class Transfer:
    """Alerts on their way from one book to another.

    :param mailbox: name of their mailbox.
    :param alerts: those that wait, as JSON, by key.
    :param pens: those of them that are sent apart, because a message with them was refused or may have arrived.
    :param dead: dead letters, by key.
    :param told: which failures were told when, and how often they were only counted since.
    :param overflow: how many alerts were only counted.
    """

    mailbox: str
    alerts: Mapping[str, str] = field(default_factory=dict)
    quarantine: Sequence[Mapping[str, Any]] = ()
    dead: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    overflow: int = 0


def move(
    old: LedgerBook,
    new: LedgerBook,
    mailbox: Mailbox,
    *,
    last: bool,
    new_uuid: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> int:
    """Move everything of a mailbox from one book to another; says how many alerts that were. Lead both receivers.

    :param last: whether no other mailbox belongs to the old receiver: then what can't be told apart goes along, too.
    :raises OutboxError: if a book can't be read or written. What isn't moved stays where it is.
    """
    source, target = _readable(old), _readable(new)
    moved = 0
    _set_apart(source, mailbox, old.now(), last=last, new_uuid=new_uuid)
    for name, record in list(source.of(TRANSFER).items()):
        if record["mailbox"] != mailbox.name:
            continue
        for book in (old, new):
            book.keep(_STEP_SECONDS)
        transfer = Transfer(**record)
        if target.get(_TAKEN, name) is None:
            back = [("moved", key) for key in transfer.alerts if target.get("moved", key) is not None]
            _write(target, _taken_in(target, name, transfer), back, keys=_names_of(transfer.alerts.values()))
        _write(source, {}, [(TRANSFER, name)])
        _write(target, {}, [(_TAKEN, name)])
        moved += len(transfer.alerts)
    return moved


def take_back(book: LedgerBook, mailbox: Mailbox) -> int:
    """Let a mailbox's alerts wait in this book again that were set apart for another; says how many that were.

    A connection got another robot, the process that moved its alerts ended, and the connection got the former one back.
    """
    records = _readable(book)
    mine = [(name, Transfer(**each)) for name, each in records.of(TRANSFER).items() if each["mailbox"] == mailbox.name]
    for name, transfer in mine:
        puts = _taken_in(records, name, transfer)
        del puts[_TAKEN, name]
        _write(records, puts, [(TRANSFER, name), *(("moved", key) for key in transfer.alerts)])
    return sum(len(transfer.alerts) for _, transfer in mine)


def alerts_in(records: Mapping[Place, Any]) -> dict[str, Mailbox | None]:
    """The alerts that wait in a book, with their mailboxes; ``None`` for one that can't be read."""
    found: dict[str, Mailbox | None] = {}
    for (kind, key), value in records.items():
        if kind == "alert":
            found[key] = mailbox_in(value)
        elif kind == TRANSFER and isinstance(value, dict) and isinstance(value.get("alerts"), dict):
            found.update({each: mailbox_in(alert) for each, alert in value["alerts"].items()})
    return found


def mailbox_in(alert: Any) -> Mailbox | None:
    """The mailbox that an alert in a record names, if it can be read."""
    try:
        return Alert.from_json(alert).mailbox
    except ValueError:
        return None


def _set_apart(source: Records, mailbox: Mailbox, now: float, *, last: bool, new_uuid: Callable[[], str]) -> None:
    """Turn everything of a mailbox into transfers, a thousand alerts at a time."""
    mine = [key for key, alert in source.of("alert").items() if mailbox_in(alert) == mailbox]
    _unfreeze(source, mine, new_uuid)
    dead = {key: each for key, each in source.of("dead").items() if mailbox_in(each["alert"]) == mailbox}
    told = {key: each for key, each in source.of("told").items() if last or each.get("mailbox") == mailbox.name}
    pause = Transfer(mailbox.name, dead=dead, told=told, overflow=source.get("overflow", default=0) if last else 0)
    quarantine = _quarantine_of(source)
    for start in range(0, max(len(mine), 1), _AT_ONCE):
        some = dict.fromkeys(mine[start : start + _AT_ONCE])
        if not some and not (pause.dead or pause.told or pause.overflow):
            return
        transfer = replace(
            pause,
            alerts={key: source.get("alert", key) for key in some},
            quarantine=[
                {**batch_apart, "keys": keys}
                for batch_apart in quarantine.values()
                if (keys := [key for key in batch_apart["keys"] if key in some])
            ],
        )
        gone: list[Place] = [("alert", key) for key in some]
        gone += [("moved", key) for key, at in source.of("moved").items() if at < now - _REMEMBERED_SECONDS]
        gone += [*(("dead", key) for key in pause.dead), *(("told", key) for key in pause.told)]
        puts: dict[Place, Any] = {(TRANSFER, new_uuid()): asdict(transfer)}
        puts.update({("moved", key): now for key in some})
        for name, batch_apart in quarantine.items():
            left = [key for key in batch_apart["keys"] if key not in some]
            if not left:
                gone.append(("quarantine", name))
            elif len(left) < len(batch_apart["keys"]):
                puts["quarantine", name] = {**batch_apart, "keys": left}
        if pause.overflow:
            gone.append(("overflow", ONLY))
        _write(source, puts, gone)
        pause, quarantine = Transfer(mailbox.name), _quarantine_of(source)


def _unfreeze(source: Records, mine: Iterable[str], new_uuid: Callable[[], str]) -> None:
    """Take the frozen message apart if it tells of these alerts: it was made for the old receiver.

    One that may have arrived goes on without them, so that it is recognised, and they say that they may repeat it.
    """
    record = source.get("batch")
    if record is None:
        return
    batch = Batch.from_record(record)
    ours = set(batch.members).intersection(mine)
    if not ours:
        return
    others = tuple(key for key in batch.members if key not in ours)
    puts: dict[Place, Any] = {}
    deletes: list[Place] = [("batch", ONLY)]
    if batch.perhaps_arrived or batch.under_way:
        keys = tuple(key for key in batch.members if key in ours)
        batch_apart = QuarantinedBatch(
            new_uuid(), keys, batch.names_only, batch.proven, batch.may_repeat or batch.number
        )
        puts["quarantine", batch_apart.name] = batch_apart.to_record(batch.created)
        if others:
            puts["batch", ONLY] = replace(batch, members=others).to_record()
            deletes = []
    elif batch.batch_apart:
        batch_apart = QuarantinedBatch(
            batch.batch_apart, batch.members, batch.names_only, batch.proven, batch.may_repeat
        )
        puts["quarantine", batch_apart.name] = batch_apart.to_record(batch.created)
    _write(source, puts, deletes)


def _taken_in(target: Records, name: str, transfer: Transfer) -> dict[Place, Any]:
    """What a transfer changes in the new book; what stands there already stays as it is."""
    puts: dict[Place, Any] = {(_TAKEN, name): True}
    puts.update({("alert", key): alert for key, alert in transfer.alerts.items()})
    puts.update({("quarantine", f"{name}.{number}"): each for number, each in enumerate(transfer.quarantine)})
    puts.update({("dead", key): each for key, each in transfer.dead.items()})
    puts.update({("told", key): each for key, each in transfer.told.items()})
    if transfer.overflow:
        puts["overflow", ONLY] = transfer.overflow + target.get("overflow", default=0)
    known = {place for place in puts if place[0] in ("alert", "dead", "told") and target.get(*place) is not None}
    return {place: value for place, value in puts.items() if place not in known}


def _names_of(alerts: Iterable[str]) -> Iterator[str]:
    """The names under which these alerts are remembered, of those that can be read."""
    for each in alerts:
        with suppress(ValueError):
            yield from remembered(Alert.from_json(each))


def _quarantine_of(source: Records) -> dict[str, Mapping[str, Any]]:
    return dict(source.of("quarantine"))


def _readable(book: LedgerBook) -> Records:
    records = Records(book)
    if records.problem:
        raise records.problem
    return records


def _write(
    records: Records, puts: Mapping[Place, Any], deletes: Sequence[Place] = (), *, keys: Iterable[str] = ()
) -> None:
    if not records.change(puts, deletes, keys):
        raise records.problem or OutboxError("the outbox can't be written")
