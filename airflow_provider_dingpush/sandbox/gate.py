"""What every call of an app must pass before its door looks at it, whichever generation of APIs the door belongs to."""

from __future__ import annotations

import threading
import time
from collections import deque
from enum import Enum

from .access_tokens import AccessTokens
from .addresses import is_allowed_ip
from .exchange import ReceivedRequest
from .organisation import App
from .quotas import CHINA_SECONDS_EAST, Quotas


class Bar(Enum):
    """Why a call was not let through; each generation has its own words for it."""

    TOKEN_MISSING = "token missing"  # noqa: S105 - a reason, no secret
    TOKEN_UNKNOWN = "token unknown"  # noqa: S105
    TOKEN_EXPIRED = "token expired"  # noqa: S105
    IP = "ip"
    PERMISSION = "permission"
    TOO_FAST = "too fast"
    QUOTA = "quota"


class BarredError(Exception):
    """A call was not let through; ``app`` is known unless its token was the reason."""

    def __init__(
        self, bar: Bar, app: App | None = None, *, permissions: tuple[str, ...] = (), address: str = ""
    ) -> None:
        super().__init__(bar.value)
        self.bar = bar
        self.app = app
        self.permissions = permissions
        self.address = address


class Gate:
    """Looks at token, address, permission, rate and quota, in this order.

    DingTalk documents neither the order nor whether a refused call counts, except that calls refused for their rate
    don't count against the quota (docs 1433, read 2026-08-22). Assumed: a call that is let through counts, whatever its
    door says afterwards.
    """

    def __init__(self, tokens: AccessTokens, quotas: Quotas) -> None:
        self._tokens = tokens
        self._quotas = quotas
        self._lock = threading.Lock()
        self._called_at: dict[tuple[str, str], deque[float]] = {}
        self._calls_of_month: dict[tuple[int, int], int] = {}

    def admit(
        self, request: ReceivedRequest, token: str, *, api: str, permissions: tuple[str, ...], counts: bool
    ) -> App:
        """Return the app that calls; raise `BarredError`. ``counts`` tells whether the API is on the monthly bill."""
        if not token:
            raise BarredError(Bar.TOKEN_MISSING)
        issued = self._tokens.find(token)
        if issued is None:
            raise BarredError(Bar.TOKEN_UNKNOWN)
        app, expires_at = issued
        if request.received_at >= expires_at:
            raise BarredError(Bar.TOKEN_EXPIRED)
        if app.allowed_ips and not is_allowed_ip(app.allowed_ips, request.client_address):
            raise BarredError(Bar.IP, app, address=request.client_address)
        if missing := app.missing(permissions):
            raise BarredError(Bar.PERMISSION, app, permissions=missing)
        self.count(app, api=api, now=request.received_at, counts=counts)
        return app

    def count(self, app: App, *, api: str, now: float, counts: bool) -> None:
        """Count a call of an app; raise `BarredError` if it is one too many in this second or this month."""
        with self._lock:
            called_at = self._called_at.setdefault((app.app_key, api), deque())
            while called_at and called_at[0] <= now - 1:
                called_at.popleft()
            if app.calls_per_second is not None and len(called_at) >= app.calls_per_second:
                raise BarredError(Bar.TOO_FAST, app)
            month = time.gmtime(now + CHINA_SECONDS_EAST)[:2]
            used = self._calls_of_month.get(month, 0)
            if counts and self._quotas.api_calls_a_month is not None and used >= self._quotas.api_calls_a_month:
                raise BarredError(Bar.QUOTA, app)
            called_at.append(now)
            self._calls_of_month[month] = used + counts

    def forget(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._called_at.clear()
            self._calls_of_month.clear()
