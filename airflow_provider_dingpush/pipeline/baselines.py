"""The check of baselines: it decides how each stands, and writes the alerts that are due. It sends nothing.

What is going to be said is noted, then the alerts are written, then it is noted that they were, for some baselines at a
time. After a crash in between they are written once more, with the same keys, and whoever has them drops them; and what
is done by then ends an alert that was only going to be written, if it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_database import may_use_database, stored_dag_states
from airflow_provider_dingpush.airflow_options import airflow_option
from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.oncall.baselines import FOLLOWED_SECONDS, BaselineDay, Known, Notice, decide, notices_due
from airflow_provider_dingpush.oncall.run_history import RunHistory
from airflow_provider_dingpush.pipeline.baseline_events import OF_ASSET, OF_DAG
from airflow_provider_dingpush.pipeline.baseline_notes import BaselineNotes, Histories, HistoryOf, Said
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.rules.baselines import OutputKind
from airflow_provider_dingpush.timeouts import call_within

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.baselines import Baseline
    from airflow_provider_dingpush.rules.rule_set import RuleSet
    from airflow_provider_dingpush.timeouts import Deadline

_OPERATION_SECONDS = 5.0
_DATABASE_SECONDS = 10.0
_DAYS_AROUND = range(-3, 3)
_READ_TOGETHER = 100

_log = logging.getLogger(__name__)


def check(deadline: Deadline) -> None:
    """Write the alerts that are due about baselines.

    :param deadline: of the check.
    :raises OutboxError: if no store can be used.
    """
    check_at(time.time(), deadline)


def check_at(now: float, deadline: Deadline) -> None:
    """The same at a given time.

    :param now: in seconds since 1970.
    """
    named = airflow_option("dingpush", "rules_file")
    try:
        rules = rules_in(Path(named).expanduser()) if named else None
    except RulesFileError:
        return  # the check of the rules file reports it
    if rules is None or not rules.baselines:
        return
    from airflow_provider_dingpush.pipeline.stores import stores

    notes = BaselineNotes([*stores(deadline, most_seconds=_OPERATION_SECONDS, total_seconds=inf)])
    with notes.only_here() as is_only_here:
        if is_only_here:
            _check(rules, notes, now, deadline)


def _check(rules: RuleSet, notes: BaselineNotes, now: float, deadline: Deadline) -> None:
    histories, before = notes.update(), notes.said()
    said = watched(rules, before, now)
    known = KnownOf(rules, notes, histories, _states(rules, notes, deadline))
    for some in _batches(rules, histories):
        due = list(_due_of(some, said, known, now))
        if not due:
            continue
        for standing, _ in due:
            name = standing.baseline.name
            said[name] = said[name].beginning(standing.day.isoformat())
        notes.remember(said)
        for standing, notices in due:
            name = standing.baseline.name
            _write(standing, notices, histories, now)
            said[name] = said[name].saying(standing.day.isoformat(), notices)
        notes.remember(said)
        before = dict(said)
    if said != before:
        notes.remember(said)


def _due_of(
    some: Sequence[Baseline], said: Mapping[str, Said], known: KnownOf, now: float
) -> Iterator[tuple[BaselineDay, tuple[Notice, ...]]]:
    """What must be said of some baselines now."""
    for baseline in some:
        one = said[baseline.name]
        for day in days_near(baseline, now):
            standing = decide(baseline, day, known, now=now, since=one.since)
            name = day.isoformat()
            notices = notices_due(standing, one.of(name), has_begun=name in one.begun)
            if notices and one.since <= standing.due:
                yield standing, notices


def _batches(rules: RuleSet, histories: Histories) -> Iterator[Sequence[Baseline]]:
    """All baselines, some at a time, once the histories of their DAGs and assets are read."""
    for first in range(0, len(rules.baselines), _READ_TOGETHER):
        some = rules.baselines[first : first + _READ_TOGETHER]
        dags = [(OF_DAG, dag_id) for each in some for dag_id in (*each.dag_ids, *each.upstream)]
        histories.prefetch([*dags, *((OF_ASSET, name) for each in some for name in each.asset_names)])
        yield some


def watched(rules: RuleSet, before: Mapping[str, Said], now: float) -> dict[str, Said]:
    """Since when each baseline is watched, and what was said of it; one that waits for something new begins anew.

    :param now: in seconds since 1970.
    """
    found = {}
    for baseline in rules.baselines:
        outputs = tuple(each.text for each in baseline.outputs)
        known = before.get(baseline.name)
        found[baseline.name] = known if known is not None and known.outputs == outputs else Said(now, outputs)
    return found


def days_near(baseline: Baseline, now: float) -> Iterator[date]:
    """The days whose due time is less than a day away.

    :param now: in seconds since 1970.
    """
    today = datetime.fromtimestamp(now, baseline.zone).date()
    for each in _DAYS_AROUND:
        day = today + timedelta(days=each)
        if baseline.is_due_on(day) and abs(baseline.due_at(day).timestamp() - now) < FOLLOWED_SECONDS:
            yield day


class KnownOf(Mapping[tuple[OutputKind, str], Known]):
    """What is known of the DAGs and assets of baselines; looked up when it is asked for.

    :param rules: which name them.
    :param notes: of their runs.
    :param histories: of these.
    :param states: of each DAG whether it is paused and when its next run is created, in seconds since 1970.
    """

    def __init__(
        self,
        rules: RuleSet,
        notes: BaselineNotes,
        histories: Mapping[HistoryOf, RunHistory],
        states: Mapping[str, tuple[bool, float | None]],
    ) -> None:
        self._rules = rules
        self._notes = notes
        self._histories = histories
        self._states = states

    def __getitem__(self, key: tuple[OutputKind, str]) -> Known:
        kind, name = key
        if kind is OutputKind.ASSET:
            return Known(self._histories.get((OF_ASSET, name), RunHistory()))
        history = self._histories.get((OF_DAG, name), RunHistory())
        is_paused, next_planned = self._states.get(name, (False, None))
        return Known(history, is_paused, next_planned, self._notes.task_ends(name, history))

    def __iter__(self) -> Iterator[tuple[OutputKind, str]]:
        yield from ((OutputKind.DAG, dag_id) for dag_id in self._rules.dags_of_baselines)
        yield from ((OutputKind.ASSET, name) for name in self._rules.assets_of_baselines)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _states(rules: RuleSet, notes: BaselineNotes, deadline: Deadline) -> Mapping[str, tuple[bool, float | None]]:
    """Which DAGs are paused: as the scheduler noted lately, or else as the database says, if there is one."""
    noted = notes.states()
    if noted is not None or not may_use_database():
        return noted or {}
    seconds = max(0.1, min(_DATABASE_SECONDS, deadline.seconds_left()))
    try:
        return call_within(seconds, lambda: stored_dag_states(sorted(rules.dags_of_baselines)))
    except Exception as problem:  # noqa: BLE001 - many machines have no database
        _log.debug("Whether DAGs of baselines are paused is unknown (%s).", type(problem).__name__)
        return {}


def _write(
    day: BaselineDay, notices: tuple[Notice, ...], histories: Mapping[HistoryOf, RunHistory], now: float
) -> None:
    from airflow_provider_dingpush.pipeline.baseline_alerts import facts_of, routes_of_baseline
    from airflow_provider_dingpush.pipeline.callback_context import site_here
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    by_dag = {each: histories[OF_DAG, each] for each in day.baseline.dag_ids if (OF_DAG, each) in histories}
    for notice in notices:
        facts = facts_of(day, notice, by_dag, now=now, site=site_here())
        for route in routes_of_baseline(day.baseline, facts):
            write_alert(route.alert(facts, at=now))


def look_at(rules: RuleSet, now: float, deadline: Deadline) -> tuple[BaselineDay, ...]:
    """How all baselines stand today, and on another day on which they are open. Writes nothing.

    :param now: in seconds since 1970, also an earlier or a later time.
    :raises OutboxError: if no store can be used.
    """
    from airflow_provider_dingpush.pipeline.stores import stores

    notes = BaselineNotes([*stores(deadline, most_seconds=_OPERATION_SECONDS, total_seconds=inf)])
    histories = notes.histories()
    said = watched(rules, notes.said(), now)
    known = KnownOf(rules, notes, histories, _states(rules, notes, deadline))
    found = []
    for baseline in chain.from_iterable(_batches(rules, histories)):
        today = datetime.fromtimestamp(now, baseline.zone).date()
        since = said[baseline.name].since
        for day in sorted({*days_near(baseline, now), today}):
            one = decide(baseline, day, known, now=now, since=since)
            if day == today or one.is_open or (day < today and not one.is_done and one.due > now):
                found.append(one)
    return tuple(found)
