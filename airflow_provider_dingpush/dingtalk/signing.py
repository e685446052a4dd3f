"""The signature (加签) of a custom robot."""

from __future__ import annotations

import base64
import hashlib
import hmac

from airflow_provider_dingpush.dingtalk.secret import Secret


def sign(timestamp_ms: int, secret: Secret) -> str:
    """The signature for a timestamp, as plain Base64, to be percent-encoded once in the URL.

    DingTalk refuses a signature whose timestamp is more than an hour off its own clock (docs G/0082, read
    2026-08-22), so a signature is made for each request and never kept.

    :param timestamp_ms: now, in milliseconds since 1970.
    :param secret: the robot's whole secret, with its ``SEC``; it is both the key and part of the signed text.
    """
    key = secret.revealed.encode()
    digest = hmac.new(key, f"{timestamp_ms}\n{secret.revealed}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
