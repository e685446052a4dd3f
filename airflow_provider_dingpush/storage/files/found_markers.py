"""Looking at the markers of :mod:`~airflow_provider_dingpush.storage.files.markers`, as a flush does.

Apart from writing them, which the process of every task loads.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from airflow_provider_dingpush.storage.files.disk import names_in, outbox_errors
from airflow_provider_dingpush.storage.files.markers import FOLDER, MarkerFiles

_MOST_BYTES = 65_536


class FoundMarker(NamedTuple):
    """A marker that was found.

    :param name: of its task instance.
    :param body: what the task's process wrote.
    :param is_locked: whether a process of this machine holds it.
    :param written_at: in seconds since 1970.
    :param inode: of the file; a new try has another one.
    """

    name: str
    body: bytes
    is_locked: bool
    written_at: float
    inode: int


class FoundMarkerFiles:
    """The markers in one folder, for those that look for killed tasks.

    :param home: the folder of the outbox.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._own = MarkerFiles(home)

    def all(self) -> Iterator[FoundMarker]:
        """All markers but those of this process.

        :raises OutboxError: if the folder can't be read.
        """
        with outbox_errors(self._folder):
            names = names_in(self._folder)
        for name in sorted(names):
            path = self._folder / name
            if not self._own.is_held(path):
                with suppress(FileNotFoundError), outbox_errors(path):
                    yield _looked_at(path)

    def is_there(self, name: str) -> bool:
        """Whether there is a marker of this name."""
        return self._own.is_there(name)

    def is_unchanged(self, found: FoundMarker) -> bool:
        """Whether no new try has written another marker of this name meanwhile."""
        with suppress(FileNotFoundError), outbox_errors(self._folder):
            # A new file may get the number of a removed one.
            about = os.lstat(self._folder / found.name)
            return (about.st_ino, about.st_mtime) == (found.inode, found.written_at)
        return False

    def remove(self, found: FoundMarker) -> None:
        """Remove a marker, unless a new try has written another one meanwhile.

        :raises OutboxError: if the folder can't be used.
        """
        with outbox_errors(self._folder):
            if self.is_unchanged(found):
                (self._folder / found.name).unlink(missing_ok=True)


def _looked_at(path: Path) -> FoundMarker:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            # Shared, so that two processes that look at the same time don't take each other for the task's.
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_locked = False
        except (BlockingIOError, PermissionError):
            is_locked = True
        about = os.fstat(descriptor)
        return FoundMarker(path.name, os.read(descriptor, _MOST_BYTES), is_locked, about.st_mtime, about.st_ino)
    finally:
        os.close(descriptor)
