"""One request: whatever the network does, an answer or the reason for none is back in time, and nothing is raised."""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.dingtalk.http_client import (
    HttpClient,
    HttpOptions,
    NoReply,
    NoReplyReason,
    Reply,
    _Exchange,
    _Request,
)
from airflow_provider_dingpush.dingtalk.in_flight import InFlight
from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

TOKEN = "t"
OK = b'{"errcode":0,"errmsg":"ok"}'
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
SILENT_FOR_GOOD = NoReply(NoReplyReason.UNREACHABLE)
SLOW = NoReply(NoReplyReason.TOO_SLOW)
CUT_OFF = NoReply(NoReplyReason.CUT_OFF)
UNTRUSTED = NoReply(NoReplyReason.CERTIFICATE)

StartServer = Callable[..., Any]
MakeAnswer = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the machine plays no part."""
    for name in (*PROXY_VARIABLES, *(each.lower() for each in PROXY_VARIABLES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A robot that takes as many messages as a test has."""
    with Sandbox(robots=(Robot(messages_per_minute=10_000),)) as running:
        yield running


def body_of(content: str) -> bytes:
    """A text message that DingTalk would take."""
    return json.dumps({"msgtype": "text", "text": {"content": content}}).encode()


def post(http: HttpClient, content: str = "hello", *, token: str = TOKEN, **options: Any) -> Reply | NoReply:
    """Post a text."""
    return http.post("/robot/send", query={"access_token": token}, body=body_of(content), **options)


def send_text(sandbox: Sandbox, http: HttpClient, content: str = "hello") -> Reply | NoReply:
    """Post a text with the sandbox's token."""
    return post(http, content, token=sandbox.robot.access_token)


def test_an_answer_comes_back_as_it_is(sandbox: Sandbox) -> None:
    """Status, body and content type are those of the server, and the request is a JSON POST."""
    reply = send_text(sandbox, HttpClient(sandbox.url))
    assert isinstance(reply, Reply)
    assert (reply.status, json.loads(reply.body)) == (200, {"errcode": 0, "errmsg": "ok"})
    assert reply.content_type == "application/json; charset=utf-8"
    (request,) = sandbox.requests
    assert (request.method, request.path, request.body) == ("POST", "/robot/send", body_of("hello"))
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["user-agent"] == "airflow-provider-dingpush"


def test_a_put_is_json(raw_server: StartServer, answer: MakeAnswer) -> None:
    """Over the same connection as a post."""
    server = raw_server(answer(OK))
    http = HttpClient(server.url)
    assert isinstance(http.post("/a", query={}, body=b"{}"), Reply)
    assert isinstance(http.put("/b", query={"q": "x/y"}, body=b'{"done": true}', headers={"X-Put": "1"}), Reply)
    head, _, body = server.requests[1].decode().partition("\r\n\r\n")
    assert head.startswith("PUT /b?q=x%2Fy HTTP/1.1\r\n")
    assert {"X-Put: 1", "Content-Type: application/json; charset=utf-8", "Content-Length: 14"} <= set(
        head.split("\r\n")
    )
    assert body == '{"done": true}'
    assert server.connections == 1


def test_a_get_has_no_body(raw_server: StartServer, answer: MakeAnswer) -> None:
    """Also between two posts over the same connection; headers of one request aren't sent with the next."""
    server = raw_server(answer(OK))
    http = HttpClient(server.url)
    posted = {"query": {}, "body": b"a=b", "headers": {"X-Extra": "1"}, "content_type": "text/plain"}
    for _ in range(2):
        assert isinstance(http.post("/robot/send", **posted), Reply)  # type: ignore[arg-type]
        assert isinstance(http.get("/status", query={"key": "a/b+c=="}, headers={"X-Get": "2"}), Reply)
    for request in server.requests[::2]:
        head, _, body = request.decode().partition("\r\n\r\n")
        assert head.startswith("POST /robot/send HTTP/1.1\r\n")
        assert {"X-Extra: 1", "Content-Type: text/plain", "Content-Length: 3"} <= set(head.split("\r\n"))
        assert body == "a=b"
    for request in server.requests[1::2]:
        head, _, body = request.decode().partition("\r\n\r\n")
        assert head.startswith("GET /status?key=a%2Fb%2Bc%3D%3D HTTP/1.1\r\n")
        assert "X-Get: 2" in head
        assert not any(each in head for each in ("X-Extra", "Content-Type", "Content-Length"))
        assert body == ""
    assert server.connections == 1


def test_a_path_prefix_of_the_base_url_stays(raw_server: StartServer, answer: MakeAnswer) -> None:
    """A gateway may have DingTalk below a path."""
    server = raw_server(answer(OK))
    assert isinstance(post(HttpClient(f"{server.url}/gate/ding/")), Reply)
    assert server.requests[0].startswith(b"POST /gate/ding/robot/send?access_token=t HTTP/1.1\r\n")


def test_many_posts_share_one_connection(sandbox: Sandbox) -> None:
    """The connection is kept open, also after refusals."""
    http = HttpClient(sandbox.url)
    for number in range(20):
        send_text(sandbox, http, f"message {number}")
        post(http, token="nobody")
    assert len(sandbox.requests) == 40
    assert len({each.connection for each in sandbox.requests}) == 1


def test_closing_closes_and_the_next_post_opens_again(sandbox: Sandbox) -> None:
    """A closed client can be used again."""
    http = HttpClient(sandbox.url)
    for _ in range(2):
        assert isinstance(send_text(sandbox, http), Reply)
        http.close()
    http.close()
    assert len({each.connection for each in sandbox.requests}) == 2


def test_a_connection_that_the_server_closed_is_replaced(raw_server: StartServer, answer: MakeAnswer) -> None:
    """The message after a long pause arrives, once, on a new connection."""
    closed = threading.Event()

    def answer_and_close(connection: socket.socket, over: threading.Event) -> None:
        answer(OK)(connection, over)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = raw_server([answer_and_close, answer(OK)])
    http = HttpClient(server.url)
    assert isinstance(post(http, "first"), Reply)
    assert closed.wait(10)
    assert isinstance(post(http, "second"), Reply)
    assert (len(server.requests), server.connections) == (2, 2)


def test_sixteen_threads_can_share_one_client(sandbox: Sandbox) -> None:
    """Every message arrives once and every caller gets its own answer."""
    http = HttpClient(sandbox.url, HttpOptions(timeout_seconds=30))
    names = [f"message {number}" for number in range(320)]
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda name: send_text(sandbox, http, name), names))
    assert [json.loads(reply.body)["errcode"] for reply in replies if isinstance(reply, Reply)] == [0] * 320
    assert sorted(each.payload["text"]["content"] for each in sandbox.messages) == sorted(names)
    assert len({each.connection for each in sandbox.requests}) < 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs an operating system with fork, such as Linux")
def test_a_forked_process_opens_connections_of_its_own(sandbox: Sandbox) -> None:
    """Two processes that wrote into one socket would get each other's answers."""
    script = """
import os, sys
from airflow_provider_dingpush.dingtalk.http_client import HttpClient, Reply
http = HttpClient(sys.argv[1])
def send_text(word):
    body = b'{"msgtype":"text","text":{"content":"%s"}}' % word
    reply = http.post("/robot/send", query={"access_token": sys.argv[2]}, body=body)
    assert isinstance(reply, Reply), reply
send_text(b"before")
child = os.fork()
if not child:
    try:
        send_text(b"child")
    except BaseException:
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
send_text(b"after")
"""
    # Python warns about forks beside threads, which Airflow does all the time.
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, sandbox.url, sandbox.robot.access_token], check=True, timeout=60
    )
    connections = {each.json["text"]["content"]: each.connection for each in sandbox.requests}
    assert connections["after"] == connections["before"] != connections["child"]


def test_a_refused_connection_is_unreachable() -> None:
    """Nothing was sent, so nothing can have arrived."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert post(HttpClient(f"http://127.0.0.1:{port}")) == SILENT_FOR_GOOD


def test_a_host_without_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name lookup that fails fails before anything is sent."""

    def nothing_known(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing_known)
    assert post(HttpClient("http://oapi.dingtalk.invalid")) == SILENT_FOR_GOOD


def test_a_stuck_name_lookup_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket timeout covers it, so the caller leaves while it is still stuck; surely nothing was sent."""
    stuck, released = threading.Event(), threading.Event()

    def lookup(*_: object, **__: object) -> None:
        stuck.set()
        released.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    reply = post(HttpClient("http://oapi.dingtalk.invalid", HttpOptions(timeout_seconds=0.5)))
    assert reply == SILENT_FOR_GOOD
    assert "the name of oapi.dingtalk.invalid:80 was not looked up within 0.5 s" in str(reply)
    assert stuck.is_set()
    assert not released.is_set()
    released.set()


@pytest.mark.parametrize("with_head", [True, False], ids=["body", "head"])
def test_an_answer_that_drips_in_is_given_up(raw_server: StartServer, with_head: bool) -> None:
    """Each byte is in time for a socket timeout, but the whole isn't; the caller is back while it still drips."""
    caller_left = threading.Event()
    dripping_when_left = threading.Event()

    def drip(connection: socket.socket, over: threading.Event) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        connection.sendall(head if with_head else head[:20])
        for _ in range(400):
            if caller_left.wait(0.02):
                dripping_when_left.set()
                break
            connection.sendall(b"x")

    server = raw_server(drip)
    assert post(HttpClient(server.url, HttpOptions(timeout_seconds=0.5))) == SLOW
    caller_left.set()
    assert dripping_when_left.wait(10)
    server.stop()


def test_a_thread_that_was_given_up_stops_reading(raw_server: StartServer) -> None:
    """It hangs up after a few bytes more instead of following an endless answer."""
    hung_up = threading.Event()

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not over.wait(0.005):
                connection.sendall(b"x")
        except OSError:
            hung_up.set()

    server = raw_server(drip)
    assert post(HttpClient(server.url, HttpOptions(timeout_seconds=0.5))) == SLOW
    assert hung_up.wait(20)


def test_a_hanging_server_is_too_slow(sandbox: Sandbox) -> None:
    """It has the message, so nobody knows whether that arrived."""
    sandbox.fail_next(Fault.HANG)
    assert send_text(sandbox, HttpClient(sandbox.url, HttpOptions(timeout_seconds=0.5))) == SLOW
    sandbox.stop()


def test_a_post_can_be_given_less_time_than_in_the_options(sandbox: Sandbox) -> None:
    """Nothing left still tries nothing for long."""
    sandbox.fail_next(Fault.HANG, times=2)
    http = HttpClient(sandbox.url, HttpOptions(timeout_seconds=600))
    query = {"access_token": sandbox.robot.access_token}
    assert http.post("/robot/send", query=query, body=body_of("x"), timeout_seconds=0.3) == SLOW
    assert isinstance(http.post("/robot/send", query=query, body=body_of("x"), timeout_seconds=-5), NoReply)
    sandbox.stop()


class AbandonedOnceConnected(InFlight):
    """A request whose caller returns in the moment in which the server accepts its connection."""

    def accepted(self, address: Any, slower: list[Any]) -> None:
        super().accepted(address, slower)
        self.abandon()


def test_a_connection_that_comes_too_late_is_closed(sandbox: Sandbox) -> None:
    """Not only by the garbage collection, which warns of it."""
    query = f"{sandbox.url}/robot/send?access_token={sandbox.robot.access_token}"
    request = _Request("POST", query, {}, body_of("x"))
    exchange = _Exchange(HttpClient(sandbox.url), request, AbandonedOnceConnected(600, set()))
    assert exchange.run() == NoReply(NoReplyReason.UNREACHABLE)
    del exchange
    gc.collect()
    assert not sandbox.requests


def test_a_request_can_be_given_more_time_than_in_the_options(sandbox: Sandbox) -> None:
    """A large file takes longer than a message."""
    sandbox.fail_next(Fault.SLOW, seconds=0.5)
    http = HttpClient(sandbox.url, HttpOptions(timeout_seconds=0.1))
    query = {"access_token": sandbox.robot.access_token}
    assert isinstance(http.post("/robot/send", query=query, body=body_of("x"), timeout_seconds=20), Reply)


@pytest.mark.parametrize(
    "fault", [Fault.RESET_BEFORE_BODY, Fault.RESET_AFTER_BODY_ACCEPTED, Fault.RESET_AFTER_BODY_NOT_ACCEPTED]
)
def test_a_reset_may_have_come_after_the_message(sandbox: Sandbox, fault: Fault) -> None:
    """From here the three look alike, and requests must not repeat the message on its own."""
    sandbox.fail_next(fault)
    assert send_text(sandbox, HttpClient(sandbox.url)) == CUT_OFF
    assert [each.fault for each in sandbox.requests] == [fault]
    assert len(sandbox.messages) == fault.message_accepted


def test_an_answer_that_breaks_off_is_no_answer(raw_server: StartServer) -> None:
    """Half of a body isn't read as a whole one."""

    def half(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + OK)
        connection.shutdown(socket.SHUT_RDWR)

    assert post(HttpClient(raw_server(half).url)) == CUT_OFF


def test_an_answer_that_is_no_http_is_no_answer(raw_server: StartServer) -> None:
    """Whatever else listens on the port isn't DingTalk."""
    server = raw_server(lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"))
    assert post(HttpClient(server.url)) == CUT_OFF


def test_only_the_beginning_of_a_huge_answer_is_read(raw_server: StartServer) -> None:
    """DingTalk's answers are short: what is longer comes from somebody else and must not fill the memory."""
    hung_up = threading.Event()

    def flood(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while not over.is_set():
                connection.sendall(b"x" * 65536)
        except OSError:
            hung_up.set()

    reply = post(HttpClient(raw_server(flood).url, HttpOptions(timeout_seconds=30)))
    assert isinstance(reply, Reply)
    assert reply.body == b"x" * 1024 * 1024
    assert hung_up.wait(10)


def test_a_redirect_is_not_followed(sandbox: Sandbox) -> None:
    """The token must not be carried to wherever a gateway points."""
    sandbox.fail_next(Fault.REDIRECT)
    reply = send_text(sandbox, HttpClient(sandbox.url))
    assert isinstance(reply, Reply)
    assert reply.status == 302
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("through", ["options", "environment"])
def test_a_proxy_gets_the_request(
    raw_server: StartServer, answer: MakeAnswer, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    """A proxy of the connection, or of HTTP_PROXY, is asked for a plain URL, with its password."""
    proxy = raw_server(answer(OK))
    address = proxy.url.replace("http://", "http://user:pass@")
    if through == "environment":
        monkeypatch.setenv("HTTP_PROXY", address)
    options = HttpOptions(proxy=address if through == "options" else None)
    assert isinstance(post(HttpClient("http://oapi.dingtalk.invalid:8080", options)), Reply)
    head = proxy.requests[0].decode()
    assert head.startswith("POST http://oapi.dingtalk.invalid:8080/robot/send?access_token=t HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head


@pytest.mark.parametrize("through", ["options", "environment"])
def test_https_goes_through_a_tunnel_of_the_proxy(
    raw_server: StartServer, answer: MakeAnswer, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    """The proxy learns the host only; one that refuses the tunnel makes DingTalk unreachable."""
    proxy = raw_server(answer(b"", status="403 Forbidden"))
    if through == "environment":
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    http = HttpClient("https://oapi.dingtalk.invalid", HttpOptions(proxy=proxy.url if through == "options" else None))
    assert post(http) == SILENT_FOR_GOOD
    assert proxy.requests[0].startswith(b"CONNECT oapi.dingtalk.invalid:443 HTTP/1.")
    assert b"access_token" not in proxy.requests[0]


def test_no_proxy_of_the_environment_is_honoured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host in NO_PROXY is reached directly: the proxy here would be a dead end."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert send_text(sandbox, HttpClient(sandbox.url)) == SILENT_FOR_GOOD
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert isinstance(send_text(sandbox, HttpClient(sandbox.url)), Reply)


def test_a_dead_proxy_of_the_connection_is_unreachable(sandbox: Sandbox) -> None:
    """The proxy of the connection goes before the direct way."""
    assert send_text(sandbox, HttpClient(sandbox.url, HttpOptions(proxy="http://127.0.0.1:9"))) == SILENT_FOR_GOOD
    assert sandbox.requests == ()


def test_netrc_is_not_asked(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that somebody keeps for this host isn't sent to it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nlogin somebody\npassword secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    send_text(sandbox, HttpClient(sandbox.url))
    assert "authorization" not in sandbox.requests[0].headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself signed, with its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command: install openssl")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path.with_suffix(".key")), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def tls_server(raw_server: StartServer, answer: MakeAnswer, certificate: Path) -> Any:
    """A server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return raw_server(answer(OK), tls=context)


def test_an_unknown_certificate_is_distinguished(tls_server: Any) -> None:
    """Nothing is sent to a server that may be anybody."""
    assert post(HttpClient(tls_server.url)) == UNTRUSTED
    assert tls_server.requests == []


def test_tls_that_breaks_after_the_message_is_no_matter_of_certificates(
    raw_server: StartServer, certificate: Path
) -> None:
    """The message was written, so it may have arrived."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    # Written below the TLS that the client expects.
    server = raw_server(
        lambda connection, _: socket.socket.sendall(connection, b"HTTP/1.1 200 OK\r\n\r\n"), tls=context
    )
    assert post(HttpClient(server.url, HttpOptions(verify=str(certificate)))) == CUT_OFF
    assert len(server.requests) == 1


def test_a_ca_file_of_the_connection_is_trusted(tls_server: Any, certificate: Path) -> None:
    """Behind a company proxy this is how DingTalk is reached."""
    http = HttpClient(tls_server.url, HttpOptions(verify=str(certificate)))
    assert [isinstance(post(http), Reply) for _ in range(3)] == [True] * 3
    assert tls_server.connections == 1


@pytest.mark.parametrize("verify", [None, True], ids=["not given", "true"])
def test_a_ca_file_of_the_environment_is_trusted(
    tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch, verify: bool | None
) -> None:
    """REQUESTS_CA_BUNDLE holds unless the connection names a file."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert isinstance(post(HttpClient(tls_server.url, HttpOptions(verify=verify))), Reply)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_the_check_of_certificates_can_be_switched_off(tls_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """False in the connection goes before the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert isinstance(post(HttpClient(tls_server.url, HttpOptions(verify=False))), Reply)


@pytest.mark.parametrize(
    ("base_url", "options"),
    [
        ("https://127.0.0.1:9", HttpOptions(verify="/nowhere/ca.pem")),
        ("https://[::1", HttpOptions()),
        ("http://" + "a" * 64 + ".example.com", HttpOptions()),
        ("ftp://127.0.0.1", HttpOptions()),
        ("127.0.0.1:9", HttpOptions()),
        ("http://127.0.0.1:9", HttpOptions(proxy="http://[bad")),
        ("http://127.0.0.1:9", HttpOptions(proxy="http://")),
    ],
    ids=["CA file", "IPv6", "long label", "scheme", "no scheme", "proxy", "empty proxy"],
)
def test_an_address_that_cannot_be_used_is_an_error(base_url: str, options: HttpOptions) -> None:
    """It is a person who must change something, not the network."""
    assert post(HttpClient(base_url, options)) == NoReply(NoReplyReason.BAD_ADDRESS)


def test_debug_logs_hold_no_credentials(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 logs path and query of every request."""
    caplog.set_level(logging.DEBUG)
    query = {"access_token": "s3cr3t-token", "timestamp": "1577262236757", "sign": "a+b/c="}
    HttpClient(sandbox.url).post(
        "/robot/send", query=query, body=b"{}", headers={"x-acs-dingtalk-access-token": "s3cr3t-header"}
    )
    assert "/robot/send?access_token=***&timestamp=***&sign=*** HTTP" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "a%2Bb" not in caplog.text


def test_only_what_was_cut_off_or_slow_may_have_arrived() -> None:
    """Whatever else ended a request ended it before anything was sent."""
    assert {each for each in NoReplyReason if each.may_have_arrived} == {NoReplyReason.CUT_OFF, NoReplyReason.TOO_SLOW}


def test_options_hide_the_password_of_a_proxy() -> None:
    """The options may be logged or shown in a traceback."""
    assert "pass" not in repr(HttpOptions(proxy="http://user:pass@proxy.example.com"))
