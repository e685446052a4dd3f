"""Calls that an enterprise app makes, in both generations of DingTalk's API.

This adds the access token, tries a call again if that can't send anything twice, and raises errors of one tree.
"""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_dingpush.dingtalk.access_tokens import TOKENS, AccessTokens, Grant, ask_for_token
from airflow_provider_dingpush.dingtalk.app_reply_codes import answer_of
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan, attempt
from airflow_provider_dingpush.dingtalk.credentials import App
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, NoReply, Reply
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    DingTalkError,
    TokenError,
    UnavailableError,
    UnknownOutcomeError,
    in_language,
)
from airflow_provider_dingpush.timeouts import Deadline

_TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - the name of a header
# The speed of a slow line; the limit of an upload is extended by the time that its size needs at this speed.
_SLOW_BYTES_PER_SECOND = 100_000

_NOT_AGAIN = (
    "It isn't sent again automatically, because DingTalk doesn't recognise a repeated message of an app; if it may "
    "arrive twice, set the connection's 'resend_unknown' to true. "
    "应用消息无法去重，因此不会自动重发；如可接受重复，请将连接的 resend_unknown 设为 true。"
)

_Ask = Callable[[Secret, float], Reply | NoReply]
_Answer = TypeVar("_Answer")


class AppCalls:
    """Makes calls for one app. Safe to use from several threads.

    A call that isn't ``repeatable`` and may have arrived fails with an :class:`UnknownOutcomeError` that isn't
    retryable: DingTalk can't recognise a repeated one.

    :param app: which app.
    :param api: the client of the v1.0 API, which also issues the tokens.
    :param oapi: the client of the older API.
    :param tokens: the cache of tokens.
    :param plan: how often a call is tried, and how long all tries may take, the token included.
    :param resend_unknown: try a call that isn't repeatable once more after it may have arrived, and make its error
        retryable.
    :param mask: called with each new token, to have it masked in logs.
    :param ticks: monotonic seconds, for time limits.
    :param sleep: waits between tries, in seconds.
    :param chance: a random number from 0 to 1, to spread the tries of many senders.
    """

    def __init__(
        self,
        app: App,
        *,
        api: HttpClient,
        oapi: HttpClient,
        tokens: AccessTokens = TOKENS,
        plan: AttemptPlan | None = None,
        resend_unknown: bool = False,
        mask: Callable[[str], object] = lambda _: None,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.app = app
        self._api = api
        self._oapi = oapi
        self._tokens = tokens
        self._plan = plan or AttemptPlan()
        self._resend_unknown = resend_unknown
        self._if_unknown = _NOT_AGAIN
        self._mask = mask
        self._ticks = ticks
        self._sleep = sleep
        self._chance = chance
        self.was_in_doubt = False
        """Whether an earlier try of a repeated call may have succeeded."""

    @property
    def account(self) -> tuple[str, str]:
        """Base URL and app key: ids that one app received are useless to another."""
        return self._oapi.base_url, self.app.app_key

    def once(self, deadline: Deadline) -> AppCalls:
        """The same calls, each tried once, within the deadline."""
        calls = copy.copy(self)
        calls._plan = AttemptPlan(attempts=1, budget_seconds=deadline.seconds_left())
        calls.was_in_doubt = False
        return calls

    def at_most_once(self, if_unknown: str) -> AppCalls:
        """The same calls, of which one that may have succeeded is never repeated, whatever the connection allows.

        :param if_unknown: the advice for a call whose outcome is unknown.
        """
        calls = copy.copy(self)
        calls._resend_unknown, calls._if_unknown = False, if_unknown
        return calls

    def token(self) -> Secret:
        """The app's access token; proves that AppKey and AppSecret are right.

        :raises CredentialsError: if they aren't.
        :raises DingTalkError: of the class for any other problem.
        """
        return self._token(self._plan)

    def v1(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool,
        expects: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Call the v1.0 API and return its answer.

        :param method: ``GET``, ``POST`` or ``PUT``.
        :param body: of a POST or PUT.
        :param repeatable: whether it may be called twice without harm.
        :param expects: fields of every answer of success; one without them is unreadable.
        :raises DingTalkError: of the class for the problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        sent = _json(body or {})

        def ask(token: Secret, seconds: float) -> Reply | NoReply:
            headers = {_TOKEN_HEADER: token.revealed}
            if method == "GET":
                return self._api.get(path, query=query or {}, headers=headers, timeout_seconds=seconds)
            write = self._api.put if method == "PUT" else self._api.post
            return write(path, query=query or {}, body=sent, headers=headers, timeout_seconds=seconds)

        return self._call(ask, repeatable=repeatable, expects=expects)

    def oapi(
        self, path: str, *, body: Mapping[str, Any], repeatable: bool, expects: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Call the older API (``topapi`` and others) with a POST and return its answer.

        :param repeatable: whether it may be called twice without harm.
        :param expects: fields of every answer of success, besides ``errcode``.
        :raises DingTalkError: of the class for the problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        sent = _json(body)

        def ask(token: Secret, seconds: float) -> Reply | NoReply:
            query = {"access_token": token.revealed}
            return self._oapi.post(path, query=query, body=sent, timeout_seconds=seconds)

        return self._call(ask, repeatable=repeatable, expects=("errcode", *expects))

    def upload(self, path: str, *, query: Mapping[str, str], body: bytes, content_type: str) -> dict[str, Any]:
        """Post a file to the older API and return its answer; the limits grow with the file's size.

        :param content_type: of the body.
        :raises DingTalkError: of the class for the problem; see :mod:`airflow_provider_dingpush.errors`.
        """

        def ask(token: Secret, seconds: float) -> Reply | NoReply:
            all_query = {**query, "access_token": token.revealed}
            return self._oapi.post(path, query=all_query, body=body, content_type=content_type, timeout_seconds=seconds)

        more_seconds = len(body) / _SLOW_BYTES_PER_SECOND
        return self._call(ask, repeatable=True, expects=("errcode", "media_id"), more_seconds=more_seconds)

    def _call(
        self, ask: _Ask, *, repeatable: bool, expects: tuple[str, ...], more_seconds: float = 0.0
    ) -> dict[str, Any]:
        end = self._ticks() + self._plan.budget_seconds + more_seconds
        limit = self._oapi.options.timeout_seconds + more_seconds
        resends = None if repeatable else int(self._resend_unknown)
        refused = False
        while True:
            token = self._token(self._plan_until(end))

            def once(seconds: float, token: Secret = token) -> dict[str, Any]:
                answer = answer_of(ask(token, seconds), expects=expects, hide=(token, self.app.app_secret))
                if isinstance(answer, DingTalkError):
                    self.was_in_doubt = self.was_in_doubt or isinstance(answer, UnknownOutcomeError)
                    raise answer
                return answer

            try:
                return self._tried(once, self._plan_until(end), limit, resends=resends)
            except TokenError:
                # DingTalk did nothing, so even a call that isn't repeatable can be repeated with a new token.
                self._tokens.refused(self.app, self._api.base_url, token)
                if refused:
                    raise
            except UnknownOutcomeError as error:
                error.retryable = repeatable or self._resend_unknown
                if not error.retryable:
                    error.advice = _joined(error.advice, self._if_unknown)
                raise
            refused = True

    def _token(self, plan: AttemptPlan) -> Secret:
        def once(seconds: float) -> Grant:
            grant = ask_for_token(self.app, self._api, timeout_seconds=seconds)
            if isinstance(grant, DingTalkError):
                raise grant
            self._mask(grant.token.revealed)
            return grant

        def fetch() -> Grant:
            return self._tried(once, plan, self._api.options.timeout_seconds)

        return self._tokens.token(self.app, self._api.base_url, fetch, wait_seconds=plan.budget_seconds)

    def _tried(
        self, once: Callable[[float], _Answer], plan: AttemptPlan, limit: float, *, resends: int | None = None
    ) -> _Answer:
        return attempt(
            once,
            plan,
            timeout_seconds=limit,
            clock=self._ticks,
            sleep=self._sleep,
            chance=self._chance,
            resends=resends,
        )

    def _plan_until(self, end: float) -> AttemptPlan:
        left = end - self._ticks()
        if left <= 0:
            raise UnavailableError(
                "There was no time left to send it: getting an access token took too long.",
                "Try again later. 请稍后重试。",
            )
        return replace(self._plan, budget_seconds=left)


def _joined(first: str, second: str) -> str:
    """Two advices as one, English before Chinese."""
    english = " ".join(in_language(each, "en") for each in (first, second))
    chinese = "".join(in_language(each, "zh") for each in (first, second))
    return f"{english} {chinese}"


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
