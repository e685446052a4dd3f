"""What a failure may follow from, read from contexts of every kind; and stored with its alert."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.alerts.run_alert import alert_of
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.alerts.upstream_reading import upstreams_of
from airflow_provider_dingpush.alerts.upstreams import MOST_UPSTREAMS, Upstream, upstreams_in
from airflow_provider_dingpush.events import Event
from tests.random_inputs import CYCLIC, NESTED, Unkind

RUN = "r1"


def facts_of(event: Event = Event.TASK_FAILED, **more: Any) -> RunFacts:
    return RunFacts(event, "etl", **{"run_id": RUN, "task_id": "last", **more})


def graph(*edges: str, **rules: str) -> dict[str, Any]:
    """The context of the task ``last``, in a DAG of edges such as ``a>b``, with trigger rules by task."""
    names = dict.fromkeys(name for edge in edges for name in edge.split(">"))
    tasks = {
        name: SimpleNamespace(
            task_id=name,
            upstream_task_ids={edge.split(">")[0] for edge in edges if edge.endswith(f">{name}")},
            trigger_rule=rules.get(name, "all_success"),
        )
        for name in names
    }
    dag = SimpleNamespace(dag_id="etl", task_dict=tasks)
    for task in tasks.values():
        task.dag = dag
    return {"task": tasks["last"], "dag": dag}


def tasks_before(context: dict[str, Any], **facts: Any) -> list[str | None]:
    found = upstreams_of(context, facts_of(**facts))
    assert {each.run_id for each in found} <= {RUN}
    return [each.task_id for each in found]


@pytest.mark.parametrize("rule", ["all_done", "one_failed", "one_success", "all_failed", "always", "none_skipped"])
def test_a_task_that_starts_after_failures_may_follow_from_them(rule: str) -> None:
    assert tasks_before(graph("a>last", "b>last", last=rule)) == ["a", "b"]


@pytest.mark.parametrize("rule", ["all_success", "none_failed", "none_failed_min_one_success", "all_skipped"])
def test_a_task_that_starts_after_successes_follows_from_what_is_before_them(rule: str) -> None:
    """Else one that a person marked as successful would explain every failure after it."""
    assert tasks_before(graph("a>last", last=rule)) == []
    assert tasks_before(graph("a>b", "b>last", last=rule)) == []
    assert tasks_before(graph("a>b", "b>c", "c>last", b="all_done", last=rule)) == ["a"]


def test_a_task_that_is_reached_in_two_ways_counts_once() -> None:
    assert tasks_before(graph("a>b", "a>last", "b>last", b="all_done", last="all_done")) == ["a", "b"]
    assert tasks_before(graph("a>ok", "ok>last", "a>late", "late>last", late="all_done")) == ["a"]


def test_a_teardown_and_a_killed_task_follow_from_nothing() -> None:
    context = graph("a>last", last="all_done")
    assert tasks_before(context, killed_from_outside=True) == []
    context["task"].is_teardown = True
    assert tasks_before(context) == []


def test_many_tasks_before_one_are_bounded_the_nearest_first() -> None:
    edges = [f"t{number:04}>last" for number in range(60)]
    assert tasks_before(graph(*edges, last="all_done")) == [f"t{number:04}" for number in range(MOST_UPSTREAMS)]
    chain = [f"t{number}>t{number - 1}" for number in range(1, 2_000)]
    assert tasks_before(graph("t0>last", *chain, last="all_done", t3="all_done")) == ["t0", "t4"]


@pytest.mark.parametrize("event", [each for each in Event if not each.ends_with_recovery or each.is_deadline])
def test_only_a_failure_follows_from_something(event: Event) -> None:
    assert tasks_before(graph("a>last", last="all_done"), event=event) == []


def sensor(**given: Any) -> dict[str, Any]:
    names = ("external_task_id", "external_task_ids", "external_task_group_id")
    return {"task": SimpleNamespace(**{**dict.fromkeys(names), "external_dag_id": "orders", **given})}


@pytest.mark.parametrize(
    ("type_name", "text", "is_in_vain"),
    [
        ("AirflowSensorTimeout", "Sensor has timed out; run duration of 3 seconds exceeds the timeout 1", True),
        ("AirflowTaskTimeout", "Timeout, PID: 7", True),
        ("TaskDeferralTimeout", "trigger timeout", True),
        ("ExternalDagFailedError", "The external DAG orders failed.", True),
        ("AirflowException", "Some of the external tasks ['load'] in DAG orders failed.", True),  # Airflow 2
        ("AirflowException", "The external DAG orders does not exist.", False),
        ("ExternalDagDeletedError", "The external DAG orders was deleted.", False),
        ("OperationalError", "could not connect to server", False),
        (None, None, False),
    ],
)
def test_a_sensor_follows_from_what_it_waited_for_in_vain(type_name: str, text: str, is_in_vain: bool) -> None:
    facts = facts_of(exception_type=type_name, exception_text=text)
    assert upstreams_of(sensor(), facts) == ((Upstream("orders"),) if is_in_vain else ())


@pytest.mark.parametrize(
    ("given", "tasks"),
    [
        ({"external_task_id": "load"}, ["load", None]),
        ({"external_task_id": "load", "external_task_ids": ["load"]}, ["load", None]),
        ({"external_task_ids": {"load"}}, ["load", None]),
        ({"external_task_ids": ("load", "check", 7, "{{ x }}")}, ["load", "check", None]),
        ({"external_task_group_id": "loads"}, [None]),
    ],
)
def test_a_sensor_may_wait_for_tasks_and_groups(given: dict[str, Any], tasks: list[str | None]) -> None:
    found = upstreams_of(sensor(**given), facts_of(exception_type="AirflowSensorTimeout"))
    assert list(found) == [Upstream("orders", each) for each in tasks]


@pytest.mark.parametrize("dag_id", ["{{ params.dag }}", None, 7, "", "x" * 251, object()])
def test_what_is_no_id_is_no_upstream(dag_id: Any) -> None:
    """Such as a template that isn't rendered: the DAG processor and the scheduler have only that."""
    assert upstreams_of(sensor(external_dag_id=dag_id), facts_of(exception_type="AirflowSensorTimeout")) == ()


def test_a_marker_of_an_external_task_waits_for_nothing() -> None:
    marker = {"task": SimpleNamespace(external_dag_id="orders", external_task_id="load", recursion_depth=10)}
    assert upstreams_of(marker, facts_of(exception_type="AirflowTaskTimeout")) == ()


@pytest.mark.parametrize(
    ("waits", "type_name", "text", "follows"),
    [
        (True, "AirflowException", "child failed with failed state failed", True),
        (True, "AirflowException", "child failed with failed states DagRunState.FAILED", True),  # Airflow 2
        (True, None, None, True),  # Airflow 3.0 to 3.2
        (True, "AirflowTaskTimeout", "Timeout, PID: 7", True),
        (True, "DagRunAlreadyExists", "A Dag Run already exists for dag id child", False),
        (False, "AirflowException", "child failed with failed state failed", False),
        (False, None, None, False),
    ],
)
def test_a_task_that_waits_for_a_run_follows_from_it(
    waits: bool, type_name: str | None, text: str | None, follows: bool
) -> None:
    task = SimpleNamespace(trigger_dag_id="child", trigger_run_id="c1", wait_for_completion=waits)
    found = upstreams_of({"task": task}, facts_of(exception_type=type_name, exception_text=text))
    assert found == ((Upstream("child", None, "c1"),) if follows else ())
    task.trigger_run_id = None
    assert upstreams_of({"task": task}, facts_of(exception_type=type_name, exception_text=text)) == (
        (Upstream("child"),) if follows else ()
    )


EVENTS = [
    SimpleNamespace(source_dag_id="orders", source_task_id="load", source_run_id="o1"),
    SimpleNamespace(source_dag_id="orders", source_task_id="check", source_run_id="o1"),
    SimpleNamespace(source_dag_id="rates", source_task_id="load", source_run_id=None),
    SimpleNamespace(source_dag_id=None, source_task_id=None, source_run_id=None),  # somebody called the API
]
PRODUCERS = (Upstream("orders", None, "o1"), Upstream("rates"))


@pytest.mark.parametrize("task_id", ["last", None])
@pytest.mark.parametrize(
    ("run_type", "name"),
    [("asset_triggered", "consumed_asset_events"), ("dataset_triggered", "consumed_dataset_events")],
)
def test_a_run_of_assets_follows_from_those_that_produced_them(run_type: str, name: str, task_id: str | None) -> None:
    event = Event.TASK_FAILED if task_id else Event.DAG_FAILED
    context = {"dag_run": SimpleNamespace(**{name: EVENTS})}
    assert upstreams_of(context, facts_of(event, task_id=task_id, run_type=run_type)) == PRODUCERS
    assert upstreams_of(context, facts_of(event, task_id=task_id, run_type="scheduled")) == ()


@pytest.mark.parametrize("name", ["triggering_asset_events", "triggering_dataset_events"])
def test_events_are_read_from_the_context_where_the_run_has_none(name: str) -> None:
    """In Airflow 2 the run may have lost its database session."""

    class Detached:
        @property
        def consumed_dataset_events(self) -> Any:
            raise RuntimeError("DetachedInstanceError")

    context = {"dag_run": Detached(), name: {"s3://orders": EVENTS[:2], "s3://rates": EVENTS[2:]}}
    assert upstreams_of(context, facts_of(run_type="dataset_triggered")) == PRODUCERS


def test_whatever_a_context_holds_nothing_is_raised() -> None:
    names = [*vars(sensor()["task"]), "upstream_task_ids", "trigger_rule", "dag", "trigger_dag_id", "trigger_run_id"]
    facts = facts_of(exception_type="AirflowSensorTimeout", run_type="asset_triggered")
    for value in (Unkind(), CYCLIC, NESTED, 3, "x", b"x", [Unkind()], {"a": Unkind()}):
        every = {**dict.fromkeys(names, value), "wait_for_completion": True, "external_dag_id": "orders"}
        task = SimpleNamespace(**every)
        for context in ({"task": task, "dag_run": value, "dag": value}, {"task": value}, {"ti": value}, {}):
            assert all(isinstance(each, Upstream) for each in upstreams_of(context, facts))


def test_an_alert_keeps_them_and_an_older_one_has_none() -> None:
    facts = facts_of(upstreams=PRODUCERS)
    mailbox = Mailbox("dingtalk_default")
    alert = alert_of(facts, mailbox, at=1.0, message=None, mentions=None, language=None)
    read = Alert.from_json(alert.to_json())
    assert read.upstreams == PRODUCERS
    assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts
    assert Alert("k", mailbox, Event.TASK_FAILED, 1.0).upstreams == ()


@pytest.mark.parametrize("damaged", [3, "x", [3], [["a", "b"]], [["", None, None]], [["a", 3, None]], [None]])
def test_damaged_ones_are_none(damaged: Any) -> None:
    assert upstreams_in({"upstreams": damaged}) == ()


def test_an_upstream_includes_what_it_names() -> None:
    assert Upstream("a").includes("a", None, ())
    assert Upstream("a", "t").includes("a", "t", ("r",))
    assert Upstream("a", "t", "r").includes("a", "t", ("q", "r"))
    assert not Upstream("a", "t", "r").includes("a", "t", ("q",))
    assert not Upstream("a", "t").includes("a", None, ("r",))
    assert not Upstream("b").includes("a", None, ("r",))
