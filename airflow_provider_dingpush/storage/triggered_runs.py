"""Which run triggered another one, as a note of the store: of that Airflow knows only that an operator did."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert, run_name
from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.storage.notes import Note

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.contract import Store

_TRIGGERED = "triggered"
_SECONDS = 7 * 86_400.0
_MOST = 10_000
# Of a run that an operator triggered: the second one since Airflow 3.2 (``utils/types.py`` of 3.3.2, read 2026-11-27).
_RUN_TYPES = {"manual", "operator_triggered"}


def note_triggered(store: Store, run: tuple[str, str], by: tuple[str, str]) -> None:
    """Note which run triggered another one.

    :param store: keeps it.
    :param run: DAG and run id of the triggered run.
    :param by: those of the run whose task triggered it.
    """
    store.set_notes([Note(_TRIGGERED, run_name(*run), json.dumps(by).encode(), _SECONDS, newest=_MOST)])


def with_triggering_run(store: Store, alert: Alert) -> Alert:
    """The alert of a failure, with the run that triggered its own among its upstreams."""
    if not (alert.opens_incident and alert.run_id and alert.facts.get("run_type") in _RUN_TYPES):
        return alert
    # The alert is worth more than what it may follow from.
    with suppress(OutboxError, ValueError, TypeError):
        note = store.note(_TRIGGERED, run_name(alert.dag_id, alert.run_id))
        if note is not None:
            from airflow_provider_dingpush.alerts.upstreams import Upstream

            dag_id, run_id = json.loads(note.value)
            return alert.following(Upstream.read([dag_id, None, run_id]))
    return alert
