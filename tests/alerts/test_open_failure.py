"""What is noted about an open incident: since when, how often, and all that a list or an escalation needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.events import Event, Urgency

FIRST = Alert(
    key="k1",
    mailbox=Mailbox("dingtalk_default", '{"user_ids": ["u1"]}'),
    event=Event.TASK_RETRYING,
    at=1_000.0,
    dag_id="etl",
    run_id="r1",
    task_id="load",
    map_index=3,
    try_number=1,
    owners=("zhangsan",),
    summary="no such table",
    log_link="https://airflow.example.com/log",
    facts={"tags": ["core"], "run_type": "scheduled", "severity": "P1"},
    rule={"name": "core"},
)


def test_it_survives_as_bytes() -> None:
    failure = OpenFailure.of(FIRST)
    assert OpenFailure.from_bytes(failure.to_bytes()) == failure
    assert (failure.name, failure.urgency, failure.tags) == ("etl · load [3]", Urgency.P1, ("core",))
    assert OpenFailure("airflow_unhealthy", 1.0, 1.0).name == "airflow_unhealthy"


def test_each_failure_counts_once_and_the_first_one_tells_since_when() -> None:
    one = OpenFailure.of(FIRST)
    again = OpenFailure.of(replace(FIRST, key="other notifier", occurrence="k1", at=1_001.0), one)
    assert (again.count, again.since, again.at) == (1, 1_000.0, 1_001.0)
    second = OpenFailure.of(replace(FIRST, key="k2", occurrence="k2", at=1_300.0, event=Event.TASK_FAILED), again)
    assert (second.count, second.since, second.at, second.event) == (2, 1_000.0, 1_300.0, "task_failed")


def test_a_failure_that_is_written_late_changes_only_since_when_and_how_often() -> None:
    newest = OpenFailure.of(replace(FIRST, key="k9", occurrence="k9", at=9_000.0, run_id="r9"))
    late = OpenFailure.of(FIRST, newest)
    assert (late.since, late.at, late.count, late.run_id) == (1_000.0, 9_000.0, 2, "r9")


def test_the_rule_is_that_of_the_latest_failure_and_has_a_beginning_of_its_own() -> None:
    low = OpenFailure.of(replace(FIRST, rule={"name": "retries"}))
    core = OpenFailure.of(replace(FIRST, key="k2", occurrence="k2", at=1_300.0), low)
    assert (core.since, core.rule, core.rule_since) == (1_000.0, "core", 1_300.0)
    later = OpenFailure.of(replace(FIRST, key="k3", occurrence="k3", at=5_000.0), core)
    assert (later.rule_since, later.count) == (1_300.0, 3)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"[]", b"null", b"\xff", b'{"event": "task_failed"}', b'{"event": 1, "since": 1, "at": 2}'),
        *(b'{"event": "x", "since": true, "at": 1}', b'{"event": "x", "since": 1, "at": 1, "task_id": []}'),
    ],
)
def test_what_is_damaged_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        OpenFailure.from_bytes(value)


def test_a_newer_version_may_have_noted_more() -> None:
    assert OpenFailure.from_bytes(b'{"event": "x", "since": 1, "at": 2, "mood": "bad"}').at == 2
