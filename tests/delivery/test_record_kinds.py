"""Records are read as they were written, and a damaged one is recognised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.delivery import record_kinds as kinds
from airflow_provider_dingpush.delivery.reasons import Reason
from airflow_provider_dingpush.delivery.refusals import Refusals

QUARANTINED = kinds.QuarantinedBatch(("k1", "k2"), names_only=True, created=1.5, may_repeat="3f9a")
STORM = kinds.Storm(1.0, 2.0, 1_000, ("etl_daily", "ods_sync"))
DEAD = kinds.DeadRecord("{}", "430102", 2.0, reported=True)
NOTIFIED = kinds.NotifiedFailure(3.0, 2, "r1", "dingtalk_default")
EXAMPLES: dict[str, Any] = {
    "handles": kinds.SentHandles(("key1", "key2"), 9.0),
    "alert": "{}",
    "batch": kinds.Batch("3f9a" * 8, "r", "告警".encode(), ("k1",), 1.0, 2.0, repeats={"a": 1}, storm=STORM),
    "quarantine": QUARANTINED,
    "slot": kinds.Slot(1.0, 2.0),
    "hold": kinds.Hold(Reason.REFUSING, 1.0, 2.0, "400402", 60.0),
    "limited_since": 1.0,
    "last": 1.0,
    "hint": 1.0,
    "storm": STORM,
    "interval": 20.0,
    "notified": NOTIFIED,
    "recovered": kinds.Recovered(1.0, "r1", 2, 3.0),
    "run": kinds.NotifiedRun((("t1", None), ("t2", 3)), 1.0),
    "open": kinds.OpenIncident("etl · load", "etl", "load", None, ("r1", "r2"), 1.0, 2.0),
    "day": kinds.DayCount(3, 1),
    "overflow": 7,
    "dead": DEAD,
    "refused": 2,
    "refusals": Refusals((("7", frozenset({"a"})),), 1, proven=frozenset({"b"})),
    "restart": 1.0,
    "transfer": kinds.Transfer("m", {"k": "{}"}, (QUARANTINED,), {"d": DEAD}, {"n": NOTIFIED}, 4),
    "moved": 1.0,
    "transferred": True,
    "withheld": kinds.Withheld("{}", "silenced", "3f9a", 2.0, "etl_*（dba 停机维护）"),
    "withholding": kinds.WithheldReason("night", 1.0, 2.0, 3, 4, 5),
    "totals": kinds.Totals(9, 5, 2, 1),
    "failures": "{}",
    "events": "1 0 open ",
    "messages": "1 0 open ",
    "recorded_since": 1.0,
}
ANY_TEXT = "alert", "transferred", "failures", "events", "messages"


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_a_record_is_read_as_it_was_written(kind: str) -> None:
    value = EXAMPLES[kind]
    assert kinds.read_record(kind, json.loads(json.dumps(kinds.KINDS[kind].to_json(value)))) == value


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind not in ANY_TEXT])
@pytest.mark.parametrize("damaged", ["x", [1, {}], {"unknown": 1}, None, {"created": "x", "at": True, "sent": -1}])
def test_a_damaged_record_is_recognised(kind: str, damaged: Any) -> None:
    assert not kinds.is_sound(kind, damaged)


@pytest.mark.parametrize("kind", ["failures", "events", "messages"])
def test_history_that_is_no_text_is_damaged(kind: str) -> None:
    """What is in the text is read only when it is needed."""
    assert not any(kinds.is_sound(kind, damaged) for damaged in ([1, {}], {"unknown": 1}, None))


def test_a_transfer_without_its_alerts_is_damaged() -> None:
    assert not kinds.is_sound("transfer", {"mailbox": "m"})


def test_a_record_of_a_newer_version_is_kept_as_it_is() -> None:
    assert kinds.read_record("unheard-of", {"any": 1}) == {"any": 1}
