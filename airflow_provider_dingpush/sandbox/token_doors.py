"""The doors of both generations that issue access tokens.

Facts: DingTalk docs 0033 and 1444 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import secrets
from typing import Any

from . import oapi_dialect, v1_dialect
from .access_tokens import AccessTokens
from .exchange import ReceivedRequest, RefusedError, Verdict
from .gate import Gate
from .organisation import App, Organisation

NEW_TOKEN = "/v1.0/oauth2/accessToken"  # noqa: S105 - a path, no secret
OLD_TOKEN = "/gettoken"  # noqa: S105


class TokenDesk:
    """Issues tokens to those who know an app's secret."""

    def __init__(self, organisation: Organisation, tokens: AccessTokens, gate: Gate) -> None:
        self._organisation = organisation
        self._tokens = tokens
        self._gate = gate

    def issue_v1(self, request: ReceivedRequest) -> Verdict:
        """Answer ``POST /v1.0/oauth2/accessToken``."""
        # The words for a missing body or parameter are those of the gateway that DingTalk shares with Alibaba Cloud;
        # published probes name only the first.
        if not isinstance(request.json, dict) or not request.says_json:
            raise v1_dialect.refusal(400, "MissingBody", "body is mandatory for this action.")
        for name in ("appKey", "appSecret"):
            if not isinstance(request.json.get(name), str) or not request.json[name]:
                raise v1_dialect.refusal(400, f"Missing{name}", f"{name} is mandatory for this action.")
        wrong = v1_dialect.refusal(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        app, token = self._issue(request, request.json["appKey"], request.json["appSecret"], wrong)
        return _issued(app, {"accessToken": token, "expireIn": int(app.token_seconds)})

    def issue_oapi(self, request: ReceivedRequest) -> Verdict:
        """Answer ``GET /gettoken``."""
        for name in ("appkey", "appsecret"):
            if not request.query.get(name):
                raise oapi_dialect.refusal(40035, f"缺少参数 {name}")
        wrong = oapi_dialect.refusal(40096, "不合法的appKey或appSecret")
        app, token = self._issue(request, request.query["appkey"], request.query["appsecret"], wrong)
        reply = {"errcode": 0, "access_token": token, "errmsg": "ok", "expires_in": int(app.token_seconds)}
        return _issued(app, reply)

    def _issue(self, request: ReceivedRequest, app_key: str, app_secret: str, wrong: RefusedError) -> tuple[App, str]:
        app = self._organisation.app(app_key)
        if app is None or not secrets.compare_digest(app.app_secret.encode(), app_secret.encode(errors="replace")):
            raise wrong
        # Token calls are not on the monthly bill (docs 1432).
        self._gate.count(app, api=request.path, now=request.received_at, counts=False)
        return app, self._tokens.issue(app, now=request.received_at)


def _issued(app: App, reply: dict[str, Any]) -> Verdict:
    return Verdict(outcome="answered", reply=reply, app=app)
