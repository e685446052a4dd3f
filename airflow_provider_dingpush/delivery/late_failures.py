"""Failures that arrive after the recovery that ended them was sent: they are sent as over, and no group stays red.

A failure may have waited where its process could put it, while the next try succeeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.merging import attempt_of
from airflow_provider_dingpush.delivery.record_kinds import RECOVERED, Recovered
from airflow_provider_dingpush.delivery.records import Changes, RecordTable
from airflow_provider_dingpush.delivery.repetitions import subject_of
from airflow_provider_dingpush.events import Event

_REMEMBERED_SECONDS = 3600.0
_MOST_REMEMBERED = 2_000


def note_recoveries(recoveries: Iterable[Alert], table: RecordTable, now: float, changes: Changes) -> None:
    """Remember these recoveries for an hour, and only so many.

    :param now: in seconds since 1970.
    """
    new = {
        subject_of(each): Recovered(each.at, json.dumps(attempt_of(each)), each.try_number, now)
        for each in recoveries
        if each.run_id and each.try_number and each.task_id
    }
    if not new:
        return
    before = table.of(RECOVERED)
    oldest_first = sorted((each.taken_at, subject) for subject, each in before.items() if subject not in new)
    surplus = len(oldest_first) + len(new) - _MOST_REMEMBERED
    for number, (taken_at, subject) in enumerate(oldest_first):
        if number < surplus or taken_at < now - _REMEMBERED_SECONDS:
            changes.delete(RECOVERED, subject)
    for subject, recovered in new.items():
        changes.put(RECOVERED, recovered, subject)


def end_of(alert: Alert, recovered: Mapping[str, Recovered]) -> Alert | None:
    """The recovery of a failure that was over before it arrived; ``None`` if it isn't known to be over.

    Its try must be an earlier one of the same run as well: the clocks of two machines may differ.

    :param recovered: the records of this kind.
    """
    end = recovered.get(subject_of(alert)) if alert.opens_incident else None
    if end is None or not alert.run_id or not alert.try_number:
        return None
    if json.dumps(attempt_of(alert)) != end.run or alert.try_number >= end.try_number or alert.at > end.at:
        return None
    return replace(
        alert,
        key=f"{alert.key}.over",
        occurrence=f"{alert.key}.over",
        event=Event.TASK_SUCCEEDED,
        at=end.at,
        try_number=end.try_number,
        resolved=True,
        summary="",
        message=None,
        also=(),
        mentions=None,
        problems={},
    )
