"""Markers of tasks that run on this machine: one file for each, locked by the task's process as long as it lives.

::

    home/markers/<name>          a marker

The lock is one of ``fcntl`` (POSIX) and not of ``flock``: it belongs to the process and not to the open file. A child
of the task that outlives it, such as a daemon that it forked, has the open file too, and would keep a lock of ``flock``
for as long as it runs; it never has this one (fcntl(2), "Advisory record locking"). The price is that a process loses
its lock if it opens and closes the file a second time, so a marker of this process is never opened again, also by
:mod:`~airflow_provider_dingpush.storage.files.found_markers`.

Each start of a task writes a new file and renames it, already locked, to its name. So no marker is ever seen without
its lock, and whoever tests the marker of an earlier try can't get in the way.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from airflow_provider_dingpush.storage.files.disk import create, make_own_folder, outbox_errors

FOLDER = "markers"
"""Of the markers, in the home."""


# Path -> the process that holds the marker, and its open file.
_held: dict[str, tuple[int, int]] = {}


class MarkerFiles:
    """The markers in one folder.

    :param home: the folder of the outbox.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / FOLDER

    def write(self, name: str, body: bytes) -> None:
        """Write a marker, instead of one of an earlier try, and hold it until it is removed or this process ends.

        :raises OutboxError: if the folder can't be used.
        """
        path = self._folder / name
        with outbox_errors(self._folder):
            make_own_folder(self._home, FOLDER)
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

    def is_there(self, name: str) -> bool:
        """Whether there is a marker of this name."""
        return os.path.lexists(self._folder / name)

    def held(self) -> list[str]:
        """The names of the markers that this process holds."""
        return [Path(path).name for path in _held if self.is_held(Path(path)) and Path(path).parent == self._folder]

    def is_held(self, path: Path) -> bool:
        """Whether this process holds the marker of that path."""
        return _held.get(str(path), (0, 0))[0] == os.getpid()

    def _release(self, path: Path) -> None:
        process, descriptor = _held.pop(str(path), (0, 0))
        if process == os.getpid():
            os.close(descriptor)
