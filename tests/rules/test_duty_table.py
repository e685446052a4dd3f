"""The duty table: its words for people."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_dingpush.rules.duty_table import DutyTable, OnCall
from airflow_provider_dingpush.rules.people import People, Person
from airflow_provider_dingpush.rules.rotations import Layer, Rotation

ZHANGSAN, LISI = Person("zhangsan", user_id="u1", email="z@example.com"), Person("lisi", user_id="u2")
TABLE = DutyTable(
    People((ZHANGSAN, LISI)), (Rotation("primary", (Layer((LISI,)),)), Rotation("lead", (Layer((ZHANGSAN,)),)))
)
NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("who", "person"),
    [
        ("on_call", LISI),
        ("primary", LISI),
        ("lead", ZHANGSAN),
        ("zhangsan", ZHANGSAN),
        ("z@example.com", ZHANGSAN),
        ("nobody", None),
    ],
)
def test_a_word_of_the_file_is_a_person(who: str, person: Person | None) -> None:
    assert TABLE.find(who, NOW) is person


def test_without_rotations_nobody_is_on_call() -> None:
    assert DutyTable(People((LISI,))).find("on_call", NOW) is None
    assert DutyTable().rotation() is None


def test_the_target_has_a_plain_form() -> None:
    assert OnCall.read(OnCall("primary").to_dict()) == OnCall("primary")
    for other in ({}, {"on_call": 1}, {"on_call": "a", "user_ids": ["b"]}, "on_call", None):
        assert OnCall.read(other) is None
