"""Who gets a message: targets obey their rules when they are built, and their plain forms mean the same."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import is_ours
from airflow_provider_dingpush.messages.plain_forms import check_rendered
from airflow_provider_dingpush.targets import Group, Target, Users, WorkNotification, read_target
from tests.parameter_ids import shown
from tests.rendering import rendered

CID = "cidKhgcKYwN/iO+EEhjf==="
any_target: Any = lambda kind, *values, **named: kind(*values, **named)  # noqa: E731 - what types don't promise
TARGETS: tuple[Target, ...] = (
    Group(CID),
    Users(["zhangsan", "lisi"]),
    Users(mobiles="13800000001"),
    Users("zhangsan", ["13800000001", "13800000002"]),
    WorkNotification("zhangsan"),
    WorkNotification(department_ids=[1001, "1002"]),
    WorkNotification("zhangsan", 1001),  # type: ignore[arg-type]
    WorkNotification(everyone=True),
)
targets = pytest.mark.parametrize("target", TARGETS, ids=shown)


class XComArg:
    """Named like Airflow's."""


@targets
def test_a_target_and_its_plain_form_are_the_same_thing(target: Target) -> None:
    """Also after a journey through JSON."""
    assert read_target(json.loads(json.dumps(target.to_dict()))) == target
    assert read_target(target) is target


@pytest.mark.parametrize(
    ("plain", "target"),
    [
        (None, None),
        (CID, Group(CID)),
        (f" {CID}\n", Group(CID)),
        (f"\ufeff{CID}\u200b", Group(CID)),
        ({"open_conversation_id": f"“{CID}”"}, Group(CID)),
        ({"open_conversation_id": CID}, Group(CID)),
        ({"user_ids": "zhangsan"}, Users("zhangsan")),
        ({"mobiles": [13800000001]}, Users(mobiles="13800000001")),
        ({"user_ids": ["zhangsan"], "mobiles": ["13800000001"]}, Users("zhangsan", "13800000001")),
        ({"work_notification": {"user_ids": ["zhangsan"]}}, WorkNotification("zhangsan")),
        ({"department_ids": [1001]}, WorkNotification(department_ids="1001")),
        ({"user_ids": ["zhangsan"], "department_ids": [1001]}, WorkNotification("zhangsan", "1001")),
        ({"everyone": "true"}, WorkNotification(everyone=True)),
    ],
    ids=shown,
)
def test_plain_forms_are_read(plain: object, target: Target | None) -> None:
    """A single id counts as a list of one, and numbers are ids too."""
    assert read_target(plain) == target


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ("zhangsan", "to is a str, but no group's id"),
        ("13800000001", "to is a str, but no group's id"),
        ("", "to is a str, but no group's id"),
        ("chat6c1f0a", "Group.open_conversation_id was given a chatId"),
        (7, "to must be a Group, Users, WorkNotification or a dict, not a int."),
        (["zhangsan"], "to must be a Group, Users, WorkNotification or a dict, not a list."),
        (XComArg(), "to is a task's output"),
        ({}, "to is a dict with [], which names no target."),
        ({"to_user": "zhangsan"}, "to is a dict with ['to_user'], which names no target."),
        ({"user_ids": ["a"], "open_conversation_id": CID}, "to is a dict with ['open_conversation_id', 'user_ids'],"),
        ({"work_notification": "zhangsan"}, "to is a dict with ['work_notification'], which names no target."),
        ({"work_notification": {"users": "a"}}, "to names a work notification and has unknown keys ['users']."),
        ({"department_ids": [1], "mobiles": ["138"]}, "to names a work notification and has unknown keys ['mobiles']."),
        ({"user_ids": []}, "Users is empty."),
        ({"work_notification": {}}, "WorkNotification is empty."),
        ({"everyone": False}, "WorkNotification is empty."),
    ],
    ids=shown,
)
def test_what_names_no_target_is_refused(plain: object, problem: str) -> None:
    """The error shows what would be right."""
    with pytest.raises(InvalidMessageError) as caught:
        read_target(plain)
    assert caught.value.problem.startswith(problem)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Group(""), "Group.open_conversation_id is empty"),
        (lambda: any_target(Group, None), "Group.open_conversation_id is None."),
        (lambda: any_target(Group, ["a"]), "Group.open_conversation_id must be text, not ['a']."),
        (lambda: any_target(Group, XComArg()), "Group.open_conversation_id is a task's output"),
        (lambda: Group("数据 群"), "Group.open_conversation_id must be one id"),
        (lambda: Users("zhangsan,lisi"), "Users.user_ids[0] must be one id"),
        (lambda: Users("@zhangsan"), "Users.user_ids[0] must be one id"),
        (lambda: Users(["zhangsan", ""]), "Users.user_ids[1] is empty"),
        (lambda: Users("a\ud83d"), "Users.user_ids[0] contains a lone surrogate"),
        (lambda: any_target(Users, mobiles=True), "Users.mobiles[0] must be a whole number or text, not True."),
        (lambda: any_target(Users, XComArg()), "Users.user_ids is a task's output"),
        (Users, "Users is empty."),
        (WorkNotification, "WorkNotification is empty."),
        (
            lambda: WorkNotification(department_ids="数据组"),
            "WorkNotification.department_ids[0] must be a department's number",
        ),
        (lambda: any_target(WorkNotification, everyone="perhaps"), "WorkNotification.everyone must be true or false"),
        (
            lambda: any_target(WorkNotification, everyone=XComArg()),
            "WorkNotification.everyone is a task's output",
        ),
        (lambda: WorkNotification("zhangsan", everyone=True), "WorkNotification can't combine everyone"),
    ],
)
def test_targets_that_break_a_rule_are_refused(build: Callable[[], object], problem: str) -> None:
    """The error names the field and the rule."""
    with pytest.raises(InvalidMessageError) as caught:
        build()
    assert caught.value.problem.startswith(problem)


def test_nobody_is_named_twice() -> None:
    """Whoever is in a list twice gets one message."""
    assert Users(["a", "b", "a"]).user_ids == ("a", "b")
    assert WorkNotification(department_ids=[1, "1"]).department_ids == ("1",)


@targets
def test_targets_are_frozen_plain_values(target: Any) -> None:
    """Airflow copies, pickles, compares and shows what operators hold, and finds nothing to render in place."""
    for field in dataclasses.fields(target):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(target, field.name, "other")
    for twin in (pickle.loads(pickle.dumps(target)), copy.deepcopy(target)):  # noqa: S301 - our own
        assert (twin, hash(twin), repr(twin)) == (target, hash(target), repr(target))
    assert [name for name in ("template_fields", "resolve", "serialize") if hasattr(target, name)] == []
    assert not callable(target)


def test_repr_is_short() -> None:
    """It lands in the serialized DAG."""
    assert repr(Users([f"user{number}" for number in range(500)])) == (
        "Users(user_ids=['user0', 'user1', 'user2', …], mobiles=[])"
    )
    assert repr(Group(CID)) == f"Group(open_conversation_id={CID!r})"


@targets
def test_operator_and_notifier_know_a_target_when_they_see_one(target: Target) -> None:
    """Rules of targets look as those of messages do, so both are rendered and checked the same way."""
    assert is_ours(target)
    assert rendered(target) == target
    check_rendered(target)


def test_templates_in_targets_are_rendered_and_then_checked() -> None:
    """A list that a template renders to counts as its elements."""
    assert rendered(Group("{{ group }}"), group=CID) == Group(CID)
    assert rendered(Users(["{{ on_duty }}", "c"]), on_duty=["a", "b"]) == Users(["a", "b", "c"])
    assert rendered(WorkNotification(department_ids="{{ d }}"), d=7) == WorkNotification(department_ids="7")
    assert rendered(WorkNotification(everyone="{{ all }}"), all="true") == WorkNotification(everyone=True)  # type: ignore[arg-type]
    for unrendered in (Group("{{ group }}"), Users("{{ on_duty }}"), WorkNotification(department_ids="{{ d }}")):
        with pytest.raises(InvalidMessageError, match="must be"):
            check_rendered(unrendered)
