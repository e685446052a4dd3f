"""The alerts about the rules file itself: that it is broken, that a receiver in it doesn't exist, and the ends of both.

A broken file is noticed by the process in which an event happens and by the check; both write the same alert, once for
each broken version of the file. It goes where all failures go meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import AirflowNotFoundException, BaseHook, airflow_option
from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.errors import DingTalkError, OutboxError, RulesFileError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.rule_set import Rule
    from airflow_provider_dingpush.storage.contract import FoundNote
    from airflow_provider_dingpush.storage.outbox import Outbox
    from airflow_provider_dingpush.timeouts import Deadline

_BROKEN, _UNKNOWN_RECEIVERS = "rules_file", "rules_receivers"
_NOTED_SECONDS = 30 * 86_400.0
# Another machine's file may still be broken: only after so long without a word of it is it taken to be right, too.
_OTHER_MACHINE_SECONDS = 3_600.0
# A process notes again that the file is still broken, but not at each event.
_AGAIN_SECONDS = 600.0
_OPERATION_SECONDS, _LOOK_UP_SECONDS = 5.0, 10.0
_MOST_PROBLEMS = 4
_MOST_MOVED = 1_000

_log = logging.getLogger(__name__)
_told: dict[tuple[Path, str], float] = {}


def check(deadline: Deadline) -> None:
    """Write the alerts that are due about the rules file, and move alerts whose receiver doesn't exist.

    :param deadline: of the check.
    """
    from airflow_provider_dingpush.pipeline.routes import rules_in
    from airflow_provider_dingpush.pipeline.stores import stores

    path = _rules_file()
    usable = stores(deadline, most_seconds=_OPERATION_SECONDS, total_seconds=inf)
    try:
        rules = rules_in(path).rules if path else ()
    except RulesFileError as mistake:
        tell_mistake(mistake)
        return
    _tell_it_is_right(path, usable)
    by_receiver = {rule.receiver: rule for rule in reversed(rules) if rule.receiver}
    for store in usable:
        with suppress(OutboxError):
            if not store.is_empty:
                _check_receivers(by_receiver, path, store, deadline)


def _rules_file() -> Path | None:
    named = airflow_option("dingpush", "rules_file")
    return Path(named).expanduser() if named else None


def _fallback() -> str:
    from airflow_provider_dingpush.pipeline.routes import LAST_RESORT

    return airflow_option("dingpush", "alert_conn_id") or LAST_RESORT


# A broken file


def tell_mistake(mistake: RulesFileError) -> None:
    """Write the alert that the rules file is broken, unless this version of it was told.

    :raises OutboxError: if no store takes it.
    """
    from airflow_provider_dingpush.pipeline.scheduler_writing import change_note

    path = _rules_file()
    if path is None:
        return
    version, now, host = _version_of(path, mistake), time.time(), socket.gethostname()
    if 0 <= now - _told.get((path, version), -inf) < _AGAIN_SECONDS:
        return

    def change(found: FoundNote | None) -> Note:
        before = _read(found)
        since, conn_id = before.get("since", now), before.get("conn_id", _fallback())
        if before.get("version") != version:
            conn_id = _fallback()
            _write(_facts_of_mistake(path, mistake, version, since=since, now=now, host=host), conn_id)
        plain = {"version": version, "since": since, "host": host, "conn_id": conn_id, "file": path.name}
        return Note(_BROKEN, _name(path), json.dumps({**plain, "at": now}).encode(), _NOTED_SECONDS, durable=True)

    change_note(_BROKEN, _name(path), change)
    _told.clear()
    _told[path, version] = now


def _version_of(path: Path, mistake: RulesFileError) -> str:
    """Identifies the content of the broken file; or why it has none, and a mistake in the calendar that it names."""
    try:
        content = path.read_bytes()
    except OSError as error:
        content = str(error.strerror).encode()
    parts = content, *(each.encode("utf-8", "surrogatepass") for each in mistake.problems)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:24]


def _facts_of_mistake(
    path: Path, mistake: RulesFileError, version: str, *, since: float, now: float, host: str
) -> RunFacts:
    from airflow_provider_dingpush.pipeline.redaction import redact_log

    problems = mistake.problems or (f"{mistake.problem} {mistake.advice}".strip(),)
    shown = [redact_log(each) for each in problems[:_MOST_PROBLEMS]]
    left_out = len(problems) - len(shown)
    return _facts(
        Event.RULES_FILE_ERROR,
        path.name,
        since=since,
        now=now,
        occurrence=version,
        exception_text="\n".join([*shown, *([f"… {left_out} …"] if left_out else [])]),
        exception_summary=shown[0],
        reason="rules_file_broken",
        hostname=host,
    )


def _tell_it_is_right(path: Path | None, usable: Sequence[Store]) -> None:
    """Write the end of each broken version that was told; that of another machine only when it is quiet for long."""
    now, host = time.time(), socket.gethostname()
    for store in usable:
        with suppress(OutboxError):
            for name, found in store.bounded.notes(_BROKEN, 10).items():
                before = _read(found)
                is_ours = before.get("host") == host or path is None
                if not is_ours and now - before.get("at", 0.0) < _OTHER_MACHINE_SECONDS:
                    continue
                facts = _facts(
                    Event.RULES_FILE_FIXED,
                    str(before.get("file") or (path.name if path else "")),
                    since=before.get("since", now),
                    now=now,
                    occurrence=str(before.get("version")),
                )
                _write(facts, str(before.get("conn_id") or _fallback()))
                store.bounded.remove_notes([(_BROKEN, name)])
                _told.clear()


# Receivers that don't exist


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
        plain = _read(found)
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
    from airflow_provider_dingpush.pipeline.routes import LAST_RESORT

    candidates = dict.fromkeys((airflow_option("dingpush", "alert_conn_id"), LAST_RESORT))
    return next((each for each in candidates if each and each != unknown and not _is_unknown(each, deadline)), None)


def _tell_unknown(conn_id: str, rule: Rule, path: Path, other: str, store: Store) -> None:
    now = time.time()
    facts = _facts(
        Event.RULES_FILE_ERROR,
        f"{path.name} · {conn_id}",
        since=now,
        now=now,
        occurrence=conn_id,
        exception_text=f"{path.name}:{rule.line}: {rule.name} → {conn_id}",
        exception_summary=f"{path.name}:{rule.line}: {rule.name} → {conn_id}",
        reason="rules_receiver_unknown",
    )
    _write(facts, other)
    plain = {"unknown": conn_id, "since": now, "conn_id": other, "file": facts.file}
    name = hashlib.sha256(conn_id.encode()).hexdigest()[:24]
    store.bounded.set_notes(
        [Note(_UNKNOWN_RECEIVERS, name, json.dumps(plain).encode(), _NOTED_SECONDS, durable=True, newest=100)]
    )


def _tell_known(conn_id: str, note: Mapping[str, Any], store: Store) -> None:
    now = time.time()
    facts = _facts(
        Event.RULES_FILE_FIXED,
        str(note.get("file")),
        since=note.get("since", now),
        now=now,
        occurrence=conn_id,
    )
    _write(facts, str(note.get("conn_id")))
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


# Both


def _facts(event: Event, file: str, *, since: float, now: float, occurrence: str, **more: Any) -> RunFacts:
    from airflow_provider_dingpush.pipeline.callback_context import site_here

    site = site_here()
    is_over = event.resolves_incident
    return RunFacts(
        event,
        "",
        dag_name=file,
        file=file,
        started_at=datetime.fromtimestamp(int(since), site.zone),
        ended_at=datetime.fromtimestamp(int(now), site.zone) if is_over else None,
        duration_seconds=float(int(now - since)) if is_over else None,
        environment=site.environment,
        is_utc_by_default=site.is_utc_by_default,
        links=site.links,
        occurrence=occurrence,
        **more,
    )


def _write(facts: RunFacts, conn_id: str) -> None:
    """Write an alert past all rules."""
    from airflow_provider_dingpush.alerts.run_alert import alert_of
    from airflow_provider_dingpush.pipeline.alert_sizes import bounded
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    alert = alert_of(facts, Mailbox(conn_id), at=time.time(), message=None, mentions=None, language=None)
    write_alert(bounded(alert))


def _name(path: Path) -> str:
    return hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _read(found: FoundNote | None) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        plain = json.loads(found.value) if found else {}
        return plain if isinstance(plain, dict) else {}
    return {}
