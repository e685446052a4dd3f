"""``dingpush doctor``: check settings and connections without sending anything, and explain how to fix them.

Each check is one entry in a table: :data:`~.option_checks.OPTION_CHECKS`, :data:`~.all_dags_checks.ALL_DAGS_CHECKS`,
:data:`~.email_checks.EMAIL_CHECKS`, :data:`~.outbox_checks.OUTBOX_CHECKS`,
:data:`~.escalation_checks.ESCALATION_CHECKS`, :data:`~.connection_checks.ROBOT_CHECKS` and
:data:`~.connection_checks.APP_CHECKS`; its words are in :mod:`~.doctor_words`.
"""

from __future__ import annotations

import argparse
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.all_dags_checks import ALL_DAGS_CHECKS, receivers
from airflow_provider_dingpush.cli.connection_checks import findings_of
from airflow_provider_dingpush.cli.email_checks import EMAIL_CHECKS
from airflow_provider_dingpush.cli.escalation_checks import (
    ESCALATION_CHECKS,
    EscalationSubject,
    apps_of_escalations,
)
from airflow_provider_dingpush.cli.findings import Finding, Severity, found, run_checks
from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.known_connections import (
    ROBOT_DEFAULT,
    exists,
    stored_connections,
    variable_of,
    variables,
)
from airflow_provider_dingpush.cli.option_checks import OPTION_CHECKS
from airflow_provider_dingpush.cli.option_sources import OptionSources
from airflow_provider_dingpush.cli.outbox_checks import OUTBOX_CHECKS, OutboxSubject
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

_OUTBOX_SECONDS = 30.0
# In the words of SQLite, PostgreSQL and MySQL.
_NO_TABLE = re.compile(r"no such table|relation .* does not exist|Table .* doesn't exist")
_MARKS = {
    Severity.OK: ("✓", "green"),
    Severity.WARNING: ("!", "yellow"),
    Severity.ERROR: ("✗", "red"),
    Severity.SKIPPED: ("–", "yellow"),
}

_TEXTS: Texts = {
    "all_fine": (
        "Everything that can be checked works. (Keywords can't be checked without sending a message.)",
        "能检查的都正常。（关键词无法在不发消息的情况下检查）",
    ),
    "to_fix": ("{problems} to fix, see above: {names}.", "有 {problems}需要处理，见上文：{names}。"),
    "warnings": ("{warnings}, see above: {names}.", "有 {warnings}，见上文：{names}。"),
    "comma": ("; ", "；"),
    "options": ("Options of [dingpush]", "[dingpush] 配置"),
    "connection": ("Connection {conn_id}", "连接 {conn_id}"),
    "connections": ("Connections", "连接"),
    "set_in": ("Set in {place}.", "设置于 {place}。"),
}

_Section = tuple[str | None, Iterator[Finding]]
"""The connection that is checked, if it is one, and what is found."""


def run(parsed: argparse.Namespace) -> int:
    """Run the checks one by one, print each result at once, and return 0 if there is no problem, else 1."""
    screen = Screen(parsed.language, _TEXTS)
    all_found: list[tuple[str | None, Finding]] = []
    with _without_log_lines():
        for heading, (conn_id, findings) in _sections(parsed.conn_id):
            if not parsed.as_json:
                _print_heading(screen, heading, conn_id, is_first=not all_found)
            for finding in findings:
                all_found.append((conn_id, finding))
                if not parsed.as_json:
                    _print(screen, finding)
    wrong, warnings = (
        sum(each.severity is severity for _, each in all_found) for severity in (Severity.ERROR, Severity.WARNING)
    )
    if parsed.as_json:
        plain = [finding.to_dict(conn_id) for conn_id, finding in all_found]
        print_json({"findings": plain, "errors": wrong, "warnings": warnings})
    else:
        _print_summary(screen, all_found)
    return 1 if wrong else 0


def _sections(conn_id: str | None) -> Iterator[tuple[str, _Section]]:
    """The options and the outbox, and one connection or all that can be found."""
    sources = OptionSources.read()
    store, problem = _outbox(sources)
    yield "options", (None, _installation(sources, store, problem))
    if conn_id is not None:
        yield "connection", (conn_id, _connection(conn_id))
        return
    stored, unreadable = _stored()
    # Those that don't exist are a finding already.
    routed = filter(exists, (*receivers(sources), *apps_of_escalations(sources)))
    known = dict.fromkeys([*(each.conn_id for each in variables()), *stored, *_in_use(store), *routed])
    about_all = [] if unreadable is None else [unreadable]
    if ROBOT_DEFAULT not in known:
        finding = _default(is_alone=not known)
        about_all += [finding] if finding else []
        known |= {} if finding else {ROBOT_DEFAULT: None}
    if about_all:
        yield "connections", (None, iter(about_all))
    for each in known:
        yield "connection", (each, _connection(each))


def _outbox(sources: OptionSources) -> tuple[Store | None, Finding | None]:
    """The outbox that is configured, or why Airflow can't read where it is, such as from a command that fails."""
    try:
        return stores_for_commands(time.monotonic() + _OUTBOX_SECONDS)[0], None
    except Exception as problem:  # noqa: BLE001 - any error is a finding
        where = sources.where("outbox_url")
        return None, found("outbox_url", Severity.ERROR, "option_unreadable", set_in=where, problem=described(problem))


def _installation(sources: OptionSources, store: Store | None, problem: Finding | None) -> Iterator[Finding]:
    yield from run_checks(OPTION_CHECKS, sources)
    yield from run_checks(ALL_DAGS_CHECKS, sources)
    yield from run_checks(EMAIL_CHECKS, sources)
    if problem is not None:
        yield problem
    if store is not None:
        yield from run_checks(OUTBOX_CHECKS, OutboxSubject(sources, store))
    yield from run_checks(ESCALATION_CHECKS, EscalationSubject(sources, store))


def _connection(conn_id: str) -> Iterator[Finding]:
    variable = variable_of(conn_id)
    if variable is not None and variable.json_problem is not None:
        yield found(
            "connection", Severity.ERROR, "variable_no_json", set_in=variable.name, problem=variable.json_problem
        )
        return
    yield from findings_of(conn_id, None if variable is None else variable.name)


def _stored() -> tuple[list[str], Finding | None]:
    """The connections in the database, and why they can't be read."""
    try:
        return stored_connections(), None
    except Exception as problem:  # noqa: BLE001 - many installations have no database here
        if _NO_TABLE.search(str(problem)):
            return [], found("database", Severity.SKIPPED, "database_not_migrated")
        return [], found("database", Severity.SKIPPED, "database_unreadable", problem=described(problem))


def _in_use(store: Store | None) -> list[str]:
    """The connections of alerts that are pending or were sent: a secrets backend may have them, which lists none."""
    if store is None:
        return []
    try:
        box = store.outbox
        mailboxes = [*box.pending_mailboxes(), *(each for name in box.receivers() for each in box.mailboxes_of(name))]
    except OutboxError:  # found by another check
        return []
    return sorted({each.conn_id for each in mailboxes})


def _default(*, is_alone: bool) -> Finding | None:
    """That the default connection is missing; ``None`` if a secrets backend has it."""
    if exists(ROBOT_DEFAULT):
        return None
    if is_alone:
        variable = ROBOT_DEFAULT.upper()
        return found("connection", Severity.ERROR, "no_connection", conn_id=ROBOT_DEFAULT, variable=variable)
    return found("connection", Severity.SKIPPED, "no_default", conn_id=ROBOT_DEFAULT)


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """What this package would log about settings is a finding here."""
    log = logging.getLogger("airflow_provider_dingpush")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _print_heading(screen: Screen, heading: str, conn_id: str | None, *, is_first: bool) -> None:
    if not is_first:
        print(file=answers())
    screen.line(heading, conn_id=conn_id)


def _print(screen: Screen, finding: Finding) -> None:
    index = 1 if screen.language == "zh" else 0
    lines = [finding.name[index], f"    {finding.text[index]}"]
    if finding.set_in and finding.severity in (Severity.WARNING, Severity.ERROR):
        lines.append(f"    {screen.text('set_in', place=finding.set_in)}")
    screen.marked(*_MARKS[finding.severity], "\n".join(lines))


def _print_summary(screen: Screen, all_found: Sequence[tuple[str | None, Finding]]) -> None:
    """Name what needs attention: a page of results hides it."""
    print(file=answers())
    wrong, warnings = (_names(screen, all_found, severity) for severity in (Severity.ERROR, Severity.WARNING))
    if wrong:
        screen.line("to_fix", problems=screen.count(len(wrong), "problem"), names=screen.text("comma").join(wrong))
        return
    screen.line("all_fine")
    if warnings:
        screen.line(
            "warnings", warnings=screen.count(len(warnings), "warning"), names=screen.text("comma").join(warnings)
        )


def _names(screen: Screen, all_found: Sequence[tuple[str | None, Finding]], severity: Severity) -> list[str]:
    """What was found with a severity, in the order of the results."""
    index = 1 if screen.language == "zh" else 0
    return [
        f"{conn_id} · {finding.name[index]}" if conn_id else finding.name[index]
        for conn_id, finding in all_found
        if finding.severity is severity
    ]
