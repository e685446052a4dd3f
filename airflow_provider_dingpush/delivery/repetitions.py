"""Which alerts say again what was said: what is remembered of each alert, and what a recovery makes forgotten."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection

from airflow_provider_dingpush.delivery.alert import Alert


def remembered(alert: Alert) -> tuple[str, ...]:
    """The names under which an alert is remembered: its key, and that its occurrence was spoken of."""
    return (_name(alert), f"{subject_of(alert)}{alert.occurrence}+") if alert.adds_something else (_name(alert),)


def asked(alert: Alert) -> tuple[str, ...]:
    """The names to look for before an alert is sent."""
    return (_name(alert),) if alert.adds_something else (_name(alert), f"{_name(alert)}+")


def is_sent_already(alert: Alert, known: Collection[str]) -> bool:
    """Whether this very alert was taken in before.

    :param known: those of the :func:`asked` names that are remembered.
    """
    return asked(alert)[0] in known


def is_spoken_of(alert: Alert, known: Collection[str]) -> bool:
    """Whether an alert that adds nothing is about an occurrence that another notifier spoke of, in words of its own.

    :param known: those of the :func:`asked` names that are remembered.
    """
    return asked(alert)[-1] in known


def _name(alert: Alert) -> str:
    # Nobody puts a recovery unless something has failed since the last one, so another one is no repetition of that.
    return f"{subject_of(alert)}{alert.key}{f'@{alert.at}' if alert.resolved else ''}"


def subject_of(alert: Alert) -> str:
    """What the names of all alerts begin with that a recovery makes forgotten; empty if none does.

    Whichever connection they come through: what is remembered belongs to a robot.
    """
    if not alert.opens_incident and not alert.resolved:
        return ""
    subject = json.dumps([alert.dag_id, alert.task_id, alert.map_index])
    return f"{hashlib.sha256(subject.encode()).hexdigest()[:24]}/"


def log_repetition(log: logging.Logger, alert: Alert) -> None:
    """Say of what a repetition is dropped."""
    about = {
        "DAG": alert.dag_id,
        "run": alert.run_id,
        "task": alert.task_id,
        "map index": alert.map_index,
        "try": alert.try_number,
    }
    named = ", ".join(f"{name} {value}" for name, value in about.items() if value not in (None, ""))
    log.info("A repetition isn't sent again: %s, %s.", alert.event, named)
