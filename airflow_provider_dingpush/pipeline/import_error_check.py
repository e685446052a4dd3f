"""The check for DAG files that can't be imported, and for those that can be again. It writes alerts and sends nothing.

Airflow says of a broken file only that it is still broken. That it is right again follows from silence, and a DAG
processor that stands still is silent as well. So a file counts as fixed when it is gone for a while; or when it
wasn't heard of for three of its parse intervals, and either Airflow's database has no error of it any more, or the DAG
processor was seen working all that time: by what is heard of other files, or by Airflow's health page.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dingpush.airflow_compat import airflow_option, is_airflow_3
from airflow_provider_dingpush.airflow_database import import_errors, may_use_database
from airflow_provider_dingpush.alerts.import_reports import (
    PARSES_MISSED,
    UNKNOWN_INTERVAL_SECONDS,
    Alive,
    BrokenFile,
    News,
    Report,
    decide,
    interval_of,
)
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.check_lock import only_here
from airflow_provider_dingpush.pipeline.import_errors import BROKEN_FILES, MOST_FILES, broken_file_in, name_of
from airflow_provider_dingpush.storage.notes import Note
from airflow_provider_dingpush.timeouts import call_within

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.timeouts import Deadline

_Read = TypeVar("_Read")

_REPORTS, _REPORTED, _ALIVE = "import_reports", "reported", "alive"
_OPERATION_SECONDS = 5.0
_DATABASE_SECONDS = 15.0
_MOST_NAMED = 1_000
_WORTH_TELLING_SECONDS = 60.0
_DEFAULT_INTERVAL = 30.0
# A sign of life is younger than so many parse intervals.
_FRESH_PARSES = 2


def check(deadline: Deadline) -> None:
    """Write the alerts that are due about DAG files.

    :param deadline: of the check.
    :raises OutboxError: if no store can be used.
    """
    from airflow_provider_dingpush.pipeline.stores import stores

    notes = Notes([*stores(deadline, most_seconds=_OPERATION_SECONDS, total_seconds=inf)])
    if not notes.heard() and not notes.reports():
        return
    with notes.only_here() as is_only_here:
        if is_only_here:
            _check(notes, deadline)


def _check(notes: Notes, deadline: Deadline) -> None:
    heard, now = notes.heard(), time.time()
    signs = Signs(heard, notes.alive(), now, deadline)
    broken = [each for each in heard if signs.is_broken(each)]
    reports, paths = notes.reports(), {each.path for each in heard}
    unheard = {path for report in reports for path in report.paths if path not in paths and signs.may_be_broken(path)}
    decision = decide(reports, broken, unheard, now=now, receivers_of=_receivers())
    for news in decision.news:
        _write(news, now)
    notes.remember(decision.reports, signs.alive, fixed=[each for each in heard if each not in broken])


class Signs:
    """What speaks for and against a file being fixed.

    :param heard: all files that were heard of.
    :param alive: when the DAG processor was seen working before.
    :param now: in seconds since 1970.
    :param deadline: of all questions.
    """

    def __init__(self, heard: Sequence[BrokenFile], alive: Alive, now: float, deadline: Deadline) -> None:
        self._heard, self._before, self._now, self._deadline = heard, alive, now, deadline
        self._least = _least_interval()

    def is_broken(self, each: BrokenFile) -> bool:
        """Whether a file that was heard of is still broken, or may be."""
        # Not earlier, because editors replace a file when they save it.
        if each.quiet < PARSES_MISSED * self._least:
            return True
        if _is_gone(each.path):
            return False
        enough = PARSES_MISSED * interval_of(each, self._heard, self._least)
        if each.quiet < enough:
            return True
        if self._stored is not None:
            return _is_in(each.path, self._stored)
        return min(each.quiet, self.alive.seconds(self._now)) < enough

    def may_be_broken(self, path: str) -> bool:
        """Whether a file that was told may still be broken, although nothing is noted of it any more.

        As after a restart of Redis without its data, or after a week without a DAG processor.
        """
        if _is_gone(path):
            return False
        if self._stored is not None:
            return _is_in(path, self._stored)
        return self.alive.seconds(self._now) < PARSES_MISSED * UNKNOWN_INTERVAL_SECONDS

    @cached_property
    def alive(self) -> Alive:
        """When the DAG processor was seen working, up to now."""
        if any(each.quiet <= _FRESH_PARSES * interval_of(each, self._heard, self._least) for each in self._heard):
            return self._before.seen(self._now)
        if not is_airflow_3():
            return self._before
        from airflow_provider_dingpush.pipeline.airflow_health import dag_processor_works

        works = dag_processor_works(self._deadline)
        if works is None:
            return self._before
        return self._before.seen(self._now) if works else Alive()

    @cached_property
    def _stored(self) -> set[str] | None:
        """The paths of all files of which Airflow's database has an error; ``None`` if it can't be read."""
        if not may_use_database():
            return None
        try:
            seconds = min(_DATABASE_SECONDS, self._deadline.seconds_left())
            return {path for path, _ in call_within(seconds, lambda: list(import_errors()))}
        except Exception:  # noqa: BLE001 - many machines have no database
            return None


def _least_interval() -> float:
    section = "dag_processor" if is_airflow_3() else "scheduler"
    try:
        return float(airflow_option(section, "min_file_process_interval") or _DEFAULT_INTERVAL)
    except ValueError:
        return _DEFAULT_INTERVAL


def _is_in(path: str, stored: AbstractSet[str]) -> bool:
    """Whether Airflow's database names the file; Airflow 3 stores its path within its bundle."""
    return any(path == each or path.endswith(f"/{each}") for each in stored)


def _is_gone(path: str) -> bool:
    """Whether the file was removed, as far as this machine has the folder that it was in."""
    return os.path.isabs(path) and os.path.isdir(os.path.dirname(path)) and not os.path.lexists(path)


def _receivers() -> Callable[[BrokenFile], str]:
    """Identifies who is notified of a file. A broken rules file is asked once only."""
    from airflow_provider_dingpush.errors import RulesFileError
    from airflow_provider_dingpush.pipeline.routes import routes_of, rules_in

    rules_file = airflow_option("dingpush", "rules_file")
    try:
        if rules_file:
            rules_in(Path(rules_file).expanduser())
    except RulesFileError:
        return lambda _: ""
    known: dict[str, str] = {}

    def receivers_of(each: BrokenFile) -> str:
        if each.file not in known:
            routes = routes_of(RunFacts(Event.DAG_IMPORT_ERROR, "", file=each.file))
            known[each.file] = json.dumps([(route.conn_id, route.to and route.to.to_dict()) for route in routes])
        return known[each.file]

    return receivers_of


def _write(news: News, now: float) -> None:
    from airflow_provider_dingpush.pipeline.airflow_events import write_alerts

    write_alerts(facts_of_file(news, now))


def _known_duration(seconds: float, *, is_over: bool) -> float | None:
    """How long a file is broken; of one that has just broken that is no news."""
    return float(int(seconds)) if seconds >= (1.0 if is_over else _WORTH_TELLING_SECONDS) else None


def facts_of_file(news: News, now: float) -> RunFacts:
    """The facts of an alert about files that can't be imported, or can be again.

    :param now: in seconds since 1970.
    """
    from airflow_provider_dingpush.pipeline.callback_context import site_here

    report, site, zone = news.report, site_here(), site_here().zone
    is_over = not news.newest
    names = list(report.told) if is_over else [each.file for each in news.newest]
    others = [each for each in names if each != report.file][:_MOST_NAMED]
    facts = RunFacts(
        Event.DAG_IMPORT_FIXED if is_over else Event.DAG_IMPORT_ERROR,
        "",
        dag_name=report.file,
        file=report.file,
        bundle=report.bundle,
        file_count=len(names),
        more_files=tuple(others),
        started_at=datetime.fromtimestamp(int(report.since), zone),
        duration_seconds=_known_duration(now - report.since, is_over=is_over),
        environment=site.environment,
        page_url=site.import_errors_url,
        is_local_link=site.is_local,
        is_utc_by_default=site.is_utc_by_default,
        links=site.links,
        occurrence=f"{report.cause} {len(names)} {report.since:.3f}",
    )
    if is_over:
        return facts._replace(ended_at=datetime.fromtimestamp(int(now), zone))
    first = news.newest[0]
    return facts._replace(
        exception_type=first.type_name,
        exception_text=first.text,
        exception_summary=first.summary,
        exception_place=first.place,
        source_line=first.source,
    )


class Notes:
    """What is noted of broken files, in all stores that this process can use.

    While Redis is away, files of this machine take what is heard, so both are read. What was told is noted in both.

    :param stores: the best first.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores

    def heard(self) -> list[BrokenFile]:
        """All broken files, as they were heard of last."""
        found: dict[str, BrokenFile] = {}
        for notes in self._each(lambda store: store.bounded.notes(BROKEN_FILES, MOST_FILES)):
            for note in notes.values():
                each = broken_file_in(note)
                if each is not None and (each.path not in found or each.quiet < found[each.path].quiet):
                    found[each.path] = each
        return list(found.values())

    def reports(self) -> tuple[Report, ...]:
        """What was told, as it was noted last."""
        newest = self._newest(_REPORTED)
        try:
            return tuple(Report.from_plain(each) for each in newest.get("reports", ()))
        except (ValueError, TypeError):
            return ()

    def alive(self) -> Alive:
        """When the DAG processor was seen working."""
        newest = self._newest(_ALIVE)
        since, until = newest.get("since"), newest.get("until")
        if isinstance(since, (int, float)) and isinstance(until, (int, float)):
            return Alive(since, until)
        return Alive()

    def remember(self, reports: Sequence[Report], alive: Alive, *, fixed: Sequence[BrokenFile]) -> None:
        """Note what was told, and forget files that are fixed.

        :raises OutboxError: if no store takes it.
        """
        now = time.time()
        notes = [Note(_REPORTS, _ALIVE, json.dumps({"at": now, **alive._asdict()}).encode())]
        if tuple(reports) != self.reports():
            plain = [vars(each) for each in reports]
            value = json.dumps({"at": now, "reports": plain}).encode()
            notes.append(Note(_REPORTS, _REPORTED, value, durable=True))
        gone = [(BROKEN_FILES, name_of(each.path)) for each in fixed]
        done = 0
        # Beside Redis in the files of this machine, for while Redis is away; otherwise in one store.
        enough = 1 if self._stores[0].folder is not None else 2
        for store in self._stores:
            if done == enough:
                break
            with suppress(OutboxError):
                store.bounded.set_notes(notes)
                done += 1
        for store in self._stores if gone else ():
            with suppress(OutboxError):
                store.bounded.remove_notes(gone)
        if not done:
            raise OutboxError("What was told of broken DAG files can't be noted.", "It is tried again in a minute.")

    def only_here(self) -> AbstractContextManager[bool]:
        """Be the only process that checks; ``False`` if another one does, on any machine with the same outbox."""
        return only_here(self._stores, BROKEN_FILES)

    def _newest(self, name: str) -> Mapping[str, Any]:
        found: list[Mapping[str, Any]] = []
        for note in self._each(lambda store: store.bounded.note(_REPORTS, name)):
            with suppress(ValueError, TypeError, RecursionError):
                read = json.loads(note.value) if note else None
                if isinstance(read, dict) and isinstance(read.get("at"), (int, float)):
                    found.append(read)
        return max(found, key=lambda each: each["at"], default={})

    def _each(self, read: Callable[[Store], _Read]) -> Iterator[_Read]:
        for store in self._stores:
            with suppress(OutboxError):
                yield read(store)
