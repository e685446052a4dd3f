"""What is noted for baselines: run events become histories, and what was said of each baseline is remembered.

While Redis is away, files of this machine take what listeners note, so all stores are read. A history is written to the
first store that takes it, before the events that it has are removed: after a crash they are read once more, and change
nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.oncall.baselines import Notice
from airflow_provider_dingpush.oncall.critical_path import TaskHistory
from airflow_provider_dingpush.oncall.run_history import COUNTED_RUNS, Run, RunHistory
from airflow_provider_dingpush.pipeline.baseline_events import (
    DAGS,
    HISTORY,
    RUNS,
    STATES,
    TASKS,
    name_of_history,
    name_of_task,
)
from airflow_provider_dingpush.pipeline.check_lock import only_here
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.storage import contract
    from airflow_provider_dingpush.storage.notes import FoundNote

_Read = TypeVar("_Read")

BASELINES, _SAID = "baselines", "said"
MOST_HISTORIES = 10_000
"""How many DAGs and assets have a history at most."""

_MOST_EVENTS = 5_000
# An older note about paused DAGs says nothing.
_STATES_LAST_SECONDS = 3_600.0
_MOST_DAYS = 4
_MOST_LOOKS = 20
_MOST_WRITTEN = 100

HistoryOf = tuple[str, str]
"""``dag`` or ``asset``, and the name."""


class NotedEvent(NamedTuple):
    """What a listener noted of a run.

    :param of: the DAG or asset.
    :param run: as it was noted.
    :param plain: all of the note.
    """

    of: HistoryOf
    run: Run
    plain: Mapping[str, Any]

    @property
    def run_and_attempt(self) -> tuple[str, int]:
        """Identifies it within its history."""
        return self.run.run_id, self.run.attempt

    @classmethod
    def read(cls, value: bytes) -> NotedEvent:
        """Read the value of a note.

        :raises ValueError: if it is anything else.
        """
        try:
            plain = json.loads(value)
            fields = {name: plain[name] for name in Run._fields if name in plain}
            run = Run(**fields)
            if not isinstance(run.started, (int, float)) or not isinstance(run.attempt, int):
                raise ValueError("the times of a run are numbers")
            return cls((str(plain["kind"]), str(plain["name"])), run, plain)
        except (TypeError, KeyError, AttributeError, RecursionError) as problem:
            raise ValueError("this isn't a note about a run") from problem


def with_events(
    history: RunHistory, events: Iterable[NotedEvent], tells_tasks: Callable[[NotedEvent], bool]
) -> RunHistory:
    """A history with what was noted since.

    :param tells_tasks: whether the ends of a run's tasks were noted while it ran.
    """
    known = {each.run_id: each for each in history.runs}
    for event in sorted(events, key=lambda each: (each.run.attempt, each.run.ended is not None, each.run.started)):
        before = known.get(event.run.run_id)
        is_new = before is None or before.ended != event.run.ended or before.attempt != event.run.attempt
        history = history.with_runs([event.run])
        history = _with_dag(history, event.plain)
        if is_new and event.run.is_ordinary and event.plain.get("tasks"):
            history = replace(
                history, tasks=_with_tasks(history.tasks, event.plain["tasks"]), tells_tasks=tells_tasks(event)
            )
    return history


def _with_dag(history: RunHistory, plain: Mapping[str, Any]) -> RunHistory:
    if "zone" not in plain:
        return history
    return replace(
        history,
        zone=str(plain["zone"]),
        owners=tuple(map(str, plain.get("owners", ()))),
        tags=tuple(map(str, plain.get("tags", ()))),
    )


def _with_tasks(known: Sequence[TaskHistory], tasks: Any) -> tuple[TaskHistory, ...]:
    before = {each.task_id: each.took for each in known}
    found = []
    for name, upstream, took in tasks:
        earlier = before.get(name, ())
        times = earlier if took is None else (*earlier, max(0.0, float(took)))
        found.append(TaskHistory(str(name), tuple(map(str, upstream)), times[-COUNTED_RUNS:]))
    return tuple(found)


class Said(NamedTuple):
    """What was said of a baseline.

    :param since: since when it is watched, in seconds since 1970.
    :param outputs: what it waits for.
    :param days: day -> what was said of it.
    :param begun: days of which something was going to be said, and perhaps was.
    """

    since: float
    outputs: tuple[str, ...]
    days: Mapping[str, frozenset[Notice]] = {}
    begun: frozenset[str] = frozenset()

    def of(self, day: str) -> frozenset[Notice]:
        """What was said of a day."""
        return self.days.get(day, frozenset())

    def beginning(self, day: str) -> Said:
        """When something is going to be said of a day."""
        return self._replace(begun=frozenset(sorted(self.begun | {day})[-_MOST_DAYS:]))

    def saying(self, day: str, notices: Iterable[Notice]) -> Said:
        """With this said as well; earlier days are forgotten after a while."""
        days = {**self.days, day: self.of(day) | frozenset(notices)}
        kept = sorted(days)[-_MOST_DAYS:]
        return self._replace(days={each: days[each] for each in kept}, begun=self.begun - {*days})

    def to_plain(self) -> dict[str, Any]:
        """As JSON data."""
        days = {day: sorted(each.value for each in notices) for day, notices in self.days.items()}
        return {"since": self.since, "outputs": list(self.outputs), "days": days, "begun": sorted(self.begun)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Said:
        """Read what :meth:`to_plain` returned.

        :raises ValueError: if it is anything else.
        """
        try:
            days = {str(day): frozenset(map(Notice, notices)) for day, notices in plain["days"].items()}
            begun = frozenset(map(str, plain.get("begun", ())))
            return cls(float(plain["since"]), tuple(map(str, plain["outputs"])), days, begun)
        except (TypeError, KeyError, AttributeError) as problem:
            raise ValueError("this isn't what was said of a baseline") from problem


class Histories(Mapping[HistoryOf, RunHistory]):
    """The histories of all DAGs and assets; each is read when it is asked for, so that they are never all in memory.

    :param stores: where they are.
    :param events: that aren't in them yet.
    """

    def __init__(self, stores: Sequence[Store], events: Iterable[NotedEvent]) -> None:
        self._stores = stores
        self._events: dict[HistoryOf, list[NotedEvent]] = {}
        for each in events:
            self._events.setdefault(each.of, []).append(each)
        self._fetched: dict[HistoryOf, list[FoundNote]] = {}
        self._read: dict[HistoryOf, RunHistory] = {}

    def prefetch(self, wanted: Iterable[HistoryOf]) -> None:
        """Read these in one go, and forget the ones before: each call of a store waits for a thread."""
        names = {of: name_of_history(*of) for of in wanted}
        self._fetched, self._read = {of: [] for of in names}, {}
        for found in notes_named(self._stores, HISTORY, names.values()):
            for of, name in names.items():
                if name in found:
                    self._fetched[of].append(found[name])

    def __getitem__(self, of: HistoryOf) -> RunHistory:
        if of not in self._fetched:
            self.prefetch([of])
        if of not in self._read:
            self._read[of] = self._history(of)
        return self._read[of]

    def _history(self, of: HistoryOf) -> RunHistory:
        known = None
        for note in self._fetched[of]:
            with suppress(ValueError):
                history = _unpacked(note.value)[1]
                # Another store has an older one, from before Redis was away or while it was.
                known = history if known is None else known.with_runs(history.runs)
        if known is None and of not in self._events:
            raise KeyError(of)
        return with_events(known or RunHistory(), self._events.get(of, ()), self._tells_tasks)

    def __iter__(self) -> Iterator[HistoryOf]:
        known = dict.fromkeys(self._events)
        for notes in _each(self._stores, lambda store: store.bounded.notes(HISTORY, MOST_HISTORIES)):
            for note in notes.values():
                with suppress(ValueError):
                    known[_unpacked(note.value)[0]] = None
        return iter(known)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _tells_tasks(self, event: NotedEvent) -> bool:
        """Whether the end of any task of a run was noted while it ran."""
        names = [str(task[0]) for task in event.plain["tasks"][:_MOST_LOOKS]]
        return bool(task_ends(self._stores, event.of[1], event.run.run_id, names))


def task_ends(stores: Sequence[Store], dag_id: str, run_id: str, task_ids: Iterable[str]) -> dict[str, float]:
    """When tasks of a run ended, in seconds since 1970, as far as that is noted."""
    names = {task_id: name_of_task(dag_id, run_id, task_id) for task_id in task_ids}
    ends: dict[str, float] = {}
    for found in notes_named(stores, TASKS, names.values()):
        for task_id, name in names.items():
            with suppress(ValueError, TypeError, KeyError):
                if name in found:
                    ends.setdefault(task_id, float(json.loads(found[name].value)["ended"]))
    return ends


def notes_named(stores: Sequence[Store], family: str, names: Collection[str]) -> Iterator[dict[str, FoundNote]]:
    """The notes of these names in each store."""

    def look_up(store: contract.Store) -> dict[str, FoundNote]:
        found = ((name, store.note(family, name)) for name in names)
        return {name: note for name, note in found if note is not None}

    if names:
        yield from _each(stores, lambda store: store.bounded.run(look_up))


def _each(stores: Sequence[Store], read: Callable[[Store], _Read]) -> Iterator[_Read]:
    for store in stores:
        with suppress(OutboxError):
            yield read(store)


class BaselineNotes:
    """The notes of baselines in all stores that this process can use.

    :param stores: the best first.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores

    def only_here(self) -> AbstractContextManager[bool]:
        """Be the only process that checks; ``False`` if another one does, on any machine with the same outbox."""
        return only_here(self._stores, BASELINES)

    def histories(self) -> Histories:
        """All histories, with the events that aren't in them yet. Changes nothing."""
        return Histories(self._stores, [event for _, _, event in self._events()])

    def update(self) -> Histories:
        """The same, and the histories of runs that have ended are written, some at a time. By one process at a time.

        :raises OutboxError: if no store takes one.
        """
        events = list(self._events())
        found = Histories(self._stores, [event for _, _, event in events])
        ended = dict.fromkeys((each.of, *each.run_and_attempt) for *_, each in events if each.run.ended)
        # What is left is read from the events again the next time: each write waits for the disk.
        written = dict.fromkeys(list(dict.fromkeys(of for of, _, _ in ended))[:_MOST_WRITTEN])
        found.prefetch(written)
        self._write(
            Note(HISTORY, name_of_history(*of), _packed(of, found[of]), newest=MOST_HISTORIES, durable=True)
            for of in written
        )
        for store in self._stores:
            gone = [
                (RUNS, name)
                for place, name, event in events
                if place is store and event.of in written and (event.of, *event.run_and_attempt) in ended
            ]
            with suppress(OutboxError):
                if gone:
                    store.bounded.remove_notes(gone)
        return found

    def task_ends(self, dag_id: str, history: RunHistory) -> Callable[[str], Mapping[str, float]]:
        """Looks up when the tasks of a run ended, in seconds since 1970, as far as it is noted."""
        return lambda run_id: task_ends(self._stores, dag_id, run_id, [each.task_id for each in history.tasks])

    def states(self) -> Mapping[str, tuple[bool, float | None]] | None:
        """Of each DAG whether it is paused and when its next run is created; ``None`` if nobody noted that lately."""
        newest = self._newest(DAGS, STATES)
        if time.time() - newest.get("at", 0.0) > _STATES_LAST_SECONDS:
            return None
        with suppress(TypeError, ValueError, AttributeError):
            return {str(name): (bool(paused), at) for name, (paused, at) in newest["dags"].items()}
        return None

    def said(self) -> dict[str, Said]:
        """What was said of each baseline, by name."""
        found = {}
        for name, plain in self._newest(BASELINES, _SAID).get("baselines", {}).items():
            with suppress(ValueError):
                found[str(name)] = Said.from_plain(plain)
        return found

    def remember(self, said: Mapping[str, Said]) -> None:
        """Note what was said.

        :raises OutboxError: if no store takes it.
        """
        plain = {"at": time.time(), "baselines": {name: each.to_plain() for name, each in said.items()}}
        self._write([Note(BASELINES, _SAID, json.dumps(plain).encode(), durable=True)])

    def _events(self) -> Iterator[tuple[Store, str, NotedEvent]]:
        for store in self._stores:
            with suppress(OutboxError):
                for name, note in store.bounded.notes(RUNS, _MOST_EVENTS).items():
                    with suppress(ValueError):
                        yield store, name, NotedEvent.read(note.value)

    def _newest(self, family: str, name: str) -> Mapping[str, Any]:
        found: list[Mapping[str, Any]] = []
        for note in _each(self._stores, lambda store: store.bounded.note(family, name)):
            with suppress(ValueError, RecursionError):
                read = json.loads(note.value) if note else None
                if isinstance(read, dict) and isinstance(read.get("at"), (int, float)):
                    found.append(read)
        return max(found, key=lambda each: each["at"], default={})

    def _write(self, notes: Iterable[Note]) -> None:
        wanted = list(notes)
        trouble: OutboxError | None = None
        for store in self._stores if wanted else ():
            try:
                store.bounded.set_notes(wanted)
                return
            except OutboxError as problem:
                trouble = trouble or problem
        if trouble is not None:
            raise trouble


def _packed(of: HistoryOf, history: RunHistory) -> bytes:
    return json.dumps({"of": list(of), **history.to_plain()}, separators=(",", ":")).encode()


def _unpacked(value: bytes) -> tuple[HistoryOf, RunHistory]:
    try:
        plain = json.loads(value)
        kind, name = plain["of"]
    except (TypeError, KeyError, RecursionError) as problem:
        raise ValueError("this isn't a history of runs") from problem
    return (str(kind), str(name)), RunHistory.from_plain(plain)
