"""Tokens in the forms of the page: a form of another site has none, so it does nothing."""

from __future__ import annotations

import hashlib
import hmac
import time

LIFETIME_SECONDS = 12 * 3_600
"""How long a form is valid, in seconds."""
_PURPOSE = b"dingpush page"


class FormTokens:
    """Makes and checks tokens, each of one user.

    :param secret: of this Airflow, the same in each of its web servers.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()

    def token(self, user: str, now: float | None = None) -> str:
        """A token for the forms of a page.

        :param user: whom it is made for.
        :param now: in seconds since 1970.
        """
        return self._made(user, int((time.time() if now is None else now) + LIFETIME_SECONDS))

    def is_valid(self, token: str, user: str, now: float | None = None) -> bool:
        """Whether a token was made for this user, and not too long ago.

        :param now: in seconds since 1970.
        """
        until, _, _ = token.partition(".")
        if not until.isascii() or not until.isdigit() or len(until) > 12:
            return False
        if int(until) < (time.time() if now is None else now):
            return False
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._made(user, int(until)).encode())

    def _made(self, user: str, until: int) -> str:
        mark = hmac.new(self._key, f"{until}\0{user}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return f"{until}.{mark}"
