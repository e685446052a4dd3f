"""What every call of an app must pass, in the words of both generations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import App, Fault, Quotas, Sandbox

GROUP_SEND = "/v1.0/robot/groupMessages/send"
PEOPLE_SEND = "/v1.0/robot/oToMessages/batchSend"
BY_MOBILE = "/topapi/v2/user/getbymobile"
NOTIFICATION = "/topapi/message/corpconversation/asyncsend_v2"
MOBILE = {"mobile": "13800000001"}

StartSandbox = Callable[..., Sandbox]


def group_text(sandbox: Sandbox, app: App | None = None) -> dict[str, Any]:
    """Return the body of a text to the first group."""
    return {
        "robotCode": (app or sandbox.app).robot_code,
        "openConversationId": sandbox.group.open_conversation_id,
        "msgKey": "sampleText",
        "msgParam": '{"content": "hello"}',
    }


def without_number(reply: dict[str, Any]) -> dict[str, Any]:
    """Leave the number of the request out of a reply, which must have one."""
    assert reply.pop("requestid", "") or reply.pop("request_id", "")
    return reply


def test_a_missing_permission_is_named(start_sandbox: StartSandbox, client_of: Any) -> None:
    """403 with the scopes in a list, or 88/60011 with the scopes in the text."""
    app = App(app_key="dingkey", permissions=())
    sandbox = start_sandbox(apps=(app,))
    client = client_of(sandbox)
    status, reply = client.v1(GROUP_SEND, group_text(sandbox))
    assert (status, without_number(reply)) == (
        403,
        {
            "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
            "message": "没有调用该接口的权限",
            "accessdenieddetail": {"requiredScopes": ["qyapi_robot_sendmsg"]},
        },
    )
    errmsg = (
        "应用尚未开通所需的权限：[qyapi_get_member_by_mobile,qyapi_get_member]，点击链接申请并开通即可："
        "https://open-dev.dingtalk.com/appscope/apply?content=dingkey%23qyapi_get_member_by_mobile%2Cqyapi_get_member"
    )
    assert without_number(client.oapi(BY_MOBILE, MOBILE)) == {
        "errcode": 88,
        "sub_code": "60011",
        "sub_msg": errmsg,
        "errmsg": f"ding talk error[subcode=60011,submsg={errmsg}]",
    }
    reply = client.upload("image", "a.png", b"x")
    assert (reply["errcode"], "[qyapi_base]" in reply["errmsg"]) == (60011, True)
    assert [request.app for request in sandbox.requests] == [app] * 6


def test_another_address_is_kept_out(start_sandbox: StartSandbox, client_of: Any) -> None:
    """Both dialects, and the old one names the address."""
    sandbox = start_sandbox(apps=(App(app_key="dingkey", allowed_ips=("10.0.0.0/8",)),))
    client = client_of(sandbox)
    status, reply = client.v1(GROUP_SEND, group_text(sandbox))
    assert (status, without_number(reply)) == (
        403,
        {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "message": "访问ip不在白名单之中"},
    )
    assert client.upload("image", "a.png", b"x") == {
        "errcode": 60020,
        "errmsg": "访问ip不在白名单之中,request ip=127.0.0.1 appKey(dingkey)",
    }
    open_to_all = start_sandbox(apps=(App(allowed_ips=("127.0.0.1",)),))
    assert client_of(open_to_all).v1(GROUP_SEND, group_text(open_to_all))[0] == 200


def test_too_many_calls_in_one_second(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """Each API of each app has its own second."""
    hasty, other = App(calls_per_second=2), App(calls_per_second=2)
    sandbox = start_sandbox(apps=(hasty, other))
    client = client_of(sandbox)
    token = client.token()
    for _ in range(2):
        assert client.v1(GROUP_SEND, group_text(sandbox), token=token)[0] == 200
        assert client.oapi(BY_MOBILE, MOBILE, token=token)["errcode"] == 0
    status, reply = client.v1(GROUP_SEND, group_text(sandbox), token=token)
    words = "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了"
    assert (status, without_number(reply)) == (
        403,
        {"code": "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "message": words},
    )
    assert without_number(client.oapi(BY_MOBILE, MOBILE, token=token)) == {
        "errcode": 88,
        "sub_code": "90018",
        "sub_msg": words,
        "errmsg": f"ding talk error[subcode=90018,submsg={words}]",
    }
    assert client_of(sandbox, other).v1(GROUP_SEND, group_text(sandbox, other))[0] == 200
    clock.now += 1
    assert client.v1(GROUP_SEND, group_text(sandbox), token=token)[0] == 200
    assert client.token() == token
    assert client.token() == token
    body = json.dumps({"appKey": hasty.app_key, "appSecret": hasty.app_secret}).encode()
    status, reply = client.request("POST", "/v1.0/oauth2/accessToken", body, {"Content-Type": "application/json"})
    assert (status, reply["code"]) == (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi")
    sandbox.clear()
    assert client.token() == token


def test_the_months_quota(start_sandbox: StartSandbox, client_of: Any, clock: Any) -> None:
    """It is the organisation's; tokens and contacts are free; next month there is more."""
    sandbox = start_sandbox(quotas=Quotas(api_calls_a_month=2))
    client = client_of(sandbox)
    client.upload("image", "a.png", b"\x89PNG\r\n\x1a\n")
    assert client.v1(GROUP_SEND, group_text(sandbox))[0] == 200
    status, reply = client.v1(GROUP_SEND, group_text(sandbox))
    assert (status, without_number(reply)) == (
        403,
        {"code": "Forbidden.AccessDenied.ApiCountLimitForOrg", "message": "企业本月的接口调用次数已用完"},
    )
    assert client.oapi(NOTIFICATION, {})["sub_code"] == "90020"
    assert client.upload("image", "a.png", b"x") == {"errcode": 90020, "errmsg": "企业本月的接口调用次数已用完"}
    assert client.oapi(BY_MOBILE, MOBILE)["errcode"] == 0
    clock.now += 31 * 86_400
    assert client.v1(GROUP_SEND, group_text(sandbox))[0] == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"a=b", "application/x-www-form-urlencoded")],
)
def test_the_new_generation_reads_json_only(client: Any, body: bytes, content_type: str) -> None:
    """Anything else is refused."""
    headers = {"x-acs-dingtalk-access-token": client.token(), "Content-Type": content_type}
    status, reply = client.request("POST", GROUP_SEND, body, headers)
    assert (status, without_number(reply)) == (
        400,
        {"code": "invalidParameter.msgBody.invalid", "message": "body必须是JSON"},
    )


def test_the_old_generation_reads_json_and_forms(client: Any) -> None:
    """Another type, no object and another method are refused."""
    target = f"{BY_MOBILE}?access_token={client.token()}"
    for method, body, content_type, reply in [
        ("POST", b"{}", "text/plain", {"errcode": 43004, "errmsg": "无效的HTTP HEADER Content-Type"}),
        ("POST", b"[]", "application/json", {"errcode": 40035, "errmsg": "缺少参数 json"}),
        ("GET", None, "application/json", {"errcode": 43002, "errmsg": "需要POST请求"}),
    ]:
        _, answer = client.request(method, target, body, {"Content-Type": content_type})
        assert without_number(answer) == reply


@pytest.mark.parametrize(
    ("method", "path"),
    [
        # The recall of messages to people has a lower-case t; the send a capital one.
        ("POST", "/v1.0/robot/oToMessages/batchRecall"),
        ("POST", "/v1.0/robot/otoMessages/batchSend"),
        ("GET", "/v1.0/nothing"),
        ("PUT", "/v1.0/robot/groupMessages/send"),
        ("POST", "/v1.0/robot/oToMessages/readStatus"),
    ],
)
def test_unknown_paths_of_the_new_generation(sandbox: Sandbox, client: Any, method: str, path: str) -> None:
    """A success to whoever looks at the HTTP status only."""
    assert client.request(method, path, b"{}", {"Content-Type": "application/json"}) == (
        200,
        {"errcode": 404, "errmsg": "请求的URI地址不存在"},
    )
    assert sandbox.requests[0].outcome in ("unknown path", "refused")


def test_unknown_paths_of_the_old_generation(client: Any) -> None:
    """As at webhooks."""
    assert client.oapi("/topapi/nothing", {}) == {"errcode": 22, "errmsg": "Invalid method"}


@pytest.mark.parametrize(
    ("fault", "webhook", "v1", "topapi", "media"),
    [
        (Fault.BUSY, -1, (429, "system.busy"), (-1, None), -1),
        (
            Fault.THROTTLED,
            130101,
            (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"),
            (88, "90018"),
            90018,
        ),
        (Fault.THROTTLED_LONG, 130101, (400, "send.too.fast"), (41048, None), 41048),
        (Fault.QUOTA_USED_UP, 90030, (403, "Forbidden.AccessDenied.ApiCountLimitForOrg"), (88, "90020"), 90020),
        (Fault.TOKEN_REFUSED, 300005, (400, "InvalidAuthentication"), (88, "40014"), 40014),
    ],
)
def test_a_fault_is_in_the_dialect_of_its_api(
    sandbox: Sandbox,
    client: Any,
    fault: Fault,
    webhook: int,
    v1: tuple[int, str],
    topapi: tuple[int, str | None],
    media: int,
) -> None:
    """The same fault has four spellings, and loses the message in all."""
    token = client.token()
    sandbox.fail_next(fault, times=4)
    text = {"msgtype": "text", "text": {"content": "hello"}}
    assert client.oapi("/robot/send", text, token=sandbox.robot.access_token)["errcode"] == webhook
    status, reply = client.v1(GROUP_SEND, group_text(sandbox), token=token)
    assert (status, reply["code"], "message" in reply, "requestid" in reply) == (*v1, True, True)
    body = {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan", "msg": text}
    reply = client.oapi(NOTIFICATION, body, token=token)
    assert (reply["errcode"], reply.get("sub_code")) == topapi
    assert client.oapi("/media/upload", {}, token=token)["errcode"] == media
    assert [request.outcome for request in sandbox.requests[1:]] == ["fault"] * 4
    assert sandbox.requests[2].reply is not None
    assert sandbox.messages == ()
    assert client.v1(GROUP_SEND, group_text(sandbox), token=token)[0] == 200


def test_an_unknown_result_means_that_the_message_was_accepted(sandbox: Sandbox, client: Any) -> None:
    """Whoever sends again is seen twice, but for a work notification, which nobody gets twice a day."""
    text = {"msgtype": "text", "text": {"content": "hello"}}
    notification = {"agent_id": sandbox.app.agent_id, "userid_list": "zhangsan", "msg": text}
    for _ in range(2):
        sandbox.fail_next(Fault.UNKNOWN_RESULT, path=GROUP_SEND)
        status, reply = client.v1(GROUP_SEND, group_text(sandbox))
        assert (status, without_number(reply)) == (
            400,
            {"code": "unknown.send.result", "message": "未知的发送结果"},
        )
        sandbox.fail_next(Fault.UNKNOWN_RESULT, path=NOTIFICATION)
        assert client.oapi(NOTIFICATION, notification) == {"errcode": 15, "errmsg": "isp.top-remote-connection-timeout"}
    assert [message.conversation.kind for message in sandbox.messages] == ["group", "notification", "group"]
    # What a rule refuses is refused, whatever was planned.
    sandbox.fail_next(Fault.UNKNOWN_RESULT, path=GROUP_SEND)
    assert client.v1(GROUP_SEND, {})[1]["code"] == "invalidParameter.robotCode.empty"


def test_a_gateway_that_gives_up(sandbox: Sandbox, client: Any) -> None:
    """HTTP 504 without JSON, and the message was accepted."""
    sandbox.fail_next(Fault.HTTP_504, path=GROUP_SEND)
    with pytest.raises(ValueError, match="Expecting value"):
        client.v1(GROUP_SEND, group_text(sandbox))
    assert len(sandbox.messages) == 1
    assert (sandbox.requests[-1].fault, sandbox.requests[-1].outcome) == (Fault.HTTP_504, "accepted")


def test_a_fault_can_wait_for_its_path(sandbox: Sandbox, client: Any) -> None:
    """Others pass, in whatever order they come; a path without an API is a mistake."""
    sandbox.fail_next(Fault.BUSY, path=GROUP_SEND)
    sandbox.fail_next(Fault.THROTTLED, path="/v1.0/oauth2/accessToken")
    sandbox.fail_next(Fault.BUSY, path="/v1.0/im/chat/x/convertToOpenConversationId")
    with pytest.raises(AssertionError, match="QpsLimitForAppkeyAndApi"):
        client.token()
    token = client.token()
    assert client.oapi(BY_MOBILE, MOBILE, token=token)["errcode"] == 0
    assert client.v1(GROUP_SEND, group_text(sandbox), token=token)[0] == 429
    assert client.v1(GROUP_SEND, group_text(sandbox), token=token)[0] == 200
    with pytest.raises(ValueError, match="no API at"):
        sandbox.fail_next(Fault.BUSY, path="/v1.0/robot/oToMessages/batchRecall")


def test_a_string_errcode_changes_nothing_where_there_is_none(sandbox: Sandbox, client: Any) -> None:
    """The new generation has codes of text anyway."""
    token = client.token()
    sandbox.fail_next(Fault.STRING_ERRCODE, times=2)
    assert list(client.v1(GROUP_SEND, group_text(sandbox), token=token)[1]) == ["processQueryKey"]
    assert client.oapi(BY_MOBILE, MOBILE, token=token)["errcode"] == "0"
