"""One test of secrets: drive every failure path, and search everything that was written."""

from __future__ import annotations

import io
import logging
import pickle
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_dingpush import notifications
from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.callback_budget import CallbackBudget
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.messages import At, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

TOKEN = "tok/en+0123456789abcdefABCDEF"
SECRET = "SECsecret/0123456789+abcdef"
PROXY_PASSWORD = "pr0xy-pa55word"
CONTEXT: Any = {"run_id": "manual__1"}

Break = Callable[[Sandbox, pytest.MonkeyPatch], None]


def connect(
    sandbox: Sandbox, env: pytest.MonkeyPatch, *, token: str = TOKEN, secret: str = SECRET, more: str = ""
) -> None:
    """Point the default connection to the sandbox."""
    query = f"access_token={quote_plus(token)}&secret={quote_plus(secret)}{more}"
    env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.url}/robot/send?{query}")


def fault(kind: Fault) -> Break:
    """Every request meets this fault."""
    return lambda sandbox, env: sandbox.fail_next(kind, times=50)


def unresolvable(sandbox: Sandbox, env: pytest.MonkeyPatch) -> None:
    """The host has no address."""

    def no_address(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    env.setattr(socket, "getaddrinfo", no_address)


def shut_out(sandbox: Sandbox, env: pytest.MonkeyPatch) -> None:
    """The robot has said more than it may."""
    for number in range(sandbox.robot.messages_per_minute):
        DingTalkRobotHook().send(f"message {number}")


FAILURES: dict[str, Break] = {
    **{kind.name.lower(): fault(kind) for kind in Fault},
    "connection refused": lambda sandbox, env: sandbox.stop(),
    "name lookup fails": unresolvable,
    "wrong token": lambda sandbox, env: connect(sandbox, env, token=f"{TOKEN}x"),
    "wrong secret": lambda sandbox, env: connect(sandbox, env, secret=f"{SECRET}x"),
    "token with a blank": lambda sandbox, env: connect(sandbox, env, token=f"{TOKEN} x"),
    "mangled URI": lambda sandbox, env: env.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT", f"dingtalk_robot://:{quote(TOKEN, safe='')}@host/?secret={quote_plus(SECRET)}"
    ),
    "secret in the wrong field": lambda sandbox, env: connect(
        sandbox, env, more=f"&timeout_seconds={quote_plus(SECRET)}"
    ),
    "unusable proxy": lambda sandbox, env: connect(
        sandbox, env, more=f"&proxy={quote_plus(f'http://user:{PROXY_PASSWORD}@127.0.0.1:1')}"
    ),
    "unusable CA file": lambda sandbox, env: env.setenv(
        "AIRFLOW_CONN_DINGTALK_DEFAULT",
        f"https://127.0.0.1:1/robot/send?access_token={quote_plus(TOKEN)}&secret={quote_plus(SECRET)}&verify=/no/ca.pem",
    ),
    "shut out": shut_out,
}


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What any logger says, down to DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_shows_a_secret(
    failure: str,
    monkeypatch: pytest.MonkeyPatch,
    everything_logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Logs at DEBUG, stdout and stderr, errors with the local variables of each frame, reprs and pickles."""
    import time

    monkeypatch.setattr(AttemptPlan, "__init__", _quick(AttemptPlan.__init__))
    robot = Robot(access_token=TOKEN, secret=SECRET, messages_per_minute=5)
    with Sandbox(robots=(robot,)) as sandbox:
        connect(sandbox, monkeypatch, more="&timeout_seconds=0.3")
        FAILURES[failure](sandbox, monkeypatch)
        monkeypatch.setattr(notifications, "_budget", CallbackBudget(ticks=time.monotonic))
        written: list[str] = []
        hook = DingTalkRobotHook()
        operator = DingTalkOperator(task_id="t", message=Markdown("t", "x"), at=At("13800000000"))
        outcomes = [
            _outcome_of(lambda: hook.send("hello"), written),
            _outcome_of(lambda: operator.execute(CONTEXT), written),
            _outcome_of(lambda: DingTalkNotifier(raise_on_failure=True)(CONTEXT), written),
        ]
        DingTalkNotifier()(CONTEXT)
        written += [repr(hook.test_connection()), repr(vars(hook)), repr(operator), repr(vars(operator))]
        signs = {request.query["sign"] for request in sandbox.requests if "sign" in request.query}
    written += [everything_logged.getvalue(), *capfd.readouterr()]
    assert any(outcomes) or failure == "string_errcode", "this path is meant to fail"
    text = "\n".join(written)
    for secret in (TOKEN, SECRET, PROXY_PASSWORD, *signs):
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            assert spelling not in text, f"{failure}: a secret was written: {_around(text, spelling)}"


def test_airflow_masks_the_secrets_of_a_connection_that_was_read(connected: Sandbox) -> None:
    """Whatever else in the process logs them, Airflow prints ``***``."""
    DingTalkRobotHook().send("hello")
    assert connected.robot.secret
    for secret in (connected.robot.access_token, connected.robot.secret):
        assert redact(f"here: {secret}") == "here: ***"


def _quick(original: Any) -> Any:
    """Retries as always, but without the waits between them."""

    def init(self: AttemptPlan, **changes: Any) -> None:
        original(self, **{"first_wait_seconds": 0.0, **changes})

    return init


def _outcome_of(call: Callable[[], Any], written: list[str]) -> bool:
    """Whether the call failed; what a failure shows is written down."""
    try:
        written.append(repr(call()))
    except Exception as error:  # noqa: BLE001 - each kind of them is looked at
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        written += [*shown.format(), repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))]
        context = error.__context__
        while context is not None:
            written += [repr(context), str(context)]
            context = context.__context__
        return True
    return False


def _around(text: str, found: str) -> str:
    place = text.index(found)
    return text[max(0, place - 300) : place + 100]
