"""Markers of tasks whose process may have ended, as the flush finds them; see :mod:`~.task_markers`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.pipeline.task_markers import (
    FAMILY,
    LASTS_SECONDS,
    MOST_MARKERS,
    machine,
    process_ids,
    started,
)
from airflow_provider_dingpush.pipeline.task_records import TaskKey, key_in
from airflow_provider_dingpush.storage.files.found_markers import FoundMarker, FoundMarkerFiles

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Notes

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

    @property
    def has_ended(self) -> bool | None:
        """Whether it has ended; ``None`` if that can't be seen from here."""
        if not self.since or (self.machine, self.pids) != (machine(), process_ids()):
            return None
        return started(self.pid) != self.since


class Markers:
    """The markers of one store.

    :param folder: of a store in files; ``None`` for another.
    :param store: the store.
    """

    def __init__(self, folder: Path | None, store: Notes) -> None:
        self._files = None if folder is None else FoundMarkerFiles(folder)
        self._store = store

    def without_living_owner(self) -> Iterator[Marker]:
        """Those whose process has ended, or can't be seen from here.

        :raises OutboxError: if the store can't be read.
        """
        if self._files is not None:
            for found in self._files.all():
                if not found.is_locked:
                    yield from _read(found.name, found.body, found.written_at, found)
            return
        for name, note in self._store.notes(FAMILY, MOST_MARKERS).items():
            yield from _read(name, note.value, note.until - LASTS_SECONDS, note.value)

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
            self._files.remove(marker.ticket)
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
            has_ended = True if process[0] == machine() else None
        else:
            has_ended = _Process(*process).has_ended
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        _log.warning("The marker %s of a running task can't be read.", name)
        record, has_ended = {}, True
    if has_ended is not False:
        yield Marker(name, record, has_ended, written_at, ticket)
