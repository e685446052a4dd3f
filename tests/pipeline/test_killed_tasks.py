"""A marker without a process: Airflow is asked, and only a task that failed without a word is reported."""

from __future__ import annotations

import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline import airflow_events, killed_tasks, run_net, task_markers
from airflow_provider_dingpush.pipeline.airflow_events import run_ended
from airflow_provider_dingpush.pipeline.found_markers import Markers
from airflow_provider_dingpush.pipeline.killed_tasks import (
    FORGOTTEN_SECONDS,
    HELD_SECONDS,
    OWN_SECONDS,
    Question,
    Verdict,
    check,
    verdict,
)
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.store_flush import flush_stores
from airflow_provider_dingpush.pipeline.task_recording import record_of
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.pipeline.task_states import TaskState
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.storage.notes import Note
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import START, task_context
from tests.default_robot import titles
from tests.pipeline.test_airflow_events import stored_run

HERE = Mailbox("dingtalk_default")
STATES = [None, "running", "restarting", "failed", "success", "skipped", "up_for_retry", "up_for_reschedule"]
STATES += ["deferred", "queued", "scheduled", "removed", "upstream_failed", "awaiting_input"]


@pytest.fixture(autouse=True)
def _all_dags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")


@pytest.fixture
def airflow_says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[TaskKey]]:
    """What Airflow answers about every task; the questions that it was asked."""
    asked: list[TaskKey] = []

    def say(state: TaskState | Exception | None, meanwhile: Callable[[], None] = lambda: None) -> list[TaskKey]:
        def states_of(_dag_id: str, keys: Iterable[TaskKey]) -> dict[TaskKey, TaskState]:
            wanted = list(keys)
            asked.extend(wanted)
            meanwhile()
            if isinstance(state, Exception):
                raise state
            return {} if state is None else dict.fromkeys(wanted, state)

        monkeypatch.setattr(killed_tasks, "states_of", states_of)
        return asked

    return say


def record(task_id: str = "load_orders", **changes: Any) -> dict[str, Any]:
    context = task_context(task_id)
    return {**record_of(context["ti"], task=context["task"], dag=context["dag"], run=context["dag_run"]), **changes}


def orphan(home: Path, task_id: str = "load_orders", *, machine: str | None = None, **changes: Any) -> Path:
    """The marker of a process that has ended."""
    folder = home / "markers"
    folder.mkdir(parents=True, exist_ok=True)
    given = record(task_id, process=[machine or task_markers.machine()], **changes)
    path = folder / TaskKey(*given["key"]).name
    path.write_bytes(json.dumps(given).encode())
    return path


def written() -> list[Alert]:
    return [alert for _, alert in outbox().mail_of(HERE, 100)]


def tick() -> None:
    check(Deadline.after(60))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("dead", [True, None])
def test_only_a_failure_is_reported(state: str | None, dead: bool | None) -> None:
    asked = Question(TaskState(state), 1, dead, age=5.0, failed_for=OWN_SECONDS)
    expected = {"failed": Verdict.REPORT, "running": Verdict.WAIT, "restarting": Verdict.WAIT}
    assert verdict(asked) is expected.get(state or "", Verdict.SILENT)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Question(None, 1, True, 5.0, None), Verdict.SILENT),
        (Question(TaskState("failed", 2), 1, True, 5.0, None), Verdict.SILENT),
        (Question(TaskState("failed", 1), 1, True, 5.0, None), Verdict.REPORT),
        (Question(TaskState("failed", 1, set_by_hand=True), 1, True, 5.0, None), Verdict.SILENT),
        (Question(TaskState("failed"), 1, None, 5.0, OWN_SECONDS - 1), Verdict.WAIT),
        (Question(TaskState("failed"), 1, None, 5.0, None), Verdict.WAIT),
        (Question(TaskState("running"), 1, True, FORGOTTEN_SECONDS + 1, None), Verdict.SILENT),
        (Question(TaskState("running"), 1, None, FORGOTTEN_SECONDS + 1, None), Verdict.WAIT),
    ],
    ids=["deleted", "a later try", "this try", "by hand", "too early", "unknown since when", "forgotten", "elsewhere"],
)
def test_what_matters_besides_the_state(asked: Question, expected: Verdict) -> None:
    assert verdict(asked) is expected


def test_a_killed_task_is_reported_once(
    connected: Sandbox, outbox_home: Path, airflow_says: Callable[..., Any]
) -> None:
    """With all that its marker knows, and no module of Airflow's database."""
    marker = orphan(outbox_home)
    airflow_says(TaskState("failed"))
    tick()
    tick()
    (alert,) = written()
    assert not marker.exists()
    assert (alert.event.value, alert.task_id, alert.try_number) == ("task_failed", "load_orders", 2)
    assert alert.facts["killed_from_outside"] is True
    assert alert.owners == ("zhangsan",)
    assert alert.summary == "killed_from_outside"
    assert connected.messages == ()


def test_airflow_may_not_know_yet(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    """It notices by a heartbeat that is missing, after minutes."""
    marker = orphan(outbox_home)
    airflow_says(TaskState("running"))
    tick()
    assert marker.exists()
    airflow_says(TaskState("failed"))
    tick()
    assert len(written()) == 1


@pytest.mark.parametrize(
    "state", [None, TaskState("queued"), TaskState("failed", 3), TaskState("failed", 2, None, True)]
)
def test_what_is_over_is_silent(outbox_home: Path, airflow_says: Callable[..., Any], state: TaskState | None) -> None:
    marker = orphan(outbox_home)
    airflow_says(state)
    tick()
    assert not marker.exists()
    assert written() == []


@pytest.mark.parametrize(("marked_try", "reported"), [(2, 0), (1, 1)])
def test_a_task_that_is_marked_while_its_process_begins_is_silent(
    outbox_home: Path, airflow_says: Callable[..., Any], marked_try: int, reported: int
) -> None:
    """The API server has no marker to remove yet. A later try that is killed is reported."""
    ti = task_context()["ti"]
    marked = SimpleNamespace(**{**vars(ti), "state": "failed", "try_number": marked_try, "_sa_instance_state": None})
    airflow_events.task_failed(marked, "TaskInstance's state was manually set to `failed`.", was=None)
    marker = orphan(outbox_home)
    airflow_says(TaskState("failed"))
    tick()
    assert not marker.exists()
    assert len(written()) == reported


def test_without_an_answer_the_next_tick_asks_again(
    outbox_home: Path, airflow_says: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    marker = orphan(outbox_home)
    airflow_says(RuntimeError("password=hunter2"))
    with caplog.at_level(logging.WARNING):
        tick()
    assert marker.exists()
    assert "Airflow doesn't say how tasks of etl_daily ended" in caplog.text


def test_without_time_the_next_tick_goes_on(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    orphan(outbox_home)
    asked = airflow_says(TaskState("failed"))
    check(Deadline.after(0))
    assert asked == []
    assert written() == []


def test_a_try_that_begins_meanwhile_is_left_alone(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    """Cleared and started again between both looks."""
    marker = orphan(outbox_home)

    def begins() -> None:
        marker.unlink()
        (outbox_home / "a").write_bytes(b"")  # takes the number of the old file, if that is given out again
        orphan(outbox_home)
        os.utime(marker, (1, 1))

    airflow_says(TaskState("failed"), begins)
    tick()
    assert marker.exists()
    assert written() == []


def test_what_its_process_reported_is_not_sent_again(
    connected: Sandbox, outbox_home: Path, airflow_says: Callable[..., Any]
) -> None:
    """Killed after it had sent its alert, but before it removed its marker."""
    DingTalkNotifier(language="en")(task_context())
    orphan(outbox_home)
    airflow_says(TaskState("failed"))
    tick()
    DingTalkNotifier(language="en")(task_context("another"))  # sends what waits as well
    assert titles(connected) == ["Failed: etl_daily · load_orders", "Failed: etl_daily · another"]


def test_of_another_machine_a_failure_has_to_last(
    outbox_home: Path, airflow_says: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process may still be about to report it."""
    orphan(outbox_home, machine="another")
    airflow_says(TaskState("failed"))
    tick()
    assert written() == []
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + OWN_SECONDS + 1)
    tick()
    assert len(written()) == 1


def test_of_another_machine_the_end_is_enough(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    orphan(outbox_home, machine="another")
    airflow_says(TaskState("failed", 2, datetime.fromtimestamp(time.time() - OWN_SECONDS - 1, timezone.utc)))
    tick()
    (alert,) = written()
    assert alert.facts["duration_seconds"] > 0


# What the scheduler noted


def noted(*records: dict[str, Any], ago: float = OWN_SECONDS + 1, alerts: Sequence[str] = ()) -> None:
    body = json.dumps({"at": time.time() - ago, "tasks": list(records), "alerts": alerts}).encode()
    outbox().store.set_notes([Note(run_net.FAMILY, "run", body)])


def test_what_the_scheduler_noted_is_reported_a_minute_later(airflow_says: Callable[..., Any]) -> None:
    airflow_says(TaskState("failed"))
    noted(record(), record("never", never_started=True), ago=1)
    tick()
    assert written() == []
    noted(record(), record("never", never_started=True))
    tick()
    alerts = sorted(written(), key=lambda each: each.task_id or "")
    assert [(each.task_id, each.facts.get("killed_from_outside")) for each in alerts] == [
        ("load_orders", None),
        ("never", None),
    ]
    assert alerts[1].summary == "never_started"
    tick()
    assert len(written()) == 2
    assert outbox().store.notes(run_net.FAMILY, 10) == {}


def test_a_marker_reports_more_than_the_scheduler(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    orphan(outbox_home)
    noted(record())
    airflow_says(TaskState("failed"))
    tick()
    tick()
    (alert,) = written()
    assert alert.facts["killed_from_outside"] is True


@pytest.mark.parametrize("state", [TaskState("success"), TaskState("failed", 3), None])
def test_what_was_cleared_since_is_silent(airflow_says: Callable[..., Any], state: TaskState | None) -> None:
    noted(record())
    airflow_says(state)
    tick()
    assert written() == []
    assert outbox().store.notes(run_net.FAMILY, 10) == {}


def test_a_note_that_cannot_be_read_is_dropped(airflow_says: Callable[..., Any]) -> None:
    airflow_says(TaskState("failed"))
    for number, body in enumerate((b"", b"[]", b'{"at": 0, "tasks": [{}]}', b'{"at": "x", "tasks": []}')):
        outbox().store.set_notes([Note(run_net.FAMILY, f"n{number}", body)])
    noted()
    tick()
    assert outbox().store.notes(run_net.FAMILY, 10) == {}


# The alert of a run, and that of its killed task


def events() -> list[str]:
    return sorted(each.event.value for each in written())


def run_fails(start: datetime | None = START) -> None:
    """What Airflow calls in its scheduler.

    :param start: of its failed task; ``None`` if it never started.
    """
    task = SimpleNamespace(**{**vars(task_context()["ti"]), "start_date": start})
    if start is None:
        task.hostname = ""
    run_ended(stored_run(get_task_instances=lambda **_: [task]), "task_failure")


def test_the_alert_of_a_run_waits_for_that_of_its_killed_task(
    connected: Sandbox, outbox_home: Path, airflow_says: Callable[..., Any]
) -> None:
    """Whatever sends meanwhile sends nothing of it, and one message reports both."""
    orphan(outbox_home, run={"start_date": START.isoformat()})
    airflow_says(TaskState("running"))
    tick()
    run_fails()
    list(flush_stores(until=time.monotonic() + 60))
    assert connected.messages == ()
    airflow_says(TaskState("failed"))
    tick()
    assert events() == ["dag_failed", "task_failed"]
    list(flush_stores(until=time.monotonic() + 60))
    (title,) = titles(connected)
    assert "load_orders" in title
    tick()
    assert written() == []
    # The scheduler's note about the task itself is kept until its process has had its time.
    (note,) = outbox().store.notes(run_net.FAMILY, 10).values()
    assert run_net.NotedRun.read(note.value).alerts == ()


def test_without_a_marker_the_alert_of_a_run_is_written_at_once(airflow_says: Callable[..., Any]) -> None:
    run_fails()
    assert events() == ["dag_failed"]


def test_the_alert_of_a_run_waits_for_that_of_a_task_that_never_started(
    airflow_says: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process reports such a task."""
    airflow_says(TaskState("failed"))
    run_fails(start=None)
    tick()
    assert written() == []
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + OWN_SECONDS + 1)
    tick()
    assert events() == ["dag_failed", "task_failed"]
    assert outbox().store.notes(run_net.FAMILY, 10) == {}


@pytest.mark.parametrize("state", [TaskState("success"), TaskState("queued"), TaskState(None), None])
def test_a_run_that_is_cleared_meanwhile_is_silent(
    outbox_home: Path, airflow_says: Callable[..., Any], state: TaskState | None
) -> None:
    orphan(outbox_home)
    run_fails()
    airflow_says(state)
    tick()
    tick()
    assert written() == []


def test_the_alert_of_a_run_does_not_wait_for_ever(outbox_home: Path, airflow_says: Callable[..., Any]) -> None:
    """The marker of another machine may stay."""
    orphan(outbox_home, machine="another")
    run_fails()
    ((name, note),) = outbox().store.notes(run_net.FAMILY, 10).items()
    (alert,) = run_net.NotedRun.read(note.value).alerts
    outbox().store.remove_notes([(run_net.FAMILY, name)])
    airflow_says(TaskState("failed"))
    noted(record(), ago=HELD_SECONDS - 60, alerts=[alert])
    tick()
    assert written() == []
    noted(record(), ago=HELD_SECONDS, alerts=["[]", alert])
    tick()
    assert events() == ["dag_failed"]


def test_every_dag_has_its_turn() -> None:
    """Each minute another one is asked about first."""
    names = ["a", "b", "c"]
    firsts = {next(iter(killed_tasks._rotated(names, first))) for first in range(3)}
    assert firsts == set(names)
    for first in range(3):
        assert sorted(killed_tasks._rotated(names, first)) == names
    assert list(itertools.islice(killed_tasks._in_turn({}), 1)) == []


def test_the_start_of_the_try_is_known(outbox_home: Path) -> None:
    orphan(outbox_home)
    (marker,) = Markers(outbox_home, outbox().store).without_living_owner()
    assert datetime.fromisoformat(marker.record["ti"]["start_date"]) == START
