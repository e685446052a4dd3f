"""Locks of the kernel: the end of a process releases them, and a forked child doesn't inherit them."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from airflow_provider_dingpush.errors import LeadershipLostError


class FileLock:
    """A file locked by this process until it releases it or ends.

    :param path: the file.
    :param descriptor: the open and locked file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._released = False
        self._process = os.getpid()
        _HELD.add(descriptor)

    @classmethod
    def taken(cls, path: Path, *, make: bool = True) -> FileLock | None:
        """The lock, or ``None`` if another process has it.

        :param make: create the file if there is none; otherwise ``None`` then.
        """
        while True:
            try:
                flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:
                if make:
                    raise
                return None
            try:
                os.fchmod(descriptor, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_open_file(path, descriptor):
                    return cls(path, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            # Removed by another process between the two steps: others lock a new file of this name.
            os.close(descriptor)

    def check(self) -> None:
        """Check that it is held, and that the file wasn't replaced.

        :raises LeadershipLostError: if it was released, this is a forked child, or the file was removed.
        """
        if self._process != os.getpid():
            raise LeadershipLostError(f"{self._path} is locked by process {self._process}, and this is {os.getpid()}")
        if self._released or not _is_open_file(self._path, self._descriptor):
            raise LeadershipLostError(f"{self._path} was released or removed, so another process may lead")

    def keep(self, seconds: float) -> None:  # noqa: ARG002 - it does not expire
        """As :meth:`check`."""
        self.check()

    def release(self) -> None:
        """Release it; a second call does nothing."""
        if self._process != os.getpid() or self._released:
            return
        self._released = True
        _HELD.discard(self._descriptor)
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    lock = FileLock.taken(path, make=False)
    if lock is None:
        return path.exists()
    lock.release()
    return False


def _is_open_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


# A child shares the open file of its parent and would keep it locked after the parent's end.
_HELD: set[int] = set()


def _close_in_child() -> None:
    while _HELD:
        with suppress(OSError):
            os.close(_HELD.pop())


os.register_at_fork(after_in_child=_close_in_child)
