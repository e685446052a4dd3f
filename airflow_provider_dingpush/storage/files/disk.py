"""Files and folders of the store: owned by this user, written whole or not at all, with a remedy in each error."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_provider_dingpush.errors import OutboxError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_OTHER_HOME = (
    "Remove it, let all tasks run as one user (run_as_user), or set [dingpush] home to a folder of this user's own. "
    "请删除该目录或将 [dingpush] home 设为当前用户自己的目录。"
)


@contextmanager
def outbox_errors(path: Path) -> Iterator[None]:
    """Raise :class:`OutboxError` for errors of the system within the block.

    :param path: named if the error names no file.
    """
    try:
        yield
    except OSError as problem:
        where = problem.filename if isinstance(problem.filename, str) else path
        what = problem.strerror or str(problem)
        raise OutboxError(f"{where}: {what}.", remedy(problem.errno), problem_zh=f"{where}：{what}。") from problem


def remedy(code: int | None) -> str:
    """What a person can do about an error of the system."""
    if code == errno.ELOOP:
        return "There is a symbolic link, and nothing is written through one: remove it. 请删除该符号链接。"
    if code in _NO_SPACE:
        return (
            "Free some space there, or set [dingpush] home to a folder on another disk. "
            "请清理空间，或将 [dingpush] home 设到其他磁盘。"
        )
    if code in _NO_RIGHTS:
        uid = os.getuid()
        return (
            f"Let uid {uid} write there, or set [dingpush] home to a folder where it may. "
            f"请允许 uid {uid} 写入，或将 [dingpush] home 设为可写的目录。"
        )
    if code in _NO_LOCKS:
        return (
            "This filesystem lacks locks: set [dingpush] home to a folder of a local disk, or use outbox_url. "
            "该文件系统不支持锁：请将 [dingpush] home 设到本地磁盘，或使用 outbox_url。"
        )
    return (
        "Check the disk and its permissions, or set [dingpush] home to another folder. "
        "请检查磁盘及其权限，或更换 [dingpush] home。"
    )


def check_ours(folder: Path, *, may_be_link: bool = False) -> None:
    """Check that a path is a folder, and that no other user could have prepared its content.

    :param may_be_link: whether a symbolic link to a folder is accepted, if this user made it.
    :raises OutboxError: if it belongs to another user, or is a symbolic link.
    :raises OSError: if it can't be read.
    """
    found = os.lstat(folder)
    is_link = stat.S_ISLNK(found.st_mode)
    if is_link and not may_be_link:
        raise OutboxError(f"{folder} is a symbolic link, and nothing is written through one. {_OTHER_HOME}")
    target = os.stat(folder) if is_link else found
    for each in {found.st_uid, target.st_uid} - {os.geteuid(), 0}:
        raise OutboxError(
            f"{folder} belongs to uid {each}, and this process is uid {os.geteuid()}: another user's folder is "
            f"never used, because its links could lead anywhere. {_OTHER_HOME}"
        )
    if not stat.S_ISDIR(target.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def make_own_folder(home: Path, *parts: str) -> Path:
    """A folder below the home, created for this user only, or checked to be this user's with those above it."""
    _check_or_make(home, may_be_link=True)
    folder = home
    for name in parts:
        folder /= name
        _check_or_make(folder)
    return folder


def _check_or_make(folder: Path, *, may_be_link: bool = False) -> None:
    try:
        check_ours(folder, may_be_link=may_be_link)
    except FileNotFoundError:
        _make(folder)
        check_ours(folder, may_be_link=may_be_link)


def _make(folder: Path) -> None:
    if not folder.parent.is_dir() and folder.parent != folder:
        _make(folder.parent)
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        return
    folder.chmod(0o700)  # a umask may have removed our own permissions


def create(path: Path, flags: int) -> int:
    """Open a file for writing that only this user may read, created if it doesn't exist; returns its descriptor."""
    descriptor = os.open(path, flags | os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o777 != 0o600:  # a umask may have removed our own permissions
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read(path: Path) -> tuple[bytes, float]:
    """The content of a file, and its time of modification in seconds since 1970."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb", buffering=0) as file:
        return file.readall(), os.fstat(file.fileno()).st_mtime


def write_whole(path: Path, body: bytes, *, drafts: Path, durable: bool = False, mtime: float | None = None) -> None:
    """Write a file so that it exists with all its content or not at all.

    :param drafts: the folder where it is written first, on the same filesystem.
    :param durable: whether its content must be on the disk before the file gets its name.
    :param mtime: its time of modification, in seconds since 1970; by default now.
    """
    draft = drafts / f"{path.name[:100]}.{os.urandom(16).hex()}"
    try:
        descriptor = create(draft, os.O_EXCL)
        try:
            with open(descriptor, "wb", buffering=0, closefd=False) as file:
                rest = memoryview(body)
                while rest:
                    rest = rest[file.write(rest) :]
            if mtime is not None:
                os.utime(descriptor, (mtime, mtime))
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(draft, path)
    except BaseException:  # also a task's timeout, which is raised anywhere
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def append_byte(path: Path) -> None:
    """Append one byte to a file; concurrent processes need no lock."""
    descriptor = create(path, os.O_APPEND)
    try:
        os.write(descriptor, b".")
    finally:
        os.close(descriptor)


def names_in(folder: Path | str) -> list[str]:
    """The names in a folder; none if it doesn't exist."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def size_of(path: Path | str) -> int | None:
    """The size of a file in bytes; ``None`` if it doesn't exist."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def times_in(folder: Path) -> Iterator[tuple[int, str]]:
    """The time of modification of each file, in nanoseconds since 1970, and its name."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield entry.stat(follow_symlinks=False).st_mtime_ns, entry.name


def remove_older(folder: Path, moment: float) -> None:
    """Remove the files whose time of modification is before a moment, in seconds since 1970."""
    for modified, name in times_in(folder):
        if modified / 1e9 < moment:
            with suppress(IsADirectoryError):
                (folder / name).unlink(missing_ok=True)
