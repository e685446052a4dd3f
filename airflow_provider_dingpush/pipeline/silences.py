"""Silences in an outbox: notes that expire, so that every machine of the outbox sees the same ones."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dingpush.delivery.gate import Verdict
from airflow_provider_dingpush.delivery.record_kinds import WITHHELD, is_sound
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox

SILENCES = "silences"
"""The family of their notes, in :mod:`~airflow_provider_dingpush.storage.outbox`."""
MOST_SILENCES = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Silenced:
    """How many alerts a silence has muted so far.

    :param count: of all.
    :param urgent: of P1.
    """

    count: int = 0
    urgent: int = 0


def silences_in(outbox: Outbox) -> tuple[Silence, ...]:
    """The silences that haven't ended, the one that ends first coming first.

    :raises OutboxError: if they can't be read.
    """
    notes = outbox.store.notes(SILENCES, MOST_SILENCES)
    if not notes:
        return ()
    from airflow_provider_dingpush.rules.silences import Silence

    found = []
    for name, note in notes.items():
        try:
            found.append(Silence.from_bytes(name, note.value, note.until))
        except ValueError as problem:
            _log.error("The silence %s can't be read and silences nothing: %s", name, problem)
    return tuple(sorted(found, key=lambda each: (each.until, each.id)))


def add_silence(
    outbox: Outbox, matchers: Mapping[str, tuple[str, ...]], *, seconds: float, why: str, by: str
) -> Silence:
    """Keep a new silence, durably.

    :param matchers: label -> patterns.
    :param seconds: how long it lasts, in seconds.
    :param by: the user who makes it.
    :raises InvalidMessageError: if it lasts too long, or there are too many.
    :raises OutboxError: if it can't be kept.
    """
    from airflow_provider_dingpush.pipeline.redaction import redact_text
    from airflow_provider_dingpush.rules.silences import LONGEST_SECONDS, MOST_CHARACTERS, Silence

    if not 0 < seconds <= LONGEST_SECONDS:
        raise InvalidMessageError(
            "A silence lasts at most 7 days.",
            "Pass a shorter --for; what should never be sent belongs into a rule with 'receiver: null'. "
            "请缩短 --for；始终不需要通知的事件请写成 receiver: null 的规则。",
        )
    if len(silences_in(outbox)) >= MOST_SILENCES:
        raise InvalidMessageError(
            f"There are {MOST_SILENCES} silences already.",
            "Expire some: dingpush silence list. 请先结束一些静默：dingpush silence list。",
        )
    now = outbox.store.now()
    silence = Silence(uuid.uuid4().hex[:8], matchers, redact_text(why)[:MOST_CHARACTERS], by, now, now + seconds)
    note = Note(SILENCES, silence.id, silence.to_bytes(), seconds, silence.until, durable=True)
    outbox.store.set_notes([note])
    return silence


def expire_silence(outbox: Outbox, silence: Silence) -> None:
    """End a silence now; the next flush reports what it silenced.

    :raises OutboxError: if it can't be removed.
    """
    outbox.store.remove_notes([(SILENCES, silence.id)])


def silenced_by(outbox: Outbox) -> Mapping[str, Silenced]:
    """How many alerts each silence has muted, by its id, as far as the books can be read."""
    counts: Counter[str] = Counter()
    urgent: Counter[str] = Counter()
    for receiver_id in outbox.receivers():
        for (kind, _), record in outbox.records_of(receiver_id).items():
            if kind == WITHHELD.name and is_sound(kind, record) and record["verdict"] == Verdict.SILENCED.value:
                counts[record["by"]] += 1
                urgent[record["by"]] += '"severity":"P1"' in record["alert"]
    return {name: Silenced(count, urgent[name]) for name, count in counts.items()}
