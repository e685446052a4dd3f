"""How the new generation of DingTalk's APIs (api.dingtalk.com) is called and how it refuses.

The token is in a header, the body is JSON, and a refusal is an HTTP status with ``code``, ``message`` and
``requestid``. Facts: DingTalk docs 0001 and 0013 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from airflow_provider_dingpush.sandbox.call_checks import CallChecks, RejectedError, Rejection
from airflow_provider_dingpush.sandbox.model import (
    AppCall,
    CallResult,
    Conversation,
    Fault,
    ReceivedRequest,
    RefusedError,
)

PREFIX = "/v1.0/"
TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - a name, no secret

# HTTP status and code are DingTalk's; the words are those of docs 0013 where it has any.
_REJECTIONS: dict[Rejection, tuple[int, str, str]] = {
    Rejection.TOKEN_MISSING: (400, "AuthenticationFailed.MissingParameter", "缺少x-acs-dingtalk-access-token"),
    Rejection.TOKEN_UNKNOWN: (400, "InvalidAuthentication", "不合法的access_token"),
    Rejection.TOKEN_EXPIRED: (400, "InvalidAuthentication", "不合法的access_token"),
    Rejection.IP: (403, "Forbidden.AccessDenied.IpNotInWhiteList", "访问ip不在白名单之中"),
    Rejection.PERMISSION: (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限"),
    Rejection.TOO_FAST: (
        403,
        "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
        "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了",
    ),
    Rejection.QUOTA: (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", "企业本月的接口调用次数已用完"),
}
_FAULTS: dict[Fault, tuple[int, str, str]] = {
    Fault.BUSY: (429, "system.busy", "系统繁忙，请稍后再试"),
    Fault.THROTTLED: _REJECTIONS[Rejection.TOO_FAST],
    Fault.THROTTLED_LONG: (400, "send.too.fast", "发送消息频率过快，请稍后再试"),
    Fault.QUOTA_USED_UP: _REJECTIONS[Rejection.QUOTA],
    Fault.TOKEN_REFUSED: _REJECTIONS[Rejection.TOKEN_UNKNOWN],
    Fault.UNKNOWN_RESULT: (400, "unknown.send.result", "未知的发送结果"),
}


def refusal(status: int, code: str, message: str, **more: Any) -> RefusedError:
    """Return a refusal in the words of this generation."""
    return RefusedError(
        {"code": code, "requestid": str(uuid.uuid4()).upper(), "message": message, **more}, status=status
    )


def unknown_path() -> RefusedError:
    """Return the answer for a path without an API: a success, as far as the HTTP status goes."""
    return RefusedError({"errcode": 404, "errmsg": "请求的URI地址不存在"})


class V1Endpoint:
    """One API at one path.

    :param handle: answers a request, or raises `RefusedError` or `RejectedError`.
    :param addressee: finds the conversation that a request means, for the notes on the chat page.
    """

    def __init__(
        self,
        handle: Callable[[ReceivedRequest], CallResult],
        *,
        method: str = "POST",
        addressee: Callable[[ReceivedRequest], Conversation | None] = lambda _: None,
    ) -> None:
        self._handle = handle
        self._method = method
        self.addressee = addressee

    def answer(self, request: ReceivedRequest) -> CallResult:
        app = None
        try:
            # The answer to another method is not on record; assumed: it is another path.
            if request.method != self._method:
                raise unknown_path()
            return self._handle(request)
        except RejectedError as rejected:
            app, refused = rejected.app, _refusal_of(rejected)
        except RefusedError as error:
            refused = error
        return CallResult(
            outcome="refused", reply=refused.reply, status=refused.status, app=app, conversation=self.addressee(request)
        )

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return HTTP status and reply of a fault in this API's words, or None if it has none."""
        if fault not in _FAULTS:
            return None
        status, code, message = _FAULTS[fault]
        return status, refusal(status, code, message).reply


def for_apps(
    checks: CallChecks,
    api: str,
    handle: Callable[[AppCall], CallResult],
    *,
    permission: str,
    addressee: Callable[[ReceivedRequest], Conversation | None],
    method: Literal["GET", "POST", "PUT"] = "POST",
    reads_body: bool = True,
) -> V1Endpoint:
    """Return an API whose calls reach ``handle`` once they pass `CallChecks`."""

    def handle_request(request: ReceivedRequest) -> CallResult:
        token = request.headers.get(TOKEN_HEADER, "")
        app = checks.check(request, token, api=api, permissions=(permission,), counts=True)
        body: Any = request.query
        if request.method != "GET" and reads_body:
            body = request.json
            if not isinstance(body, dict) or not request.is_json:
                raise refusal(400, "invalidParameter.msgBody.invalid", "body必须是JSON")
        return replace(handle(AppCall(request=request, app=app, body=body)), app=app)

    return V1Endpoint(handle_request, method=method, addressee=addressee)


def _refusal_of(rejected: RejectedError) -> RefusedError:
    more: dict[str, Any] = {}
    if rejected.permissions:
        more["accessdenieddetail"] = {"requiredScopes": list(rejected.permissions)}
    return refusal(*_REJECTIONS[rejected.reason], **more)
