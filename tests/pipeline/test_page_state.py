"""What a visitor of the page sees: no more than Airflow's permissions allow, and no more than fits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.page_state import MOST_ROWS, PageState, matchers_of, read_state
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState
from airflow_provider_dingpush.pipeline.silences import add_silence
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.notes import OPEN, Note
from tests.callback_contexts import task_context
from tests.outbox_in_use import NOBODY, use
from tests.rules_file_in_use import use_rules_file
from tests.web.page_data import Anybody, failed, fill


@pytest.fixture(autouse=True)
def _unhurried(unhurried: None) -> None:
    """What is read is tested, not how fast."""


def read(visitor: Anybody | None = None) -> PageState:
    return read_state(visitor or Anybody(), time.monotonic() + 60)


def dags(state: PageState) -> list[str]:
    return [each.incident.failure.dag_id for each in state.incidents]


def test_only_dags_that_may_be_read_are_seen(connected: Sandbox) -> None:
    """Incidents, dead letters and silences of others aren't even counted."""
    fill(connected)
    add_silence(outbox(), {"dag_id": ("evil",)}, seconds=600.0, why="", by="x")
    state = read(Anybody(reads=("evil",), edits=()))
    assert dags(state) == ["evil"]
    assert (state.more_incidents, state.letters, state.more_letters) == (0, [], 0)
    assert [each.silence.what for each in state.silences] == ["dag_id=evil"]
    assert not state.incidents[0].may_edit
    assert not state.silences[0].may_edit
    everything = read(Anybody(reads=(None, "evil", "etl_daily"), edits=("etl_daily",)))
    assert {each.silence.what for each in everything.silences} == {"dag_id=evil", "dag_id=dev_*"}
    assert [each.may_edit for each in everything.letters] == [True]


def test_what_is_about_no_dag_needs_all_of_them(connected: Sandbox) -> None:
    """An import error names a file, of which Airflow has no permissions."""
    failed("/dags/etl.py", None, event=Event.DAG_IMPORT_ERROR)
    assert dags(read(Anybody(reads=("/dags/etl.py", "etl")))) == []
    [row] = read(Anybody(reads=(None,))).incidents
    assert row.incident.failure.dag_id == "/dags/etl.py"
    assert row.may_edit
    assert not row.may_silence
    assert matchers_of(row.incident) is None


@pytest.mark.parametrize("dag_id", ["a*", "a[b]", "!a", "a b", "a\n"])
def test_a_name_that_could_be_a_pattern_is_not_silenced(dag_id: str) -> None:
    """It could mute more than the visitor may edit."""
    failed(dag_id)
    [row] = read().incidents
    assert matchers_of(row.incident) is None
    assert not row.may_silence


def test_no_connection_is_looked_up(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the token; its limits are left out."""
    fill(connected)
    monkeypatch.delenv("AIRFLOW_CONN_DINGTALK_DEFAULT")
    requests = len(connected.requests)
    first, other = read().receivers
    assert (first.state, other.state) == (ReceiverState.HELD, ReceiverState.UNSENT)
    assert first.usage is not None
    assert not first.usage.has_limits
    assert len(first.letters) == 1
    assert len(connected.requests) == requests


def test_very_many_incidents_have_an_end() -> None:
    """And asking for permissions costs one question for each DAG at most."""
    now = time.time()
    outbox().store.set_notes(
        Note(
            OPEN, f"{number:024x}", OpenFailure("task_failed", now - number, now, dag_id=f"dag_{number % 7}").to_bytes()
        )
        for number in range(MOST_ROWS + 30)
    )
    state = read()
    assert (len(state.incidents), state.more_incidents) == (MOST_ROWS, 30)
    assert state.incidents[0].incident.failure.since < state.incidents[1].incident.failure.since


def test_all_claims_are_counted_and_one_incident_is_found_among_very_many() -> None:
    """Also of those that the page doesn't list."""
    now = time.time()
    notes = (
        Note(OPEN, f"{number:024x}", OpenFailure("task_failed", now, now, dag_id=f"dag_{number}").to_bytes())
        for number in range(MOST_ROWS + 30)
    )
    outbox().store.set_notes(notes)
    every = incidents_in(outbox())
    claim(outbox(), every[-1], "lisi", now + 1)
    claim(outbox(), every[0], "lisi", now + 1)
    assert read().claimed == 2
    last = every[-1]
    for word in (last.id, f"i-{last.id}", last.failure.dag_id):
        state = read_state(Anybody(), time.monotonic() + 60, word)
        assert [each.incident.id for each in state.incidents] == [last.id]
        assert (state.wanted, state.more_incidents, state.claimed) == (word, 0, 1)
    for word, visitor in (("0" * 30, Anybody()), ("../x", Anybody()), (last.id, Anybody(reads=("dag_1",)))):
        assert read_state(visitor, time.monotonic() + 60, word).incidents == []


def test_baselines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baselines = [{"name": f"b{number}", "dags": f"dag_{number}", "due": "08:30"} for number in range(MOST_ROWS + 7)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"baselines": baselines}))
    use_rules_file(tmp_path / "rules.yaml", monkeypatch)
    state = read()
    assert (len(state.baselines), state.more_baselines, state.has_rules_file) == (MOST_ROWS, 7, True)
    assert read(Anybody(reads=("dag_3",))).more_baselines == 0


def test_an_outbox_that_is_away_is_a_problem_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its substitute on this machine has is shown."""
    use(NOBODY, monkeypatch)
    DingTalkNotifier()(task_context("in_files"))
    state = read()
    assert state.problems
    assert state.location is None
    assert any(each.folder for each in state.receivers)
