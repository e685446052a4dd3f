"""Failures that arrive after the recovery that ended them was told: they are told as over, and no group stays red.

A failure may have waited where its process could put it, while the next try succeeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.delivery.merging import attempt_of
from airflow_provider_dingpush.delivery.repetitions import subject_of
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.storage.contract import Place

ENDED = "ended"
"""The kind of record that says when a task or a run recovered."""

_REMEMBERED_SECONDS = 3600.0
_MOST_REMEMBERED = 2_000


def noted(recoveries: Iterable[Alert], before: Mapping[str, Any], now: float) -> tuple[dict[Place, Any], list[Place]]:
    """What to put into the book and what to delete from it because of these recoveries.

    :param before: the records of this kind.
    :param now: in seconds since 1970.
    """
    new = {
        subject_of(each): {"at": each.at, "run": json.dumps(attempt_of(each)), "try": each.try_number, "taken": now}
        for each in recoveries
        if each.run_id and each.try_number and each.task_id
    }
    if not new:
        return {}, []
    oldest_first = sorted((each["taken"], subject) for subject, each in before.items() if subject not in new)
    surplus = len(oldest_first) + len(new) - _MOST_REMEMBERED
    gone = [
        subject
        for number, (taken, subject) in enumerate(oldest_first)
        if number < surplus or taken < now - _REMEMBERED_SECONDS
    ]
    return {(ENDED, subject): each for subject, each in new.items()}, [(ENDED, subject) for subject in gone]


def end_of(alert: Alert, ended: Mapping[str, Any]) -> Alert | None:
    """The recovery of a failure that was over before it arrived; ``None`` if it isn't known to be over.

    Its try must be an earlier one of the same run as well: the clocks of two machines may differ.

    :param ended: the records of this kind.
    """
    record = ended.get(subject_of(alert)) if alert.opens_incident else None
    if record is None or not alert.run_id or not alert.try_number:
        return None
    if json.dumps(attempt_of(alert)) != record["run"] or alert.try_number >= record["try"] or alert.at > record["at"]:
        return None
    return replace(
        alert,
        key=f"{alert.key}.over",
        occurrence=f"{alert.key}.over",
        event=Event.TASK_SUCCEEDED,
        at=record["at"],
        try_number=record["try"],
        resolved=True,
        summary="",
        message=None,
        also=(),
        mentions=None,
        problems={},
    )
