"""The outbox of one machine, in files: alerts as one small file each, a leader by ``flock``, its book in SQLite.

::

    home/mail/<mailbox>/about.json          which connection id and target it is
                        robot               whose it is, once somebody looked the connection up
                        tmp/                alerts being written
                        new/<key>.json      alerts that wait
                        overflow            one byte for each alert that was only counted
                        overflow.told       how many of them are in the book
                        resolve.lock        held by who looks the connection up
    home/robots/<robot>/leader.lock         held by who sends
                        state.db            its book
                        next.lock           is there if the leader wants a successor, held by who will be it
                        rest                until when nobody needs to lead, and why
                        mailboxes/<mailbox> an empty file for each mailbox that is the robot's
                        dead/               files that were no alerts
    home/open/<incident>                    an empty file for each failure that isn't over, of the newest 10,000
    home/recovered/<incident>               a success of which nobody could say whether it ends a failure
    home/copies/<key>                       an alert that is in an outbox which went away, and may come back empty
    home/dead/                              copies and successes that can't be read
    home/swept                              when old ones of them were last removed
    home/flushed                            when a flusher last ran

Putting takes no lock: a stopped or slow leader holds up nobody. No ``fsync`` of the folder follows the rename: an alert
survives the death of every process, but a power cut only if the filesystem has written the folder by then.

Nothing is opened through a symbolic link, and no folder of another user is used: where somebody else may write, a file
of a known name could lead anywhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, log_repetition
from airflow_provider_dingpush.storage.contract import (
    INCIDENT_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_INCIDENTS,
    LeadershipLostError,
    LeadPause,
    OutboxError,
    Place,
    opened_at,
    read_moment,
)
from airflow_provider_dingpush.storage.files.state_file import StateFile, forget_keys, read_keys, read_records
from airflow_provider_dingpush.storage.files.trouble import check_ours, trouble_with

_LEFT_OVER_SECONDS = 3600.0  # nobody takes an hour to write a file
_SWEEP_SECONDS = 86_400.0
# No alert comes near it: texts are cut when they are read, and DingTalk takes 20,000 bytes of a message.
_LARGEST_BYTES = 100_000
_SIZES_LOOKED_AT = 16
_COUNTING_NAMES = ("00", "80")  # of incidents: one in 128
_SAFE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_SHARED = {"9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2"}
_SHARED |= {"smb2", "smb3", "smbfs", "vboxsf", "virtiofs"}
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.ntfs-3g"}

_log = logging.getLogger(__name__)


class SpoolOutbox:
    """An :class:`~airflow_provider_dingpush.storage.contract.Outbox` in a folder of one machine.

    :param home: the folder; it is made when the first alert is put, readable by its owner only.
    :param clock: seconds since 1970.
    :param most_alerts: how many alerts wait in a mailbox before further ones are only counted.
    :param most_bytes: how many bytes of alerts, likewise; estimated from some of them when there are many.
    :param most_incidents: how many failures are open before those that happened longest ago are forgotten; it may be a
        few hundred more for a while.
    :param in_public: whether it lies where everybody may make folders, so that somebody else may have prepared it.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        most_alerts: int = 10_000,
        most_bytes: int = 50_000_000,
        most_incidents: int = MOST_INCIDENTS,
        in_public: bool = False,
    ) -> None:
        self._home = home
        self._in_public = in_public
        self._clock = clock
        self._most_alerts = most_alerts
        self._most_bytes = most_bytes
        self._most_incidents = most_incidents

    def put(self, alert: Alert) -> None:
        folder = self._folder(alert.mailbox)
        waiting = folder / "new" / f"{_file_name(alert.key)}.json"
        incident = self._home / "open" / alert.incident
        body = alert.to_json().encode("utf-8", "surrogatepass")  # names of files may hold half characters
        with trouble_with(folder):
            self._make_mailbox(alert.mailbox)
            if waiting.exists():
                log_repetition(_log, alert)
                return
            if alert.opens_incident:
                # Before the alert: a process that dies in between leaves a recovery that is told without its failure,
                # the other way round would leave a failure that is never over.
                self._open_incident(incident, opened_at(alert, self._clock()))
                (self._home / "recovered" / alert.incident).unlink(missing_ok=True)
            if self._is_full(waiting.parent):
                _append_byte(folder / "overflow")
            else:
                _write_whole(waiting, body, by_way_of=folder / "tmp")
            if alert.resolved:
                incident.unlink(missing_ok=True)

    def open_incidents(self, incidents: Mapping[str, float]) -> None:
        with trouble_with(self._home):
            self._make_folder(self._home / "open")
            for incident, at in incidents.items():
                self._open_incident(self._home / "open" / incident, at)

    def has_open_incident(self, incident: str, *, before: float = inf) -> bool:
        with suppress(OSError):
            return os.stat(f"{self._home}/open/{incident}").st_mtime <= before and self._is_ours()
        return False

    def receiver_of(self, mailbox: Mailbox) -> str | None:
        with self._looking(self._folder(mailbox)):
            return _receiver_of(self._folder(mailbox))

    def assign(self, mailbox: Mailbox, receiver_id: str) -> None:
        folder = self._folder(mailbox)
        link = self._receiver_id(receiver_id) / "mailboxes" / mailbox.name
        with trouble_with(folder):
            before = _receiver_of(folder)
            if before == receiver_id and link.exists():
                return
            self._make_mailbox(mailbox)
            self._make_folder(link.parent)
            # A mailbox that two robots name belongs to the one that it names itself.
            _touch(link)
            _write_whole(folder / "robot", receiver_id.encode(), by_way_of=folder / "tmp")
            if before is not None and before != receiver_id:
                (self._receiver_id(before) / "mailboxes" / mailbox.name).unlink(missing_ok=True)

    @contextmanager
    def resolving(self, mailbox: Mailbox) -> Iterator[bool]:
        folder = self._folder(mailbox)
        with trouble_with(folder):
            self._make_mailbox(mailbox)
            lock = _Lock.taken(folder / "resolve.lock")
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()

    @contextmanager
    def leadership(self, receiver_id: str) -> Iterator[SpoolBook | None]:
        folder = self._receiver_id(receiver_id)
        with trouble_with(folder):
            self._make_folder(folder / "mailboxes")
            lock = _Lock.taken(folder / "leader.lock")
        if lock is None:
            yield None
            return
        try:
            state = StateFile(folder / "state.db", now=self._clock())
            try:
                yield SpoolBook(folder, lock, state, self._mine(receiver_id), self._clock)
            finally:
                state.close()
        finally:
            lock.release()

    def wants_successor(self, receiver_id: str) -> bool:
        folder = self._receiver_id(receiver_id)
        with trouble_with(folder):
            return (folder / "next.lock").exists() and _is_held(folder / "leader.lock")

    @contextmanager
    def successor_slot(self, receiver_id: str) -> Iterator[bool | None]:
        place = self._receiver_id(receiver_id) / "next.lock"
        with trouble_with(place):
            lock = _Lock.taken(place, make=False)
            wanted = lock is not None or place.exists()
        try:
            yield lock is not None if wanted else None
        finally:
            if lock is not None:
                lock.release()

    def pause_of(self, receiver_id: str) -> LeadPause | None:
        note = self._receiver_id(receiver_id) / "rest"
        with self._looking(note), suppress(FileNotFoundError, ValueError):
            pause, now = LeadPause.from_bytes(_read(note)), self._clock()
            if now < pause.until <= now + LONGEST_PAUSE_SECONDS:
                return pause
        return None

    def pending_mailboxes(self) -> Sequence[Mailbox]:
        with self._looking(self._home):
            folders = [folder for folder in _entries(self._home / "mail") if _has_entries(folder / "new")]
            return [mailbox for folder in folders if (mailbox := _mailbox_in(folder)) is not None]

    def receivers(self) -> Sequence[str]:
        with self._looking(self._home):
            return [folder.name for folder in _entries(self._home / "robots") if (folder / "state.db").exists()]

    def mailboxes_of(self, receiver_id: str) -> Sequence[Mailbox]:
        with self._looking(self._home):
            return [mailbox for folder in self._mine(receiver_id)() if (mailbox := _mailbox_in(folder)) is not None]

    def note_flush(self, at: float) -> None:
        with trouble_with(self._home):
            self._make_folder(self._home)
            _write_whole(self._home / "flushed", str(at).encode(), by_way_of=self._home)

    def last_flush(self) -> float | None:
        note = self._home / "flushed"
        with self._looking(note):
            try:
                return read_moment(_read(note))
            except FileNotFoundError:
                return None

    def pending_in(self, mailbox: Mailbox) -> int:
        """How many alerts wait in a mailbox, for people who look."""
        with self._looking(self._folder(mailbox)):
            return len(_names(self._folder(mailbox) / "new"))

    def records_of(self, receiver_id: str) -> dict[Place, Any]:
        """The records of a robot's book without leading it, for people who look."""
        return read_records(self._receiver_id(receiver_id) / "state.db")

    # ---------------------------------------------------------------------------- standing in for another outbox

    def mail_of(self, mailbox: Mailbox, at_most: int) -> list[tuple[Path, Alert]]:
        """The oldest alerts of a mailbox that no leader has taken in, each with its file."""
        with self._looking(self._folder(mailbox)):
            waiting = sorted(_files_with_age(self._folder(mailbox) / "new"), key=lambda each: (each[1], each[0]))
            # A leader sets aside what can't be read.
            return [(path, alert) for path, _ in waiting[:at_most] if isinstance(alert := _alert_in(path), Alert)]

    def remove(self, path: Path) -> None:
        """Remove the file of an alert that is safe elsewhere."""
        with trouble_with(path):
            path.unlink(missing_ok=True)

    def opened_incidents(self, at_most: int) -> dict[str, float]:
        """Failures that aren't over, and when they last happened, in seconds since 1970."""
        with self._looking(self._home):
            found = islice(_files_with_age(self._home / "open"), at_most)
            return {path.name: written / 1e9 for path, written in found}

    def forget_incident(self, incident: str, *, opened_again: bool) -> None:
        """Forget what is kept of a failure, because another outbox knows more.

        :param opened_again: it failed, which is no reason to forget that it is open.
        """
        with trouble_with(self._home):
            (self._home / "recovered" / incident).unlink(missing_ok=True)
            if not opened_again:
                (self._home / "open" / incident).unlink(missing_ok=True)

    def keep_success(self, alert: Alert) -> None:
        """Keep a success until somebody knows whether it ends a failure; the newest one of each task is enough.

        With what several notifiers say of it.
        """
        from airflow_provider_dingpush.alerts.joining import joined

        with trouble_with(self._home):
            before = _alert_in(self._home / "recovered" / alert.incident)
        same = [before] if isinstance(before, Alert) and before.occurrence == alert.occurrence else []
        self._keep_aside("recovered", alert.incident, joined([*same, alert])[0])
        with trouble_with(self._home):
            self._forget_surplus(self._home / "recovered" / alert.incident)

    def successes(self, at_most: int) -> list[tuple[Path, Alert]]:
        """The successes that were kept, each with its file."""
        return self._kept_aside("recovered", at_most)

    def keep_copy(self, alert: Alert) -> None:
        """Keep an alert that is in another outbox, should that one have lost it; no leader sees it here."""
        self._keep_aside("copies", _file_name(alert.key), alert)

    def copies(self, at_most: int, *, older_than: float = 0.0) -> list[tuple[Path, Alert]]:
        """The copies that were kept, each with its file.

        :param older_than: only those that are kept for so long, in seconds.
        """
        return self._kept_aside("copies", at_most, older_than=older_than)

    def _keep_aside(self, folder: str, name: str, alert: Alert) -> None:
        kept = self._home / folder / name
        with trouble_with(kept):
            self._make_folder(kept.parent)
            _write_whole(kept, alert.to_json().encode("utf-8", "surrogatepass"), by_way_of=self._home)

    def _kept_aside(self, name: str, at_most: int, *, older_than: float = 0.0) -> list[tuple[Path, Alert]]:
        folder, latest = self._home / name, self._clock() - older_than
        found: list[tuple[Path, Alert]] = []
        with self._looking(folder):
            kept = [path for path, written in _files_with_age(folder) if not older_than or written / 1e9 < latest]
            for path in sorted(kept):
                alert = _alert_in(path)
                if isinstance(alert, Alert):
                    found.append((path, alert))
                elif alert is not None:
                    _set_aside(path, self._home / "dead" / f"{name}-{path.name}", alert)
                if len(found) == at_most:
                    break
        return found

    def note_rest_of(self, mailbox: Mailbox, receiver_id: str, pause: LeadPause) -> None:
        """Note that a robot is shut out, as the leader in another outbox has learnt."""
        self.assign(mailbox, receiver_id)
        note = self._receiver_id(receiver_id) / "rest"
        with trouble_with(note):
            _write_whole(note, pause.to_bytes(), by_way_of=note.parent)

    def remembered(self, receiver_id: str, at_most: int) -> list[str]:
        """The newest keys that a robot's book remembers. Only for who leads it."""
        return read_keys(self._receiver_id(receiver_id) / "state.db", at_most)

    def forget_keys(self, receiver_id: str, keys: Iterable[str]) -> None:
        """Let a robot's book remember these no more, because they aren't told yet. Only for who leads it."""
        forget_keys(self._receiver_id(receiver_id) / "state.db", keys)

    def forget_book(self, receiver_id: str) -> None:
        """Let a robot have no book, because another outbox has all that is in it. Only for who leads it."""
        with trouble_with(self._receiver_id(receiver_id)):
            (self._receiver_id(receiver_id) / "state.db").unlink(missing_ok=True)

    # ---------------------------------------------------------------------------- inside

    @contextmanager
    def _looking(self, path: Path) -> Iterator[None]:
        """As :func:`trouble_with`, and nothing is taken from a folder that somebody else may have made."""
        with trouble_with(path):
            if self._in_public:
                with suppress(FileNotFoundError):
                    check_ours(self._home)
            yield

    def _is_ours(self) -> bool:
        try:
            with self._looking(self._home):
                return True
        except OutboxError:
            return False

    def _folder(self, mailbox: Mailbox) -> Path:
        return self._home / "mail" / mailbox.name

    def _receiver_id(self, receiver_id: str) -> Path:
        return self._home / "robots" / _file_name(receiver_id)

    def _mine(self, receiver_id: str) -> Callable[[], list[Path]]:
        """Finds the folders of the mailboxes that belong to a robot now."""

        def folders() -> list[Path]:
            names = sorted(_names(self._receiver_id(receiver_id) / "mailboxes"))
            every = [self._home / "mail" / name for name in names]
            return [folder for folder in every if _receiver_of(folder) == receiver_id]

        return folders

    def _make_mailbox(self, mailbox: Mailbox) -> None:
        folder = self._folder(mailbox)
        for each in (folder / "new", self._home / "open"):
            self._make_folder(each)
        # Made last, so that where it is everything is.
        if (folder / "tmp").is_dir():
            check_ours(folder / "tmp")
            return
        about = json.dumps({"conn_id": mailbox.conn_id, "target": mailbox.target}).encode()
        _write_whole(folder / "about.json", about, by_way_of=folder)
        self._make_folder(folder / "tmp")

    def _make_folder(self, folder: Path) -> None:
        """Make a folder of this outbox and those above it, or see that those that are there are this user's."""
        place = self._home
        _make_folder(place)
        check_ours(place, may_be_link=True)
        for name in folder.relative_to(self._home).parts:
            place /= name
            _make_folder(place)
            check_ours(place)

    def _open_incident(self, incident: Path, at: float) -> None:
        """Note when a failure was; those beyond the bound that failed longest ago are forgotten."""
        with suppress(FileNotFoundError):
            at = max(at, incident.stat().st_mtime)
        _touch(incident)
        with suppress(FileNotFoundError):  # it has just ended
            os.utime(incident, (at, at))
        self._forget_surplus(incident)

    def _forget_surplus(self, incident: Path) -> None:
        """Now and then forget what is the oldest in the folder of an incident, beyond the bound.

        One in many looks, so that the others needn't: names are digests, spread evenly.
        """
        if not incident.name.startswith(_COUNTING_NAMES):
            return
        surplus = len(_names(incident.parent)) - self._most_incidents
        if surplus > 0:
            oldest = sorted(_files_with_age(incident.parent), key=lambda each: each[1])
            for path, _ in oldest[:surplus]:
                path.unlink(missing_ok=True)

    def _is_full(self, new: Path) -> bool:
        """Whether the mailbox takes no further alert.

        Each one lists the names: 0.1 ms for a hundred, 5 ms for ten thousand, which is less than the price of a counter
        that all would have to lock. Only so many sizes are looked at: they cost as much again for each name.
        """
        names = os.listdir(new)
        if not names:
            return False
        if len(names) >= self._most_alerts:
            return True
        if len(names) * _LARGEST_BYTES < self._most_bytes:
            return False
        some = names[:: -(-len(names) // _SIZES_LOOKED_AT)]
        sizes = [size for name in some if (size := _size(f"{new}/{name}")) is not None]
        return bool(sizes) and sum(sizes) / len(sizes) * len(names) >= self._most_bytes


class SpoolBook:
    """A :class:`~airflow_provider_dingpush.storage.contract.LedgerBook` in files.

    :param folder: of the robot.
    :param lock: that makes this process the leader.
    :param state: the records.
    :param mailboxes: finds the folders of the robot's mailboxes.
    :param clock: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        lock: _Lock,
        state: StateFile,
        mailboxes: Callable[[], list[Path]],
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._state = state
        self._mailboxes = mailboxes
        self._clock = clock
        self._counted: dict[Path, int] = {}
        self._swept = False

    def now(self) -> float:
        return self._clock()

    def arrivals(self, at_most: int) -> Sequence[tuple[str, Alert]]:
        self._lock.check()
        with trouble_with(self._folder):
            folders = self._mailboxes()
            if not self._swept:
                self._sweep(folders)
                self._swept = True
            waiting = sorted((age, path) for folder in folders for path, age in _files_with_age(folder / "new"))
            read = ((_ticket(path), self._read(path)) for _, path in waiting)
            return list(islice(((ticket, alert) for ticket, alert in read if alert is not None), at_most))

    def overflow_count(self) -> int:
        with trouble_with(self._folder):
            self._counted = {folder: _size(folder / "overflow") or 0 for folder in self._mailboxes()}
            return sum(max(0, counted - _told_of(folder)) for folder, counted in self._counted.items())

    def remove_arrivals(self, tickets: Iterable[str]) -> None:
        self._lock.check()
        mail = self._folder.parent.parent / "mail"
        with trouble_with(self._folder):
            for ticket in tickets:
                mailbox, _, name = ticket.partition("/")
                (mail / mailbox / "new" / name).unlink(missing_ok=True)
            # The file of bytes only grows, and what was told of it is noted beside it: whoever appends meets no lock,
            # and what is appended after it was counted is told next time.
            for folder, counted in self._counted.items():
                if counted > _told_of(folder):
                    _write_whole(folder / "overflow.told", str(counted).encode(), by_way_of=folder / "tmp")
            self._counted = {}

    def load(self) -> dict[Place, Any]:
        self._lock.check()
        return self._state.load(now=self._clock())

    def write(
        self,
        puts: Mapping[Place, Any],
        deletes: Iterable[Place] = (),
        keys: Iterable[str] = (),
        forget: Iterable[str] = (),
    ) -> None:
        self._lock.check()
        self._state.write(puts, deletes, keys, forget, now=self._clock())

    def known(self, keys: Sequence[str]) -> set[str]:
        self._lock.check()
        return self._state.known(keys, now=self._clock())

    def note_pause(self, pause: LeadPause | None) -> None:
        self._lock.check()
        note = self._folder / "rest"
        with trouble_with(note):
            if pause is None:
                note.unlink(missing_ok=True)
            else:
                _write_whole(note, pause.to_bytes(), by_way_of=self._folder)

    def ask_for_successor(self, wanted: bool) -> None:
        self._lock.check()
        with trouble_with(self._folder):
            if wanted:
                _touch(self._folder / "next.lock")
            else:
                (self._folder / "next.lock").unlink(missing_ok=True)

    def has_successor(self) -> bool:
        with trouble_with(self._folder):
            return _is_held(self._folder / "next.lock")

    def keep(self, seconds: float) -> None:  # noqa: ARG002 - nothing runs out here
        """See that the lock is still the one that others see."""
        self._lock.check()

    def _read(self, path: Path) -> Alert | None:
        alert = _alert_in(path)
        if isinstance(alert, Exception):
            _set_aside(path, self._folder / "dead" / f"{path.parent.parent.name}-{path.name}", alert)
            return None
        return alert

    def _sweep(self, folders: Iterable[Path]) -> None:
        """Remove what processes left that died while they wrote, and once a day failures that nobody mends."""
        now, home = self._clock(), self._folder.parent.parent
        for folder in folders:
            _remove_older(folder / "tmp", now - _LEFT_OVER_SECONDS)
        swept = home / "swept"
        if not swept.exists() or swept.stat().st_mtime < now - _SWEEP_SECONDS:
            _touch(swept)
            os.utime(swept, (now, now))
            _remove_older(home / "open", now - INCIDENT_SECONDS)


def shared_filesystem(path: Path, mountinfo_text: str) -> str | None:
    """The type of the filesystem that a path lies on, if other machines may use it at the same time.

    :param path: absolute, symbolic links resolved.
    :param mountinfo_text: what ``/proc/self/mountinfo`` says (proc_pid_mountinfo(5)).
    """
    kind = None
    longest = -1
    for line in mountinfo_text.splitlines():
        fields, _, source = line.partition(" - ")
        if len(fields.split()) < 5 or not source:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4])
        # Of several at one place the last covers the others.
        if Path(path).is_relative_to(point) and len(point) >= longest:
            longest, kind = len(point), source.split()[0]
    if kind is None or kind in _LOCAL_FUSE:
        return None
    return kind if kind.partition(".")[0] in _SHARED else None


class _Lock:
    """A file locked by this process until it releases it or ends. A forked child has no part in it.

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
    def taken(cls, path: Path, *, make: bool = True) -> _Lock | None:
        """The lock, or ``None`` if somebody else has it.

        :param make: make the file if there is none; otherwise nobody gets the lock then.
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
            # Removed by somebody between the two steps: others lock a file of the same name.
            os.close(descriptor)

    def check(self) -> None:
        """See that it is held still.

        :raises LeadershipLostError: if it was released, this is a forked child, or somebody removed the file.
        """
        if self._process != os.getpid():
            raise LeadershipLostError(f"{self._path} is locked by process {self._process}, and this is {os.getpid()}")
        if self._released or not _is_open_file(self._path, self._descriptor):
            raise LeadershipLostError(f"{self._path} was released or removed, so another process may lead")

    def release(self) -> None:
        if self._process != os.getpid() or self._released:
            return
        self._released = True
        _HELD.discard(self._descriptor)
        os.close(self._descriptor)


# A child shares the open file of its parent and would keep it locked after the parent's end.
_HELD: set[int] = set()


def _close_in_child() -> None:
    while _HELD:
        with suppress(OSError):
            os.close(_HELD.pop())


os.register_at_fork(after_in_child=_close_in_child)


def _is_held(path: Path) -> bool:
    """Whether a process has the lock of an existing file."""
    lock = _Lock.taken(path, make=False)
    if lock is None:
        return path.exists()
    lock.release()
    return False


def _is_open_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _file_name(name: str) -> str:
    """The name itself where a file may have it, otherwise one made from it."""
    return name if _SAFE_NAME.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _ticket(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.name}"


def _make_folder(path: Path) -> None:
    """Make a folder and those above it, for this user only."""
    if path.is_dir():
        return
    if path.parent != path:
        _make_folder(path.parent)
    try:
        path.mkdir(0o700)
    except FileExistsError:
        return
    path.chmod(0o700)  # a umask may have taken rights away from ourselves


def _create(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o777 != 0o600:  # a umask may have taken rights away from ourselves
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _read(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
        return file.read()


def _touch(path: Path) -> None:
    os.close(_create(path, 0))


def _append_byte(path: Path) -> None:
    descriptor = _create(path, os.O_APPEND)
    try:
        os.write(descriptor, b".")
    finally:
        os.close(descriptor)


def _write_whole(path: Path, body: bytes, *, by_way_of: Path) -> None:
    """Write a file so that it is there with all its content or not at all.

    :param by_way_of: the folder where it is written first, on the same filesystem.
    """
    draft = by_way_of / f"{path.name}.{uuid.uuid4().hex}"
    try:
        with open(_create(draft, os.O_EXCL), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:  # also a task's timeout, which is raised anywhere
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder))]


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


def _files_with_age(folder: Path) -> Iterator[tuple[Path, int]]:
    """Each file and when it was written, in nanoseconds since 1970."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield folder / entry.name, entry.stat().st_mtime_ns


def _remove_older(folder: Path, moment: float) -> None:
    """Remove the files that were last written before a moment, in seconds since 1970."""
    for path, written in _files_with_age(folder):
        if written / 1e9 < moment:
            path.unlink(missing_ok=True)


def _size(path: Path | str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _text(path: Path) -> str | None:
    try:
        return _read(path).decode("utf-8")
    except FileNotFoundError:
        return None


def _alert_in(path: Path) -> Alert | Exception | None:
    """The alert in a file, or why it can't be read; ``None`` if it is gone."""
    try:
        return Alert.from_json(_read(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        return problem


def _set_aside(path: Path, aside: Path, problem: Exception) -> None:
    _log.error("An alert can't be read (%s): it is set aside as %s.", problem, aside)
    with suppress(OSError):  # then it is met again, and everything else goes on
        _make_folder(aside.parent)
        path.replace(aside)


def _receiver_of(folder: Path) -> str | None:
    try:
        return _text(folder / "robot") or None
    except ValueError:
        _log.error("%s can't be read: whose alerts these are is looked up anew.", folder / "robot")
        return None


def _told_of(folder: Path) -> int:
    try:
        return int(_text(folder / "overflow.told") or 0)
    except ValueError:
        return 0


def _mailbox_in(folder: Path) -> Mailbox | None:
    """Which mailbox a folder is; its alerts say so too, should a power cut have emptied the note."""
    for read in (_mailbox_noted, _mailbox_of_an_alert):
        with suppress(OSError, ValueError, KeyError, TypeError):
            return read(folder)
    _log.error("Nothing in %s says which connection it is for.", folder)
    return None


def _mailbox_noted(folder: Path) -> Mailbox:
    about = json.loads(_read(folder / "about.json"))
    return Mailbox.read([about["conn_id"], about["target"]])


def _mailbox_of_an_alert(folder: Path) -> Mailbox:
    return Alert.from_json(_read(next((folder / "new").iterdir(), folder / "new"))).mailbox
