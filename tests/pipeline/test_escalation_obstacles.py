"""What would keep the steps of a rules file from reaching somebody; the words are in ``test_escalation_checks``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.escalation_obstacles import Kind, Obstacle, escalating, obstacles
from airflow_provider_dingpush.rules.escalations import Way
from airflow_provider_dingpush.rules.labels import Labels, labels_of
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import RuleSet
from airflow_provider_dingpush.sandbox import App, DingPlan, Sandbox

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PEOPLE = """\
people:
  - {name: zhangsan, user_id: zhangsan}
  - {name: lisi, mobile: 13800000002}
rotations: [{name: primary, people: [zhangsan]}]
max_calls_per_night: 3
"""
EVERY_WAY = """\
    escalate:
      - {after: 0m, to: group}
      - {after: 1m, to: on_call}
      - {after: 2m, todo: urgent, who: lisi}
      - {after: 3m, ding: app, who: on_call}
      - {after: 4m, ding: phone, who: [on_call, lisi]}
"""


def rules(text: str = EVERY_WAY, head: str = PEOPLE) -> RuleSet:
    file = f"{head}rules:\n  - name: core\n    receiver: dingtalk_default\n{text}"
    return read_rules(file, "r", zone=timezone.utc, read_file=str, group_labels=())


def found(some: RuleSet, labels: Iterable[Labels] = ()) -> list[Obstacle]:
    return list(obstacles(some, NOW, labels))


def organisation(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, plan: DingPlan | None = None, **of_app: Any
) -> Sandbox:
    app = App(**of_app)
    sandbox = Sandbox(apps=(app,), ding=plan)
    sandbox.start()
    request.addfinalizer(sandbox.stop)
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(app))
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", sandbox.webhook_url)
    return sandbox


def test_nothing_is_in_the_way(connected: Sandbox, app_connected: Sandbox) -> None:
    assert found(rules()) == []
    assert connected.messages == ()
    assert connected.dings == ()
    assert connected.todos == ()


def test_rules_without_steps_for_people_do_not_matter() -> None:
    assert escalating(rules("    severity: P1\n")) == []
    assert found(rules("    escalate: [{after: 5m, to: group}]\n")) == []


@pytest.mark.parametrize("app", ["", "    app: nowhere\n", "    app: dingtalk_default\n"])
def test_without_an_app_everything_goes_to_the_group(connected: Sandbox, app: str) -> None:
    """None at all, one that doesn't exist, or a robot."""
    [obstacle] = found(rules(EVERY_WAY + app))
    assert (obstacle.kind, obstacle.rules) == (Kind.NO_APP, ("core",))
    assert obstacle.ways == (Way.PERSON, Way.TODO, Way.APP, Way.PHONE)
    assert obstacle.problem is not None


@pytest.mark.parametrize(
    ("of_app", "ways"),
    [
        ({"permissions": ()}, [(Way.PERSON,), (Way.TODO,), (Way.APP, Way.PHONE)]),
        # A message without people is refused before DingTalk looks at the robot.
        ({"published": False}, [(Way.APP, Way.PHONE)]),
    ],
)
def test_what_the_app_lacks(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, of_app: dict[str, Any], ways: list[object]
) -> None:
    organisation(monkeypatch, request, **of_app)
    refused = [each for each in found(rules()) if each.kind is Kind.NOT_ALLOWED]
    assert [each.ways for each in refused][: len(ways)] == ways
    if "permissions" in of_app:  # of the contacts: lisi has no user id
        assert len(refused) == len(ways) + 1


def test_an_edition_without_dings(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    organisation(monkeypatch, request, DingPlan(in_edition=False))
    [obstacle] = found(rules())
    assert (obstacle.kind, obstacle.ways) == (Kind.NOT_ALLOWED, (Way.APP, Way.PHONE))


def test_a_wrong_secret_is_one_finding(
    app_connected: Sandbox, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = app_connected.connection_of(app_connected.app).replace(app_connected.app.app_secret, "not-the-secret")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", wrong)
    [obstacle] = found(rules())
    assert obstacle.kind is Kind.NOT_ALLOWED
    assert "not-the-secret" not in repr(obstacle)


def test_people_whom_dingtalk_does_not_know(connected: Sandbox, app_connected: Sandbox) -> None:
    """By user id or by mobile number, in a rotation, an override or a step."""
    head = """\
people:
  - {name: zhangsan, user_id: zhangsan}
  - {name: gone, user_id: nobody_has_this}
  - {name: typo, mobile: 13899999999}
  - {name: unused, mobile: 13899999998}
rotations:
  - name: primary
    people: zhangsan
overrides: [{rotation: primary, from: 2026-12-01 09:00, until: 2026-12-02 09:00, person: gone}]
max_calls_per_night: 3
"""
    some = rules("    escalate: [{after: 1m, ding: phone, who: [on_call, typo]}]\n", head)
    assert [(each.kind, each.names) for each in found(some)] == [
        (Kind.PERSON_UNKNOWN, ("gone",)),
        (Kind.PERSON_UNKNOWN, ("typo",)),
    ]


def test_owners_whom_the_file_does_not_know(connected: Sandbox, app_connected: Sandbox) -> None:
    failures = [
        labels_of(Event.TASK_FAILED, dag_id, task_id="load", owners=(owner,))
        for dag_id, owner in (("etl", "zhangsan"), ("etl", "wangwu"), ("bi", "airflow"), ("bi", "wangwu"))
    ]
    some = rules("    match: {dag_id: etl}\n    escalate: [{after: 1m, ding: app, who: owner}]\n")
    [obstacle] = found(some, failures)
    assert (obstacle.kind, obstacle.names) == (Kind.OWNERS_UNKNOWN, ("wangwu",))


def test_a_night_in_which_nobody_is_on_call(connected: Sandbox, app_connected: Sandbox) -> None:
    head = PEOPLE.replace(
        "{name: primary, people: [zhangsan]}",
        '{name: primary, people: zhangsan, times: [{start_time: "09:00", end_time: "21:00"}]}',
    )
    [obstacle] = found(rules("    escalate: [{after: 1m, ding: app, who: on_call}]\n", head))
    assert (obstacle.kind, obstacle.names, obstacle.since) == (
        Kind.NOBODY_ON_CALL,
        ("primary",),
        datetime(2026, 11, 30, 21, tzinfo=timezone.utc),
    )


def test_calls_without_a_limit(connected: Sandbox, app_connected: Sandbox) -> None:
    without = PEOPLE.replace("max_calls_per_night: 3\n", "")
    [obstacle] = found(rules(head=without))
    assert (obstacle.kind, obstacle.ways) == (Kind.NO_LIMIT, (Way.PHONE,))
    assert found(rules(EVERY_WAY + "    max_calls_per_month: 9\n", without)) == []
