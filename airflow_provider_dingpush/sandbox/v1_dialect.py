"""How the new generation of DingTalk's APIs (api.dingtalk.com) is called and how it says no.

The token stands in a header, the body is JSON, and a refusal is an HTTP status with ``code``, ``message`` and
``requestid``. Facts: DingTalk docs 0001 and 0013 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .conversations import Conversation
from .exchange import ReceivedRequest, RefusedError, Verdict
from .faults import Fault
from .gate import Bar, BarredError, Gate
from .organisation import App

PREFIX = "/v1.0/"
TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - a name, no secret

# HTTP status and code are DingTalk's; the words are those of docs 0013 where it has any.
_BARS: dict[Bar, tuple[int, str, str]] = {
    Bar.TOKEN_MISSING: (400, "AuthenticationFailed.MissingParameter", "缺少x-acs-dingtalk-access-token"),
    Bar.TOKEN_UNKNOWN: (400, "InvalidAuthentication", "不合法的access_token"),
    Bar.TOKEN_EXPIRED: (400, "InvalidAuthentication", "不合法的access_token"),
    Bar.IP: (403, "Forbidden.AccessDenied.IpNotInWhiteList", "访问ip不在白名单之中"),
    Bar.PERMISSION: (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限"),
    Bar.TOO_FAST: (
        403,
        "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
        "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了",
    ),
    Bar.QUOTA: (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", "企业本月的接口调用次数已用完"),
}
_FAULTS: dict[Fault, tuple[int, str, str]] = {
    Fault.BUSY: (429, "system.busy", "系统繁忙，请稍后再试"),
    Fault.THROTTLED: _BARS[Bar.TOO_FAST],
    Fault.THROTTLED_LONG: (400, "send.too.fast", "发送消息频率过快，请稍后再试"),
    Fault.QUOTA_USED_UP: _BARS[Bar.QUOTA],
    Fault.TOKEN_REFUSED: _BARS[Bar.TOKEN_UNKNOWN],
    Fault.UNKNOWN_RESULT: (400, "unknown.send.result", "未知的发送结果"),
}


@dataclass(frozen=True, kw_only=True)
class V1Call:
    """A call of an app that was let through; ``body`` is the JSON object, or the query of a GET."""

    request: ReceivedRequest
    app: App
    body: dict[str, Any] = field(repr=False)


def refusal(status: int, code: str, message: str, **more: Any) -> RefusedError:
    """Return a refusal in the words of this generation."""
    return RefusedError(
        {"code": code, "requestid": str(uuid.uuid4()).upper(), "message": message, **more}, status=status
    )


def refusal_of(barred: BarredError) -> RefusedError:
    """Return what a call is told that was not let through."""
    more: dict[str, Any] = {}
    if barred.permissions:
        more["accessdenieddetail"] = {"requiredScopes": list(barred.permissions)}
    status, code, message = _BARS[barred.bar]
    return refusal(status, code, message, **more)


def unknown_path() -> RefusedError:
    """Return what a path without an API is told: a success, as far as the HTTP status goes."""
    return RefusedError({"errcode": 404, "errmsg": "请求的URI地址不存在"})


class V1Door:
    """One API behind one path: ``handle`` answers a request or raises `RefusedError` or `BarredError`.

    ``addressee`` finds the conversation that a request means, for the notes on the chat page.
    """

    def __init__(
        self,
        handle: Callable[[ReceivedRequest], Verdict],
        *,
        method: str = "POST",
        addressee: Callable[[ReceivedRequest], Conversation | None] = lambda _: None,
    ) -> None:
        self._handle = handle
        self._method = method
        self.addressee = addressee

    def answer(self, request: ReceivedRequest) -> Verdict:
        app = None
        try:
            # What another method is told is not on record; assumed: it is another path.
            if request.method != self._method:
                raise unknown_path()
            return self._handle(request)
        except BarredError as barred:
            app = barred.app
            refused = refusal_of(barred)
        except RefusedError as error:
            refused = error
        return Verdict(
            outcome="refused",
            reply=refused.reply,
            status=refused.status,
            app=app,
            conversation=self.addressee(request),
        )

    def reply_to(self, fault: Fault) -> tuple[int, dict[str, Any]] | None:
        """Return what a fault says here, with its HTTP status, or None if it says nothing of its own."""
        if fault not in _FAULTS:
            return None
        status, code, message = _FAULTS[fault]
        return status, refusal(status, code, message).reply


def for_apps(
    gate: Gate,
    handle: Callable[[V1Call], Verdict],
    *,
    permission: str,
    api: str,
    counts: bool = True,
    reads_body: bool = True,
) -> Callable[[ReceivedRequest], Verdict]:
    """Let only calls of apps through to ``handle``, as `Gate.admit` says."""

    def handle_request(request: ReceivedRequest) -> Verdict:
        token = request.headers.get(TOKEN_HEADER, "")
        app = gate.admit(request, token, api=api, permissions=(permission,), counts=counts)
        body: Any = request.query
        if request.method == "POST" and reads_body:
            body = request.json
            if not isinstance(body, dict) or not request.says_json:
                raise refusal(400, "invalidParameter.msgBody.invalid", "body必须是JSON")
        return replace(handle(V1Call(request=request, app=app, body=body)), app=app)

    return handle_request
