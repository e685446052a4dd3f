"""The store of one machine, in files: each body a small file, locks by ``flock``, a book in SQLite.

::

    home/mail/<box>/new/<id>.json    bodies
                    about.json       the label
                    overflow         one byte for each body that was refused
                    overflow.acknowledged how many of those are acknowledged
                    dead/            bodies that were set aside
    home/books/<book>/state.db       records
    home/locks/<kind>-<of>           locked by a process
    home/notes/<family>/<name>       a note; its time of modification is when it expires
    home/tmp/                        files being written
    home/swept                       when expired notes were last removed

Putting takes no lock: a stopped or slow leader delays no other process. No ``fsync`` of the folder follows the rename:
a body survives the death of every process, but a power cut only if the filesystem has written the folder by then.

Nothing is opened through a symbolic link, and no folder of another user is used: where another user may write, a file
of a known name could lead anywhere.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.contract import Bound, Listing, Lock, Mail, PutResult, RecordId, Records
from airflow_provider_dingpush.storage.files.disk import (
    append_byte,
    check_ours,
    make_own_folder,
    names_in,
    outbox_errors,
    read,
    remove_older,
    size_of,
    times_in,
    write_whole,
)
from airflow_provider_dingpush.storage.files.locks import FileLock, is_held
from airflow_provider_dingpush.storage.notes import FoundNote, Note

_DRAFT_SECONDS = 3600.0  # writing a file takes less than an hour
_SWEEP_SECONDS = 86_400.0
# Alerts are much smaller: texts are cut when they are read, and DingTalk takes 20,000 bytes of a message.
_LARGEST_BYTES = 100_000
_SIZES_READ = 16
_COUNTING_NAMES = ("00", "80")  # prefixes of note names, which are digests: one in 128
_SAFE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")

_log = logging.getLogger(__name__)


class FileStore:
    """A :class:`~airflow_provider_dingpush.storage.contract.Store` in a folder of one machine.

    :param home: the folder; created by the first write, readable by its owner only.
    :param clock: seconds since 1970.
    :param in_public: whether it is where all users may create folders, so that another user may have prepared it.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time, in_public: bool = False) -> None:
        self._home = home
        self._in_public = in_public
        self._clock = clock

    def now(self) -> float:
        return self._clock()

    def risks(self) -> Sequence[str]:
        return ()

    # mail

    def put(
        self, box: str, label: bytes, key: str, body: bytes, *, bound: Bound, notes: Sequence[Note] = ()
    ) -> PutResult:
        folder = self._box(box)
        waiting = folder / "new" / f"{_file_name(key)}.json"
        with outbox_errors(folder):
            make_own_folder(self._home, "mail", box, "new")
            drafts = make_own_folder(self._home, "tmp")
            if size_of(folder / "about.json") is None:
                write_whole(folder / "about.json", label, drafts=drafts)
            if os.path.lexists(waiting):
                return PutResult.REPEATED
            for note in notes:
                self._set(note, drafts)
            if _is_full(folder / "new", bound):
                append_byte(folder / "overflow")
                return PutResult.REFUSED
            write_whole(waiting, body, drafts=drafts, durable=True)
            return PutResult.KEPT

    def mail(self, boxes: Sequence[str], at_most: int) -> Listing:
        with self._reading(self._home):
            # By age, and alike in every process.
            found = sorted((age, box, name) for box in boxes for age, name in times_in(self._box(box) / "new"))
            mail: list[Mail] = []
            for _, box, name in found:
                if len(mail) >= at_most:
                    break
                with suppress(FileNotFoundError):
                    mail.append(Mail(box, name, _body_of(self._box(box) / "new" / name)))
            marks = {box: size_of(self._box(box) / "overflow") or 0 for box in boxes}
            return Listing(mail, {box: max(0, mark - self._acknowledged(box)) for box, mark in marks.items()}, marks)

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        with outbox_errors(self._home):
            for box, names in ids.items():
                for name in names:
                    (self._box(box) / "new" / name).unlink(missing_ok=True)
            # The overflow file only grows, and the acknowledged size is in a second file: appending needs no lock, and
            # bytes appended after the count are acknowledged next time.
            for box, mark in marks.items():
                if mark > self._acknowledged(box):
                    drafts = make_own_folder(self._home, "tmp")
                    write_whole(self._box(box) / "overflow.acknowledged", str(mark).encode(), drafts=drafts)

    def set_aside(self, box: str, mail_id: str) -> str:
        aside = self._box(box) / "dead" / mail_id
        with suppress(OSError, OutboxError):  # then it is listed again, and everything else works
            make_own_folder(self._home, "mail", box, "dead")
            os.replace(self._box(box) / "new" / mail_id, aside)
        return str(aside)

    def labels(self) -> Mapping[str, bytes | None]:
        with self._reading(self._home):
            boxes = [box for box in names_in(self._home / "mail") if _has_entries(self._box(box) / "new")]
        return {box: self._label(box) for box in boxes}

    def count(self, box: str) -> int:
        with self._reading(self._box(box)):
            return len(names_in(self._box(box) / "new"))

    # lock

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:  # noqa: ARG002
        with outbox_errors(self._lock_file(kind, of)):
            make_own_folder(self._home, "locks")
            return FileLock.taken(self._lock_file(kind, of))

    def is_locked(self, kind: str, of: str) -> bool:
        with outbox_errors(self._lock_file(kind, of)):
            return is_held(self._lock_file(kind, of))

    # records

    def records(self, book: str, lock: Lock) -> Records:
        from airflow_provider_dingpush.storage.files.state_file import StateFile

        state = self._state_file(book)
        with outbox_errors(state):
            make_own_folder(self._home, "books", state.parent.name)
            with suppress(OSError, OutboxError):  # whatever is left there, the book can be used
                self._sweep()
        return StateFile(state, lock, clock=self._clock)

    def read(self, book: str) -> dict[RecordId, Any]:
        from airflow_provider_dingpush.storage.files.state_file import read_records

        return read_records(self._state_file(book))

    def books(self) -> Sequence[str]:
        with self._reading(self._home):
            books = self._home / "books"
            return sorted(name for name in names_in(books) if (books / name / "state.db").exists())

    # notes

    def set_notes(self, notes: Iterable[Note], *, waits: bool = True) -> None:  # noqa: ARG002 - nothing to wait for
        with outbox_errors(self._home):
            drafts = make_own_folder(self._home, "tmp")
            for note in notes:
                self._set(note, drafts)

    def note(self, family: str, name: str) -> FoundNote | None:
        path = self._home / "notes" / family / _file_name(name)
        with outbox_errors(path), suppress(FileNotFoundError):
            # Every success reads it: a folder that another user has prepared has no note, and is no problem either.
            return self._found(path) if self._is_ours() else None
        return None

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        folder = self._home / "notes" / family
        found: dict[str, FoundNote] = {}
        with self._reading(folder):
            for name in sorted(names_in(folder)):
                if len(found) >= at_most:
                    break
                try:
                    note = self._found(folder / name)
                except FileNotFoundError:
                    continue
                except OSError as problem:
                    _log.error("%s can't be read: %s", folder / name, problem.strerror)
                    continue
                if note is not None:
                    found[name] = note
        return found

    def remove_notes(self, names: Iterable[tuple[str, str]], *, waits: bool = True) -> None:  # noqa: ARG002 - as above
        with outbox_errors(self._home):
            for family, name in names:
                (self._home / "notes" / family / _file_name(name)).unlink(missing_ok=True)

    # inside

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        """As :func:`outbox_errors`, and nothing is read from a folder that another user may have made."""
        with outbox_errors(path):
            if self._in_public:
                with suppress(FileNotFoundError):
                    check_ours(self._home)
            yield

    def _is_ours(self) -> bool:
        with suppress(OutboxError):
            if self._in_public:
                check_ours(self._home)
            return True
        return False

    def _box(self, box: str) -> Path:
        return self._home / "mail" / box

    def _lock_file(self, kind: str, of: str) -> Path:
        return self._home / "locks" / f"{kind}-{_file_name(of)}"

    def _state_file(self, book: str) -> Path:
        return self._home / "books" / _file_name(book) / "state.db"

    def _label(self, box: str) -> bytes | None:
        with suppress(OSError):
            return read(self._box(box) / "about.json")[0]
        return None

    def _acknowledged(self, box: str) -> int:
        try:
            return int(read(self._box(box) / "overflow.acknowledged")[0] or 0)
        except (FileNotFoundError, ValueError):
            return 0

    def _set(self, note: Note, drafts: Path) -> None:
        folder = make_own_folder(self._home, "notes", note.family)
        path = folder / _file_name(note.name)
        now = self._clock()
        value, until = note.value, min(note.until, now + note.seconds)
        if note.extends:
            with suppress(FileNotFoundError):
                found, lasts = read(path)
                if lasts > now:
                    value, until = found, max(until, lasts)
        write_whole(path, value, drafts=drafts, durable=note.durable, mtime=until)
        if note.newest is not None and path.name.startswith(_COUNTING_NAMES):
            # Counted by one note in many only, because counting is slow.
            times = sorted(times_in(folder))
            for _, name in times[: max(0, len(times) - note.newest)]:
                (folder / name).unlink(missing_ok=True)

    def _found(self, path: Path) -> FoundNote | None:
        value, until = read(path)
        left = until - self._clock()
        return FoundNote(value, until, left) if left > 0 else None

    def _sweep(self) -> None:
        """Remove drafts of processes that died while writing, and once a day the expired notes."""
        now = self._clock()
        remove_older(self._home / "tmp", now - _DRAFT_SECONDS)
        swept = self._home / "swept"
        with suppress(FileNotFoundError):
            if os.lstat(swept).st_mtime >= now - _SWEEP_SECONDS:
                return
        write_whole(swept, b"", drafts=make_own_folder(self._home, "tmp"), mtime=now)
        for family in names_in(self._home / "notes"):
            remove_older(self._home / "notes" / family, now)


def _file_name(name: str) -> str:
    """The name itself if it is safe for a file, otherwise its digest."""
    return name if _SAFE_NAME.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _body_of(path: Path) -> bytes | None:
    """The content of a file; ``None`` if it can't be read."""
    try:
        return read(path)[0]
    except FileNotFoundError:
        raise
    except OSError:
        return None


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_full(new: Path, bound: Bound) -> bool:
    """Whether a box is full.

    Each put lists the names: 0.1 ms for a hundred, 5 ms for ten thousand, which costs less than a counter with a lock.
    Only some sizes are read: each costs as much again as listing a name.
    """
    names = os.listdir(new)
    if not names:
        return False
    if len(names) >= bound.bodies:
        return True
    if len(names) * _LARGEST_BYTES < bound.size:
        return False
    some = names[:: -(-len(names) // _SIZES_READ)]
    sizes = [size for name in some if (size := size_of(f"{new}/{name}")) is not None]
    return bool(sizes) and sum(sizes) / len(sizes) * len(names) >= bound.size
