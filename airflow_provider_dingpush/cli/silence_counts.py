"""The silences of an outbox and how many alerts each has muted, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time
from airflow_provider_dingpush.delivery.gate import Verdict
from airflow_provider_dingpush.delivery.record_kinds import WITHHELD, is_sound
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.silences import silences_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox


@dataclass(frozen=True)
class Silenced:
    """How many alerts a silence has muted so far.

    :param count: of all.
    :param urgent: of P1.
    """

    count: int = 0
    urgent: int = 0


def plain_silence(silence: Silence, silenced: Silenced | None) -> dict[str, Any]:
    """A silence as ``--json`` shows it.

    :param silenced: how many alerts it has muted.
    """
    silenced = silenced or Silenced()
    return {
        "id": silence.id,
        "what": silence.what,
        "matchers": {name: list(patterns) for name, patterns in silence.matchers.items()},
        "why": silence.why or None,
        "by": silence.by,
        "since": iso_time(silence.since, local_zone()),
        "until": iso_time(silence.until, local_zone()),
        "alerts": silenced.count,
        "urgent_alerts": silenced.urgent,
    }


def plain_silences(outbox: Outbox) -> list[dict[str, Any]]:
    """The silences that haven't ended, as ``--json`` shows them.

    :raises OutboxError: if they can't be read.
    """
    silences = silences_in(outbox)
    counts = silenced_by(outbox) if silences else {}
    return [plain_silence(each, counts.get(each.id)) for each in silences]


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
