"""Markers of running tasks: written when a task starts, removed when it ends.

A process that is killed leaves its marker, by which :mod:`~.killed_tasks` finds it. In files a lock of the kernel shows
whether the process lives; it is valid on the machine that runs it only. In Redis the marker names the process, which
can be looked up on its machine.

Every task pays for this, so a marker costs one small file, or a connection to Redis whose answers nobody waits for, and
loads nothing of ``alerts/``. It is never worth an error: without a marker a failure is reported with its run, and one
that is left behind is a question to Airflow.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_options import airflow_option, attribute_of
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.pipeline.homes import home
from airflow_provider_dingpush.pipeline.task_recording import key_of, name_of, record_of
from airflow_provider_dingpush.storage.files.disk import create, make_own_folder
from airflow_provider_dingpush.storage.files.markers import MarkerFiles

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.task_records import TaskKey
    from airflow_provider_dingpush.storage.contract import Notes

FAMILY = "markers"
"""The family of notes in Redis."""
LASTS_SECONDS = 30 * 86_400.0
"""How long a note lasts, in seconds."""
MOST_MARKERS = 100_000
"""How many notes there are at most."""
BY_HAND = "failed_by_hand"
"""The family of notes of task instances that a person marked as failed; the value is the number of the try."""
_BY_HAND_SECONDS = 86_400.0
_AWAY_SECONDS = 30.0


def task_starts(ti: Any) -> None:
    """Write the marker of a task that starts in this process."""
    # Airflow 3's own process has all of it in its context already.
    is_stored = hasattr(ti, "_sa_instance_state")
    context = {} if is_stored else ti.get_template_context()
    task = getattr(ti, "task", None)
    dag = getattr(task, "dag", None) if is_stored else context.get("dag")
    run = attribute_of(ti, "dag_run") if is_stored else context.get("dag_run")
    record = record_of(ti, task=task, dag=dag, run=run)
    url = airflow_option("dingpush", "outbox_url")
    if url:
        process = [machine(), process_ids(), os.getpid(), started(os.getpid())]
        _write_note(url, _name(ti), {**record, "process": process})
    else:
        # The lock says the rest.
        _write_file(_name(ti), {**record, "process": [machine()]})


def task_fails(ti: Any) -> None:
    """Write the marker of a task that fails before it has started: one of its templates can't be rendered, for example.

    Airflow ends the process if reporting that takes too long, and then the marker has the failure reported.
    """
    if hasattr(ti, "_sa_instance_state") or _are_left([_name(ti)]):
        return
    with suppress(Exception):  # Airflow refuses the context if the run's params are invalid
        task_starts(ti)


def _write_file(name: str, record: Mapping[str, Any]) -> None:
    with suppress(OutboxError):  # without a marker, the failure is reported with its run
        MarkerFiles(home()).write(name, json.dumps(record).encode())


def _write_note(url: str, name: str, record: Mapping[str, Any]) -> None:
    from airflow_provider_dingpush.storage.notes import Note

    note = Note(FAMILY, name, json.dumps(record).encode(), LASTS_SECONDS, newest=MOST_MARKERS)
    if _in_redis(url, lambda notes: notes.set_notes([note], waits=False)):
        _held_notes[name] = os.getpid()


def _in_redis(url: str, change: Callable[[Notes], None]) -> bool:
    """Whether a change was made. A Redis that is away isn't tried by each task anew: that may take a second."""
    tried = home() / "tmp" / "redis-is-away"
    with suppress(OSError):
        if time.time() - os.lstat(tried).st_mtime < _AWAY_SECONDS:
            return False
    try:
        from airflow_provider_dingpush.pipeline.outboxes import opened_notes

        change(opened_notes(url))
    except OutboxError:
        with suppress(OSError, OutboxError):
            os.close(create(make_own_folder(home(), "tmp") / tried.name, os.O_TRUNC))
            os.utime(tried)
        return False
    return True


# The notes that this process has written -> its id, because a forked child has them, too.
_held_notes: dict[str, int] = {}


def _name(ti: Any) -> str:
    return name_of(key_of(ti))


def task_ended(ti: Any) -> None:
    """Remove the marker of a task that ended, whichever process ran it."""
    _remove([_name(ti)])


def note_failed_by_hand(ti: Any) -> None:
    """Note that a person marked a task as failed: its process, which may just begin, writes its marker after that."""
    from airflow_provider_dingpush.pipeline.scheduler_writing import write_note
    from airflow_provider_dingpush.storage.notes import Note

    value = try_of(getattr(ti, "try_number", None))
    write_note(Note(BY_HAND, _name(ti), value, _BY_HAND_SECONDS, newest=MOST_MARKERS))


def try_of(try_number: Any) -> bytes:
    """What a note of :data:`BY_HAND` has about a try."""
    return str(try_number).encode()


def remove(keys: Iterable[TaskKey]) -> None:
    """Remove the markers of these task instances."""
    _remove([each.name for each in keys])


def _remove(names: Sequence[str]) -> None:
    url = airflow_option("dingpush", "outbox_url")
    if url:
        _remove_notes(url, names)
        return
    with suppress(OutboxError):
        files = MarkerFiles(home())
        for each in names:
            files.remove(each)


def are_left(keys: Iterable[TaskKey]) -> bool:
    """Whether one of these ended task instances still has its marker: its process was killed, or is about to end."""
    return _are_left([each.name for each in keys])


def _are_left(names: Sequence[str]) -> bool:
    url = airflow_option("dingpush", "outbox_url")
    if not url:
        files = MarkerFiles(home())
        return any(map(files.is_there, names))
    left: list[bool] = []
    _in_redis(url, lambda notes: left.append(any(notes.note(FAMILY, each) is not None for each in names)))
    return any(left)


def process_stops() -> None:
    """Remove what this process still holds: its task was deferred or rescheduled, for example."""
    mine = [name for name, pid in _held_notes.items() if pid == os.getpid()]
    url = airflow_option("dingpush", "outbox_url")
    if mine and url:
        _remove_notes(url, mine)
    with suppress(OutboxError):
        files = MarkerFiles(home())
        for name in files.held():
            files.remove(name)


def _remove_notes(url: str, names: Sequence[str]) -> None:
    _in_redis(url, lambda notes: notes.remove_notes([(FAMILY, each) for each in names], waits=False))
    for each in names:
        _held_notes.pop(each, None)


@lru_cache(maxsize=1)
def machine() -> str:
    """The running kernel: containers of a machine share it, and each start of a machine has another."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    return socket.gethostname()


def process_ids() -> str:
    """The namespace of process ids; each container has another."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def started(pid: int) -> str:
    """When a process started, in ticks since the machine did; empty if it has ended, or there is no ``/proc``."""
    with suppress(OSError, LookupError, UnicodeError):
        # The name, in brackets, may contain blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    return ""
