"""Calls of an app: one token for all, refreshed once when it is refused, and nothing sent twice without leave."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    CredentialsError,
    DingTalkError,
    PermissionMissingError,
    QuotaExhaustedError,
    TargetError,
    ThrottledError,
    TokenError,
    UnavailableError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.sandbox import App, Fault, Quotas, ReceivedRequest, Sandbox

TOKEN = "/v1.0/oauth2/accessToken"
SEND = "/v1.0/robot/groupMessages/send"
READ = "/v1.0/robot/oToMessages/readStatus"
BY_MOBILE = "/topapi/v2/user/getbymobile"
UPLOAD = "/media/upload"
HEADER = "x-acs-dingtalk-access-token"
PNG = b"\x89PNG\r\n\x1a\n"

MakeClient = Callable[..., Any]
Call = Callable[[AppCalls, Sandbox], dict[str, Any]]


def send_text(calls: AppCalls, sandbox: Sandbox, content: str = "hello", *, repeatable: bool = False) -> dict[str, Any]:
    """Send a text to the sandbox's group; DingTalk can't recognise it if it comes twice."""
    body = {
        "robotCode": calls.app.robot_code,
        "openConversationId": sandbox.group.open_conversation_id,
        "msgKey": "sampleText",
        "msgParam": json.dumps({"content": content}, ensure_ascii=False),
    }
    return calls.v1("POST", SEND, body=body, repeatable=repeatable, expects=("processQueryKey",))


def look_up(calls: AppCalls, sandbox: Sandbox) -> dict[str, Any]:
    """Ask for a person at the older API."""
    body = {"mobile": sandbox.people[0].mobile}
    return calls.oapi(BY_MOBILE, body=body, repeatable=True, expects=("result",))


def upload(calls: AppCalls, sandbox: Sandbox) -> dict[str, Any]:
    """Upload a picture."""
    body = b'--b\r\nContent-Disposition: form-data; name="media"; filename="a.png"\r\n\r\n' + PNG + b"\r\n--b--\r\n"
    return calls.upload(UPLOAD, query={"type": "image"}, body=body, content_type="multipart/form-data; boundary=b")


CALLS: dict[str, tuple[str, Call]] = {"v1": (SEND, send_text), "topapi": (BY_MOBILE, look_up), "oapi": (UPLOAD, upload)}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One app, one group, three people."""
    with Sandbox() as running:
        yield running


def to(sandbox: Sandbox, path: str) -> list[ReceivedRequest]:
    """The requests to one path."""
    return [each for each in sandbox.requests if each.path == path]


@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
def test_one_token_serves_many_calls(sandbox: Sandbox, app_client_of: MakeClient, path: str, call: Call) -> None:
    """And it is where that generation of the API looks for it, nowhere else."""
    calls = app_client_of(sandbox).calls
    for _ in range(3):
        call(calls, sandbox)
    (asked,) = to(sandbox, TOKEN)
    assert asked.reply is not None
    token = asked.reply["accessToken"]
    assert len(to(sandbox, path)) == 3
    for request in to(sandbox, path):
        in_header, in_query = request.headers.get(HEADER), request.query.get("access_token")
        assert (in_header, in_query) == ((token, None) if path == SEND else (None, token))
        assert token.encode() not in request.body
        assert "authorization" not in request.headers
    assert len({each.connection for each in sandbox.requests}) == 1


def test_the_body_is_json_as_people_write_it(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """Chinese stays Chinese: escaped, it would take twice the bytes."""
    send_text(app_client_of(sandbox).calls, sandbox, "任务失败")
    (request,) = to(sandbox, SEND)
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert "任务失败".encode() in request.body
    assert [each.shown["text"]["content"] for each in sandbox.messages] == ["任务失败"]


def test_a_get_asks_with_its_query(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """Keys hold characters that mean something in a URL."""
    calls = app_client_of(sandbox).calls
    body = {
        "robotCode": calls.app.robot_code,
        "userIds": [sandbox.people[0].user_id],
        "msgKey": "sampleText",
        "msgParam": '{"content":"hello"}',
    }
    sent = calls.v1("POST", "/v1.0/robot/oToMessages/batchSend", body=body, repeatable=False)
    query = {"robotCode": calls.app.robot_code, "processQueryKey": sent["processQueryKey"]}
    status = calls.v1("GET", READ, query=query, repeatable=True)
    (request,) = to(sandbox, READ)
    assert (request.method, request.query, request.body) == ("GET", query, b"")
    assert [each["userId"] for each in status["messageReadInfoList"]] == [sandbox.people[0].user_id]


def test_fifty_threads_at_once_fetch_one_token(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """Also when each has calls of its own, as each task instance in a triggerer has."""
    first = app_client_of(sandbox)
    clients = [first.calls, *(app_client_of(sandbox, tokens=first.tokens).calls for _ in range(49))]
    together = threading.Barrier(50)

    def send(number: int) -> dict[str, Any]:
        together.wait(20)
        return send_text(clients[number], sandbox, f"message {number}")

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(send, range(50)))
    assert len(to(sandbox, TOKEN)) == 1
    assert len({each["processQueryKey"] for each in answers}) == 50
    assert sorted(each.shown["text"]["content"] for each in sandbox.messages) == sorted(
        f"message {number}" for number in range(50)
    )


@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("refusal", ["expired", "unknown"])
def test_a_refused_token_costs_one_new_one_and_no_message(
    sandbox: Sandbox, app_client_of: MakeClient, path: str, call: Call, refusal: str
) -> None:
    """In each dialect; the caller gets no error."""
    client = app_client_of(sandbox)
    call(client.calls, sandbox)
    if refusal == "expired":
        sandbox.expire_tokens()
    else:
        sandbox.fail_next(Fault.TOKEN_REFUSED, path=path)
    call(client.calls, sandbox)
    call(client.calls, sandbox)
    assert len(to(sandbox, TOKEN)) == 2
    assert [each.outcome in ("accepted", "answered") for each in to(sandbox, path)] == [True, False, True, True]
    assert len(sandbox.messages) == (3 if path == SEND else 0)
    assert client.waits == []


def test_a_token_that_ends_amid_fifty_threads_costs_one_new_one_and_no_message(
    sandbox: Sandbox, app_client_of: MakeClient
) -> None:
    """All fifty are refused with the old one at the same moment."""
    client = app_client_of(sandbox)
    send_text(client.calls, sandbox, "before")
    sandbox.expire_tokens()
    together = threading.Barrier(50)

    def send(number: int) -> None:
        together.wait(20)
        send_text(client.calls, sandbox, f"message {number}")

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(send, range(50)))
    assert len(to(sandbox, TOKEN)) == 2
    assert sorted(each.shown["text"]["content"] for each in sandbox.messages) == sorted(
        ["before", *(f"message {number}" for number in range(50))]
    )


@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
def test_a_second_refusal_is_final(sandbox: Sandbox, app_client_of: MakeClient, path: str, call: Call) -> None:
    """A host that never takes the token must not be asked for ever; the next call begins with a new token."""
    client = app_client_of(sandbox)
    sandbox.fail_next(Fault.TOKEN_REFUSED, times=2, path=path)
    with pytest.raises(TokenError) as caught:
        call(client.calls, sandbox)
    assert not caught.value.retryable
    assert (len(to(sandbox, TOKEN)), len(to(sandbox, path))) == (2, 2)
    call(client.calls, sandbox)
    assert len(to(sandbox, TOKEN)) == 3


def test_a_throttled_token_call_is_tried_again_by_one_thread_for_all(
    sandbox: Sandbox, app_client_of: MakeClient
) -> None:
    """Fifty threads that all came back would be throttled again."""
    sandbox.fail_next(Fault.THROTTLED, times=2, path=TOKEN)
    waits: list[float] = []
    waiting, go_on = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        waiting.set()
        assert go_on.wait(20)

    client = app_client_of(sandbox, sleep=sleep, chance=lambda: 0.5)
    with ThreadPoolExecutor(50) as threads:
        sent = [threads.submit(send_text, client.calls, sandbox) for _ in range(50)]
        assert waiting.wait(20)
        go_on.set()
        for each in sent:
            each.result(20)
    assert waits == [1.375, 1.75]
    assert len(to(sandbox, TOKEN)) == 3
    assert len(sandbox.messages) == 50


def test_wrong_credentials_are_asked_for_once(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """They stay wrong, and nothing is sent."""
    client = app_client_of(sandbox, app_secret="not-it")
    for call in (client.calls.token, lambda: send_text(client.calls, sandbox)):
        with pytest.raises(CredentialsError):
            call()
    assert [each.path for each in sandbox.requests] == [TOKEN] * 2
    assert client.waits == []


def test_a_token_alone_can_be_asked_for(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """It proves that AppKey and AppSecret are right, and the calls that follow use it."""
    client = app_client_of(sandbox)
    token = client.calls.token()
    send_text(client.calls, sandbox)
    assert to(sandbox, SEND)[0].headers[HEADER] == token.revealed
    assert len(to(sandbox, TOKEN)) == 1


UNKNOWN = [
    Fault.HTTP_500,
    Fault.HTTP_503,
    Fault.HTTP_504,
    Fault.RESET_BEFORE_BODY,
    Fault.RESET_AFTER_BODY_ACCEPTED,
    Fault.RESET_AFTER_BODY_NOT_ACCEPTED,
    Fault.SLOW,
    Fault.HANG,
    Fault.DRIP,
    Fault.EMPTY_BODY,
    Fault.NO_ERRCODE,
    Fault.GARBAGE,
    Fault.UNKNOWN_RESULT,
]


@pytest.mark.parametrize("fault", UNKNOWN)
def test_what_may_have_arrived_is_reported_and_not_sent_again(
    sandbox: Sandbox, app_client_of: MakeClient, fault: Fault
) -> None:
    """DingTalk would show it twice; Airflow isn't to try again either."""
    client = app_client_of(sandbox, timeout_seconds=0.5)
    client.calls.token()
    sandbox.fail_next(fault, path=SEND)
    with pytest.raises(UnknownOutcomeError) as caught:
        send_text(client.calls, sandbox)
    assert (caught.value.retryable, caught.value.tries) == (False, 1)
    assert "Check in the chat" in caught.value.advice
    assert len(to(sandbox, SEND)) == 1
    assert len(sandbox.messages) == fault.message_accepted
    sandbox.stop()


@pytest.mark.parametrize("fault", [Fault.HTTP_503, Fault.RESET_AFTER_BODY_ACCEPTED, Fault.UNKNOWN_RESULT])
def test_resending_what_may_have_arrived_can_be_chosen(
    sandbox: Sandbox, app_client_of: MakeClient, fault: Fault
) -> None:
    """Then it is sent once more, and Airflow may try again after that."""
    client = app_client_of(sandbox, resend_unknown=True)
    sandbox.fail_next(fault, path=SEND)
    send_text(client.calls, sandbox)
    assert len(sandbox.messages) == 1 + fault.message_accepted
    sandbox.fail_next(fault, times=5, path=SEND)
    with pytest.raises(UnknownOutcomeError) as caught:
        send_text(client.calls, sandbox)
    assert (caught.value.retryable, caught.value.tries) == (True, 2)
    assert len(to(sandbox, SEND)) == 4


@pytest.mark.parametrize("fault", [each for each in UNKNOWN if each not in (Fault.SLOW, Fault.HANG, Fault.DRIP)])
def test_what_can_be_repeated_is(sandbox: Sandbox, app_client_of: MakeClient, fault: Fault) -> None:
    """Asking who somebody is does no harm."""
    client = app_client_of(sandbox)
    sandbox.fail_next(fault, times=2, path=BY_MOBILE)
    assert look_up(client.calls, sandbox)["result"]["userid"] == sandbox.people[0].user_id
    assert client.waits == [0.5, 1.0]
    sandbox.fail_next(fault, times=3, path=BY_MOBILE)
    with pytest.raises(UnknownOutcomeError) as caught:
        look_up(client.calls, sandbox)
    assert (caught.value.retryable, caught.value.tries) == (True, 3)


@pytest.mark.parametrize(("fault", "waits"), [(Fault.BUSY, [0.5, 1.0]), (Fault.THROTTLED, [1.5, 2.0])])
@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
def test_what_surely_did_not_arrive_is_tried_again(
    sandbox: Sandbox, app_client_of: MakeClient, path: str, call: Call, fault: Fault, waits: list[float]
) -> None:
    """Too many calls per second come as HTTP 403 or 200, a busy server as 429 or 200."""
    client = app_client_of(sandbox)
    sandbox.fail_next(fault, times=2, path=path)
    call(client.calls, sandbox)
    assert client.waits == waits
    assert len(to(sandbox, path)) == 3
    assert len(sandbox.messages) == (1 if path == SEND else 0)


@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("fault", "kind", "silent_seconds"),
    [
        (Fault.THROTTLED_LONG, ThrottledError, 60.0),
        (Fault.GATEWAY_BAN, ThrottledError, 300.0),
        (Fault.HTML_PAGE, UnknownOutcomeError, 300.0),
        (Fault.REDIRECT, ThrottledError, 600.0),
        (Fault.QUOTA_USED_UP, QuotaExhaustedError, None),
    ],
)
def test_what_takes_long_or_for_ever_is_not_waited_out(
    sandbox: Sandbox,
    app_client_of: MakeClient,
    path: str,
    call: Call,
    fault: Fault,
    kind: type[DingTalkError],
    silent_seconds: float | None,
) -> None:
    """The error names for how long."""
    client = app_client_of(sandbox)
    sandbox.fail_next(fault, path=path)
    with pytest.raises(kind) as caught:
        call(client.calls, sandbox)
    assert (caught.value.retry_after_seconds, caught.value.tries, client.waits) == (silent_seconds, 1, [])
    assert len(to(sandbox, path)) == 1


def test_a_limit_of_calls_per_second_is_waited_out(app_client_of: MakeClient) -> None:
    """DingTalk counts per second; everything arrives, later."""
    now = [1_700_000_000.0]
    app = App(calls_per_second=2)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with Sandbox(apps=(app,), clock=lambda: now[0]) as sandbox:
        client = app_client_of(sandbox, sleep=sleep, ticks=lambda: now[0])
        for number in range(7):
            send_text(client.calls, sandbox, str(number))
        assert [each.shown["text"]["content"] for each in sandbox.messages] == list("0123456")
        assert len(to(sandbox, SEND)) == 10


def test_an_exhausted_quota_is_not_tried_again(app_client_of: MakeClient) -> None:
    """It lasts until the month ends or somebody pays."""
    with Sandbox(quotas=Quotas(api_calls_a_month=1)) as sandbox:
        client = app_client_of(sandbox)
        send_text(client.calls, sandbox)
        with pytest.raises(QuotaExhaustedError):
            send_text(client.calls, sandbox)
        with pytest.raises(QuotaExhaustedError):
            upload(client.calls, sandbox)
        assert client.waits == []


@pytest.mark.parametrize(
    ("app", "call", "kind", "named"),
    [
        (App(permissions=("qyapi_base",)), send_text, PermissionMissingError, ("qyapi_robot_sendmsg",)),
        (
            App(permissions=("qyapi_base", "qyapi_get_member")),
            look_up,
            PermissionMissingError,
            ("qyapi_get_member_by_mobile",),
        ),
        (App(permissions=()), upload, PermissionMissingError, ("qyapi_base",)),
        (App(allowed_ips=("203.0.113.7",)), send_text, ConfigurationError, ()),
        (App(allowed_ips=("203.0.113.7",)), look_up, ConfigurationError, ()),
        (App(published=False), send_text, TargetError, ()),
    ],
    ids=["v1", "topapi", "oapi", "address v1", "address oapi", "unpublished"],
)
def test_the_error_explains_what_to_change_in_the_console(
    app_client_of: MakeClient, app: App, call: Call, kind: type[DingTalkError], named: tuple[str, ...]
) -> None:
    """With the permission's name as the console has it, and DingTalk's id of the call."""
    with Sandbox(apps=(app,)) as sandbox:
        client = app_client_of(sandbox)
        with pytest.raises(kind) as caught:
            call(client.calls, sandbox)
        reply = sandbox.requests[-1].reply
        assert reply is not None
        assert caught.value.request_id == reply.get("requestid", reply.get("request_id"))
        assert getattr(caught.value, "missing_permissions", ()) == named
        assert all(name in str(caught.value) for name in named)
        assert (caught.value.retryable, caught.value.tries, client.waits) == (False, 1, [])


@pytest.mark.parametrize(
    "call",
    [
        lambda calls: calls.v1("POST", "/v1.0/robot/nothing", repeatable=False),
        lambda calls: calls.oapi("/topapi/nothing", body={}, repeatable=False),
    ],
    ids=["v1", "oapi"],
)
def test_a_path_that_is_none_is_no_success(
    sandbox: Sandbox, app_client_of: MakeClient, call: Callable[[AppCalls], object]
) -> None:
    """The v1.0 API answers HTTP 200 to it."""
    calls = app_client_of(sandbox).calls
    with pytest.raises(ConfigurationError, match="no such API"):
        call(calls)


def test_unreachable_is_tried_again_and_is_no_message_that_may_have_arrived(app_client_of: MakeClient) -> None:
    """Nothing was sent, so it doesn't matter whether it could be repeated."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = app_client_of(f"http://127.0.0.1:{port}")
    with pytest.raises(UnavailableError) as caught:
        client.calls.v1("POST", SEND, repeatable=False)
    assert caught.value.tries == 3
    assert client.waits == [0.5, 1.0]


def test_the_token_is_within_the_budget_of_the_call(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """An alert has eight seconds for everything; what would begin after them isn't begun."""
    now = [0.0]
    asked: list[float] = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        now[0] += 100

    plan = AttemptPlan(budget_seconds=8.0)
    client = app_client_of(sandbox, plan=plan, ticks=lambda: now[0], sleep=sleep, timeout_seconds=3)
    sandbox.fail_next(Fault.BUSY, path=TOKEN)
    with pytest.raises(UnavailableError):
        send_text(client.calls, sandbox)
    assert asked == [0.5]
    assert len(to(sandbox, TOKEN)) == 1
    assert to(sandbox, SEND) == []


def test_an_upload_may_take_longer_the_larger_it_is(sandbox: Sandbox, app_client_of: MakeClient) -> None:
    """A slow line must not make large files impossible."""
    client = app_client_of(sandbox, timeout_seconds=0.2, plan=AttemptPlan(attempts=1, budget_seconds=0.2))
    client.calls.token()
    sandbox.fail_next(Fault.SLOW, seconds=1.0, path=UPLOAD)
    content = PNG + bytes(2_000_000)
    body = b'--b\r\nContent-Disposition: form-data; name="media"; filename="a.png"\r\n\r\n' + content + b"\r\n--b--\r\n"
    answer = client.calls.upload(
        UPLOAD, query={"type": "image"}, body=body, content_type="multipart/form-data; boundary=b"
    )
    assert answer["media_id"] == sandbox.media[0].media_id
    assert sandbox.media[0].content == content


def test_an_answer_without_what_was_expected_is_unreadable(
    raw_server: Callable[..., Any], answer: Callable[..., Any], app_client_of: MakeClient
) -> None:
    """A gateway's own success isn't DingTalk's."""
    server = raw_server([answer(b'{"accessToken":"t","expireIn":7200}'), answer(b'{"success":true}')])
    with pytest.raises(UnknownOutcomeError):
        app_client_of(server.url).calls.v1("POST", SEND, repeatable=False, expects=("processQueryKey",))


@pytest.mark.parametrize("fault", [*Fault, "wrong secret", "none"])
@pytest.mark.parametrize(("path", "call"), CALLS.values(), ids=CALLS)
def test_no_failure_shows_a_secret(
    app_client_of: MakeClient, path: str, call: Call, fault: Fault | str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs at DEBUG, errors with the local variables of each frame, what they come from, reprs and pickles."""
    caplog.set_level(logging.DEBUG)
    app = App(app_secret="s3cr3t/of+the=app")
    wrong = "x" if fault == "wrong secret" else ""
    with Sandbox(apps=(app,)) as sandbox:
        # In no variable of this frame, which errors show as well.
        client = app_client_of(sandbox, timeout_seconds=0.2, app_secret=app.app_secret + wrong)
        if isinstance(fault, Fault):
            sandbox.fail_next(fault, times=20, path=path)
            sandbox.fail_next(fault, path=TOKEN)
        written = [repr(client), repr(vars(client.calls)), repr(vars(client.tokens))]
        for each in (call, call, lambda calls, _: calls.token(), refused_call):
            try:
                each(client.calls, sandbox)
            except DingTalkError as error:
                written += shown(error)
        replies = [each.reply or {} for each in to(sandbox, TOKEN)]
        tokens = [reply["accessToken"] for reply in replies if "accessToken" in reply]
        assert tokens or fault == "wrong secret"
        sandbox.stop()
    text = "\n".join([*written, caplog.text])
    assert len(text) > 1000
    for secret in ("s3cr3t", *tokens):
        place = text.find(secret)
        assert place < 0, text[max(0, place - 300) : place + 100]


def refused_call(calls: AppCalls, _: Sandbox) -> dict[str, Any]:
    """A call that DingTalk refuses for what it holds."""
    return calls.v1("POST", SEND, body={"robotCode": calls.app.robot_code}, repeatable=False)


def shown(error: BaseException) -> list[str]:
    """Everything that somebody could print of an error."""
    written = [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
    written += [repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))]
    context = error.__context__
    while context is not None:
        written += [repr(context), str(context)]
        context = context.__context__
    return written
