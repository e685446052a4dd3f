"""What files keep while another outbox is unavailable: successes that may end a failure, and copies of its alerts.

Notes of the families ``recovered`` (by incident) and ``copies`` (by key); no leader reads them.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.storage.notes import Note
from airflow_provider_dingpush.storage.outbox import Outbox

RECOVERED, COPIES = "recovered", "copies"
_DEAD = "dead"
_KEPT_SECONDS = 90 * 86_400.0

_log = logging.getLogger(__name__)


def keep_success(outbox: Outbox, alert: Alert) -> None:
    """Keep a success until it is known whether it ends a failure: the newest of each task, for all notifiers."""
    from airflow_provider_dingpush.alerts.joining import joined

    same = []
    before = outbox.store.note(RECOVERED, alert.incident)
    with suppress(ValueError):
        if before is not None and (kept := Alert.from_json(before.value)).occurrence == alert.occurrence:
            same.append(kept)
    _keep(outbox, RECOVERED, alert.incident, joined([*same, alert])[0], newest=outbox.most_incidents)


def keep_copy(outbox: Outbox, alert: Alert) -> None:
    """Keep a copy of an alert in another outbox, in case that one loses it."""
    # A key may be any text, the name of a note may not.
    name = hashlib.sha256(alert.key.encode("utf-8", "surrogatepass")).hexdigest()
    _keep(outbox, COPIES, name, alert)


def kept(outbox: Outbox, family: str, at_most: int, *, older_than: float = 0.0) -> list[tuple[str, Alert]]:
    """The alerts that were kept, each with its name for :func:`remove`. What can't be read is set aside.

    :param family: :data:`RECOVERED` or :data:`COPIES`.
    :param older_than: only those that were kept for at least so long, in seconds.
    """
    found: list[tuple[str, Alert]] = []
    for name, note in sorted(outbox.store.notes(family, at_most).items()):
        if _KEPT_SECONDS - note.seconds_left < older_than:
            continue
        try:
            found.append((name, Alert.from_json(note.value)))
        except ValueError as problem:
            aside = f"{family}-{name}"
            _log.error("The alert kept as %s can't be read (%s): it is set aside in %s.", aside, problem, _DEAD)
            outbox.store.set_notes([Note(_DEAD, aside, note.value, durable=True)])
            remove(outbox, family, name)
    return found


def remove(outbox: Outbox, family: str, name: str) -> None:
    """Remove a kept alert that is no longer needed."""
    outbox.store.remove_notes([(family, name)])


def _keep(outbox: Outbox, family: str, name: str, alert: Alert, newest: int | None = None) -> None:
    body = alert.to_json().encode("utf-8", "surrogatepass")
    outbox.store.set_notes([Note(family, name, body, _KEPT_SECONDS, newest=newest, durable=True)])
