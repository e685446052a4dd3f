"""The signature is the documented one and reaches DingTalk as it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.dingtalk.signing import sign
from airflow_provider_dingpush.messages import Text
from airflow_provider_dingpush.sandbox import Fault, Robot

VECTORS = [
    pytest.param(
        1577262236757,
        "this is secret",
        "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=",
        "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D",
        id="plus and equals",
    ),
    pytest.param(
        1767225600009,
        "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "ujyUyImxBI4Imk8OZXD6WzB/oM7z+mWc/DyskRlmELY=",
        "ujyUyImxBI4Imk8OZXD6WzB%2FoM7z%2BmWc%2FDyskRlmELY%3D",
        id="slashes too",
    ),
]


@pytest.mark.parametrize(("timestamp", "secret", "plain", "encoded"), VECTORS)
def test_known_signatures(timestamp: int, secret: str, plain: str, encoded: str) -> None:
    """Timestamp, newline and secret are signed with the secret, and written as plain Base64."""
    assert sign(timestamp, Secret(secret)) == plain
    assert urlencode({"sign": plain}) == f"sign={encoded}"


@pytest.mark.parametrize(("timestamp", "secret", "plain", "encoded"), VECTORS)
def test_signatures_are_percent_encoded_once_on_the_wire(
    raw_server: Callable[..., Any],
    answer: Callable[..., Any],
    client_of: Callable[..., Any],
    timestamp: int,
    secret: str,
    plain: str,
    encoded: str,
) -> None:
    """The raw request line holds the encoded signature, with milliseconds, beside the token."""
    server = raw_server([answer(b'{"errcode":0}')])
    client = client_of(server.url, access_token="t0ken", secret=secret, clock=lambda: timestamp / 1000)
    client.robot.send(Text("hello"))
    request_line = server.requests[0].partition(b"\r\n")[0].decode()
    assert request_line == f"POST /robot/send?access_token=t0ken&timestamp={timestamp}&sign={encoded} HTTP/1.1"


@pytest.mark.parametrize(("timestamp", "secret", "plain", "encoded"), VECTORS)
def test_a_server_that_checks_signatures_takes_them(
    start_sandbox: Callable[..., Any],
    client_of: Callable[..., Any],
    timestamp: int,
    secret: str,
    plain: str,
    encoded: str,
) -> None:
    """The sandbox computes the signature on its own and finds the same."""
    sandbox = start_sandbox(Robot(secret=secret), clock=lambda: timestamp / 1000)
    client_of(sandbox, clock=lambda: timestamp / 1000).robot.send(Text("hello"))
    assert sandbox.requests[0].query["sign"] == plain
    assert len(sandbox.messages) == 1


def test_each_try_is_signed_anew(start_sandbox: Callable[..., Any], client_of: Callable[..., Any]) -> None:
    """A signature that was made before a long wait could be too old."""
    now = iter([1_800_000_000.0, 1_800_000_007.5])
    sandbox = start_sandbox(Robot(secret="SECabc"), clock=lambda: 1_800_000_000.0)
    sandbox.fail_next(Fault.BUSY)
    client_of(sandbox, clock=lambda: next(now)).robot.send(Text("hello"))
    assert [each.query["timestamp"] for each in sandbox.requests] == ["1800000000000", "1800000007500"]


def test_secrets_do_not_print_themselves() -> None:
    """Logs and tracebacks that show local variables stay clean."""
    secret = Secret("SECabc")
    assert [repr(secret), str(secret), f"{secret}", f"{[secret]}"] == ["Secret(***)", "***", "***", "[Secret(***)]"]
    assert secret.revealed == "SECabc"
    assert not Secret("")
