"""What an outbox notes about escalations: how far each incident has come, and the phone calls of the last weeks."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_dingpush.oncall.progress_notes import (
    call_from_bytes,
    call_to_bytes,
    progress_from_bytes,
    progress_to_bytes,
)
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.oncall.escalation import Call, Progress
    from airflow_provider_dingpush.storage.outbox import Outbox

ESCALATIONS = "escalations"
"""The family of the notes of how far incidents have escalated."""
CALLS = "calls"
"""The family of the notes of phone calls."""

_PROGRESS_SECONDS = 90 * 86_400.0
_CALL_SECONDS = 40 * 86_400.0
_MOST = 20_000
_log = logging.getLogger(__name__)


def progress_in(outbox: Outbox) -> dict[str, Progress]:
    """How far each incident has escalated, also those that have recovered since.

    :raises OutboxError: if that can't be read.
    """
    found = {}
    for incident, note in outbox.store.notes(ESCALATIONS, _MOST).items():
        try:
            found[incident] = progress_from_bytes(note.value)
        except ValueError as problem:
            _log.error("How far incident %s has escalated can't be read; it begins anew: %s", incident, problem)
    return found


def note_progress(outbox: Outbox, progress: Mapping[str, Progress], calls: Mapping[str, Call] | None = None) -> None:
    """Note how far incidents have escalated, and phone calls that are about to be made, durably.

    :param calls: by the name of their notes, which are as unique as :func:`new_call_name` makes them.
    :raises OutboxError: if that can't be kept: then nothing may be done.
    """
    notes = [
        Note(CALLS, name, call_to_bytes(each), _CALL_SECONDS, durable=True) for name, each in (calls or {}).items()
    ]
    notes += [
        Note(ESCALATIONS, incident, progress_to_bytes(each), _PROGRESS_SECONDS, durable=True)
        for incident, each in progress.items()
    ]
    outbox.store.set_notes(notes)


def new_call_name() -> str:
    """A name for the note of a phone call."""
    return uuid.uuid4().hex


def forget_calls(outbox: Outbox, names: Iterable[str]) -> None:
    """Forget phone calls that surely reached nobody: they don't count.

    :raises OutboxError: if they can't be removed.
    """
    outbox.store.remove_notes((CALLS, each) for each in names)


def forget_progress(outbox: Outbox, incidents: Iterable[str]) -> None:
    """Forget incidents that have recovered."""
    outbox.store.remove_notes((ESCALATIONS, each) for each in incidents)


def calls_in(outbox: Outbox) -> list[Call]:
    """The phone calls of the last weeks.

    :raises OutboxError: if they can't be read.
    """
    found = []
    for name, note in outbox.store.notes(CALLS, _MOST).items():
        try:
            found.append(call_from_bytes(note.value))
        except ValueError as problem:
            _log.error("The note %s of a phone call can't be read: %s", name, problem)
    return found
