"""Where the outbox of this Airflow is, and whether this user can write to it."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.outboxes import address_of, outbox_url
from airflow_provider_dingpush.storage.files.disk import check_ours, outbox_errors
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store

# A note that nobody reads, to find out whether a server takes one; it lasts so many seconds.
_PROBE = Note("probes", "write", seconds=60.0)


class OutboxKind(Enum):
    """What keeps pending alerts."""

    FILES = "files"
    REDIS = "redis"


@dataclass(frozen=True)
class OutboxPlace:
    """The outbox that this Airflow is configured to use.

    :param kind: what keeps pending alerts.
    :param location: the folder, or the URL without user name and password; ``None`` if the option can't be read.
    :param was_used: whether an alert was ever written there; ``None`` if that is unknown.
    :param write_problem: why this user can't write to it; ``None`` if it can.
    """

    kind: OutboxKind
    location: str | None
    was_used: bool | None
    write_problem: OutboxError | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": self.kind.value,
            "location": self.location,
            "was_used": self.was_used,
            "writable": self.write_problem is None,
            "problem": None if self.write_problem is None else self.write_problem.in_language("en"),
        }


def place_of(store: Store) -> OutboxPlace:
    """The place of the outbox that is configured.

    :param store: the first of this process's stores.
    """
    kind = OutboxKind.REDIS if store.folder is None else OutboxKind.FILES
    return OutboxPlace(kind, _location_of(store), _was_used(store), _write_problem(store))


def check_writable(folder: Path) -> None:
    """Check that this user can write files in a folder, or create it; nothing is left there.

    :raises OutboxError: with what to do about it.
    """
    with outbox_errors(folder):
        try:
            check_ours(folder, may_be_link=True)
        except FileNotFoundError:
            _check_creatable(folder)
            return
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as problem:
            problem.filename = str(folder)  # instead of a name that was only tried
            raise


def _check_creatable(folder: Path) -> None:
    above = next(each for each in folder.absolute().parents if each.exists())
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(above))
    try:
        # Tried, because for root the permissions of a folder say nothing, such as below /proc or on a network disk.
        Path(tempfile.mkdtemp(dir=above)).rmdir()
    except OSError as problem:
        # A file system that creates nothing calls the new folder missing.
        code = errno.EACCES if problem.errno == errno.ENOENT else problem.errno or errno.EIO
        raise OSError(code, os.strerror(code), str(above)) from None


def _location_of(store: Store) -> str | None:
    if store.folder is not None:
        return str(store.folder)
    try:
        return address_of(outbox_url() or "").location
    except OutboxError:
        return None


def _was_used(store: Store) -> bool | None:
    try:
        if store.folder is not None:
            return not store.is_empty
        return bool(store.outbox.receivers() or store.outbox.pending_mailboxes())
    except (OutboxError, OSError):
        return None


def _write_problem(store: Store) -> OutboxError | None:
    try:
        if store.folder is None:
            store.outbox.store.set_notes([_PROBE])
        else:
            check_writable(store.folder)
    except OutboxError as problem:
        return problem
    return None
