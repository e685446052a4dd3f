"""The check of the rules file: that it is broken or right again, and that a receiver in it doesn't exist.

Alerts for a connection that doesn't exist would wait for ever: they go where failures without a rule go.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import AirflowNotFoundException, BaseHook, airflow_option
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.errors import DingTalkError, OutboxError, RulesFileError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.routes import LAST_RESORT, rules_in
from airflow_provider_dingpush.pipeline.rules_file_alerts import (
    NOTED_SECONDS,
    facts_of,
    read_plain,
    tell_it_is_right,
    tell_mistake,
    write,
)
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.rule_set import Rule
    from airflow_provider_dingpush.storage.outbox import Outbox
    from airflow_provider_dingpush.timeouts import Deadline

_UNKNOWN_RECEIVERS = "rules_receivers"
_OPERATION_SECONDS, _LOOK_UP_SECONDS = 5.0, 10.0
_MOST_MOVED = 1_000

_log = logging.getLogger(__name__)


def check(deadline: Deadline) -> None:
    """Write the alerts that are due about the rules file, and move alerts whose receiver doesn't exist.

    :param deadline: of the check.
    """
    from airflow_provider_dingpush.pipeline.stores import stores

    path = _rules_file()
    usable = stores(deadline, most_seconds=_OPERATION_SECONDS, total_seconds=inf)
    try:
        rules = rules_in(path).rules if path else ()
    except RulesFileError as mistake:
        tell_mistake(mistake, path or Path(), _fallback())
        return
    tell_it_is_right(path, usable)
    by_receiver = {rule.receiver: rule for rule in reversed(rules) if rule.receiver}
    for store in usable:
        with suppress(OutboxError):
            if not store.is_empty:
                _check_receivers(by_receiver, path, store, deadline)


def _rules_file() -> Path | None:
    named = airflow_option("dingpush", "rules_file")
    return Path(named).expanduser() if named else None


def _fallback() -> str:
    return airflow_option("dingpush", "alert_conn_id") or LAST_RESORT


def _check_receivers(rules: Mapping[str, Rule], path: Path | None, store: Store, deadline: Deadline) -> None:
    told = dict(_told_receivers(store))
    for mailbox in store.outbox.pending_mailboxes():
        rule = rules.get(mailbox.conn_id)
        if rule is None or path is None or not _is_unknown(mailbox.conn_id, deadline):
            continue
        other = _known_fallback(mailbox.conn_id, deadline)
        if other is None:
            _log.error(
                "%s:%d: rule %r: there is no connection %r, and none to use instead: create it, or %r.",
                *(path.name, rule.line, rule.name, mailbox.conn_id, _fallback()),
            )
            continue
        if mailbox.conn_id not in told:
            _tell_unknown(mailbox.conn_id, rule, path, other, store)
            told[mailbox.conn_id] = {}
        _move(store.outbox, mailbox, other)
    for conn_id, note in told.items():
        if note and (conn_id not in rules or not _is_unknown(conn_id, deadline)):
            _tell_known(conn_id, note, store)


def _told_receivers(store: Store) -> Iterator[tuple[str, dict[str, Any]]]:
    for found in store.bounded.notes(_UNKNOWN_RECEIVERS, 100).values():
        plain = read_plain(found)
        if isinstance(plain.get("unknown"), str):
            yield plain["unknown"], plain


def _is_unknown(conn_id: str, deadline: Deadline) -> bool:
    """Whether Airflow surely has no connection of this id."""
    from airflow_provider_dingpush.pipeline.look_ups import look_up_within

    try:
        look_up_within(
            lambda: BaseHook.get_connection(conn_id), max(0.1, min(_LOOK_UP_SECONDS, deadline.seconds_left()))
        )
    except AirflowNotFoundException:
        return True
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a secrets backend may raise anything
        if not isinstance(error, DingTalkError):
            _log.info("It is unknown whether there is a connection %r (%s).", conn_id, type(error).__name__)
    return False


def _known_fallback(unknown: str, deadline: Deadline) -> str | None:
    candidates = dict.fromkeys((airflow_option("dingpush", "alert_conn_id"), LAST_RESORT))
    return next((each for each in candidates if each and each != unknown and not _is_unknown(each, deadline)), None)


def _tell_unknown(conn_id: str, rule: Rule, path: Path, other: str, store: Store) -> None:
    now = time.time()
    place = f"{path.name}:{rule.line}: {rule.name} → {conn_id}"
    facts = facts_of(
        Event.RULES_FILE_ERROR,
        f"{path.name} · {conn_id}",
        since=now,
        now=now,
        occurrence=conn_id,
        exception_text=f"{place}: there is no such connection",
        exception_text_zh=f"{place}：没有这个连接",
        reason="rules_receiver_unknown",
    )
    write(facts, other)
    plain = {"unknown": conn_id, "since": now, "conn_id": other, "file": facts.file}
    name = hashlib.sha256(conn_id.encode()).hexdigest()[:24]
    store.bounded.set_notes(
        [Note(_UNKNOWN_RECEIVERS, name, json.dumps(plain).encode(), NOTED_SECONDS, durable=True, newest=100)]
    )


def _tell_known(conn_id: str, note: Mapping[str, Any], store: Store) -> None:
    now = time.time()
    facts = facts_of(
        Event.RULES_FILE_FIXED,
        str(note.get("file")),
        since=note.get("since", now),
        now=now,
        occurrence=conn_id,
    )
    write(facts, str(note.get("conn_id")))
    store.bounded.remove_notes([(_UNKNOWN_RECEIVERS, hashlib.sha256(conn_id.encode()).hexdigest()[:24])])


def _move(outbox: Outbox, mailbox: Mailbox, conn_id: str) -> None:
    """Move the alerts of a mailbox to another connection; a crash in between leaves one in both, with the same key."""
    moved = outbox.mail_of(mailbox, _MOST_MOVED)
    for mail_id, alert in moved:
        outbox.put(replace(alert, mailbox=Mailbox(conn_id)))
        outbox.remove(mailbox, mail_id)
    if moved:
        _log.warning(
            "%d alert(s) of connection %r, which doesn't exist, go to %r.", len(moved), mailbox.conn_id, conn_id
        )
