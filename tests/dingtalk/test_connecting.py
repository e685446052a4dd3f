"""Connecting distinguished from waiting: dead addresses, and requests that nobody waits for any more."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk import transport
from airflow_provider_dingpush.dingtalk.connecting import first_to_accept
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, HttpOptions, NoReply, NoReplyReason, Reply
from airflow_provider_dingpush.dingtalk.reply_codes import error_of
from airflow_provider_dingpush.errors import ConfigurationError, UnavailableError
from airflow_provider_dingpush.messages import Text

OK = b'{"errcode":0,"errmsg":"ok"}'
NAME = "oapi.dingtalk.invalid"
NOT_SENT = NoReply(NoReplyReason.UNREACHABLE)

StartServer = Callable[..., Any]
MakeAnswer = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the machine plays no part."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def black_hole() -> Iterator[Callable[[str, int], socket.socket]]:
    """Make addresses that never answer whoever connects: a listener whose queue is full."""
    with contextlib.ExitStack() as opened:

        def make(host: str, port: int = 0) -> socket.socket:
            listener = opened.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(0)
            for _ in range(8):
                filler = opened.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            return listener

        yield make


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the name have some addresses."""
    lookup = socket.getaddrinfo

    def resolve_to(*hosts: str, before: Callable[[], object] = lambda: None) -> None:
        def resolved(host: str, port: int, *rest: Any, **more: Any) -> Any:
            if host != NAME:
                return lookup(host, port, *rest, **more)
            before()
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in hosts]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)

    return resolve_to


@pytest.fixture
def short_lived_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that was given up ends as soon as it has nothing more to do."""
    monkeypatch.setattr("airflow_provider_dingpush.timeouts._IDLE_SECONDS", 0.01)


def post(http: HttpClient, body: bytes = b"{}", **options: Any) -> Reply | NoReply:
    """Post something."""
    return http.post("/robot/send", query={"access_token": "t"}, body=body, **options)


def wait_for_others(thread: threading.Thread) -> None:
    """Until the threads that were given up have ended."""
    thread.join(30)
    assert not thread.is_alive()


def test_dead_addresses_before_a_living_one_cost_little(
    raw_server: StartServer, answer: MakeAnswer, black_hole: Any, resolve: Any
) -> None:
    """Two that never answer and one that refuses: the message arrives at the first try, and once."""
    server = raw_server(answer(OK))
    for host in ("127.0.0.2", "127.0.0.3"):
        black_hole(host, server.port)
    resolve("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1")
    assert isinstance(post(HttpClient(f"http://{NAME}:{server.port}")), Reply)
    assert len(server.requests) == 1


def test_a_dead_address_is_asked_last_the_next_time(
    raw_server: StartServer, answer: MakeAnswer, black_hole: Any, resolve: Any
) -> None:
    """A process that sends often doesn't wait for it again and again."""
    server = raw_server(answer(OK))
    dead = black_hole("127.0.0.2", server.port)
    resolve("127.0.0.2", "127.0.0.1")
    http = HttpClient(f"http://{NAME}:{server.port}")
    assert isinstance(post(http), Reply)
    http.close()
    # Now it accepts, but it never answers.
    dead.listen(100)
    assert isinstance(post(http), Reply)
    assert (len(server.requests), server.connections) == (2, 2)


def test_only_dead_addresses_are_named(black_hole: Any, resolve: Any) -> None:
    """Surely nothing was sent, and whoever reads it knows where to look."""
    port = black_hole("127.0.0.2").getsockname()[1]
    black_hole("127.0.0.3", port)
    resolve("127.0.0.2", "127.0.0.3")
    reply = post(HttpClient(f"http://{NAME}:{port}", HttpOptions(timeout_seconds=0.6)))
    assert reply == NOT_SENT
    assert f"{NAME}:{port} did not accept a connection within 0.6 s (tried 127.0.0.2, 127.0.0.3)" in str(reply)


def test_the_error_of_a_robot_explains_that_nothing_was_sent(black_hole: Any, resolve: Any, client_of: Any) -> None:
    """A retry can't double what never left."""
    port = black_hole("127.0.0.2").getsockname()[1]
    resolve("127.0.0.2")
    client = client_of(f"http://{NAME}:{port}", timeout_seconds=0.3)
    with pytest.raises(UnavailableError) as caught:
        client.robot.send(Text("hello"))
    assert caught.value.retryable
    for words in (f"{NAME}:{port} did not accept a connection", "DNS", "proxy", "firewall", "防火墙"):
        assert words in str(caught.value)


def test_an_app_sends_again_what_was_never_sent(
    raw_server: StartServer, answer: MakeAnswer, black_hole: Any, resolve: Any, app_client_of: Any
) -> None:
    """Connecting that failed isn't an unknown outcome, which an app would not try again."""
    # The server's connections end after each answer, so each call connects anew.
    granted, sent = b'{"accessToken":"t","expireIn":7200}', b'{"processQueryKey":"k"}'
    server = raw_server([answer(each, more="Connection: close\r\n") for each in (granted, sent)])
    black_hole("127.0.0.2", server.port)
    # What waits between two tries sees to it that the next one gets through.
    client = app_client_of(
        f"http://{NAME}:{server.port}", timeout_seconds=0.5, sleep=lambda _: resolve("127.0.0.1"), resend_unknown=False
    )
    resolve("127.0.0.1")
    client.calls.token()
    resolve("127.0.0.2")
    answered = client.calls.v1("POST", "/v1.0/robot/groupMessages/send", body={"a": 1}, repeatable=False)
    assert answered == {"processQueryKey": "k"}
    assert len(server.requests) == 2


def test_a_refusal_quotes_the_systems_words() -> None:
    """With host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = post(HttpClient(f"http://127.0.0.1:{port}"))
    assert reply == NOT_SENT
    assert f"127.0.0.1:{port} did not accept a connection (Connection refused)" in str(reply)


@pytest.mark.usefixtures("short_lived_threads")
def test_a_late_name_lookup_posts_nothing(raw_server: StartServer, answer: MakeAnswer, resolve: Any) -> None:
    """It can't be stopped, but what it finds is of no use any more."""
    server = raw_server(answer(OK))
    released, threads = threading.Event(), []

    def stuck() -> None:
        threads.append(threading.current_thread())
        released.wait(30)

    resolve("127.0.0.1", before=stuck)
    reply = post(HttpClient(f"http://{NAME}:{server.port}", HttpOptions(timeout_seconds=0.3)))
    released.set()
    assert reply == NOT_SENT
    wait_for_others(threads[0])
    assert (server.connections, server.requests) == (0, [])


class TimeLimitError(BaseException):
    """As Airflow's, of a task."""


@pytest.mark.usefixtures("short_lived_threads")
def test_a_caller_that_is_thrown_out_posts_nothing(raw_server: StartServer, answer: MakeAnswer, resolve: Any) -> None:
    """A task that ran into its time limit has failed; its message must not come afterwards."""
    server = raw_server(answer(OK))
    thrown, released, threads = threading.Event(), threading.Event(), []

    def stuck() -> None:
        threads.append(threading.current_thread())
        # Again and again: a signal just before Python begins to wait is noticed only after that.
        while not thrown.wait(0.05):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        released.wait(30)

    def throw_out(*_: object) -> None:
        if not thrown.is_set():
            thrown.set()
            raise TimeLimitError

    resolve("127.0.0.1", before=stuck)
    before = signal.signal(signal.SIGUSR1, throw_out)
    try:
        with pytest.raises(TimeLimitError):
            post(HttpClient(f"http://{NAME}:{server.port}", HttpOptions(timeout_seconds=30)))
    finally:
        signal.signal(signal.SIGUSR1, before)
    released.set()
    wait_for_others(threads[0])
    assert (server.connections, server.requests) == (0, [])


@pytest.mark.usefixtures("short_lived_threads")
def test_a_connection_that_comes_late_posts_nothing(black_hole: Any, short_lived_threads: None) -> None:
    """Whoever accepts after the caller has left reads nothing."""
    listener = black_hole("127.0.0.2")
    reply = post(HttpClient(f"http://127.0.0.2:{listener.getsockname()[1]}", HttpOptions(timeout_seconds=0.4)))
    assert reply == NOT_SENT
    listener.settimeout(1)
    read = []
    with contextlib.suppress(TimeoutError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(BlockingIOError, ConnectionError):
                connection.setblocking(False)
                read.append(connection.recv(100))
    assert not any(read)


def test_a_message_that_is_half_written_is_cut(raw_server: StartServer) -> None:
    """It may have arrived for all that anybody knows; but the rest of it doesn't follow later."""
    left, ended = threading.Event(), threading.Event()
    received: list[int] = []

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read_late() -> None:
            connection, _ = listener.accept()
            with connection:
                left.wait(30)
                count = 0
                with contextlib.suppress(ConnectionError):
                    while piece := connection.recv(1 << 20):
                        count += len(piece)
                received.append(count)
            ended.set()

        thread = threading.Thread(target=read_late)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        body = b"x" * 50_000_000
        assert post(HttpClient(url, HttpOptions(timeout_seconds=0.5)), body) == NoReply(NoReplyReason.TOO_SLOW)
        left.set()
        assert ended.wait(30)
        thread.join(30)
    assert received[0] < len(body)


def test_waiting_for_an_answer_is_distinguished(raw_server: StartServer) -> None:
    """The message was written, so it may have arrived."""
    server = raw_server(lambda _, over: over.wait(30))
    reply = post(HttpClient(server.url, HttpOptions(timeout_seconds=0.4)))
    assert reply == NoReply(NoReplyReason.TOO_SLOW)
    assert f"127.0.0.1:{server.port} did not answer within 0.4 s" in str(reply)
    assert len(server.requests) == 1
    server.stop()


def test_a_handshake_that_hangs_is_not_an_unknown_outcome(resolve: Any) -> None:
    """Something accepts and never answers, as some firewalls do; a second try takes another address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with socket.create_server(("127.0.0.2", port)):
            resolve("127.0.0.2", "127.0.0.1")
            http = HttpClient(f"https://{NAME}:{port}", HttpOptions(timeout_seconds=0.6, verify=False))
            reply = post(http)
            assert reply == NOT_SENT
            assert f"{NAME}:{port} did not finish the TLS handshake within 0.6 s" in str(reply)
            # The other one has no TLS, and answers so at once.
            thread = threading.Thread(target=answer_without_tls, args=(other,))
            thread.start()
            again = post(http, timeout_seconds=60)
            thread.join(30)
    assert again == NOT_SENT
    assert f"the TLS handshake with {NAME}:{port} failed (" in str(again)


def answer_without_tls(listener: socket.socket) -> None:
    """As a web server does when TLS comes to its plain port."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_handshake_that_breaks_off_is_not_a_wrong_certificate(raw_server: StartServer) -> None:
    """Nobody need look for a CA file, and a retry may work."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        reply = post(HttpClient(f"https://127.0.0.1:{listener.getsockname()[1]}", HttpOptions(timeout_seconds=20)))
        thread.join(30)
    assert reply == NOT_SENT
    assert "TLS handshake" in str(reply)


def test_a_proxy_that_never_answers_is_named(raw_server: StartServer) -> None:
    """It took the question, but DingTalk never got the message."""
    proxy = raw_server(lambda _, over: over.wait(30))
    options = HttpOptions(timeout_seconds=0.6, proxy=f"http://user:s3cr3t@127.0.0.1:{proxy.port}")
    reply = post(HttpClient(f"https://{NAME}", options))
    assert reply == NOT_SENT
    assert f"the proxy 127.0.0.1:{proxy.port} did not connect to DingTalk within 0.6 s" in str(reply)
    assert "s3cr3t" not in str(reply)
    proxy.stop()


def test_a_proxy_at_an_address_of_ipv6_is_named_as_in_a_url() -> None:
    """Host and port can be distinguished."""
    for scheme, proxy in (("https", "http://[::1]:1"), ("http", "http://[::1]:1")):
        reply = post(HttpClient(f"{scheme}://{NAME}", HttpOptions(proxy=proxy)))
        assert "the proxy [::1]:1 did not accept a connection" in str(reply)


def test_a_proxy_that_refuses_is_quoted(raw_server: StartServer, answer: MakeAnswer) -> None:
    """Whoever set it up knows what the number means."""
    proxy = raw_server(answer(b"", status="403 Forbidden"))
    reply = post(HttpClient(f"https://{NAME}", HttpOptions(proxy=proxy.url)))
    assert reply == NOT_SENT
    assert f"the proxy 127.0.0.1:{proxy.port} did not connect to DingTalk (it answered 403 Forbidden)" in str(reply)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_is_an_error_in_a_tunnel_too(
    raw_server: StartServer, answer: MakeAnswer, scheme: str
) -> None:
    """It is a person who must fill something in, so nobody tries again."""
    proxy = raw_server(answer(b"", status="407 Proxy Authentication Required"))
    reply = post(HttpClient(f"{scheme}://{NAME}", HttpOptions(proxy=proxy.url)))
    problem = error_of(reply)
    assert isinstance(problem, ConfigurationError)
    assert "name and password" in str(problem)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_dead_addresses_of_a_proxy_cost_little_too(
    raw_server: StartServer, answer: MakeAnswer, black_hole: Any, resolve: Any, scheme: str
) -> None:
    """Behind a company's proxy it is the proxy that has them."""
    proxy = raw_server(answer(OK, status="200 OK" if scheme == "http" else "403 Forbidden"))
    black_hole("127.0.0.2", proxy.port)
    resolve("127.0.0.2", "127.0.0.1")
    options = HttpOptions(proxy=f"http://{NAME}:{proxy.port}")
    reply = post(HttpClient(f"{scheme}://dingtalk.invalid", options))
    assert isinstance(reply, Reply) or "403" in str(reply)
    assert len(proxy.requests) == 1


def test_a_dead_proxy_is_called_a_proxy(black_hole: Any) -> None:
    """Whoever looks for the fault looks there."""
    port = black_hole("127.0.0.2").getsockname()[1]
    options = HttpOptions(timeout_seconds=0.4, proxy=f"http://127.0.0.2:{port}")
    reply = post(HttpClient(f"https://{NAME}", options))
    assert reply == NOT_SENT
    assert f"the proxy 127.0.0.2:{port} did not accept a connection within 0.4 s" in str(reply)


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    raw_server: StartServer, answer: MakeAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway may have closed it silently, and then nobody would know whether the message arrived."""
    server = raw_server(answer(OK))
    http = HttpClient(server.url)
    assert isinstance(post(http), Reply)
    monkeypatch.setattr(transport, "_LONGEST_IDLE_SECONDS", -1.0)
    assert isinstance(post(http), Reply)
    assert server.connections == 2


def test_a_connection_that_is_given_back_is_not_cut(raw_server: StartServer, answer: MakeAnswer) -> None:
    """A request that got its answer in time leaves its connection whole."""
    server = raw_server(answer(OK))
    http = HttpClient(server.url)
    for _ in range(5):
        assert isinstance(post(http), Reply)
    assert server.connections == 1


def test_an_address_of_ipv6_can_be_used(answer: MakeAnswer) -> None:
    """With its brackets."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = threading.Thread(target=serve)
        thread.start()
        assert isinstance(post(HttpClient(f"http://[::1]:{listener.getsockname()[1]}")), Reply)
        thread.join(30)


def infos_of(*listeners: tuple[str, int]) -> list[Any]:
    """As ``socket.getaddrinfo`` has them."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in listeners]


def test_the_first_that_accepts_wins_and_the_others_are_closed(black_hole: Any) -> None:
    """Many dead ones are all passed within the time."""
    with socket.create_server(("127.0.0.1", 0)) as living:
        port = living.getsockname()[1]
        dead = [f"127.0.1.{number}" for number in range(1, 13)]
        for host in dead:
            black_hole(host, port)
        infos = infos_of(*((each, port) for each in dead), ("127.0.0.1", port))
        made, address = first_to_accept(infos, until=time.monotonic() + 10, prepare=lambda _: None)
        with made:
            assert address == made.getpeername() == ("127.0.0.1", port)


def test_without_addresses_there_is_no_connection() -> None:
    """An error, not a wait."""
    with pytest.raises(OSError, match="no address"):
        first_to_accept([], until=time.monotonic() + 10, prepare=lambda _: None)


def test_an_unusable_address_makes_room_for_the_next() -> None:
    """Such as one of a family that this machine doesn't have."""
    with socket.create_server(("127.0.0.1", 0)) as living:
        address = living.getsockname()
        infos = [(-1, socket.SOCK_STREAM, 6, "", ("nowhere", 1)), *infos_of(address)]
        made, _ = first_to_accept(infos, until=time.monotonic() + 10, prepare=lambda _: None)
        made.close()
