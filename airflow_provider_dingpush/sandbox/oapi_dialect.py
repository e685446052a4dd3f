"""How the old generation of DingTalk's APIs (oapi.dingtalk.com) is called and how it says no.

The token stands in the query, and everything is answered with HTTP status 200 and an ``errcode``. The paths below
``/topapi/`` wrap what their gateway refuses into errcode 88 with a ``sub_code``, and give a ``request_id``. Facts:
DingTalk docs 0013 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

from .conversations import Conversation
from .exchange import ReceivedRequest, RefusedError, Verdict
from .faults import Fault
from .gate import Bar, BarredError, Gate
from .organisation import App

TOPAPI_PREFIX = "/topapi/"
_FORM = "application/x-www-form-urlencoded"

_BARS: dict[Bar, tuple[int, str]] = {
    Bar.TOKEN_MISSING: (41001, "缺少access_token参数"),
    Bar.TOKEN_UNKNOWN: (40014, "不合法的access_token"),
    Bar.TOKEN_EXPIRED: (42001, "access_token超时"),
    # That address and AppKey are named is on record, the exact words are not.
    Bar.IP: (60020, "访问ip不在白名单之中,request ip={address} appKey({app_key})"),
    Bar.PERMISSION: (
        60011,
        (
            "应用尚未开通所需的权限：[{permissions}]，点击链接申请并开通即可："
            "https://open-dev.dingtalk.com/appscope/apply?content={app_key}%23{quoted_permissions}"
        ),
    ),
    Bar.TOO_FAST: (90018, "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了"),
    Bar.QUOTA: (90020, "企业本月的接口调用次数已用完"),
}
_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.BUSY: (-1, "系统繁忙"),
    Fault.THROTTLED_LONG: (41048, "超过发送消息的每分钟次数上限"),
    Fault.UNKNOWN_RESULT: (15, "isp.top-remote-connection-timeout"),
}
_GATEWAY_FAULTS: dict[Fault, tuple[int, str]] = {
    Fault.THROTTLED: _BARS[Bar.TOO_FAST],
    Fault.QUOTA_USED_UP: _BARS[Bar.QUOTA],
    Fault.TOKEN_REFUSED: _BARS[Bar.TOKEN_UNKNOWN],
}


@dataclass(frozen=True, kw_only=True)
class OapiCall:
    """A call of an app that was let through; ``body`` holds the fields of the JSON object or of the form.

    With ``is_form`` set, all values are str, and those that are objects in JSON are JSON texts.
    """

    request: ReceivedRequest
    app: App
    body: dict[str, Any] = field(repr=False)
    is_form: bool = False


def refusal(errcode: int, errmsg: str) -> RefusedError:
    """Return a refusal in the words of this generation."""
    return RefusedError({"errcode": errcode, "errmsg": errmsg})


def missing(path: str) -> RefusedError:
    """Return what a request is told that lacks a field."""
    return refusal(40035, f"缺少参数 {path}")


def invalid(path: str) -> RefusedError:
    """Return what a request is told with a field of the wrong type or value."""
    return refusal(40035, f"不合法的参数 {path}")


def request_id() -> str:
    """Return a number for a reply, in the looks of DingTalk's."""
    return "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(13))


def succeeded(path: str, **result: Any) -> dict[str, Any]:
    """Return a reply that says yes."""
    reply = {"errcode": 0, "errmsg": "ok", **result}
    return {**reply, "request_id": request_id()} if path.startswith(TOPAPI_PREFIX) else reply


class OapiDoor:
    """One API behind one path: ``handle`` answers a request or raises `RefusedError` or `BarredError`.

    ``addressee`` finds the conversation that a request means, for the notes on the chat page.
    """

    def __init__(
        self,
        path: str,
        handle: Callable[[ReceivedRequest], Verdict],
        *,
        method: Literal["GET", "POST"] = "POST",
        addressee: Callable[[ReceivedRequest], Conversation | None] = lambda _: None,
    ) -> None:
        self.addressee = addressee
        self._path = path
        self._handle = handle
        self._method = method

    def answer(self, request: ReceivedRequest) -> Verdict:
        app = None
        try:
            if request.method != self._method:
                raise refusal(43002, "需要POST请求") if self._method == "POST" else refusal(43001, "需要GET请求")
            return self._handle(request)
        except BarredError as barred:
            app = barred.app
            reply = self._wrapped(*_words_for(barred))
        except RefusedError as refused:
            reply = refused.reply
            if self._path.startswith(TOPAPI_PREFIX):
                reply = {**reply, "request_id": request_id()}
        return Verdict(outcome="refused", reply=reply, app=app, conversation=self.addressee(request))

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return what a fault says here, with its HTTP status, or None if it says nothing of its own."""
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
    gate: Gate,
    handle: Callable[[OapiCall], Verdict],
    *,
    permissions: tuple[str, ...],
    counts: bool = True,
    reads_body: bool = True,
) -> Callable[[ReceivedRequest], Verdict]:
    """Let only calls of apps through to ``handle``, as `Gate.admit` says."""

    def handle_request(request: ReceivedRequest) -> Verdict:
        form = _form_of(request) if reads_body and request.content_type == _FORM else None
        token = request.query.get("access_token") or (form or {}).get("access_token", "")
        app = gate.admit(request, token, api=request.path, permissions=permissions, counts=counts)
        body: Any = form
        if reads_body and form is None:
            if not request.says_json:
                raise refusal(43004, "无效的HTTP HEADER Content-Type")
            body = request.json
            if not isinstance(body, dict):
                raise missing("json")
        call = OapiCall(request=request, app=app, body=body or {}, is_form=form is not None)
        return replace(handle(call), app=app)

    return handle_request


def _form_of(request: ReceivedRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _words_for(barred: BarredError) -> tuple[int, str]:
    errcode, errmsg = _BARS[barred.bar]
    permissions = ",".join(barred.permissions)
    return errcode, errmsg.format(
        address=barred.address,
        app_key=barred.app.app_key if barred.app is not None else "",
        permissions=permissions,
        quoted_permissions=quote(permissions, safe=""),
    )
