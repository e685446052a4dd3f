"""Who is meant by the words of a step, and the outcome of sending; the whole flow is in ``test_escalations``."""

from __future__ import annotations

import json
from datetime import timezone

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome
from airflow_provider_dingpush.pipeline.escalation_sends import Order, Sends
from airflow_provider_dingpush.pipeline.incidents import Incident
from airflow_provider_dingpush.pipeline.stores import stores
from airflow_provider_dingpush.rules.escalations import Escalation, Step, Way
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.timeouts import Deadline

FILE = """\
people:
  - {name: zhangsan, user_id: zhangsan}
  - {name: lisi, mobile: 13800000002, email: lisi@example.com}
rotations: [{name: primary, people: [zhangsan]}]
"""
NOW = 1_790_000_000.0


def sends() -> Sends:
    duty = read_rules(FILE, "r", zone=timezone.utc, read_file=str, group_labels=()).duty
    deadline = Deadline.after(30)
    return Sends(duty, stores(deadline), deadline)


def order(way: Way, *who: str, owners: tuple[str, ...] = (), app: str | None = "dingtalk_app_default") -> Order:
    failure = OpenFailure("task_failed", NOW, NOW, dag_id="etl", owners=owners, conn_id="dingtalk_default")
    step = Step(60, way, who)
    return Order((Incident("a" * 24, failure),), step, way, (), Escalation((step,), app=app), NOW)


@pytest.mark.parametrize(
    ("who", "owners", "names"),
    [
        (("on_call",), (), ["zhangsan"]),
        (("primary", "lisi"), (), ["zhangsan", "lisi"]),
        (("owner",), ("lisi@example.com", "nobody", "zhangsan"), ["lisi", "zhangsan"]),
        (("owner", "on_call"), ("zhangsan",), ["zhangsan"]),
        (("owner",), ("nobody",), []),
    ],
)
def test_who_is_meant(who: tuple[str, ...], owners: tuple[str, ...], names: list[str]) -> None:
    assert [each.name for each in sends().people_of(order(Way.APP, *who, owners=owners))] == names


def send(way: Way, *who: str, app: str | None = "dingtalk_app_default") -> Outcome:
    sender, ordered = sends(), order(way, *who, app=app)
    return sender.send(ordered, sender.people_of(ordered)).outcome


@pytest.mark.parametrize("way", [Way.PERSON, Way.APP, Way.SMS, Way.PHONE, Way.TODO])
def test_each_way_reaches_people_by_user_id_and_mobile(
    way: Way, connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DINGPUSH__BASE_URL", "https://airflow.example.com")
    assert send(way, "on_call", "lisi") is Outcome.DONE
    if way.is_ding:
        assert {each.person.user_id for each in connected.dings} == {"zhangsan", "lisi"}


def test_a_robot_reaches_no_person(connected: Sandbox, app_connected: Sandbox) -> None:
    assert send(Way.APP, "on_call", app="dingtalk_default") is Outcome.REFUSED
    assert send(Way.APP, "on_call", app=None) is Outcome.DONE, "then the default app does"
    assert send(Way.APP, "on_call", app="nowhere") is Outcome.REFUSED


def test_what_nobody_foresaw_may_have_reached_somebody(
    connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sends, "_app_of", lambda *_: 1 / 0)
    assert send(Way.APP, "on_call") is Outcome.UNKNOWN


def test_what_cannot_be_asked_has_no_reader(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sends().readers(Attempt(Way.PHONE, NOW, Outcome.DONE)) == []
    receipt = {"app": "nowhere", "process_query_keys": ["x"]}
    assert sends().readers(Attempt(Way.PERSON, NOW, Outcome.DONE, receipt=receipt)) == []


def test_no_token_is_in_a_detail(connected: Sandbox, app_connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = json.loads(connected.connection_of(connected.app))
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({**connection, "password": "not-the-secret-of-this-app"}))
    sender, ordered = sends(), order(Way.APP, "on_call", app="wrong")
    sent = sender.send(ordered, sender.people_of(ordered))
    assert sent.outcome is Outcome.REFUSED
    assert "not-the-secret-of-this-app" not in repr(sent)
