"""Whom a phone number belongs to, and the new id of a group."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import Sandbox

BY_MOBILE = "/topapi/v2/user/getbymobile"


def test_a_person_by_mobile(client: Any) -> None:
    """The reply holds the user id."""
    reply = client.oapi(BY_MOBILE, {"mobile": "13800000002"})
    assert reply.pop("request_id")
    assert reply == {"errcode": 0, "errmsg": "ok", "result": {"userid": "lisi"}}


@pytest.mark.parametrize(
    ("body", "errcode", "errmsg"),
    [
        ({}, 40035, "缺少参数 mobile"),
        ({"mobile": "zhangsan"}, 40104, "无效手机号"),
        ({"mobile": 13800000001}, 40104, "无效手机号"),
        ({"mobile": "13999999999"}, 60121, "找不到该用户"),
        ({"mobile": "+86-13999999999"}, 60121, "找不到该用户"),
    ],
)
def test_nobody_by_mobile(client: Any, body: dict[str, Any], errcode: int, errmsg: str) -> None:
    """A number that nobody has is not the same as none."""
    reply = client.oapi(BY_MOBILE, body)
    assert reply.pop("request_id")
    assert reply == {"errcode": errcode, "errmsg": errmsg}


def test_the_new_id_of_a_group(sandbox: Sandbox, client: Any) -> None:
    """By the old one, in the path; there is no body."""
    headers = {"x-acs-dingtalk-access-token": client.token()}
    target = f"/v1.0/im/chat/{sandbox.group.chat_id}/convertToOpenConversationId"
    assert client.request("POST", target, b"", headers) == (
        200,
        {"openConversationId": sandbox.group.open_conversation_id},
    )
    status, reply = client.v1("/v1.0/im/chat/chatx/convertToOpenConversationId", {})
    assert reply.pop("requestid")
    assert (status, reply) == (400, {"code": "invalideChatId", "message": "不合法的chatId"})
