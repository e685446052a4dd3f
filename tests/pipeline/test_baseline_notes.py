"""Histories and what was said, in files and in Redis: damage, crashes, and what is forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.errors import OutboxError
from airflow_provider_dingpush.oncall.baselines import Notice
from airflow_provider_dingpush.oncall.run_history import MOST_RUNS
from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.baseline_events import DAGS, HISTORY, OF_DAG, RUNS, STATES
from airflow_provider_dingpush.pipeline.baseline_notes import NotedEvent, Said
from airflow_provider_dingpush.pipeline.homes import home
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.storage.notes import Note
from tests.baselines_in_use import dag_run, notes, runs, use_baselines
from tests.outbox_in_use import use
from tests.redis_servers import redis_server

OF = OF_DAG, "report"
SAID = Said(100.0, ("report",), {"2026-11-26": frozenset({Notice.AT_RISK})})


@pytest.fixture(autouse=True, params=["files", "redis"])
def _store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_baselines(tmp_path, monkeypatch)
    if request.param == "files":
        yield
        return
    with redis_server() as running:
        use(running.url, monkeypatch)
        yield


def set_note(family: str, name: str, value: bytes) -> None:
    outbox().store.set_notes([Note(family, name, value)])


def test_a_look_changes_nothing() -> None:
    runs(2)
    baseline_events.run_started(dag_run())
    found = notes().histories()
    assert found == notes().histories()
    assert len(found[OF].runs) == 3
    assert len(outbox().store.notes(RUNS, 9)) == 1


def test_a_run_that_goes_on_stays_noted() -> None:
    baseline_events.run_started(dag_run())
    assert notes().update() == notes().update()
    baseline_events.run_ended(dag_run(took=5), "success", "success")
    assert notes().update() == notes().update()
    assert outbox().store.notes(RUNS, 9) == {}


def test_events_that_are_read_twice_after_a_crash_change_nothing() -> None:
    """The history was written, and the process killed before the events were removed."""
    ended = dag_run(took=60, ends={"load": 60.0})
    baseline_events.run_ended(ended, "success", "success")
    first = notes().update()
    baseline_events.run_ended(ended, "success", "success")
    again = notes().update()
    assert again == first
    assert [each.took for each in again[OF].tasks] == [(3_600.0,)]


def test_a_history_is_bounded() -> None:
    for minute in range(MOST_RUNS + 5):
        baseline_events.run_ended(dag_run(f"05:{minute % 60:02}", run_id=f"r{minute}", took=1), "success", "success")
        notes().update()
    assert len(notes().histories()[OF].runs) == MOST_RUNS


@pytest.mark.parametrize("damage", [b"", b"{", b"3", b"[]", b'{"of": ["dag", "report"]}', b'{"kind": "dag"}', b"\xff"])
def test_what_is_damaged_is_left_out(damage: bytes) -> None:
    runs(1)
    for family, name in ((RUNS, "x-0-ended"), (HISTORY, "x"), (DAGS, STATES), ("baselines", "said")):
        set_note(family, name, damage)
    assert len(notes().update()[OF].runs) == 1
    assert notes().said() == {}
    assert notes().states() is None


@pytest.mark.parametrize("started", ["null", '"now"'])
def test_a_run_without_times_is_no_run(started: str) -> None:
    body = f'{{"kind": "dag", "name": "d", "run_id": "r", "type": "scheduled", "started": {started}}}'
    with pytest.raises(ValueError, match="numbers"):
        NotedEvent.read(body.encode())


def test_what_was_said_is_remembered() -> None:
    notes().remember({"daily": SAID})
    assert notes().said() == {"daily": SAID}
    assert SAID.of("2026-11-25") == frozenset()


def test_older_days_are_forgotten() -> None:
    said = SAID
    for day in range(10, 30):
        said = said.saying(f"2026-12-{day}", [Notice.BREACHED])
    assert sorted(said.days) == ["2026-12-26", "2026-12-27", "2026-12-28", "2026-12-29"]
    assert said.saying("2026-12-29", [Notice.MET]).of("2026-12-29") == {Notice.BREACHED, Notice.MET}


@pytest.mark.parametrize(
    "plain", [{}, {"since": "x", "outputs": [], "days": {}}, {"since": 1, "outputs": [], "days": {"d": ["?"]}}]
)
def test_what_isnt_that_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"this isn't|could not|valid"):
        Said.from_plain(plain)


def test_which_dags_are_paused_is_believed_for_an_hour() -> None:
    baseline_events.write_states({"report": (True, None), "city": (False, 5.0)})
    assert notes().states() == {"report": (True, None), "city": (False, 5.0)}
    old = {"at": time.time() - 3_700, "dags": {"report": [True, None]}}
    set_note(DAGS, STATES, json.dumps(old).encode())
    assert notes().states() is None


def test_only_one_process_checks() -> None:
    with notes().only_here() as first, notes().only_here() as second:
        assert (first, second) == (True, False)
    with notes().only_here() as again:
        assert again


def test_without_a_store_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in_the_way").touch()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "in_the_way"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "in_the_way"))
    use("redis://127.0.0.1:1/0", monkeypatch)
    with pytest.raises(OutboxError):
        notes().remember({"daily": SAID})
    with pytest.raises(OutboxError), notes().only_here():
        pass
    assert notes().histories() == {}


def test_files_of_a_history_have_the_name_that_tasks_look_for() -> None:
    runs(1)
    if (home() / "notes" / HISTORY).exists():
        assert baseline_events._has_history("report")
