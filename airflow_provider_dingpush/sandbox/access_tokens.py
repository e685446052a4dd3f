"""The access tokens of apps: who holds which, and until when. Facts: DingTalk docs 0033 and 1444 (read 2026-08-22)."""

from __future__ import annotations

import secrets
import threading

from .organisation import App


class AccessTokens:
    """The tokens of all apps.

    Asking again within the lifetime gives the same token and extends it; after its end there is a new one. Both
    generations give the same token, and each takes the other's (assumed for the old one's at the new APIs).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._issued: dict[str, tuple[App, float]] = {}
        self._current: dict[str, str] = {}

    def issue(self, app: App, *, now: float) -> str:
        """Return the token of an app, valid for the app's ``token_seconds`` from ``now``."""
        with self._lock:
            token = self._current.get(app.app_key)
            if token is None or now >= self._issued[token][1]:
                token = self._current[app.app_key] = secrets.token_hex(16)
            self._issued[token] = (app, now + app.token_seconds)
            return token

    def find(self, token: str) -> tuple[App, float] | None:
        """Return whose token it is and when it ends (epoch seconds), also if that is over; None if nobody's."""
        with self._lock:
            return self._issued.get(token)

    def expire(self) -> None:
        """End the life of all tokens at once."""
        with self._lock:
            self._issued = {token: (app, float("-inf")) for token, (app, _) in self._issued.items()}
