"""Failures that no process reported: of tasks whose process was killed, and those that only the scheduler has seen.

A check of :mod:`~.tick`. A marker without a living process (:mod:`~.task_markers`) is a question to Airflow: a task
that failed is reported as killed, and everything else (cleared, retried, deferred, marked by hand) is silent. What
the scheduler noted at the end of a run (:mod:`~.run_net`) is asked about a minute later. A failure that was reported
meanwhile has the same key, so it is a repetition and not sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from typing import Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline import run_net
from airflow_provider_dingpush.pipeline.found_markers import Marker, Markers
from airflow_provider_dingpush.pipeline.run_net import NotedRun
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.pipeline.task_markers import BY_HAND, try_of
from airflow_provider_dingpush.pipeline.task_records import TaskKey, context_of
from airflow_provider_dingpush.pipeline.task_states import TaskState, ended_at, states_of
from airflow_provider_dingpush.storage.notes import Note
from airflow_provider_dingpush.timeouts import Deadline

OWN_SECONDS = 30.0
"""How long a failure is left to the task's own process, in seconds: Airflow ends it after 20 (``callback_limits``)."""
HELD_SECONDS = 120.0
"""How long the alert of a run waits for those of its killed tasks at most, in seconds."""
FORGOTTEN_SECONDS = 7 * 86_400.0
"""After so many seconds a task that Airflow still calls running, without a process, isn't asked about any more."""
SEEN = "failed_markers"
"""The family of notes of when a task whose process can't be seen from here was first seen to have failed."""

_SEEN_SECONDS = 3600.0
_LOG_SECONDS = 1.0
# States in which a process runs the task, or has just ended: the next state is still to come.
_NOT_FINAL = {"running", "restarting"}

_log = logging.getLogger(__name__)


class Verdict(Enum):
    """What a marker without a living process, or a noted failure, comes to."""

    WAIT = "wait"
    """Airflow hasn't noticed yet, or its process may still report it."""
    SILENT = "silent"
    """Nobody has to be notified."""
    REPORT = "report"
    """It failed, and its process reported nothing."""


class Question(NamedTuple):
    """What is known about a task whose process may have ended.

    :param state: what Airflow says; ``None`` if there is no such task instance any more.
    :param try_number: of the marker; ``None`` if unknown.
    :param process_is_dead: ``None`` if that can't be seen from here.
    :param age: of the marker, in seconds.
    :param failed_for: how long it has failed at least, in seconds; ``None`` if unknown.
    """

    state: TaskState | None
    try_number: int | None
    process_is_dead: bool | None
    age: float
    failed_for: float | None


def verdict(asked: Question) -> Verdict:
    """What is to be done about a task."""
    state = asked.state
    if state is None:
        return Verdict.SILENT
    if state.state in _NOT_FINAL:
        forgotten = asked.process_is_dead is True and asked.age > FORGOTTEN_SECONDS
        return Verdict.SILENT if forgotten else Verdict.WAIT
    is_later_try = None not in (state.try_number, asked.try_number) and state.try_number != asked.try_number
    if state.state != "failed" or state.set_by_hand or is_later_try:
        return Verdict.SILENT
    if asked.process_is_dead is True or (asked.failed_for is not None and asked.failed_for >= OWN_SECONDS):
        return Verdict.REPORT
    return Verdict.WAIT


def check(deadline: Deadline) -> None:
    """Report failures that no process reported, from all stores of this machine."""
    for store in stores_for_commands(deadline.at):
        try:
            _Check(Markers(store.folder, store.outbox.store), store.outbox.store, deadline).run()
        except OutboxError as problem:
            _log.warning("Markers of running tasks can't be read: %s", problem)


class _Check:
    """The check of one store.

    :param markers: in the store.
    :param store: has the notes of runs.
    :param deadline: of all questions.
    """

    def __init__(self, markers: Markers, store: Any, deadline: Deadline) -> None:
        self._markers = markers
        self._store = store
        self._deadline = deadline

    def run(self) -> None:
        by_dag: dict[str, list[Marker]] = {}
        for marker in self._markers.without_living_owner():
            if marker.record:
                by_dag.setdefault(marker.key.dag_id, []).append(marker)
            else:
                self._markers.remove_if_unchanged(marker)
        for dag_id, markers in _in_turn(by_dag):
            states = self._states_of(dag_id, [each.key for each in markers])
            if states is None:
                break
            for marker in markers:
                self._settle(marker, states.get(marker.key))
        self._report_noted()

    def _states_of(self, dag_id: str, keys: Sequence[TaskKey]) -> Mapping[TaskKey, TaskState] | None:
        """What Airflow says; ``None`` if there is no time, or no answer: then the next tick asks again."""
        if self._deadline.seconds_left() <= 0:
            _log.warning("Not all tasks without a process could be asked about in time; the next flush goes on.")
            return None
        try:
            return states_of(dag_id, keys)
        except Exception as problem:  # noqa: BLE001 - of Airflow
            from airflow_provider_dingpush.pipeline.redaction import described

            _log.warning("Airflow doesn't say how tasks of %s ended: %s", dag_id, described(problem))
            return None

    def _settle(self, marker: Marker, state: TaskState | None) -> None:
        now = time.time()
        record = marker.record["ti"]
        state, failed_for = self._failed_for(marker, state, now)
        asked = Question(state, record.get("try_number"), marker.owner_is_dead, now - marker.written_at, failed_for)
        decided = verdict(asked)
        if decided is Verdict.WAIT:
            return
        if decided is Verdict.REPORT:
            # A new try may have begun since Airflow was asked.
            if not self._markers.is_unchanged(marker):
                return
            if self._was_marked_by_hand(marker):
                decided = Verdict.SILENT
        if decided is Verdict.REPORT:
            _log.info("Task %s of %s, run %s, was killed.", marker.key.task_id, marker.key.dag_id, marker.key.run_id)
            _report(marker.record, state, killed=True, deadline=self._deadline)
        self._markers.remove_if_unchanged(marker)

    def _was_marked_by_hand(self, marker: Marker) -> bool:
        """Whether a person marked this try as failed; a task in the flush DAG of Airflow 3 sees no audit log."""
        note = self._store.note(BY_HAND, marker.name)
        return note is not None and note.value == try_of(marker.record["ti"].get("try_number"))

    def _failed_for(self, marker: Marker, state: TaskState | None, now: float) -> tuple[TaskState | None, float | None]:
        """How long the task has failed, if that matters; and the state with what else is known of it."""
        if state is None or state.state != "failed" or marker.owner_is_dead is True:
            return state, None
        end = state.ended_at or _end_of(marker)
        if end is not None:
            return state._replace(ended_at=end), now - end.timestamp()
        seen = self._store.note(SEEN, marker.name)
        if seen is None:
            self._store.set_notes([Note(SEEN, marker.name, repr(now).encode(), _SEEN_SECONDS)])
            return state, 0.0
        return state, now - float(seen.value)

    def _report_noted(self) -> None:
        """Report what the scheduler noted at the end of runs."""
        for name, note in self._store.notes(run_net.FAMILY, 1_000).items():
            try:
                noted = NotedRun.read(note.value)
            except ValueError:
                self._store.remove_notes([(run_net.FAMILY, name)])
                continue
            if not self._settle_noted(name, noted):
                return

    def _settle_noted(self, name: str, noted: NotedRun) -> bool:
        """Write what is due of a noted run. ``False`` if there is no time, or no answer of Airflow."""
        age, marked = time.time() - noted.at, {each for each in noted.records if self._markers.is_there(each)}
        reports_tasks = age >= OWN_SECONDS
        waits = (marked and age < HELD_SECONDS) or (noted.has_never_started and not reports_tasks)
        if waits if noted.alerts else not reports_tasks:
            return True
        # What has a marker is reported by that, with more details.
        asked = [each for each in noted.records if noted.alerts or each not in marked]
        states = self._states_of(asked[0].dag_id, asked) if asked else {}
        if states is None:
            return False
        if any(each.state == "failed" for each in states.values()):
            for alert in noted.alerts:
                _write_held(alert)
        if not reports_tasks:
            self._store.set_notes([noted._replace(alerts=()).note(name)])
            return True
        for key, record in noted.records.items():
            question = Question(states.get(key), record["ti"].get("try_number"), True, 0.0, None)
            if key not in marked and verdict(question) is Verdict.REPORT:
                _report(record, states.get(key), killed=False, deadline=self._deadline)
        self._store.remove_notes([(run_net.FAMILY, name)])
        return True


def _write_held(alert: str) -> None:
    """Write the alert of a run that waited for those of its tasks."""
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_alert

    try:
        read = Alert.from_json(alert)
    except ValueError:
        _log.warning("An alert about a run that the scheduler noted can't be read.")
        return
    write_alert(read)


def _report(record: Mapping[str, Any], state: TaskState | None, *, killed: bool, deadline: Deadline) -> None:
    from airflow_provider_dingpush.pipeline.airflow_events import write_alerts
    from airflow_provider_dingpush.pipeline.callback_context import facts_of
    from airflow_provider_dingpush.pipeline.failure_details import with_details

    end = None if state is None else state.ended_at
    context = context_of(record, ended_at=end)
    never_started = record.get("never_started") is True
    facts = facts_of(context)._replace(killed_from_outside=killed, never_started=never_started)
    if end is None or never_started:
        # Otherwise it would be counted until now.
        facts = facts._replace(duration_seconds=None)
    if killed and is_airflow_3():
        # In Airflow 2 it would be the log of this flush.
        facts = with_details(facts, context, deadline.sub(_LOG_SECONDS))
    write_alerts(facts)


def _end_of(marker: Marker) -> datetime | None:
    try:
        started_at = datetime.fromisoformat(marker.record["ti"]["start_date"])
        if started_at.tzinfo is None:
            started_at = started_at.replace(tzinfo=timezone.utc)
        return ended_at(marker.key, started_at)
    except Exception:  # noqa: BLE001 - of Airflow, or a damaged file: then the next tick knows enough
        return None


def _in_turn(by_dag: Mapping[str, list[Marker]]) -> Iterator[tuple[str, list[Marker]]]:
    """All DAGs, each minute another one first, so that each is asked about even if there isn't time for all."""
    names: list[str] = sorted(by_dag)
    first = int(time.time() // 60) % len(names) if names else 0
    yield from ((name, by_dag[name]) for name in _rotated(names, first))


def _rotated(names: Sequence[str], first: int) -> Iterable[str]:
    return [*names[first:], *names[:first]]
