"""Markers of tasks that run on this machine: one file for each, locked by the task's process as long as it lives.

::

    home/markers/<name>          a marker

The lock is one of ``fcntl`` (POSIX) and not of ``flock``: it belongs to the process and not to the open file. A child
of the task that outlives it, such as a daemon that it forked, has the open file too, and would keep a lock of ``flock``
for as long as it runs; it never has this one (fcntl(2), "Advisory record locking"). The price is that a process loses
its lock if it opens and closes the file a second time, so a marker of this process is never opened here again.

Each start of a task writes a new file and renames it, already locked, to its name. So no marker is ever seen without
its lock, and whoever tests the marker of an earlier try can't get in the way.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from airflow_provider_dingpush.storage.files.disk import create, make_own_folder, names_in, outbox_errors

_FOLDER = "markers"
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


# Path -> the process that holds the marker, and its open file.
_held: dict[str, tuple[int, int]] = {}


class MarkerFiles:
    """The markers in one folder.

    :param home: the folder of the outbox.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / _FOLDER

    def write(self, name: str, body: bytes) -> None:
        """Write a marker, instead of one of an earlier try, and hold it until it is removed or this process ends.

        :raises OutboxError: if the folder can't be used.
        """
        path = self._folder / name
        with outbox_errors(self._folder):
            make_own_folder(self._home, _FOLDER)
            draft = make_own_folder(self._home, "tmp") / f"{name}.{os.urandom(8).hex()}"
            descriptor = create(draft, os.O_EXCL)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(descriptor, body)
                draft.rename(path)
            except BaseException:  # also a task's timeout, which is raised anywhere
                os.close(descriptor)
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise
        self._release(path)
        _held[str(path)] = os.getpid(), descriptor

    def remove(self, name: str) -> None:
        """Remove a marker, whichever process holds it.

        :raises OutboxError: if the folder can't be used.
        """
        path = self._folder / name
        with outbox_errors(self._folder):
            path.unlink(missing_ok=True)
        self._release(path)

    def remove_found(self, found: FoundMarker) -> None:
        """Remove a marker, unless a new try has written another one meanwhile.

        :raises OutboxError: if the folder can't be used.
        """
        with outbox_errors(self._folder):
            if self.is_unchanged(found):
                (self._folder / found.name).unlink(missing_ok=True)

    def is_unchanged(self, found: FoundMarker) -> bool:
        """Whether no new try has written another marker of this name meanwhile."""
        with suppress(FileNotFoundError), outbox_errors(self._folder):
            # A new file may get the number of a removed one.
            about = os.lstat(self._folder / found.name)
            return (about.st_ino, about.st_mtime) == (found.inode, found.written_at)
        return False

    def is_there(self, name: str) -> bool:
        """Whether there is a marker of this name."""
        return os.path.lexists(self._folder / name)

    def held(self) -> list[str]:
        """The names of the markers that this process holds."""
        return [Path(path).name for path in _held if self._is_held(Path(path)) and Path(path).parent == self._folder]

    def found(self) -> Iterator[FoundMarker]:
        """All markers but those of this process.

        :raises OutboxError: if the folder can't be read.
        """
        with outbox_errors(self._folder):
            names = names_in(self._folder)
        for name in sorted(names):
            path = self._folder / name
            if not self._is_held(path):
                with suppress(FileNotFoundError), outbox_errors(path):
                    yield _looked_at(path)

    def _is_held(self, path: Path) -> bool:
        return _held.get(str(path), (0, 0))[0] == os.getpid()

    def _release(self, path: Path) -> None:
        process, descriptor = _held.pop(str(path), (0, 0))
        if process == os.getpid():
            os.close(descriptor)


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
