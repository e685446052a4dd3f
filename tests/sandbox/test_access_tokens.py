"""Access tokens of apps: who gets one, how long it is valid, and where a request has to carry it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_provider_dingpush.sandbox import App, Sandbox

NEW = "/v1.0/oauth2/accessToken"
JSON_HEADERS = {"Content-Type": "application/json"}
ASK = "/topapi/v2/user/getbymobile"
MOBILE = {"mobile": "13800000001"}
QUERY = "/v1.0/robot/groupMessages/query"
KEY = {"processQueryKey": "x"}

StartSandbox = Callable[..., Sandbox]


def ask_new(client: Any, body: Any, headers: dict[str, str] = JSON_HEADERS) -> tuple[int, dict[str, Any]]:
    """Ask the new generation for a token; the number of the request is left out of the reply."""
    status, reply = client.request("POST", NEW, json.dumps(body).encode(), headers)
    reply.pop("requestid", None)
    return status, reply


def is_good(client: Any, token: str) -> bool:
    """Whether both generations take a token."""
    old: bool = client.oapi(ASK, MOBILE, token=token)["errcode"] == 0
    new: bool = client.v1(QUERY, KEY, token=token)[1]["code"] == "invalid.processQueryKey"
    assert old is new
    return new


def test_the_new_generation_issues_a_token(sandbox: Sandbox, client: Any) -> None:
    """With key and secret, and the reply spells its life without an s."""
    body = {"appKey": sandbox.app.app_key, "appSecret": sandbox.app.app_secret}
    status, reply = ask_new(client, body)
    assert (status, reply) == (200, {"accessToken": reply["accessToken"], "expireIn": 7200})
    assert is_good(client, reply["accessToken"])
    request = sandbox.requests[0]
    assert (request.outcome, request.app) == ("answered", sandbox.app)
    assert sandbox.messages == ()


def test_the_old_generation_issues_the_same_token(sandbox: Sandbox, client: Any) -> None:
    """And spells its life with an s."""
    query = urlencode({"appkey": sandbox.app.app_key, "appsecret": sandbox.app.app_secret})
    status, reply = client.request("GET", f"/gettoken?{query}")
    assert (status, reply) == (
        200,
        {"errcode": 0, "access_token": client.token(), "errmsg": "ok", "expires_in": 7200},
    )


@pytest.mark.parametrize("wrong", ["appKey", "appSecret"])
def test_wrong_credentials_of_the_new_generation(sandbox: Sandbox, client: Any, wrong: str) -> None:
    """HTTP 400, whichever of the two is wrong."""
    body = {"appKey": sandbox.app.app_key, "appSecret": sandbox.app.app_secret, wrong: "x"}
    assert ask_new(client, body) == (
        400,
        {"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"},
    )


@pytest.mark.parametrize("wrong", ["appkey", "appsecret"])
def test_wrong_credentials_of_the_old_generation(sandbox: Sandbox, client: Any, wrong: str) -> None:
    """A number in HTTP 200."""
    query = urlencode({"appkey": sandbox.app.app_key, "appsecret": sandbox.app.app_secret, wrong: "é"})
    reply = {"errcode": 40096, "errmsg": "不合法的appKey或appSecret"}
    assert client.request("GET", f"/gettoken?{query}") == (200, reply)


@pytest.mark.parametrize(
    ("body", "headers", "reply"),
    [
        ({}, JSON_HEADERS, {"code": "MissingappKey", "message": "appKey is mandatory for this action."}),
        (
            {"appKey": "x"},
            JSON_HEADERS,
            {"code": "MissingappSecret", "message": "appSecret is mandatory for this action."},
        ),
        ([], JSON_HEADERS, {"code": "MissingBody", "message": "body is mandatory for this action."}),
        (
            {"appKey": "x", "appSecret": "y"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"code": "MissingBody", "message": "body is mandatory for this action."},
        ),
    ],
)
def test_missing_credentials_are_named(client: Any, body: Any, headers: dict[str, str], reply: dict[str, Any]) -> None:
    """And nothing but JSON is read."""
    assert ask_new(client, body, headers) == (400, reply)


def test_missing_credentials_of_the_old_generation(client: Any) -> None:
    """The parameter is named."""
    assert client.request("GET", "/gettoken?appkey=x")[1] == {"errcode": 40035, "errmsg": "缺少参数 appsecret"}
    assert client.request("POST", "/gettoken?appkey=x")[1] == {"errcode": 43001, "errmsg": "需要GET请求"}


def test_asking_again_extends_the_same_token(client: Any, clock: Any) -> None:
    """After its end there is a new one, and the old one is over."""
    first = client.token()
    clock.now += 7199
    assert client.token() == first
    clock.now += 7199
    assert is_good(client, first)
    clock.now += 1
    assert not is_good(client, first)
    second = client.token()
    assert second != first
    assert is_good(client, second)
    assert not is_good(client, first)


def test_the_life_of_a_token_can_be_short(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """As the app is defined."""
    sandbox = start_sandbox(apps=(App(token_seconds=30),))
    client = client_of(sandbox)
    body = {"appKey": sandbox.app.app_key, "appSecret": sandbox.app.app_secret}
    reply = ask_new(client, body)[1]
    assert reply["expireIn"] == 30
    clock.now += 30
    assert not is_good(client, reply["accessToken"])


def test_all_tokens_can_be_ended(sandbox: Sandbox, client: Any) -> None:
    """In the middle of a test, so that a client has to fetch another; a clear of the chat does not."""
    token = client.token()
    sandbox.clear()
    assert is_good(client, token)
    sandbox.expire_tokens()
    assert not is_good(client, token)
    assert is_good(client, client.token())


def test_an_expired_token_in_every_dialect(sandbox: Sandbox, client: Any) -> None:
    """The new generation doesn't distinguish it from a wrong one."""
    token = client.token()
    sandbox.expire_tokens()
    status, reply = client.v1(QUERY, KEY, token=token)
    assert (status, reply.pop("requestid") != "") == (400, True)
    assert reply == {"code": "InvalidAuthentication", "message": "不合法的access_token"}
    reply = client.oapi(ASK, MOBILE, token=token)
    assert reply.pop("request_id")
    assert reply == {
        "errcode": 88,
        "sub_code": "42001",
        "sub_msg": "access_token超时",
        "errmsg": "ding talk error[subcode=42001,submsg=access_token超时]",
    }
    assert client.oapi("/media/upload", {}, token=token) == {"errcode": 42001, "errmsg": "access_token超时"}


def test_a_wrong_token_in_every_dialect(sandbox: Sandbox, client: Any) -> None:
    """HTTP 400, 88 with a sub_code that is text, or the number itself."""
    # The token of a custom robot is none of an app, nor is the AppKey.
    for token in ("junk", sandbox.robot.access_token, sandbox.app.app_key):
        status, reply = client.v1(QUERY, KEY, token=token)
        del reply["requestid"]
        assert (status, reply) == (400, {"code": "InvalidAuthentication", "message": "不合法的access_token"})
        reply = client.oapi(ASK, MOBILE, token=token)
        del reply["request_id"]
        assert reply == {
            "errcode": 88,
            "sub_code": "40014",
            "sub_msg": "不合法的access_token",
            "errmsg": "ding talk error[subcode=40014,submsg=不合法的access_token]",
        }
        assert client.oapi("/media/upload", {}, token=token) == {"errcode": 40014, "errmsg": "不合法的access_token"}


def test_a_token_in_the_wrong_place_is_none(client: Any) -> None:
    """The new generation reads its header only, the old one the query."""
    token = client.token()
    for target, headers in [
        (f"{QUERY}?access_token={token}", {}),
        (QUERY, {"Authorization": f"Bearer {token}"}),
        (QUERY, {"access_token": token}),
    ]:
        status, reply = client.request("POST", target, b"{}", {**JSON_HEADERS, **headers})
        del reply["requestid"]
        assert (status, reply) == (
            400,
            {"code": "AuthenticationFailed.MissingParameter", "message": "缺少x-acs-dingtalk-access-token"},
        )
    headers = {**JSON_HEADERS, "x-acs-dingtalk-access-token": token}
    reply = client.request("POST", ASK, json.dumps({**MOBILE, "access_token": token}).encode(), headers)[1]
    del reply["request_id"]
    assert reply == {
        "errcode": 88,
        "sub_code": "40000",
        "sub_msg": "access_token is blank",
        "errmsg": "ding talk error[subcode=40000,submsg=access_token is blank]",
    }
    assert client.request("POST", "/media/upload", b"", headers)[1] == {
        "errcode": 41001,
        "errmsg": "缺少access_token参数",
    }


def test_a_token_may_be_in_a_form(client: Any) -> None:
    """Old SDKs send forms, and there the token may be a field."""
    body = urlencode({**MOBILE, "access_token": client.token()}).encode()
    _, reply = client.request("POST", ASK, body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply["result"] == {"userid": "zhangsan"}


def test_a_webhook_takes_no_token_of_an_app(sandbox: Sandbox, client: Any) -> None:
    """The mistake of many blog posts: neither AppKey nor app token opens a group's webhook."""
    for token in (sandbox.app.app_key, client.token()):
        body = {"msgtype": "text", "text": {"content": "hello"}}
        assert client.oapi("/robot/send", body, token=token) == {"errcode": 300005, "errmsg": "token is not exist"}


def test_no_secret_is_in_any_text(sandbox: Sandbox, client: Any) -> None:
    """Neither a request nor the app shows secret or token when it is printed."""
    token = client.token()
    client.v1(QUERY, KEY)
    with pytest.raises(TimeoutError) as caught:
        sandbox.wait_for_messages(1, timeout_seconds=0)
    for text in (repr(sandbox.requests), str(sandbox.requests), repr(sandbox.app), str(caught.value)):
        assert sandbox.app.app_secret not in text
        assert token not in text
