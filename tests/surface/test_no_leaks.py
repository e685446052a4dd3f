"""One test of secrets: drive every failure path, and search everything that was written."""

from __future__ import annotations

import io
import json
import logging
import pickle
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.dingtalk.access_tokens import TOKENS
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.messages import At, Image, Markdown
from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.pipeline import callback
from airflow_provider_dingpush.pipeline.callback_budget import CallbackBudget
from airflow_provider_dingpush.sandbox import App, Fault, Robot, Sandbox
from airflow_provider_dingpush.sandbox.organisation import default_people
from airflow_provider_dingpush.targets import Users, WorkNotification
from airflow_provider_dingpush.triggers import WorkNotificationTrigger

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


def throttle(sandbox: Sandbox, env: pytest.MonkeyPatch) -> None:
    """The robot has sent more than it may."""
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
    "throttled after twenty messages": throttle,
}


APP_KEY = "dingsecretkeeper0001"
APP_SECRET = "app/secret+0123456789abcdefABCDEF"


def connect_app(sandbox: Sandbox, env: pytest.MonkeyPatch, **changes: Any) -> None:
    """Point the default connection of an app to the sandbox."""
    connection = json.loads(sandbox.connection_of(sandbox.app))
    connection["extra"].update(changes.pop("extra", {}), timeout_seconds=0.15)
    env.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", json.dumps({**connection, **changes}))


def fault_at(kind: Fault, path: str) -> Break:
    """Every request to one path meets this fault."""
    return lambda sandbox, env: sandbox.fail_next(kind, times=50, path=path)


def token_expired(sandbox: Sandbox, env: pytest.MonkeyPatch) -> None:
    """The token that the process keeps is refused, and so is each new one."""
    DingTalkAppHook("dingtalk_app_default").send("hello")
    sandbox.expire_tokens()
    sandbox.fail_next(Fault.HTTP_503, times=50, path="/v1.0/oauth2/accessToken")


DING_PATH = "/v1.0/robot/ding/send"
TODO_PATH = f"/v1.0/todo/users/{default_people()[1].union_id}/tasks"
APP_FAILURES: dict[str, Break] = {
    **{f"token {kind.name.lower()}": fault_at(kind, "/v1.0/oauth2/accessToken") for kind in Fault},
    **{f"send {kind.name.lower()}": fault_at(kind, "/v1.0/robot/oToMessages/batchSend") for kind in Fault},
    **{
        f"work notification {kind.name.lower()}": fault_at(kind, "/topapi/message/corpconversation/asyncsend_v2")
        for kind in (Fault.HTTP_500, Fault.HANG, Fault.HTML_PAGE, Fault.BUSY, Fault.GARBAGE)
    },
    **{f"ding {kind.name.lower()}": fault_at(kind, DING_PATH) for kind in Fault},
    **{
        f"to-do {kind.name.lower()}": fault_at(kind, TODO_PATH)
        for kind in (Fault.HTTP_500, Fault.HANG, Fault.HTML_PAGE, Fault.BUSY, Fault.GARBAGE)
    },
    "upload hangs": fault_at(Fault.HANG, "/media/upload"),
    "connection refused": lambda sandbox, env: sandbox.stop(),
    "name lookup fails": unresolvable,
    "wrong secret": lambda sandbox, env: connect_app(sandbox, env, password=f"{APP_SECRET}x"),
    "secret with a blank": lambda sandbox, env: connect_app(sandbox, env, password=f"{APP_SECRET} x"),
    "secret in the wrong field": lambda sandbox, env: connect_app(sandbox, env, extra={"agent_id": APP_SECRET}),
    "mangled URI": lambda sandbox, env: env.setenv(
        "AIRFLOW_CONN_DINGTALK_APP_DEFAULT", f"dingtalk_app://{APP_KEY}:{quote(APP_SECRET, safe='')}@/"
    ),
    "unusable proxy": lambda sandbox, env: connect_app(
        sandbox, env, extra={"proxy": f"http://user:{PROXY_PASSWORD}@127.0.0.1:1"}
    ),
    "token expired": token_expired,
}


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What any logger writes, down to DEBUG."""
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
    outbox_home: Path,
) -> None:
    """Logs at DEBUG, stdout and stderr, errors with the local variables of each frame, reprs and pickles."""
    import time

    monkeypatch.setattr(AttemptPlan, "__init__", _quick(AttemptPlan.__init__))
    robot = Robot(access_token=TOKEN, secret=SECRET, messages_per_minute=5)
    with Sandbox(robots=(robot,)) as sandbox:
        connect(sandbox, monkeypatch, more="&timeout_seconds=0.3")
        FAILURES[failure](sandbox, monkeypatch)
        monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=time.monotonic))
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
    written += [everything_logged.getvalue(), *capfd.readouterr(), *_files_in(outbox_home)]
    assert any(outcomes) or failure == "string_errcode", "this path is meant to fail"
    text = "\n".join(written)
    for secret in (TOKEN, SECRET, PROXY_PASSWORD, *signs):
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            assert spelling not in text, f"{failure}: a secret was written: {_around(text, spelling)}"


@pytest.mark.parametrize("failure", APP_FAILURES)
def test_no_failure_of_an_app_shows_a_secret(
    failure: str,
    monkeypatch: pytest.MonkeyPatch,
    everything_logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    outbox_home: Path,
) -> None:
    """The AppSecret, and the access tokens that DingTalk gives for it."""
    import time

    monkeypatch.setattr(AttemptPlan, "__init__", _quick(AttemptPlan.__init__))
    conn_id = "dingtalk_app_default"
    app = App(app_key=APP_KEY, app_secret=APP_SECRET)
    people, work_notification = Users("lisi"), WorkNotification("lisi")
    with Sandbox(apps=(app,)) as sandbox:
        connect_app(sandbox, monkeypatch)
        APP_FAILURES[failure](sandbox, monkeypatch)
        monkeypatch.setattr(callback, "_budget", CallbackBudget(ticks=time.monotonic))
        written: list[str] = []
        hook = DingTalkAppHook(conn_id)
        operator = DingTalkOperator(task_id="t", message="x", dingtalk_conn_id=conn_id, to=people)
        trigger = WorkNotificationTrigger(
            dingtalk_conn_id=conn_id,
            receipt={"channel": "work_notification", "conn_id": conn_id, "task_id": "1"},
            poll_seconds=1,
        )
        outcomes = [
            _outcome_of(lambda: hook.send("hello", to=people), written),
            _outcome_of(lambda: hook.send(Image(b"\x89PNG\r\n\x1a\n"), to=work_notification), written),
            _outcome_of(lambda: hook.dings.send("hello", people, kind="phone"), written),
            _outcome_of(lambda: hook.todos.create("x", people, source_id="s", url="https://x"), written),
            _outcome_of(lambda: operator.execute(CONTEXT), written),
            _outcome_of(
                lambda: DingTalkNotifier(dingtalk_conn_id=conn_id, to=work_notification, raise_on_failure=True)(
                    CONTEXT
                ),
                written,
            ),
        ]
        for part in (lambda: hook.dings.try_send("hello", people), lambda: vars(hook.dings), lambda: vars(hook.todos)):
            _outcome_of(part, written)
        DingTalkNotifier(dingtalk_conn_id=conn_id, to=people)(CONTEXT)
        written += [repr(hook.test_connection()), repr(vars(hook)), repr(operator), repr(vars(operator))]
        written += [repr(trigger.serialize()), repr(vars(trigger)), repr(TOKENS), repr(vars(TOKENS))]
        replies = [request.reply or {} for request in sandbox.requests]
        tokens = {reply["accessToken"] for reply in replies if "accessToken" in reply}
    written += [everything_logged.getvalue(), *capfd.readouterr(), *_files_in(outbox_home)]
    assert any(outcomes) or failure.endswith("string_errcode"), "this path is meant to fail"
    text = "\n".join(written)
    for secret in (APP_SECRET, PROXY_PASSWORD, *tokens):
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            assert spelling not in text, f"{failure}: a secret was written: {_around(text, spelling)}"


def test_airflow_masks_the_secrets_of_a_connection_that_was_read(connected: Sandbox) -> None:
    """Whatever else in the process logs them, Airflow prints ``***``."""
    DingTalkRobotHook().send("hello")
    assert connected.robot.secret
    for secret in (connected.robot.access_token, connected.robot.secret):
        assert redact(f"here: {secret}") == "here: ***"


def _files_in(folder: Path) -> list[str]:
    """What was written to disk."""
    return [each.read_bytes().decode(errors="replace") for each in folder.rglob("*") if each.is_file()]


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
