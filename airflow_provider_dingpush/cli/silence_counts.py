"""The silences of an outbox and how many alerts each has muted, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.silences import Silenced, silenced_by, silences_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox


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
