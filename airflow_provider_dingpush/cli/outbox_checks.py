"""Checks of the outbox: where it is, whether it can be written, and whether anything sends what is pending."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.cli.all_dags_checks import are_on
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found, found_problem
from airflow_provider_dingpush.cli.option_sources import OptionSources
from airflow_provider_dingpush.cli.outbox_place import OutboxKind, check_writable, place_of
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.homes import home
from airflow_provider_dingpush.pipeline.outboxes import has_host_local_outbox
from airflow_provider_dingpush.pipeline.pending import all_alerts

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

_FLUSH_SECONDS = 300.0
# Times in alerts and the order of alerts suffer from more; DingTalk itself takes an hour.
_SKEW_SECONDS = 30.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class OutboxSubject:
    """What the checks of the outbox look at.

    :param sources: where options are set.
    :param store: the outbox that is configured.
    """

    sources: OptionSources
    store: Store


def _outbox_url(subject: OutboxSubject) -> Iterator[Finding]:
    store, where = subject.store, subject.sources.where("outbox_url")
    if store.folder is not None:
        is_alone = not has_host_local_outbox()
        severity, code = (
            (Severity.SKIPPED, "outbox_files") if is_alone else (Severity.WARNING, "outbox_of_each_machine")
        )
        yield found("outbox_url", severity, code)
        return
    place = place_of(store)
    if place.write_problem is not None:
        yield found_problem("outbox_url", Severity.ERROR, "outbox_unusable", place.write_problem, set_in=where)
        return
    yield found("outbox_url", Severity.OK, "outbox_redis", set_in=where, location=place.location)
    for risk in store.outbox.store.risks():
        yield found_problem("outbox_url", Severity.WARNING, "outbox_may_lose_alerts", risk, set_in=where)


def _home(subject: OutboxSubject) -> Iterator[Finding]:
    where, folder = subject.sources.where("home"), home()
    # With Redis, files are only its substitute.
    severity = Severity.WARNING if subject.store.folder is None else Severity.ERROR
    try:
        check_writable(folder)
    except OutboxError as problem:
        yield found_problem("home", severity, "home_unusable", problem, set_in=where)
        return
    if not folder.exists():
        yield found("home", Severity.OK, "home_new", set_in=where, home=folder)
    elif _is_open_to_others(folder):
        yield found("home", Severity.WARNING, "home_open", set_in=where, home=folder)
    else:
        yield found("home", Severity.OK, "home_ok", set_in=where, home=folder)


def _is_open_to_others(folder: Path) -> bool:
    return bool(os.stat(folder).st_mode & _OTHERS)


def _clock(subject: OutboxSubject) -> Iterator[Finding]:
    if subject.store.folder is not None:
        return
    try:
        before = time.time()
        there = subject.store.outbox.store.now()
        after = time.time()
    except OutboxError:  # found by another check
        return
    seconds = there - (before + after) / 2
    if abs(seconds) > _SKEW_SECONDS + (after - before):
        yield found("clock", Severity.WARNING, "clock_wrong", seconds=f"{abs(seconds):,.0f}")
    else:
        yield found("clock", Severity.OK, "clock_ok")


def _flush(subject: OutboxSubject) -> Iterator[Finding]:
    box = subject.store.outbox
    try:
        flushed_at = box.last_flush()
        is_used = bool(box.receivers() or box.pending_mailboxes())
        pending = all_alerts(box)
    except OutboxError as problem:
        # What is wrong with Redis is reported at its URL.
        if place_of(subject.store).kind is OutboxKind.FILES:
            yield found_problem("flush", Severity.ERROR, "outbox_unusable", problem)
        return
    if flushed_at is not None and abs(time.time() - flushed_at) < _FLUSH_SECONDS:
        yield found("flush", Severity.OK, "flush_ok", time=clock(flushed_at))
    elif flushed_at is not None and (is_used or pending or are_on()):
        yield found("flush", Severity.WARNING, "flush_late", time=clock(flushed_at), pending=pending)
    elif are_on():
        yield found("flush", Severity.ERROR, "flush_needed", pending=pending)
    elif is_used:
        yield found("flush", Severity.WARNING, "flush_never", pending=pending)
    else:
        yield found("flush", Severity.SKIPPED, "flush_unused")


OUTBOX_CHECKS = (
    Check("outbox_url", _outbox_url),
    Check("home", _home),
    Check("clock", _clock),
    Check("flush", _flush),
)
"""In the order in which they are shown."""
