"""The APIs of both generations that issue access tokens.

Facts: DingTalk docs 0033 and 1444 (read 2026-08-22), published probes of 2026-09-11.
"""

from __future__ import annotations

import secrets
from typing import Any

from airflow_provider_dingpush.sandbox.access_tokens import AccessTokens
from airflow_provider_dingpush.sandbox.call_checks import CallChecks
from airflow_provider_dingpush.sandbox.model import App, CallResult, ReceivedRequest, RefusedError
from airflow_provider_dingpush.sandbox.oapi_dialect import missing, refusal
from airflow_provider_dingpush.sandbox.organisation import Organisation
from airflow_provider_dingpush.sandbox.v1_dialect import refusal as v1_refusal

NEW_TOKEN = "/v1.0/oauth2/accessToken"  # noqa: S105 - a path, no secret
OLD_TOKEN = "/gettoken"  # noqa: S105


class TokenIssuer:
    """Issues tokens to callers that know an app's secret."""

    def __init__(self, organisation: Organisation, tokens: AccessTokens, checks: CallChecks) -> None:
        self._organisation = organisation
        self._tokens = tokens
        self._checks = checks

    def issue_v1(self, request: ReceivedRequest) -> CallResult:
        """Answer ``POST /v1.0/oauth2/accessToken``."""
        # The words for a missing body or parameter are those of the gateway that DingTalk shares with Alibaba Cloud;
        # published probes name only the first.
        if not isinstance(request.json, dict) or not request.is_json:
            raise v1_refusal(400, "MissingBody", "body is mandatory for this action.")
        for name in ("appKey", "appSecret"):
            if not isinstance(request.json.get(name), str) or not request.json[name]:
                raise v1_refusal(400, f"Missing{name}", f"{name} is mandatory for this action.")
        wrong = v1_refusal(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        app, token = self._issue(request, request.json["appKey"], request.json["appSecret"], wrong)
        return _issued(app, {"accessToken": token, "expireIn": int(app.token_seconds)})

    def issue_oapi(self, request: ReceivedRequest) -> CallResult:
        """Answer ``GET /gettoken``."""
        for name in ("appkey", "appsecret"):
            if not request.query.get(name):
                raise missing(name)
        wrong = refusal(40096, "不合法的appKey或appSecret")
        app, token = self._issue(request, request.query["appkey"], request.query["appsecret"], wrong)
        reply = {"errcode": 0, "access_token": token, "errmsg": "ok", "expires_in": int(app.token_seconds)}
        return _issued(app, reply)

    def _issue(self, request: ReceivedRequest, app_key: str, app_secret: str, wrong: RefusedError) -> tuple[App, str]:
        app = self._organisation.app(app_key)
        if app is None or not secrets.compare_digest(app.app_secret.encode(), app_secret.encode(errors="replace")):
            raise wrong
        # Token calls are not on the monthly bill (docs 1432).
        self._checks.count(app, api=request.path, now=request.received_at, counts=False)
        return app, self._tokens.issue(app, now=request.received_at)


def _issued(app: App, reply: dict[str, Any]) -> CallResult:
    return CallResult(outcome="answered", reply=reply, app=app)
