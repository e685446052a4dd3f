"""Access tokens of apps: fetched once per process, cached until shortly before they expire, never written anywhere.

A token is valid for both generations of DingTalk's API, and a new one doesn't invalidate those of other processes (docs
0001 and 0033, read 2026-08-22), so every process may have its own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_dingpush.dingtalk.answer_fields import number
from airflow_provider_dingpush.dingtalk.app_reply_codes import answer_of
from airflow_provider_dingpush.dingtalk.credentials import App
from airflow_provider_dingpush.dingtalk.http_client import HttpClient
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import DingTalkError, ThrottledError, UnavailableError, UnknownOutcomeError
from airflow_provider_dingpush.timeouts import SingleFlight

_PATH = "/v1.0/oauth2/accessToken"
_USUAL_SECONDS = 7200.0
# It must be valid in a header and in a URL.
_TOKEN = re.compile(r"[!-~]+")
# DingTalk suggests ten minutes, which would be too much for a token with a short lifetime.
_MOST_EARLY_SECONDS = 600.0
_EARLY_PART = 0.1
_TRY_LATER = "Check the network, and try again. 请检查网络后重试。"


@dataclass(frozen=True)
class Grant:
    """A new access token.

    :param token: the token.
    :param lifetime_seconds: how long it is valid, in seconds from the request.
    """

    token: Secret
    lifetime_seconds: float


def ask_for_token(app: App, api: HttpClient, *, timeout_seconds: float) -> Grant | DingTalkError:
    """Request a token, once; an error is returned, because the traceback of one raised here could show the secret.

    :param api: the client of the v1.0 API.
    :param timeout_seconds: the most that it may take, in seconds.
    """
    body = json.dumps({"appKey": app.app_key, "appSecret": app.app_secret.revealed}).encode()
    reply = api.post(_PATH, query={}, body=body, timeout_seconds=timeout_seconds)
    answer = answer_of(reply, expects=("accessToken",), hide=(app.app_secret,))
    if isinstance(answer, UnknownOutcomeError):
        # No message was sent, so the outcome needn't be checked by a person.
        # The gateway answers too many calls with a page instead of a token.
        kind = ThrottledError if answer.retry_after_seconds else UnavailableError
        return kind(
            f"There is no access token yet. {answer.problem}",
            _TRY_LATER,
            retry_after_seconds=answer.retry_after_seconds,
        )
    if isinstance(answer, DingTalkError):
        return answer
    token = answer["accessToken"]
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return UnavailableError("There is no access token yet: DingTalk's answer can't be read.", _TRY_LATER)
    return Grant(Secret(token), max(0.0, number(answer.get("expireIn"), _USUAL_SECONDS)))


class AccessTokens:
    """The tokens of all apps for which this process sends. Safe to use from several threads, and after a fork.

    :param ticks: monotonic seconds.
    """

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._kept: dict[_TokenKey, _Kept] = {}
        self._fetching: SingleFlight[Secret] = SingleFlight()

    def token(self, app: App, base_url: str, fetch: Callable[[], Grant], *, wait_seconds: float) -> Secret:
        """The app's token: the cached one, or a new one, which one thread fetches while the others wait.

        :param base_url: of DingTalk.
        :param fetch: requests a new token, with retries; all waiting threads get its result or exception.
        :param wait_seconds: how long to wait for another thread that fetches, in seconds.
        :raises DingTalkError: that ``fetch`` raised; :class:`UnavailableError` if the wait was too long.
        """
        key = (base_url, app.app_key, app.app_secret)

        def fetch_and_keep() -> Secret:
            # Another thread may have fetched one after this one had looked.
            return self._fresh(key) or self._keep(key, fetch)

        kept = self._fresh(key)
        if kept is not None:
            return kept
        try:
            return self._fetching.result(key, fetch_and_keep, wait_seconds=wait_seconds)
        except TimeoutError:
            pass
        raise UnavailableError("There is no access token yet: DingTalk takes too long to issue one.", _TRY_LATER)

    def refused(self, app: App, base_url: str, token: Secret) -> None:
        """Drop this token. If the token of many threads was refused, only one new token is fetched.

        :param token: the object that :meth:`token` returned: DingTalk may issue the same string again.
        """
        kept = self._kept.get((base_url, app.app_key, app.app_secret))
        if kept is not None and kept.token is token:
            kept.until = float("-inf")

    def _fresh(self, key: _TokenKey) -> Secret | None:
        kept = self._kept.get(key)
        return kept.token if kept is not None and self._ticks() < kept.until else None

    def _keep(self, key: _TokenKey, fetch: Callable[[], Grant]) -> Secret:
        asked_at = self._ticks()
        grant = fetch()
        early = min(_MOST_EARLY_SECONDS, grant.lifetime_seconds * _EARLY_PART)
        self._kept[key] = _Kept(grant.token, asked_at + grant.lifetime_seconds - early)
        return grant.token


# Base URL, app key and secret; a changed AppSecret needs a new token.
_TokenKey = tuple[str, str, Secret]


@dataclass
class _Kept:
    """A token, and until when to use it, by the clock of its :class:`AccessTokens`."""

    token: Secret
    until: float


TOKENS = AccessTokens()
"""The tokens of this process."""
