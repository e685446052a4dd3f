"""What goes wrong with files, as the error of the outbox: where it went wrong, and what a person can do about it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_dingpush.delivery.outbox import OutboxError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def trouble_with(path: Path) -> Iterator[None]:
    """Raise :class:`OutboxError` for what the system or SQLite says within the block.

    :param path: what is named if the error names nothing itself.
    """
    try:
        yield
    except OSError as problem:
        where = problem.filename if isinstance(problem.filename, str) else path
        raise OutboxError(f"{where}: {problem.strerror or problem}. {_remedy(problem.errno)}") from problem
    except sqlite3.Error as problem:
        raise OutboxError(f"{path}: {problem}. {_remedy(None)}") from problem


def _remedy(code: int | None) -> str:
    if code in _NO_SPACE:
        return "Free some space there, or set [dingpush] home to a folder on another disk."
    if code in _NO_RIGHTS:
        return f"Let uid {os.getuid()} write there, or set [dingpush] home to a folder where it may."
    if code in _NO_LOCKS:
        return "This filesystem has no locks: set [dingpush] home to a folder of a local disk, or use outbox_url."
    return "Look at the disk and its rights, or set [dingpush] home to another folder."
