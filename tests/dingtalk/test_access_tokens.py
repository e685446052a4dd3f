"""Access tokens: one fetch for all threads, kept until shortly before the end, and one new one for all refusals."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.access_tokens import AccessTokens, Grant, ask_for_token
from airflow_provider_dingpush.dingtalk.credentials import App
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, HttpOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import (
    ConfigurationError,
    CredentialsError,
    DingTalkError,
    ThrottledError,
    UnavailableError,
)
from airflow_provider_dingpush.sandbox import App as TheirApp
from airflow_provider_dingpush.sandbox import Fault, Sandbox

HOST = "https://api.dingtalk.com"
APP = App("dingkey", Secret("s3cr3t-of-the-app"))


class TokenSource:
    """Gives out tokens and counts them; time passes only when a test decides."""

    def __init__(self, lifetime_seconds: float = 7200.0) -> None:
        self.now = 1000.0
        self.given: list[Secret] = []
        self.store = AccessTokens(ticks=lambda: self.now)
        self.lifetime_seconds = lifetime_seconds

    def fetch(self) -> Grant:
        self.given.append(Secret(f"token {len(self.given) + 1}"))
        return Grant(self.given[-1], self.lifetime_seconds)

    def token(self, app: App = APP, base_url: str = HOST) -> Secret:
        return self.store.token(app, base_url, self.fetch, wait_seconds=10)


@pytest.mark.parametrize(("lifetime", "kept"), [(7200.0, 6600.0), (60.0, 54.0), (100_000.0, 99_400.0)])
def test_a_token_is_kept_until_shortly_before_its_end(lifetime: float, kept: float) -> None:
    """A tenth of its life early, ten minutes at most."""
    source = TokenSource(lifetime)
    first = source.token()
    source.now += kept - 0.001
    assert source.token() is first
    source.now += 0.001
    assert source.token() is not first
    assert len(source.given) == 2


def test_the_time_that_the_answer_took_is_gone() -> None:
    """A token's life begins before we know the token."""
    source = TokenSource(100.0)

    def slow_fetch() -> Grant:
        source.now += 50
        return source.fetch()

    source.store.token(APP, HOST, slow_fetch, wait_seconds=10)
    source.now += 41
    source.token()
    assert len(source.given) == 2


def test_every_app_host_and_secret_has_its_own_token() -> None:
    """A secret that was changed in the console isn't answered with the old one's token."""
    source = TokenSource()
    asked = [
        (APP, HOST),
        (App("dingother", APP.app_secret), HOST),
        (APP, "https://api.dingtalk.io"),
        (App(APP.app_key, Secret("another")), HOST),
        (App(APP.app_key, APP.app_secret, robot_code="robot", agent_id="1"), HOST),
    ]
    tokens = [source.token(*each) for each in asked * 2]
    assert len(source.given) == 4
    assert tokens[0] is tokens[4] is tokens[5]


def test_many_refusals_of_one_token_cost_one_new_one() -> None:
    """Whoever comes late with the old one must not throw the new one away."""
    source = TokenSource()
    old = source.token()
    for _ in range(50):
        source.store.refused(APP, HOST, old)
        source.token()
    assert len(source.given) == 2


def test_a_refused_token_that_dingtalk_gives_again_is_a_new_one() -> None:
    """Within its lifetime DingTalk answers with the same string; late refusals mean the old one all the same."""
    store = AccessTokens()
    fetched = []

    def fetch() -> Grant:
        fetched.append(Grant(Secret("the same"), 7200))
        return fetched[-1]

    old = store.token(APP, HOST, fetch, wait_seconds=10)
    for _ in range(3):
        store.refused(APP, HOST, old)
        store.token(APP, HOST, fetch, wait_seconds=10)
    assert len(fetched) == 2


def test_refusing_what_was_never_given_is_nothing() -> None:
    """As after a fork, or another process's token."""
    TokenSource().store.refused(APP, HOST, Secret("unheard of"))


def test_a_failed_fetch_is_tried_again_by_the_next_one() -> None:
    """An error isn't kept."""
    source = TokenSource()
    problem = UnavailableError("down")

    def fail() -> Grant:
        raise problem

    with pytest.raises(UnavailableError) as caught:
        source.store.token(APP, HOST, fail, wait_seconds=10)
    assert caught.value is problem
    assert source.token() is source.given[0]


def test_waiting_too_long_for_another_thread_is_an_error() -> None:
    """Its own time is up while that one still fetches."""
    source = TokenSource()
    begun, go_on = threading.Event(), threading.Event()

    def slow_fetch() -> Grant:
        begun.set()
        assert go_on.wait(20)
        return source.fetch()

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(source.store.token, APP, HOST, slow_fetch, wait_seconds=20)
        assert begun.wait(20)
        with pytest.raises(UnavailableError, match="takes too long") as caught:
            source.store.token(APP, HOST, source.fetch, wait_seconds=0.01)
        go_on.set()
        assert first.result(20) is source.given[0]
    assert caught.value.__context__ is None
    assert len(source.given) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs an operating system with fork, such as Linux")
def test_a_forked_process_fetches_for_itself_while_its_parent_fetches() -> None:
    """Airflow forks a process for each task, whatever the other threads do at that moment."""
    script = """
import os, threading
from airflow_provider_dingpush.dingtalk.access_tokens import AccessTokens, Grant
from airflow_provider_dingpush.dingtalk.credentials import App
from airflow_provider_dingpush.dingtalk.secret import Secret
store, app = AccessTokens(), App("key", Secret("secret"))
begun, go_on = threading.Event(), threading.Event()
def slow():
    begun.set()
    go_on.wait(20)
    return Grant(Secret("parent's"), 7200)
thread = threading.Thread(target=lambda: store.token(app, "host", slow, wait_seconds=20))
thread.start()
begun.wait(20)
child = os.fork()
if not child:
    try:
        done = store.token(app, "host", lambda: Grant(Secret("child's"), 7200), wait_seconds=0.1).revealed == "child's"
    except BaseException:
        done = False
    os._exit(not done)
assert os.waitpid(child, 0)[1] == 0
go_on.set()
thread.join(20)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


@pytest.fixture
def http(sandbox: Sandbox) -> HttpClient:
    """The way to the sandbox."""
    return HttpClient(sandbox.url, HttpOptions(timeout_seconds=5))


def asked(sandbox: Sandbox, http: HttpClient, secret: str | None = None) -> Grant | DingTalkError:
    """The result of asking for the token of the sandbox's first app."""
    app = App(sandbox.app.app_key, Secret(secret or sandbox.app.app_secret))
    return ask_for_token(app, http, timeout_seconds=0.5)


def test_dingtalk_gives_a_token_and_its_lifetime(sandbox: Sandbox, http: HttpClient) -> None:
    """The request is the one that the docs describe."""
    grant = asked(sandbox, http)
    (request,) = sandbox.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1.0/oauth2/accessToken", {})
    assert request.json == {"appKey": sandbox.app.app_key, "appSecret": sandbox.app.app_secret}
    assert request.reply is not None
    assert isinstance(grant, Grant)
    assert (grant.token.revealed, grant.lifetime_seconds) == (request.reply["accessToken"], 7200.0)


@pytest.mark.parametrize(
    ("lifetime", "seconds"), [('"60"', 60.0), ("60.5", 60.5), ("-1", 0.0), ('"soon"', 7200.0), ("null", 7200.0)]
)
def test_a_lifetime_is_read_leniently(
    raw_server: Callable[..., Any], answer: Callable[..., Any], lifetime: str, seconds: float
) -> None:
    """A wrong guess costs one refusal, and DingTalk usually gives two hours."""
    server = raw_server(answer(b'{"accessToken":"t","expireIn":%s}' % lifetime.encode()))
    grant = ask_for_token(APP, HttpClient(server.url), timeout_seconds=5)
    assert grant == Grant(Secret("t"), seconds)


def test_wrong_credentials_are_distinguished(sandbox: Sandbox, http: HttpClient) -> None:
    """With where to find the right ones."""
    error = asked(sandbox, http, "wrong")
    assert isinstance(error, CredentialsError)
    assert "Client Secret" in error.advice
    assert error.request_id
    assert "wrong" not in str(error)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.HTTP_500, UnavailableError),
        (Fault.HTTP_504, UnavailableError),
        (Fault.HANG, UnavailableError),
        (Fault.RESET_AFTER_BODY_ACCEPTED, UnavailableError),
        (Fault.EMPTY_BODY, UnavailableError),
        (Fault.GARBAGE, UnavailableError),
        (Fault.NO_ERRCODE, UnavailableError),
        (Fault.BUSY, UnavailableError),
        (Fault.THROTTLED, ThrottledError),
        (Fault.HTML_PAGE, ThrottledError),
        (Fault.GATEWAY_BAN, ThrottledError),
    ],
)
def test_an_unknown_outcome_of_asking_is_no_message_that_may_have_arrived(
    sandbox: Sandbox, http: HttpClient, fault: Fault, kind: type[DingTalkError]
) -> None:
    """Asking again does no harm, and nobody needs to look into a chat."""
    sandbox.fail_next(fault)
    error = asked(sandbox, http)
    assert type(error) is kind
    assert isinstance(error, DingTalkError)
    assert error.retryable
    assert "arrived" not in error.advice
    assert isinstance(asked(sandbox, http), Grant)
    sandbox.stop()


@pytest.mark.parametrize("status", ["404 Not Found", "407 Proxy Authentication Required"])
def test_a_wrong_address_is_a_setting(raw_server: Callable[..., Any], answer: Callable[..., Any], status: str) -> None:
    """No retry helps."""
    error = ask_for_token(APP, HttpClient(raw_server(answer(b"no", status=status)).url), timeout_seconds=5)
    assert isinstance(error, ConfigurationError)


def test_nothing_of_it_shows_a_secret(sandbox: Sandbox) -> None:
    """Stores, grants and apps may be printed by a debugger or a traceback."""
    source = TokenSource()
    source.token()
    shown = f"{APP!r} {source.fetch()!r} {source.store!r} {vars(source.store)!r}"
    assert "s3cr3t" not in shown
    assert "token 1" not in shown


def test_robot_code_is_the_app_key_unless_given() -> None:
    """As in DingTalk's console."""
    assert App("key", Secret("s")).robot_code == "key"
    assert App("key", Secret("s"), robot_code="robot").robot_code == "robot"
    assert TheirApp(app_key="key").robot_code == "key"


@pytest.mark.parametrize("token", ["null", "5", "[]", "{}", '""', '"令牌"', '"a\\r\\nX-Evil: 1"', '"half \\ud83d"'])
def test_a_token_that_fits_no_header_is_none(raw_server: Any, answer: Any, token: str) -> None:
    """It would break the request that carries it."""
    server = raw_server([answer(f'{{"accessToken":{token},"expireIn":7200}}'.encode())])
    http = HttpClient(server.url)
    grant = ask_for_token(App("key", Secret("secret"), robot_code="r"), http, timeout_seconds=5.0)
    http.close()
    assert type(grant) is UnavailableError


@pytest.mark.parametrize("lifetime", ["1e999", "NaN", '"x"', "[]", "null"])
def test_a_lifetime_that_is_none_is_the_usual_one(raw_server: Any, answer: Any, lifetime: str) -> None:
    server = raw_server([answer(f'{{"accessToken":"t","expireIn":{lifetime}}}'.encode())])
    http = HttpClient(server.url)
    grant = ask_for_token(App("key", Secret("secret"), robot_code="r"), http, timeout_seconds=5.0)
    http.close()
    assert isinstance(grant, Grant)
    assert grant.lifetime_seconds == 7200.0
