"""What Airflow calls listeners about becomes the alerts that rules ask for, and nothing else does."""

from __future__ import annotations

import os
import signal
import time
import warnings
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Mailbox
from airflow_provider_dingpush.pipeline import airflow_events, routes, scheduler_writing, task_markers
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import START, run_context, success_context, task_context
from tests.default_robot import titles

HERE = Mailbox("dingtalk_default")
MANUALLY = "TaskInstance's state was manually set to `failed`."


@pytest.fixture(autouse=True)
def _all_events_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a rule without conditions."""
    monkeypatch.setattr(routes, "_known", {})
    (tmp_path / "rules.yaml").write_text("rules: [{receiver: dingtalk_default, language: en}]")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(tmp_path / "rules.yaml"))


class AirflowFailException(Exception):  # noqa: N818
    """Named like Airflow's."""


class AirflowSensorTimeout(Exception):  # noqa: N818
    """Named like Airflow's."""


def stored_task(*, state: str = "running", retries_left: bool = True, **changes: Any) -> SimpleNamespace:
    """A task instance of Airflow's database, as far as it is looked at."""
    context = task_context()
    task = SimpleNamespace(**vars(context["task"]), dag=context["dag"])
    given = {
        **vars(context["ti"]),
        "_sa_instance_state": None,
        "state": state,
        "task": task,
        "dag_run": context["dag_run"],
        "is_eligible_to_retry": lambda: retries_left,
        **changes,
    }
    return SimpleNamespace(**given)


def running_task(**context: Any) -> SimpleNamespace:
    """A task instance in its own process of Airflow 3."""
    whole = task_context(**context)
    whole.pop("exception")
    return SimpleNamespace(**vars(whole["ti"]), get_template_context=lambda: whole)


def stored_run(state: str = "failed", failed: tuple[tuple[str, int], ...] = (), **changes: Any) -> SimpleNamespace:
    """A run of Airflow's database."""
    context = run_context()
    ids = {name: getattr(context["dag_run"], name) for name in ("dag_id", "run_id")}
    times = {"start_date": START, "end_date": START + timedelta(seconds=5)}
    found = [SimpleNamespace(task_id=task_id, map_index=index, **ids, **times) for task_id, index in failed]
    return SimpleNamespace(
        **{
            **vars(context["dag_run"]),
            "dag": context["dag"],
            "state": state,
            "start_date": START,
            "get_task_instances": lambda state=None: found,
            **changes,
        }
    )


def written() -> list[tuple[str, str | None]]:
    """The events that wait in the outbox."""
    return sorted((alert.event.value, alert.task_id) for _, alert in outbox().mail_of(HERE, 100))


@pytest.mark.parametrize("task", [stored_task(), running_task()], ids=["stored", "running"])
@pytest.mark.parametrize(
    ("was", "error"),
    [(None, ValueError("x")), (None, MANUALLY), ("running", MANUALLY)],
    ids=["no state before", "both", "only the text"],
)
def test_a_state_set_by_hand_is_silent(connected: Sandbox, task: Any, was: Any, error: Any) -> None:
    """Whoever sets it knows."""
    airflow_events.task_failed(task, error, was=was)
    assert written() == []
    assert connected.messages == ()


@pytest.mark.parametrize(
    ("error", "retries_left", "event"),
    [
        (ValueError("no such table"), True, "task_retrying"),
        (ValueError("no such table"), False, "task_failed"),
        ("no such table", True, "task_retrying"),
        (AirflowFailException("no such table"), True, "task_failed"),
        (AirflowSensorTimeout("too long"), True, "task_failed"),
    ],
    ids=["retry", "last try", "text", "final", "sensor"],
)
def test_airflow_2_calls_before_it_saves_the_state(
    connected: Sandbox, error: Any, retries_left: bool, event: str
) -> None:
    """So whether the task will be tried again is worked out. Nothing is sent before the state is saved."""
    airflow_events.task_failed(stored_task(retries_left=retries_left), error, was="running")
    assert written() == [(event, "load_orders")]
    assert connected.messages == ()


@pytest.mark.parametrize(("state", "event"), [("failed", "task_failed"), ("up_for_retry", "task_retrying")])
def test_a_saved_state_is_believed(state: str, event: str) -> None:
    airflow_events.task_failed(stored_task(state=state), None, was="running")
    assert written() == [(event, "load_orders")]


def test_the_alert_has_the_exception(connected: Sandbox) -> None:
    airflow_events.task_failed(stored_task(retries_left=False), ValueError("no such table"), was="running")
    ((_, alert),) = outbox().mail_of(HERE, 100)
    assert "no such table" in alert.facts["exception_text"]
    assert alert.facts["run_type"] == "manual"


def test_a_run_that_cannot_be_loaded_any_more_loses_no_alert() -> None:
    """SQLAlchemy raises when the session of a task instance is gone."""

    class Detached(SimpleNamespace):
        @property
        def dag_run(self) -> Any:
            raise RuntimeError("not bound to a Session")

    values = vars(stored_task(retries_left=False))
    del values["dag_run"]
    airflow_events.task_failed(Detached(**values), ValueError("x"), was="running")
    assert written() == [("task_failed", "load_orders")]


def test_airflow_3_sends_from_the_task_itself(connected: Sandbox) -> None:
    """As a notifier there does; and once, also if the DAG has one."""
    airflow_events.task_failed(running_task(), ValueError("no such table"), was="running")
    airflow_events.task_failed(running_task(), ValueError("no such table"), was="running")
    assert titles(connected) == ["Failed: etl_daily · load_orders"]
    assert written() == []


def test_a_task_whose_context_cannot_be_made_loses_no_alert(connected: Sandbox) -> None:
    """Airflow 3 raises if the params of a run are invalid."""

    def refused() -> None:
        raise ValueError("Invalid input for param n: None is not of type 'integer'")

    task = running_task()
    task.get_template_context = refused
    task.task = task_context()["task"]
    airflow_events.task_failed(task, ValueError("no such table"), was="running")
    assert titles(connected) == ["Failed: etl_daily · load_orders"]


def test_a_process_that_is_ended_while_it_reports_leaves_its_marker(connected: Sandbox) -> None:
    """Also that of a task which failed before it started; without a failure to report it would have none."""
    whole = task_context()
    contexts = [whole]

    def context() -> dict[str, Any]:
        if not contexts:
            os.kill(os.getpid(), signal.SIGKILL)
        return contexts.pop()

    task = SimpleNamespace(**vars(whole["ti"]), get_template_context=context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the tests; the child starts none
        child = os.fork()
    if child == 0:
        try:
            airflow_events.task_failed(task, ValueError("no such table"), was="running")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert task_markers.are_left([TaskKey.of(task)])
    assert connected.messages == ()


@pytest.mark.parametrize("stored", [True, False])
def test_a_success_is_reported_if_it_ends_a_failure(connected: Sandbox, stored: bool) -> None:
    """A success alone isn't even looked at."""
    success = stored_task(state="success")
    if not stored:
        whole = success_context()
        success = SimpleNamespace(**vars(whole["ti"]), get_template_context=lambda: whole)
    airflow_events.task_succeeded(success)
    assert written() == []
    assert connected.messages == ()
    airflow_events.task_failed(stored_task(retries_left=False), ValueError("x"), was="running")
    airflow_events.task_succeeded(success)
    if stored:
        assert written() == [("task_failed", "load_orders"), ("task_succeeded", "load_orders")]
    else:
        assert titles(connected) == ["1 recovered: etl_daily · load_orders"]


@pytest.mark.parametrize("in_redis", [False, True], ids=["files", "Redis"])
def test_a_success_that_ends_nothing_is_seen_without_its_context(
    in_redis: bool, connected: Sandbox, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """If there are no rules, although other failures are open: one look at the outbox is enough."""
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    if in_redis:
        monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", request.getfixturevalue("redis_url"))
    airflow_events.task_failed(stored_task(retries_left=False), ValueError("x"), was="running")
    # It has nothing but ids.
    airflow_events.task_succeeded(SimpleNamespace(dag_id="etl_daily", run_id="r", task_id="another", map_index=-1))
    airflow_events.task_succeeded(stored_task(state="success"))
    assert written() == [("task_failed", "load_orders"), ("task_succeeded", "load_orders")]


def test_a_success_is_looked_at_if_redis_does_not_answer(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    airflow_events.task_failed(stored_task(retries_left=False), ValueError("x"), was="running")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", f"unix://{tmp_path}/nobody")
    # One of its own, because it remembers that Redis did not answer.
    monkeypatch.setattr(scheduler_writing, "write_alert", scheduler_writing.SchedulerWriter(ticks=time.monotonic).write)
    airflow_events.task_succeeded(stored_task(state="success"))
    monkeypatch.delenv("AIRFLOW__DINGPUSH__OUTBOX_URL")
    assert written() == [("task_failed", "load_orders"), ("task_succeeded", "load_orders")]


@pytest.mark.parametrize("reason", ["task_failure", "all_tasks_deadlocked", "timed_out"])
def test_a_failed_run_says_why(connected: Sandbox, reason: str) -> None:
    """With the tasks that failed, if any did. It is only written: this is the scheduler."""
    failed = (("load", -1), ("load", 2)) if reason == "task_failure" else ()
    airflow_events.run_ended(stored_run(failed=failed), reason)
    ((_, alert),) = outbox().mail_of(HERE, 100)
    assert alert.event.value == "dag_failed"
    assert alert.facts["reason"] == reason
    assert alert.facts["failed_task_count"] == len(failed)
    assert connected.messages == ()


def test_a_run_that_timed_out_says_so_on_every_airflow(connected: Sandbox) -> None:
    """Airflow before 3.2 gives no reason then."""
    run = stored_run()
    run.dag.dagrun_timeout = timedelta(hours=1)
    airflow_events.run_ended(run, "")
    ((_, alert),) = outbox().mail_of(HERE, 100)
    assert alert.facts["reason"] == "timed_out"


def test_a_run_whose_tasks_cannot_be_noted_loses_no_alert(caplog: pytest.LogCaptureFixture) -> None:
    """What its failed tasks are is asked of the database."""

    def unavailable(**_: Any) -> list[Any]:
        raise ConnectionError("the database is away")

    airflow_events.run_ended(stored_run(get_task_instances=unavailable), "task_failure")
    assert written() == [("dag_failed", None)]
    assert "can't be listed (ConnectionError)" in caplog.text


@pytest.mark.parametrize("state", ["failed", "success"])
@pytest.mark.parametrize("reason", ["DagRun's state was manually set to `{state}`.", ""])
def test_a_run_set_by_hand_is_silent(state: str, reason: str) -> None:
    """Airflow says so in its reason; before 3.2 its API server gives none, and no DAG."""
    run = stored_run(state)
    run.dag = run.dag if reason else None
    airflow_events.run_ended(run, reason.format(state=state))
    assert written() == []


def test_a_run_that_succeeds_ends_its_failure() -> None:
    # The scheduler doesn't even look at a success while no failure is known.
    airflow_events.run_ended(SimpleNamespace(), "success")
    assert written() == []
    airflow_events.run_ended(stored_run(), "timed_out")
    airflow_events.run_ended(stored_run("success"), "success")
    assert written() == [("dag_failed", None), ("dag_succeeded", None)]


def test_no_rule_and_no_connection_write_nothing(monkeypatch: pytest.MonkeyPatch, connected: Sandbox) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE")
    airflow_events.task_failed(stored_task(retries_left=False), ValueError("x"), was="running")
    airflow_events.task_failed(running_task(), ValueError("x"), was="running")
    airflow_events.run_ended(stored_run(), "timed_out")
    assert written() == []
    assert connected.messages == ()
