"""Markers of running tasks: written when a task starts, removed when it ends.

A process that is killed leaves its marker, by which :mod:`~.killed_tasks` finds it. In files a lock of the kernel shows
whether the process lives; it is valid on the machine that runs it only. In Redis the marker names the process, which
can be looked up on its machine.

Every task pays for this, so a marker costs one small file, or one round trip each time, and loads nothing of
``alerts/``. It is never worth an error: without a marker a failure is reported with its run.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.outboxes import home, opened
from airflow_provider_dingpush.pipeline.task_records import TaskKey, key_in, record_of
from airflow_provider_dingpush.storage.files.markers import FoundMarker, MarkerFiles

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Store

FAMILY = "markers"
"""The family of notes in Redis."""
_LASTS_SECONDS = 30 * 86_400.0
_MOST_MARKERS = 100_000

_log = logging.getLogger(__name__)


class Marker(NamedTuple):
    """A marker whose process may have ended.

    :param name: of its task instance.
    :param record: of the task instance, see :mod:`~.task_records`.
    :param owner_is_dead: whether its process has ended; ``None`` if it ran on another machine.
    :param written_at: in seconds since 1970.
    :param ticket: what :meth:`Markers.remove_if_unchanged` compares.
    """

    name: str
    record: Mapping[str, Any]
    owner_is_dead: bool | None
    written_at: float
    ticket: FoundMarker | bytes

    @property
    def key(self) -> TaskKey:
        """Its task instance."""
        return key_in(self.record)


class _Process(NamedTuple):
    """A process, in a form that another process can compare.

    :param machine: its running kernel: containers of a machine share it, and each start of a machine has another.
    :param pids: the namespace of its id; each container has another.
    :param pid: its id.
    :param since: when it started, in the kernel's unit; tells it from a later one with the same id.
    """

    machine: str
    pids: str
    pid: int
    since: str

    @classmethod
    def this(cls) -> _Process:
        return cls(_machine(), _pids(), os.getpid(), _started(os.getpid()))

    @property
    def has_ended(self) -> bool | None:
        """Whether it has ended; ``None`` if that can't be seen from here."""
        if not self.since or (self.machine, self.pids) != (_machine(), _pids()):
            return None
        return _started(self.pid) != self.since


def task_starts(ti: Any) -> None:
    """Write the marker of a task that starts in this process."""
    # Airflow 3's own process has all of it in its context already.
    is_stored = hasattr(ti, "_sa_instance_state")
    context = {} if is_stored else ti.get_template_context()
    task = getattr(ti, "task", None)
    dag = getattr(task, "dag", None) if is_stored else context.get("dag")
    run = _unless_it_raises(ti, "dag_run") if is_stored else context.get("dag_run")
    record = record_of(ti, task=task, dag=dag, run=run)
    url = airflow_option("dingpush", "outbox_url")
    if url:
        _write_note(url, TaskKey.of(ti).name, {**record, "process": list(_Process.this())})
    else:
        # The lock says the rest.
        _write_file(TaskKey.of(ti).name, {**record, "process": [_machine()]})


def _write_file(name: str, record: Mapping[str, Any]) -> None:
    with suppress(OutboxError):  # without a marker, the failure is reported with its run
        MarkerFiles(home()).write(name, json.dumps(record).encode())


def _write_note(url: str, name: str, record: Mapping[str, Any]) -> None:
    from airflow_provider_dingpush.storage.contract import Note

    note = Note(FAMILY, name, json.dumps(record).encode(), _LASTS_SECONDS, newest=_MOST_MARKERS)
    with suppress(OutboxError):
        opened(url, home()).set_notes([note])
        _held_notes[name] = os.getpid()


# The notes that this process has written -> its id, because a forked child has them, too.
_held_notes: dict[str, int] = {}


def task_ended(ti: Any) -> None:
    """Remove the marker of a task that ended, whichever process ran it."""
    remove([TaskKey.of(ti)])


def remove(keys: Iterable[TaskKey]) -> None:
    """Remove the markers of these task instances."""
    names = [each.name for each in keys]
    url = airflow_option("dingpush", "outbox_url")
    with suppress(OutboxError):
        if url:
            opened(url, home()).remove_notes((FAMILY, each) for each in names)
            for each in names:
                _held_notes.pop(each, None)
        else:
            files = MarkerFiles(home())
            for each in names:
                files.remove(each)


def process_stops() -> None:
    """Remove what this process still holds: its task was deferred or rescheduled, for example."""
    mine = [name for name, pid in _held_notes.items() if pid == os.getpid()]
    url = airflow_option("dingpush", "outbox_url")
    with suppress(OutboxError):
        if mine and url:
            opened(url, home()).remove_notes((FAMILY, each) for each in mine)
            _held_notes.clear()
        files = MarkerFiles(home())
        for name in files.held():
            files.remove(name)


class Markers:
    """The markers of one store.

    :param folder: of a store in files; ``None`` for another.
    :param store: the store.
    """

    def __init__(self, folder: Path | None, store: Store) -> None:
        self._files = None if folder is None else MarkerFiles(folder)
        self._store = store

    def without_living_owner(self) -> Iterator[Marker]:
        """Those whose process has ended, or can't be seen from here.

        :raises OutboxError: if the store can't be read.
        """
        if self._files is not None:
            for found in self._files.found():
                if not found.is_locked:
                    yield from _read(found.name, found.body, found.written_at, found)
            return
        for name, note in self._store.notes(FAMILY, _MOST_MARKERS).items():
            yield from _read(name, note.value, note.until - _LASTS_SECONDS, note.value)

    def is_there(self, key: TaskKey) -> bool:
        """Whether a task instance has a marker."""
        if self._files is not None:
            return self._files.is_there(key.name)
        return self._store.note(FAMILY, key.name) is not None

    def remove_if_unchanged(self, marker: Marker) -> None:
        """Remove a marker, unless a new try has written another one."""
        if not self.is_unchanged(marker):
            return
        if self._files is not None and isinstance(marker.ticket, FoundMarker):
            self._files.remove_found(marker.ticket)
        elif self._files is None:
            self._store.remove_notes([(FAMILY, marker.name)])

    def is_unchanged(self, marker: Marker) -> bool:
        """Whether this is still the marker of the task instance."""
        if self._files is not None:
            return isinstance(marker.ticket, FoundMarker) and self._files.is_unchanged(marker.ticket)
        found = self._store.note(FAMILY, marker.name)
        return found is not None and found.value == marker.ticket


def _read(name: str, body: bytes, written_at: float, ticket: FoundMarker | bytes) -> Iterator[Marker]:
    """The marker, unless its process lives; one that can't be read has no owner and an empty record."""
    try:
        record = json.loads(body)
        key_in(record)
        process = record.get("process") or [""]
        if isinstance(ticket, FoundMarker):
            # Nobody holds the lock. That is sure only for the locks of this machine.
            has_ended = True if process[0] == _machine() else None
        else:
            has_ended = _Process(*process).has_ended
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        _log.warning("The marker %s of a running task can't be read.", name)
        record, has_ended = {}, True
    if has_ended is not False:
        yield Marker(name, record, has_ended, written_at, ticket)


@lru_cache(maxsize=1)
def _machine() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return socket.gethostname()


def _pids() -> str:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _started(pid: int) -> str:
    """When a process started, in ticks since the machine did; empty if it has ended, or there is no ``/proc``."""
    with suppress(OSError, LookupError, UnicodeError):
        # The name, in brackets, may contain blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    return ""


def _unless_it_raises(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - of SQLAlchemy, if the session is gone
        return None
