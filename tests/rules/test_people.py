"""The people of a rules file: valid once they exist, and found by name or e-mail address."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.rules.people import People, Person
from airflow_provider_dingpush.targets import Users

ZHANGSAN = Person("zhangsan", user_id="manager7", mobile="+86 138-0000-0001", email="San.Zhang@example.com")
LISI = Person("李四", mobile="13800000002")


def test_a_person_is_stored_in_dingtalks_forms() -> None:
    assert ZHANGSAN.mobile == "13800000001"
    assert Person("w", user_id=7).user_id == "7"  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(ZHANGSAN)) == copy.deepcopy(ZHANGSAN) == ZHANGSAN  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": " ", "user_id": "u"}, "Person.name is empty"),
        ({"name": "w"}, "'w' needs a user id or a mobile number"),
        ({"name": "w", "email": "w@example.com"}, "'w' needs a user id or a mobile number"),
        ({"name": "w", "mobile": "somebody"}, "Person.mobile must be a mobile number"),
        ({"name": "w", "mobile": "{{ number }}"}, "Person.mobile must be "),
        ({"name": "w", "user_id": "a b"}, "Person.user_id must be one id"),
        ({"name": "w", "user_id": "u", "email": "w at example"}, "Person.email must be an e-mail address"),
    ],
)
def test_what_is_wrong_doesnt_become_a_person(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidMessageError, match=problem):
        Person(**values)


def test_a_robot_mentions_by_number_and_an_app_sends_by_user_id() -> None:
    """Each by what it knows best, and by one of them only: both would be two mentions."""
    assert ZHANGSAN.at == At(mobiles=["13800000001"])
    assert ZHANGSAN.users == Users(user_ids=["manager7"])
    assert LISI.users == Users(mobiles=["13800000002"])
    assert Person("w", user_id="u").at == At(user_ids=["u"])


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("zhangsan", ZHANGSAN),
        (" zhangsan ", ZHANGSAN),
        ("san.zhang@EXAMPLE.com", ZHANGSAN),
        ("李四", LISI),
        ("Zhangsan", None),
        ("", None),
    ],
)
def test_an_owner_is_found_by_name_or_address(name: str, person: Person | None) -> None:
    assert People((ZHANGSAN, LISI)).named(name) is person
