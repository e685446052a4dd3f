"""What is open in an outbox, and who takes care of it; in files and in Redis."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.oncall.claims import Claim, ClaimedBy
from airflow_provider_dingpush.pipeline.incidents import (
    CLAIMS,
    Incident,
    claim,
    claims_in,
    current_claim,
    incidents_in,
    meant_by,
    of_all,
    siblings_of,
    unclaim,
)
from airflow_provider_dingpush.pipeline.outboxes import files_in, outbox
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.notes import OPEN, Note
from airflow_provider_dingpush.storage.outbox import Outbox
from tests.callback_contexts import success_context, task_context
from tests.outbox_in_use import use
from tests.redis_servers import RedisServer

FAILED = Alert("k", Mailbox("dingtalk_default"), Event.TASK_FAILED, 1.0, dag_id="etl", run_id="r", task_id="load")


@pytest.fixture(params=["files", "redis"])
def box(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("server")
        use(server.url, monkeypatch)
    return outbox()


def put(box: Outbox, task_id: str | None = "load", *, at: float | None = None, **changes: Any) -> Alert:
    at = time.time() if at is None else at
    values = {"key": f"{task_id} {at}", "occurrence": "", "task_id": task_id, "at": at, **changes}
    alert = replace(FAILED, **values)
    box.put(alert)
    return alert


def recover(box: Outbox, task_id: str = "load") -> None:
    put(box, task_id, event=Event.TASK_SUCCEEDED, resolved=True)


def test_an_incident_is_open_from_its_first_failure_to_its_recovery(box: Outbox) -> None:
    now = time.time()
    alert = put(box, at=now - 60, owners=("zhangsan",), facts={"severity": "P1"}, rule={"name": "core"})
    put(box, at=now - 30, rule={"name": "core"}, facts={"severity": "P1"})
    put(box, "other", at=now - 90)
    first, second = incidents_in(box)
    assert (first.id, first.failure.count, first.failure.severity) == (alert.incident, 2, "P1")
    assert first.failure.since == pytest.approx(now - 60)
    assert (second.failure.task_id, second.claim) == ("other", None)
    recover(box)
    assert [each.failure.task_id for each in incidents_in(box)] == ["other"]


def test_a_claim_ends_with_its_incident(box: Outbox) -> None:
    put(box, at=time.time() - 60)
    [incident] = incidents_in(box)
    made = claim(box, incident, " zhang  san ", time.time(), note="disk is full")
    assert (made.by, made.note, made.name, made.how) == ("zhang san", "disk is full", "etl · load", ClaimedBy.COMMAND)
    assert incidents_in(box) == [replace(incident, claim=made)]
    assert current_claim(box, incident.id) == made
    put(box)
    [again] = incidents_in(box)
    assert again.claim == made
    recover(box)
    assert current_claim(box, incident.id) is None
    time.sleep(0.01)
    put(box)
    [new] = incidents_in(box)
    assert (new.id, new.claim, current_claim(box, new.id)) == (incident.id, None, None)


def test_a_claim_can_be_given_back_and_replaced(box: Outbox) -> None:
    put(box)
    [incident] = incidents_in(box)
    claim(box, incident, "one", time.time())
    claim(box, incident, "two", time.time(), how=ClaimedBy.PAGE)
    assert [(each.by, each.how) for each in claims_in(box).values()] == [("two", ClaimedBy.PAGE)]
    unclaim(box, incident)
    assert (claims_in(box), current_claim(box, incident.id)) == ({}, None)


def test_a_clock_that_is_slow_claims_nevertheless(box: Outbox) -> None:
    put(box)
    [incident] = incidents_in(box)
    claim(box, incident, "one", time.time() - 3_600)
    assert incidents_in(box)[0].claim is not None


def test_damaged_notes_hide_nothing(box: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    put(box)
    box.store.set_notes([Note(OPEN, "0" * 24, b"{}"), Note(CLAIMS, "0" * 24, b"{}"), Note(OPEN, "1" * 24, b"")])
    assert [each.failure.task_id for each in incidents_in(box)] == ["load"]
    assert claims_in(box) == {}
    assert "can't be read" in caplog.text
    assert current_claim(box, "0" * 24) is None


def test_which_incidents_a_word_means(box: Outbox) -> None:
    for task_id in ("load", "clean"):
        put(box, task_id)
    put(box, None)
    every = incidents_in(box)
    assert len(meant_by("etl", every)) == 3
    assert [each.failure.task_id for each in meant_by(" etl.load ", every)] == ["load"]
    for each in every:
        assert meant_by(each.short_id, every) == [each]
    assert meant_by("", every) == []


def test_the_same_failure_in_several_groups_is_one(box: Outbox) -> None:
    put(box)
    put(box, mailbox=Mailbox("other"), key="other", occurrence="")
    put(box, "clean")
    every = incidents_in(box)
    one = next(each for each in every if each.failure.task_id == "load")
    assert {each.failure.conn_id for each in siblings_of(one, every)} == {"dingtalk_default", "other"}
    assert len(siblings_of(one, [one])) == 1


def test_incidents_of_several_outboxes(box: Outbox, tmp_path: Path) -> None:
    other = Outbox(files_in(tmp_path))
    put(box, "here")
    put(other, "there")
    alert = put(other, "here", at=time.time() - 100)
    [there] = [each for each in incidents_in(other) if each.failure.task_id == "there"]
    claim(box, there, "zhangsan", time.time())
    found = of_all([box, other])
    assert {each.failure.task_id: owner for owner, each in found.values()} == {"here": box, "there": other}
    claimed = found[there.id][1].claim
    assert claimed is not None
    assert claimed.by == "zhangsan"
    assert found[alert.incident][1].failure.since > time.time() - 90


def test_a_claim_stands_in_the_next_message(connected: Sandbox, unhurried: None) -> None:
    """In that about the same task, in a digest of others, and not in the one after that."""
    DingTalkNotifier()(task_context("one"))
    [incident] = incidents_in(outbox())
    claim(outbox(), incident, "zhangsan", time.time(), note="看一下")
    DingTalkNotifier()(task_context("two"))
    DingTalkNotifier()(task_context("three"))
    first, second, third = (each.payload["markdown"]["text"] for each in connected.messages)
    assert "认领" not in first
    assert "由 zhangsan 认领于" in second
    assert "etl\\_daily · one 由" in second
    assert "看一下" in second
    assert "认领" not in third
    DingTalkNotifier()(success_context("one"))
    assert "认领" not in str(connected.messages[-1])


def test_ten_thousand_are_listed_in_bounded_time_and_memory(outbox_home: object) -> None:
    box = outbox()
    noted = OpenFailure.of(replace(FAILED, facts={"tags": ["x"] * 5}, summary="s" * 200, log_link="https://a/" * 20))
    names = [f"{number:024x}" for number in range(10_000)]
    body = noted.to_bytes()
    box.store.set_notes(Note(OPEN, name, body) for name in names)
    tracemalloc.start()
    found = incidents_in(box)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 10_000
    assert most < 100_000_000


def test_the_order_is_by_urgency_and_age() -> None:
    def incident(severity: str, since: float) -> Incident:
        return Incident("a", OpenFailure("task_failed", since, since, severity=severity), Claim("a", 1.0))

    given = [incident("P2", 1.0), incident("P1", 9.0), incident("", 0.5), incident("P1", 2.0)]
    assert [(each.failure.severity, each.failure.since) for each in sorted(given, key=lambda each: each.order)] == [
        ("P1", 2.0),
        ("P1", 9.0),
        ("", 0.5),
        ("P2", 1.0),
    ]
