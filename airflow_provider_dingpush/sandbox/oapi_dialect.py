"""How the old generation of DingTalk's APIs (oapi.dingtalk.com) is called and how it refuses.

The token is in the query, and everything is answered with HTTP status 200 and an ``errcode``. The paths below
``/topapi/`` wrap what their gateway refuses into errcode 88 with a ``sub_code``, and give a ``request_id``. Facts:
DingTalk docs 0013 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

from airflow_provider_dingpush.sandbox.call_checks import CallChecks, RejectedError, Rejection
from airflow_provider_dingpush.sandbox.model import (
    AppCall,
    CallResult,
    Conversation,
    Fault,
    ReceivedRequest,
    RefusedError,
)

TOPAPI_PREFIX = "/topapi/"
_FORM = "application/x-www-form-urlencoded"

_REJECTIONS: dict[Rejection, tuple[int, str]] = {
    Rejection.TOKEN_MISSING: (41001, "缺少access_token参数"),
    Rejection.TOKEN_UNKNOWN: (40014, "不合法的access_token"),
    Rejection.TOKEN_EXPIRED: (42001, "access_token超时"),
    # That address and AppKey are named is on record, the exact words are not.
    Rejection.IP: (60020, "访问ip不在白名单之中,request ip={address} appKey({app_key})"),
    Rejection.PERMISSION: (
        60011,
        (
            "应用尚未开通所需的权限：[{permissions}]，点击链接申请并开通即可："
            "https://open-dev.dingtalk.com/appscope/apply?content={app_key}%23{quoted_permissions}"
        ),
    ),
    Rejection.TOO_FAST: (90018, "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了"),
    Rejection.QUOTA: (90020, "企业本月的接口调用次数已用完"),
}
_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.BUSY: (-1, "系统繁忙"),
    Fault.THROTTLED_LONG: (41048, "超过发送消息的每分钟次数上限"),
    Fault.UNKNOWN_RESULT: (15, "isp.top-remote-connection-timeout"),
}
_GATEWAY_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.THROTTLED: _REJECTIONS[Rejection.TOO_FAST],
    Fault.QUOTA_USED_UP: _REJECTIONS[Rejection.QUOTA],
    Fault.TOKEN_REFUSED: _REJECTIONS[Rejection.TOKEN_UNKNOWN],
}


def refusal(errcode: int, errmsg: str) -> RefusedError:
    """Return a refusal in the words of this generation."""
    return RefusedError({"errcode": errcode, "errmsg": errmsg})


def missing(path: str) -> RefusedError:
    """Return the refusal of a request that lacks a field."""
    return refusal(40035, f"缺少参数 {path}")


def invalid(path: str) -> RefusedError:
    """Return the refusal of a request with a field of the wrong type or value."""
    return refusal(40035, f"不合法的参数 {path}")


def request_id() -> str:
    """Return a random id for a reply, formed like DingTalk's."""
    return "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(13))


def succeeded(path: str, **result: Any) -> dict[str, Any]:
    """Return the reply to a call that succeeded."""
    reply = {"errcode": 0, "errmsg": "ok", **result}
    return {**reply, "request_id": request_id()} if path.startswith(TOPAPI_PREFIX) else reply


class OapiEndpoint:
    """One API at one path.

    :param handle: answers a request, or raises `RefusedError` or `RejectedError`.
    :param addressee: finds the conversation that a request means, for the notes on the chat page.
    """

    def __init__(
        self,
        path: str,
        handle: Callable[[ReceivedRequest], CallResult],
        *,
        method: Literal["GET", "POST"] = "POST",
        addressee: Callable[[ReceivedRequest], Conversation | None] = lambda _: None,
    ) -> None:
        self.addressee = addressee
        self._path = path
        self._handle = handle
        self._method = method

    def answer(self, request: ReceivedRequest) -> CallResult:
        app = None
        try:
            if request.method != self._method:
                raise refusal(43002, "需要POST请求") if self._method == "POST" else refusal(43001, "需要GET请求")
            return self._handle(request)
        except RejectedError as rejected:
            app, reply = rejected.app, self._wrapped(*_words_for(rejected))
        except RefusedError as refused:
            reply = refused.reply
            if self._path.startswith(TOPAPI_PREFIX):
                reply = {**reply, "request_id": request_id()}
        return CallResult(outcome="refused", reply=reply, app=app, conversation=self.addressee(request))

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return HTTP status and reply of a fault in this API's words, or None if it has none."""
        if fault in _GATEWAY_FAULTS:
            return 200, self._wrapped(*_GATEWAY_FAULTS[fault])
        if fault in _FAULTS:
            errcode, errmsg = _FAULTS[fault]
            return 200, {"errcode": errcode, "errmsg": errmsg}
        return None

    def _wrapped(self, errcode: int, errmsg: str) -> dict[str, Any]:
        if not self._path.startswith(TOPAPI_PREFIX):
            return {"errcode": errcode, "errmsg": errmsg}
        if errcode == 41001:
            errcode, errmsg = 40000, "access_token is blank"
        return {
            "errcode": 88,
            "sub_code": str(errcode),
            "sub_msg": errmsg,
            "errmsg": f"ding talk error[subcode={errcode},submsg={errmsg}]",
            "request_id": request_id(),
        }


def for_apps(
    checks: CallChecks,
    path: str,
    handle: Callable[[AppCall], CallResult],
    *,
    permissions: tuple[str, ...],
    addressee: Callable[[ReceivedRequest], Conversation | None],
    counts: bool = True,
    reads_body: bool = True,
) -> OapiEndpoint:
    """Return an API whose calls reach ``handle`` once they pass `CallChecks`."""

    def handle_request(request: ReceivedRequest) -> CallResult:
        form = _form_of(request) if reads_body and request.content_type == _FORM else None
        token = request.query.get("access_token") or (form or {}).get("access_token", "")
        app = checks.check(request, token, api=request.path, permissions=permissions, counts=counts)
        body: Any = form
        if reads_body and form is None:
            if not request.is_json:
                raise refusal(43004, "无效的HTTP HEADER Content-Type")
            body = request.json
            if not isinstance(body, dict):
                raise missing("json")
        call = AppCall(request=request, app=app, body=body or {}, is_form=form is not None)
        return replace(handle(call), app=app)

    return OapiEndpoint(path, handle_request, addressee=addressee)


def _form_of(request: ReceivedRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _words_for(rejected: RejectedError) -> tuple[int, str]:
    errcode, errmsg = _REJECTIONS[rejected.reason]
    permissions = ",".join(rejected.permissions)
    return errcode, errmsg.format(
        address=rejected.address,
        app_key=rejected.app.app_key if rejected.app is not None else "",
        permissions=permissions,
        quoted_permissions=quote(permissions, safe=""),
    )
