"""What the records of a book look like, so that a damaged one is left out before anybody relies on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from airflow_provider_dingpush.delivery.ledger_entries import Batch
from airflow_provider_dingpush.delivery.refusals import Refusals


def is_sound(kind: str, value: Any) -> bool:
    """Whether a record of this kind may look like this. Kinds that nobody knows here may look like anything."""
    shape = _SHAPES.get(kind)
    try:
        return shape is None or shape(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        return False


def _moment(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _keys(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def _slot(value: Any) -> bool:
    start, end = value
    return _moment(start) and _moment(end)


def _hold(value: Any) -> bool:
    texts, times = ("kind", "reason"), ("since", "until", "probe_seconds")
    return (
        set(value) <= {*texts, *times}
        and all(isinstance(value[name], str) for name in texts)
        and all(_moment(value.get(name, 0.0) if name == "probe_seconds" else value[name]) for name in times)
    )


def _batch(value: Any) -> bool:
    batch = Batch.from_record(value)
    texts = (batch.uuid, batch.receiver_id, batch.batch_apart)
    return (
        all(isinstance(each, str) for each in texts)
        and _keys(batch.members)
        and _keys(batch.dead)
        and _moment(batch.created)
        and _moment(batch.due)
        and _number(batch.tries)
        and _number(batch.overflow_count)
        and all(_number(each) for each in batch.repeats.values())
    )


def _pen(value: Any) -> bool:
    number, flags = value.get("may_repeat", ""), (value["names_only"], value.get("proven", False))
    return (
        _keys(value["keys"])
        and all(isinstance(each, bool) for each in flags)
        and _moment(value["created"])
        and number == str(number)
    )


def _refusals(value: Any) -> bool:
    refusals = Refusals.from_record(value)
    return (
        _number(refusals.count)
        and isinstance(refusals.of_receiver, bool)
        and all(isinstance(code, str) and _keys(list(keys)) for code, keys in refusals.groups)
        and _keys(list(refusals.proven))
    )


def _told(value: Any) -> bool:
    return _moment(value["at"]) and _number(value["suppressed"]) and "occasion" in value


def _dead(value: Any) -> bool:
    return "alert" in value and isinstance(value["problem"], str) and _moment(value["at"]) and "said" in value


def _ended(value: Any) -> bool:
    return _moment(value["at"]) and _moment(value["taken"]) and isinstance(value["run"], str) and _number(value["try"])


def _run(value: Any) -> bool:
    return _moment(value["at"]) and all(len(task) == 2 for task in value["tasks"])


def _transfer(value: Any) -> bool:
    parts = (value["alerts"], value["dead"], value["told"])
    return (
        isinstance(value["mailbox"], str)
        and all(isinstance(each, dict) for each in parts)
        and all(_pen(each) for each in value["quarantine"])
        and all(_dead(each) for each in value["dead"].values())
        and all(_told(each) for each in value["told"].values())
        and _number(value["overflow"])
    )


def _day(value: Any) -> bool:
    return all(_number(each) for each in value.values())


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "batch": _batch,
    "quarantine": _pen,
    "slot": _slot,
    "hold": _hold,
    "capped": _moment,
    "last": _moment,
    "pace": _moment,
    "told": _told,
    "ended": _ended,
    "run": _run,
    "day": _day,
    "overflow": _number,
    "dead": _dead,
    "refused": _number,
    "refusals": _refusals,
    "restart": _moment,
    "transfer": _transfer,
    "moved": _moment,
}
