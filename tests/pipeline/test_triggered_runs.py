"""A failure in a run that another one triggered may follow from that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.upstreams import Upstream
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.airflow_events import task_succeeded
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.triggered_runs import note_triggered_run
from tests.outbox_in_use import HERE, NOBODY, use

PARENT = Upstream("parent", None, "p1")


def task_instance(trigger_run_id: Any = "c1", *, stored: str | None = None, **more: Any) -> Any:
    """One whose operator has triggered the run ``c1`` of the DAG ``child``."""
    if stored is not None:
        more = {
            "_sa_instance_state": object(),
            "xcom_pull": lambda *, task_ids, key: {(task_ids, key): stored}["trigger", "trigger_run_id"],
        }
    task = SimpleNamespace(trigger_dag_id="child", trigger_run_id=trigger_run_id)
    return SimpleNamespace(dag_id="parent", run_id="p1", task_id="trigger", task=task, **more)


def written(
    event: Event = Event.TASK_FAILED, *, run_type: str = "manual", run_id: str | None = "c1", **facts: Any
) -> Alert:
    """The alert of a task of ``child`` as the outbox has it."""
    alert = Alert(
        f"key {event} {run_type} {run_id}",
        HERE,
        event,
        1.0,
        dag_id="child",
        run_id=run_id,
        task_id="t",
        facts={"run_type": run_type, **facts},
    )
    outbox().put(alert)
    found = outbox().mail_of(HERE, 100)
    for ticket, _ in found:
        outbox().remove(HERE, ticket)
    return found[-1][1]


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
@pytest.mark.parametrize("event", [Event.TASK_FAILED, Event.TASK_RETRYING])
def test_a_failure_follows_from_the_run_that_triggered_its_own(run_type: str, event: Event) -> None:
    note_triggered_run(task_instance())
    assert written(event, run_type=run_type).upstreams == (PARENT,)
    own = ["child", "before", "c1"]
    assert written(event, run_type=run_type, upstreams=[own]).upstreams == (Upstream(*own), PARENT)


def test_airflow_2_has_the_run_in_an_xcom() -> None:
    note_triggered_run(task_instance(None, stored="c1"))
    assert written().upstreams == (PARENT,)


def test_others_follow_from_nothing() -> None:
    note_triggered_run(task_instance())
    assert written(run_id="c2").upstreams == ()
    assert written(run_id=None).upstreams == ()
    assert written(run_type="scheduled").upstreams == ()
    assert written(Event.DEADLINE_MISSED).upstreams == ()


@pytest.mark.parametrize("run_id", [None, 7, object()])
def test_a_run_without_a_known_id_isnt_noted(run_id: Any) -> None:
    note_triggered_run(task_instance(run_id))
    assert written().upstreams == ()


def test_the_listener_notes_it() -> None:
    task_succeeded(task_instance(get_template_context=dict))
    assert written().upstreams == (PARENT,)
    assert written().to_json() == written().to_json()


def test_a_store_that_is_away_costs_nothing_but_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    use(NOBODY, monkeypatch)
    note_triggered_run(task_instance())
