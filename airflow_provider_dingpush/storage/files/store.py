"""The store of one machine, in files: each body a small file, locks by ``flock``, a book in SQLite.

::

    home/mail/<box>/new/<id>.json    bodies that wait
                    about.json       the label
                    overflow         one byte for each body that was refused
                    overflow.settled how many of them are settled
                    dead/            bodies that were set aside
    home/books/<book>/state.db       records
    home/locks/<kind>-<of>           held by a process
    home/notes/<family>/<name>       a note; its time of modification is when it expires
    home/tmp/                        files being written
    home/swept                       when expired notes were last removed

Putting takes no lock: a stopped or slow leader holds up nobody. No ``fsync`` of the folder follows the rename: a body
survives the death of every process, but a power cut only if the filesystem has written the folder by then.

Nothing is opened through a symbolic link, and no folder of another user is used: where somebody else may write, a file
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
from airflow_provider_dingpush.storage.contract import (
    Bound,
    FoundNote,
    Listing,
    Lock,
    Mail,
    Note,
    Place,
    PutResult,
    Records,
)
from airflow_provider_dingpush.storage.files.disk import (
    append_byte,
    check_ours,
    make_own_folder,
    names_in,
    read,
    remove_older,
    size_of,
    times_in,
    trouble_with,
    write_whole,
)
from airflow_provider_dingpush.storage.files.locks import FileLock, is_held

_DRAFT_SECONDS = 3600.0  # nobody takes an hour to write a file
_SWEEP_SECONDS = 86_400.0
# No alert comes near it: texts are cut when they are read, and DingTalk takes 20,000 bytes of a message.
_LARGEST_BYTES = 100_000
_SIZES_LOOKED_AT = 16
_COUNTING_NAMES = ("00", "80")  # of notes, which are digests: one in 128
_SAFE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")

_log = logging.getLogger(__name__)


class FileStore:
    """A :class:`~airflow_provider_dingpush.storage.contract.Store` in a folder of one machine.

    :param home: the folder; it is made when something is first written, readable by its owner only.
    :param clock: seconds since 1970.
    :param in_public: whether it lies where everybody may make folders, so that somebody else may have prepared it.
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
        with trouble_with(folder):
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
        with self._looking(self._home):
            # By age, and alike in every process.
            found = sorted((age, box, name) for box in boxes for age, name in times_in(self._box(box) / "new"))
            mail: list[Mail] = []
            for _, box, name in found:
                if len(mail) >= at_most:
                    break
                with suppress(FileNotFoundError):
                    mail.append(Mail(box, name, _body_of(self._box(box) / "new" / name)))
            marks = {box: size_of(self._box(box) / "overflow") or 0 for box in boxes}
            return Listing(mail, {box: max(0, mark - self._settled(box)) for box, mark in marks.items()}, marks)

    def remove(self, ids: Mapping[str, Sequence[str]], marks: Mapping[str, int]) -> None:
        with trouble_with(self._home):
            for box, names in ids.items():
                for name in names:
                    (self._box(box) / "new" / name).unlink(missing_ok=True)
            # The file of bytes only grows, and what of it is settled is noted beside it: whoever appends meets no lock,
            # and what is appended after it was counted is settled next time.
            for box, mark in marks.items():
                if mark > self._settled(box):
                    drafts = make_own_folder(self._home, "tmp")
                    write_whole(self._box(box) / "overflow.settled", str(mark).encode(), drafts=drafts)

    def set_aside(self, box: str, mail_id: str) -> str:
        aside = self._box(box) / "dead" / mail_id
        with suppress(OSError, OutboxError):  # then it is met again, and everything else goes on
            make_own_folder(self._home, "mail", box, "dead")
            os.replace(self._box(box) / "new" / mail_id, aside)
        return str(aside)

    def labels(self) -> Mapping[str, bytes | None]:
        with self._looking(self._home):
            boxes = [box for box in names_in(self._home / "mail") if _has_entries(self._box(box) / "new")]
        return {box: self._label(box) for box in boxes}

    def count(self, box: str) -> int:
        with self._looking(self._box(box)):
            return len(names_in(self._box(box) / "new"))

    # lock

    def lock(self, kind: str, of: str, seconds: float, *, opens_book: bool = False) -> Lock | None:  # noqa: ARG002
        with trouble_with(self._lock_file(kind, of)):
            make_own_folder(self._home, "locks")
            return FileLock.taken(self._lock_file(kind, of))

    def is_locked(self, kind: str, of: str) -> bool:
        with trouble_with(self._lock_file(kind, of)):
            return is_held(self._lock_file(kind, of))

    # records

    def records(self, book: str, lock: Lock) -> Records:
        from airflow_provider_dingpush.storage.files.state_file import StateFile

        state = self._state_file(book)
        with trouble_with(state):
            make_own_folder(self._home, "books", state.parent.name)
            with suppress(OSError, OutboxError):  # whatever is left there, the book can be used
                self._sweep()
        return StateFile(state, lock, clock=self._clock)

    def read(self, book: str) -> dict[Place, Any]:
        from airflow_provider_dingpush.storage.files.state_file import read_records

        return read_records(self._state_file(book))

    def books(self) -> Sequence[str]:
        with self._looking(self._home):
            books = self._home / "books"
            return sorted(name for name in names_in(books) if (books / name / "state.db").exists())

    # notes

    def set_notes(self, notes: Iterable[Note]) -> None:
        with trouble_with(self._home):
            drafts = make_own_folder(self._home, "tmp")
            for note in notes:
                self._set(note, drafts)

    def note(self, family: str, name: str) -> FoundNote | None:
        path = self._home / "notes" / family / _file_name(name)
        with trouble_with(path), suppress(FileNotFoundError):
            # Asked by every success: a folder that somebody else has prepared has no note, and is no trouble either.
            return self._found(path) if self._is_ours() else None
        return None

    def notes(self, family: str, at_most: int) -> dict[str, FoundNote]:
        folder = self._home / "notes" / family
        found: dict[str, FoundNote] = {}
        with self._looking(folder):
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

    def remove_notes(self, places: Iterable[tuple[str, str]]) -> None:
        with trouble_with(self._home):
            for family, name in places:
                (self._home / "notes" / family / _file_name(name)).unlink(missing_ok=True)

    # inside

    @contextmanager
    def _looking(self, path: Path) -> Iterator[None]:
        """As :func:`trouble_with`, and nothing is taken from a folder that somebody else may have made."""
        with trouble_with(path):
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

    def _settled(self, box: str) -> int:
        try:
            return int(read(self._box(box) / "overflow.settled")[0] or 0)
        except (FileNotFoundError, ValueError):
            return 0

    def _set(self, note: Note, drafts: Path) -> None:
        folder = make_own_folder(self._home, "notes", note.family)
        path = folder / _file_name(note.name)
        until = min(note.until, self._clock() + note.seconds)
        if note.extends:
            with suppress(FileNotFoundError):
                until = max(until, read(path)[1])
        write_whole(path, note.value, drafts=drafts, durable=note.durable, mtime=until)
        if note.newest is not None and path.name.startswith(_COUNTING_NAMES):
            # One in many looks, so that the others needn't.
            times = sorted(times_in(folder))
            for _, name in times[: max(0, len(times) - note.newest)]:
                (folder / name).unlink(missing_ok=True)

    def _found(self, path: Path) -> FoundNote | None:
        value, until = read(path)
        left = until - self._clock()
        return FoundNote(value, until, left) if left > 0 else None

    def _sweep(self) -> None:
        """Remove what processes left that died while they wrote, and once a day the notes that have expired."""
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
    """The name itself where a file may have it, otherwise one made from it."""
    return name if _SAFE_NAME.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _body_of(path: Path) -> bytes | None:
    """What is in a file; ``None`` if it can't be read."""
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
    """Whether a box takes nothing more.

    Each put lists the names: 0.1 ms for a hundred, 5 ms for ten thousand, which is less than the price of a counter
    that all would have to lock. Only so many sizes are looked at: they cost as much again for each name.
    """
    names = os.listdir(new)
    if not names:
        return False
    if len(names) >= bound.bodies:
        return True
    if len(names) * _LARGEST_BYTES < bound.size:
        return False
    some = names[:: -(-len(names) // _SIZES_LOOKED_AT)]
    sizes = [size for name in some if (size := size_of(f"{new}/{name}")) is not None]
    return bool(sizes) and sum(sizes) / len(sizes) * len(names) >= bound.size
