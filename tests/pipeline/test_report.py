"""The report is made of what the books remember: failures, recoveries, claims, messages."""

from __future__ import annotations

import time

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.look_ups import LookUps
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.report import Report, report_of
from airflow_provider_dingpush.pipeline.silences import add_silence
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import Deadline
from tests.callback_contexts import success_context, task_context


def report(seconds: float = 86_400.0, conn_id: str | None = None) -> Report:
    until = time.monotonic() + 60
    return report_of(stores_for_commands(until), LookUps(Deadline(until)), seconds, conn_id)


def test_an_outbox_that_was_never_used() -> None:
    found = report()
    assert (found.figures.failures, found.open, found.receivers, found.calls) == (0, (), (), 0)


def test_failures_claims_and_messages(connected: Sandbox, unhurried: None) -> None:
    for task_id in ("one", "two", "three"):
        DingTalkNotifier()(task_context(task_id))
    [first, *_] = incidents_in(outbox())
    claim(outbox(), first, "zhangsan", first.failure.since + 120)
    DingTalkNotifier()(success_context("one"))
    add_silence(outbox(), {"dag_id": ("x",)}, seconds=60, why="", by="")
    found = report()
    assert (found.figures.failures, found.figures.recovered) == (3, 1)
    assert found.figures.by_owner == (("zhangsan", 3),)
    assert found.figures.seconds_to_claim == pytest.approx(120.0)
    assert {each.failure.task_id for each in found.open} == {"two", "three"}
    [receiver] = found.receivers
    assert (receiver.conn_ids, receiver.messages, receiver.alerts) == (("dingtalk_default",), 4, 4)
    assert (receiver.this_month, receiver.monthly_quota) == (4, 3_000)
    assert found.silences == 1
    assert found.complete_since is not None, "it was recorded only since now"
    other = report(conn_id="other")
    assert (other.figures.failures, other.open, other.receivers) == (0, (), ())
    assert report(conn_id="dingtalk_default").figures == found.figures


def test_a_run_of_which_a_task_is_open_is_not_listed_as_well(connected: Sandbox) -> None:
    now = outbox().store.now()
    for task_id, event in (("load", Event.TASK_FAILED), (None, Event.DAG_FAILED)):
        outbox().put(
            Alert(f"{task_id}", Mailbox("dingtalk_default"), event, now, dag_id="etl", run_id="r1", task_id=task_id)
        )
    assert [each.failure.task_id for each in report().open] == ["load"]
    assert len(incidents_in(outbox())) == 2
