"""The buttons of the page: each does one thing, if Airflow lets the user."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.page_actions import PageResult, act
from airflow_provider_dingpush.pipeline.page_state import read_state
from airflow_provider_dingpush.pipeline.silences import MOST_SILENCES, add_silence, silences_in
from airflow_provider_dingpush.sandbox import Sandbox
from tests.outbox_in_use import NOBODY, use
from tests.web.page_data import Anybody, dead_letter, failed


@pytest.fixture(autouse=True)
def _unhurried(unhurried: None) -> None:
    """What is done is tested, not how fast."""


def pressed(action: str, wanted: str, visitor: Any = None, **form: str) -> PageResult:
    return act({"action": action, "id": wanted, **form}, visitor or Anybody(), time.monotonic() + 60)


def incident_id() -> str:
    [incident] = incidents_in(outbox())
    return incident.id


def test_an_incident_is_claimed_taken_over_and_given_back() -> None:
    failed()
    for name in ("zhangsan", "lisi"):
        assert pressed("claim", incident_id(), Anybody(name)) is PageResult.CLAIMED
        [incident] = incidents_in(outbox())
        assert incident.claim is not None
        assert incident.claim.by == name
    assert pressed("unclaim", incident_id()) is PageResult.UNCLAIMED
    [incident] = incidents_in(outbox())
    assert incident.claim is None


def test_a_failure_that_several_groups_are_notified_of_is_claimed_for_all() -> None:
    """As ``dingpush ack`` does: otherwise it would climb in the other group."""
    failed("sales", "load")
    failed("sales", "load", mailbox=Mailbox("dingtalk_oncall"))
    failed("sales", "other")
    first = next(each for each in incidents_in(outbox()) if each.failure.task_id == "load")
    assert pressed("claim", first.id) is PageResult.CLAIMED
    assert {each.failure.task_id: each.claim and each.claim.by for each in incidents_in(outbox())} == {
        "load": "zhangsan",
        "other": None,
    }
    assert sum(each.claim is not None for each in incidents_in(outbox())) == 2
    assert pressed("unclaim", first.id) is PageResult.UNCLAIMED
    assert not any(each.claim for each in incidents_in(outbox()))


def test_an_incident_is_silenced_for_a_while_and_the_silence_ended() -> None:
    failed("sales", "load")
    failed("sales", None)
    for each in incidents_in(outbox()):
        assert pressed("silence", each.id, minutes="30") is PageResult.SILENCED
    found = silences_in(outbox())
    assert {each.what for each in found} == {"dag_id=sales, task_id=load", "dag_id=sales"}
    assert {each.by for each in found} == {"zhangsan"}
    assert all(1_700 < each.until - time.time() <= 1_800 for each in found)
    assert pressed("end_silence", found[0].id, Anybody(edits=("other",))) is PageResult.FORBIDDEN
    assert len(silences_in(outbox())) == 2
    assert pressed("end_silence", found[0].id, Anybody(edits=("sales",))) is PageResult.SILENCE_ENDED
    assert pressed("end_silence", found[0].id) is PageResult.GONE
    assert len(silences_in(outbox())) == 1


@pytest.mark.parametrize("minutes", ["", "0", "31", "-30", "1e9", "30 ", "99999999"])
def test_no_other_time_than_those_of_the_page(minutes: str) -> None:
    failed()
    assert pressed("silence", incident_id(), minutes=minutes) is PageResult.WRONG
    assert silences_in(outbox()) == ()


def test_a_silence_of_many_dags_is_ended_by_who_may_edit_all() -> None:
    made = add_silence(outbox(), {"dag_id": ("etl_*",)}, seconds=600.0, why="", by="x")
    assert pressed("end_silence", made.id, Anybody(edits=("etl_*", "etl_1"))) is PageResult.FORBIDDEN
    assert pressed("end_silence", made.id, Anybody(edits=(None,))) is PageResult.SILENCE_ENDED


def test_a_dead_letter_is_sent_again(connected: Sandbox) -> None:
    dead_letter()
    [row] = read_state(Anybody(), time.monotonic() + 60).letters
    wanted = f"{row.receiver_id}/{row.letter.key}"
    assert pressed("retry", wanted, Anybody(edits=("other",))) is PageResult.FORBIDDEN
    assert pressed("retry", f"{row.receiver_id}/{row.letter.key[:8]}") is PageResult.GONE
    assert pressed("retry", wanted, Anybody(edits=("etl_daily",))) is PageResult.REQUEUED
    assert pressed("retry", wanted) is PageResult.GONE
    assert main(["flush"]) == 0
    assert len(connected.messages) == 1


def test_a_dead_letter_while_another_process_sends(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letter()
    [row] = read_state(Anybody(), time.monotonic() + 60).letters
    monkeypatch.setattr("airflow_provider_dingpush.pipeline.page_actions._LEADER_SECONDS", 0.0)
    with outbox().leadership(row.receiver_id) as book:
        assert book is not None
        assert pressed("retry", f"{row.receiver_id}/{row.letter.key}") is PageResult.BUSY


@pytest.mark.parametrize("action", ["claim", "unclaim", "silence"])
def test_only_who_may_edit_the_dag(action: str) -> None:
    """Who may not even read it isn't told that it is there."""
    failed("sales")
    wanted = incident_id()
    assert pressed(action, wanted, Anybody(edits=("other", None)), minutes="30") is PageResult.FORBIDDEN
    assert pressed(action, wanted, Anybody(reads=("other",)), minutes="30") is PageResult.GONE
    assert pressed(action, wanted[:6], minutes="30") is PageResult.GONE
    [incident] = incidents_in(outbox())
    assert (incident.claim, silences_in(outbox())) == (None, ())


@pytest.mark.parametrize("wanted", ["", "/", "../../x", "../x/y", "x/../../y", "\0", "a" * 10_000])
def test_an_id_that_nothing_has(wanted: str) -> None:
    failed()
    for action in ("claim", "unclaim", "silence", "end_silence", "retry"):
        assert pressed(action, wanted, minutes="30") is PageResult.GONE


def test_too_many_silences() -> None:
    for number in range(MOST_SILENCES):
        add_silence(outbox(), {"dag_id": (f"d{number}",)}, seconds=600.0, why="", by="x")
    failed()
    assert pressed("silence", incident_id(), minutes="30") is PageResult.TOO_MANY


def test_an_outbox_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    use(NOBODY, monkeypatch)
    assert pressed("end_silence", "x") is PageResult.UNAVAILABLE
