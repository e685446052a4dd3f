"""Mobile numbers become user ids, each asked for once per process and app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.people import union_id_of, user_ids_of
from airflow_provider_dingpush.errors import DingTalkError, PermissionMissingError, TargetError, UnavailableError
from airflow_provider_dingpush.sandbox import App, Fault, Person, Sandbox

BY_MOBILE = "/topapi/v2/user/getbymobile"
PEOPLE = tuple(Person(user_id=f"u{number}", name=f"n{number}", mobile=f"1380000000{number}") for number in range(3))
MOBILES = [each.mobile for each in PEOPLE]
UNKNOWN = "13999990000"

MakeClient = Callable[..., Any]


def asked(sandbox: Sandbox) -> list[str]:
    """The numbers that DingTalk was asked for."""
    return [each.json["mobile"] for each in sandbox.requests if each.path == BY_MOBILE]


def test_each_number_is_asked_for_once(app_client_of: MakeClient) -> None:
    """Also when other calls of the same app ask; another app has answers of its own."""
    apps = (App(), App())
    with Sandbox(apps=apps, people=PEOPLE) as sandbox:
        found = user_ids_of(app_client_of(sandbox).calls, [MOBILES[1], MOBILES[0], MOBILES[1]])
        assert list(found.items()) == [(MOBILES[1], "u1"), (MOBILES[0], "u0")]
        assert user_ids_of(app_client_of(sandbox).calls, MOBILES) == dict(zip(MOBILES, ["u0", "u1", "u2"], strict=True))
        assert asked(sandbox) == [MOBILES[1], MOBILES[0], MOBILES[2]]
        user_ids_of(app_client_of(sandbox, app=apps[1]).calls, [MOBILES[0]])
        assert len(asked(sandbox)) == 4


def test_an_unknown_number_does_not_keep_it_from_the_others(
    app_client_of: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged in a way that its owner knows it by, and asked for again next time: it may be known tomorrow."""
    with Sandbox(people=PEOPLE) as sandbox:
        calls = app_client_of(sandbox).calls
        with caplog.at_level(logging.WARNING):
            assert user_ids_of(calls, [UNKNOWN, MOBILES[0]]) == {MOBILES[0]: "u0"}
        assert "139****0000; the others get the message" in caplog.text
        assert UNKNOWN not in caplog.text
        user_ids_of(calls, [UNKNOWN, MOBILES[0]])
        assert asked(sandbox) == [UNKNOWN, MOBILES[0], UNKNOWN]


def test_nobody_known_is_an_error(app_client_of: MakeClient) -> None:
    """There is nobody to send to."""
    with Sandbox(people=PEOPLE) as sandbox:
        client = app_client_of(sandbox)
        with pytest.raises(TargetError, match=r"139\*\*\*\*0000, \*\*\*\* \(errcode 60121\)|40104") as caught:
            user_ids_of(client.calls, [UNKNOWN, "123"])
        assert not caught.value.retryable
        assert UNKNOWN not in str(caught.value)
        assert "userId" in caught.value.advice


def test_no_numbers_ask_nothing(app_client_of: MakeClient) -> None:
    """Users named by their ids only."""
    with Sandbox(people=PEOPLE) as sandbox:
        assert user_ids_of(app_client_of(sandbox).calls, []) == {}
        assert sandbox.requests == ()


def test_what_is_no_answer_about_a_person_is_raised(app_client_of: MakeClient) -> None:
    """A missing permission isn't an unknown number; an outage is tried again."""
    with Sandbox(apps=(App(permissions=("qyapi_base",)),), people=PEOPLE) as sandbox:
        with pytest.raises(PermissionMissingError) as caught:
            user_ids_of(app_client_of(sandbox).calls, MOBILES)
        assert "qyapi_get_member_by_mobile" in caught.value.missing_permissions
    with Sandbox(people=PEOPLE) as sandbox:
        sandbox.fail_next(Fault.RESET_AFTER_BODY_ACCEPTED, times=2, path=BY_MOBILE)
        assert user_ids_of(app_client_of(sandbox).calls, MOBILES[:1]) == {MOBILES[0]: "u0"}


@pytest.mark.parametrize("result", ["{}", '{"userid":null}', '{"userid":[1]}', "[]", "5", '"x"', "null"])
def test_a_damaged_answer_about_a_person_is_one_of_our_errors(
    raw_server: Any, answer: Any, app_client_of: MakeClient, result: str
) -> None:
    """Nothing was sent yet, so it can be tried again."""
    body = answer(f'{{"errcode":0,"result":{result}}}'.encode())
    server = raw_server([answer(b'{"accessToken":"t","expireIn":7200}'), *[body] * 5])
    with pytest.raises(DingTalkError) as caught:
        user_ids_of(app_client_of(server.url).calls, ["13900000077"])
    assert caught.value.retryable


DETAILS = "/topapi/v2/user/get"


def test_a_union_id_is_asked_for_once(app_client_of: MakeClient) -> None:
    """Per app; who is unknown may be known next time."""
    apps = (App(), App())
    with Sandbox(apps=apps, people=PEOPLE) as sandbox:
        for app in (*apps, *apps):
            assert union_id_of(app_client_of(sandbox, app=app).calls, "u1") == PEOPLE[1].union_id
        assert [each.json for each in sandbox.requests if each.path == DETAILS] == [{"userid": "u1"}] * 2
        for _ in range(2):
            with pytest.raises(TargetError):
                union_id_of(app_client_of(sandbox).calls, "nobody")
        assert len([each for each in sandbox.requests if each.path == DETAILS]) == 4


def test_an_answer_without_a_union_id_is_none(
    raw_server: Callable[..., Any], answer: Callable[..., Any], app_client_of: MakeClient
) -> None:
    """It isn't kept as an empty one."""
    token = answer(b'{"accessToken": "t", "expireIn": 7200}')
    server = raw_server([token, answer(b'{"errcode": 0, "result": {"unionid": ""}}')])
    with pytest.raises(UnavailableError, match="has no unionid"):
        union_id_of(app_client_of(server.url).calls, "u1")
