"""What every call of an app is checked for before its API sees it, in either generation of APIs."""

from __future__ import annotations

import threading
from enum import Enum

from airflow_provider_dingpush.sandbox.access_tokens import AccessTokens
from airflow_provider_dingpush.sandbox.model import App, Quotas, ReceivedRequest, is_allowed_ip
from airflow_provider_dingpush.sandbox.rate_limits import SlidingWindows, month_of


class Rejection(Enum):
    """Why a call is rejected; each generation of APIs words it differently."""

    TOKEN_MISSING = "token missing"  # noqa: S105 - a reason, no secret
    TOKEN_UNKNOWN = "token unknown"  # noqa: S105
    TOKEN_EXPIRED = "token expired"  # noqa: S105
    IP = "ip"
    PERMISSION = "permission"
    TOO_FAST = "too fast"
    QUOTA = "quota"


class RejectedError(Exception):
    """A call is rejected; ``app`` is known unless its token is the reason."""

    def __init__(
        self, reason: Rejection, app: App | None = None, *, permissions: tuple[str, ...] = (), address: str = ""
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.app = app
        self.permissions = permissions
        self.address = address


class CallChecks:
    """Checks token, address, permission, rate and quota, in this order.

    DingTalk documents neither the order nor whether a refused call counts, except that calls refused for their rate
    don't count against the quota (docs 1433, read 2026-08-22). Assumed: a call that passes counts, whatever its API
    answers afterwards.
    """

    def __init__(self, tokens: AccessTokens, quotas: Quotas) -> None:
        self._tokens = tokens
        self._quotas = quotas
        self._lock = threading.Lock()
        self._calls = SlidingWindows(1.0)
        self._calls_of_month: dict[tuple[int, int], int] = {}

    def check(
        self, request: ReceivedRequest, token: str, *, api: str, permissions: tuple[str, ...], counts: bool
    ) -> App:
        """Return the app that calls.

        :param counts: whether calls of this API count against the monthly quota.
        :raises RejectedError: if a check fails.
        """
        if not token:
            raise RejectedError(Rejection.TOKEN_MISSING)
        issued = self._tokens.find(token)
        if issued is None:
            raise RejectedError(Rejection.TOKEN_UNKNOWN)
        app, expires_at = issued
        if request.received_at >= expires_at:
            raise RejectedError(Rejection.TOKEN_EXPIRED)
        if app.allowed_ips and not is_allowed_ip(app.allowed_ips, request.client_address):
            raise RejectedError(Rejection.IP, app, address=request.client_address)
        if missing := app.missing(permissions):
            raise RejectedError(Rejection.PERMISSION, app, permissions=missing)
        self.count(app, api=api, now=request.received_at, counts=counts)
        return app

    def count(self, app: App, *, api: str, now: float, counts: bool) -> None:
        """Count a call of an app; raise `RejectedError` if it is one too many in this second or this month."""
        with self._lock:
            key = (app.app_key, api)
            if self._calls.is_full(key, now, app.calls_per_second):
                raise RejectedError(Rejection.TOO_FAST, app)
            month = month_of(now)
            used = self._calls_of_month.get(month, 0)
            if counts and self._quotas.api_calls_a_month is not None and used >= self._quotas.api_calls_a_month:
                raise RejectedError(Rejection.QUOTA, app)
            self._calls.take(key, now, app.calls_per_second)
            self._calls_of_month[month] = used + counts

    def forget(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._calls.clear()
            self._calls_of_month.clear()
