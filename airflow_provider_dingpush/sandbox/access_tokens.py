"""The access tokens of apps and when they expire. Facts: DingTalk docs 0033 and 1444 (read 2026-08-22)."""

from __future__ import annotations

import secrets
import threading

from airflow_provider_dingpush.sandbox.model import App


class AccessTokens:
    """The tokens of all apps.

    Requesting one again within its lifetime returns the same token and extends it; afterwards there is a new one. Both
    generations return the same token, and each accepts the other's (assumed for the old one's at the new APIs).
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
        """Return the app of a token and when it expires (epoch seconds), also if it has; None if it is unknown."""
        with self._lock:
            return self._issued.get(token)

    def expire(self) -> None:
        """Let all tokens expire at once."""
        with self._lock:
            self._issued = {token: (app, float("-inf")) for token, (app, _) in self._issued.items()}
