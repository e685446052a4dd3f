"""Tokens in forms: each is of one user, of one Airflow, and of today."""

from __future__ import annotations

import pytest

from airflow_provider_dingpush.web.tokens import LIFETIME_SECONDS, FormTokens

TOKENS = FormTokens(b"secret")
NOW = 1_800_000_000.0


def test_a_token_is_of_one_user_and_one_airflow() -> None:
    token = TOKENS.token("ann", NOW)
    assert TOKENS.is_valid(token, "ann", NOW + LIFETIME_SECONDS - 1)
    assert FormTokens(b"secret").is_valid(token, "ann", NOW)
    assert not TOKENS.is_valid(token, "bob", NOW)
    assert not FormTokens(b"other").is_valid(token, "ann", NOW)
    assert "secret" not in token


def test_a_token_expires() -> None:
    token = TOKENS.token("ann", NOW)
    assert not TOKENS.is_valid(token, "ann", NOW + LIFETIME_SECONDS + 1)
    later = int(NOW + 10 * LIFETIME_SECONDS)
    assert not TOKENS.is_valid(f"{later}.{token.partition('.')[2]}", "ann", NOW)


@pytest.mark.parametrize("token", ["", ".", "1", "abc.def", "٣.x", "-5.x", "9" * 5_000, "1800000001.\udcff", "1e9.x"])
def test_anything_else_is_no_token(token: str) -> None:
    assert not TOKENS.is_valid(token, "ann", NOW)
