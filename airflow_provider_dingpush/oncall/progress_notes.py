"""How far an incident has escalated, as the value of a note."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from airflow_provider_dingpush.oncall.escalation import Attempt, Call, Outcome, Progress
from airflow_provider_dingpush.rules.escalations import Way


def progress_to_bytes(progress: Progress) -> bytes:
    """The value of a note."""
    plain = {
        "began": progress.began,
        "shift": progress.shift,
        "paused_since": progress.paused_since,
        "rerun_at": progress.rerun_at,
        "attempts": {
            key: [{**asdict(each), "way": each.way.value, "outcome": each.outcome.value} for each in attempts]
            for key, attempts in progress.attempts.items()
        },
    }
    return json.dumps(plain, separators=(",", ":")).encode()


def progress_from_bytes(value: bytes) -> Progress:
    """Read what :func:`progress_to_bytes` wrote.

    :raises ValueError: if it is anything else.
    """
    try:
        plain = json.loads(value)
        attempts = {str(key): tuple(map(_attempt, some)) for key, some in plain["attempts"].items()}
        return Progress(
            float(plain["began"]),
            attempts,
            float(plain["shift"]),
            _moment(plain["paused_since"]),
            _moment(plain["rerun_at"]),
        )
    except (TypeError, LookupError, AttributeError, RecursionError) as problem:
        raise ValueError("this isn't the progress of an incident") from problem


def call_to_bytes(call: Call) -> bytes:
    """The value of a note of a phone call."""
    return json.dumps(call).encode()


def call_from_bytes(value: bytes) -> Call:
    """Read what :func:`call_to_bytes` wrote.

    :raises ValueError: if it is anything else.
    """
    try:
        at, people, rule = json.loads(value)
        return Call(float(at), int(people), str(rule))
    except (TypeError, RecursionError) as problem:
        raise ValueError("this isn't a phone call") from problem


def _attempt(plain: Any) -> Attempt:
    receipt = plain["receipt"]
    if not isinstance(receipt, dict):
        raise TypeError("receipt")
    return Attempt(
        Way(plain["way"]),
        float(plain["at"]),
        Outcome(plain["outcome"]),
        tuple(str(each) for each in plain["people"]),
        receipt,
        str(plain["detail"]),
    )


def _moment(value: Any) -> float | None:
    return None if value is None else float(value)
