"""What goes wrong with files, as the error of the outbox: where it went wrong, and what a person can do about it."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_dingpush.storage.contract import OutboxError

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


def check_ours(folder: Path, *, may_be_link: bool = False) -> None:
    """See that a folder is one, and that nobody else could have prepared what is in it.

    :param may_be_link: whether a symbolic link to a folder will do, if nobody else has made that.
    :raises OutboxError: if it belongs to another user, or is a symbolic link.
    :raises OSError: if it can't be looked at.
    """
    found = os.lstat(folder)
    is_link = stat.S_ISLNK(found.st_mode)
    if is_link and not may_be_link:
        raise OutboxError(f"{folder} is a symbolic link, and nothing is written through one. {_OTHER_HOME}")
    for each in (found, os.stat(folder)) if is_link else (found,):
        if each.st_uid not in {os.geteuid(), 0}:
            raise OutboxError(
                f"{folder} belongs to uid {each.st_uid}, and this process is uid {os.geteuid()}: somebody else's "
                f"folder isn't written to, for it could lead anywhere. {_OTHER_HOME}"
            )
    if not stat.S_ISDIR((os.stat(folder) if is_link else found).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


_OTHER_HOME = (
    "Remove it, let all tasks run as one user (run_as_user), or set [dingpush] home to a folder of this user's own. "
    "请删除该目录或将 [dingpush] home 设为当前用户自己的目录。"
)


def _remedy(code: int | None) -> str:
    if code == errno.ELOOP:
        return "Somebody has put a symbolic link there, and nothing is written through one: remove it."
    if code in _NO_SPACE:
        return "Free some space there, or set [dingpush] home to a folder on another disk."
    if code in _NO_RIGHTS:
        return f"Let uid {os.getuid()} write there, or set [dingpush] home to a folder where it may."
    if code in _NO_LOCKS:
        return "This filesystem has no locks: set [dingpush] home to a folder of a local disk, or use outbox_url."
    return "Look at the disk and its rights, or set [dingpush] home to another folder."
