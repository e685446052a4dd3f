"""One HTTP request with limits on connecting, reading, size, and total wall-clock time.

Socket timeouts don't cover a stuck name lookup or a body that arrives byte by byte, so the request runs in a second
thread, which is abandoned when the time is over; after that it writes nothing more. The result is returned as a value,
never raised: the text of a ``requests`` exception contains the whole URL with the access token, and even a suppressed
exception is kept as context. A token in a header isn't logged either: urllib3 logs no headers.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from airflow_provider_dingpush.dingtalk.defaults import DEFAULT_TIMEOUT_SECONDS
from airflow_provider_dingpush.dingtalk.in_flight import InFlight
from airflow_provider_dingpush.timeouts import call_within

if TYPE_CHECKING:
    import requests

JSON = "application/json; charset=utf-8"
# The result of a work notification to 5,000 people takes about 200,000 bytes.
_MOST_REPLY_BYTES = 1024 * 1024
# Small, so that an abandoned thread ends soon if the body arrives slowly.
_PIECE_BYTES = 64
_ANSWERED = "it answered "
_REQUIRES_PASSWORD = f"{_ANSWERED}407"
_PROXY_REFUSED = r"Tunnel connection failed: (\d{3}[ \w-]{0,60})"
_CREDENTIALS_IN_URL = r"\b(access_token|timestamp|sign)=[^&\s\"']+"


@dataclass(frozen=True)
class HttpOptions:
    """How to reach DingTalk.

    :param timeout_seconds: the time limit of one request, in seconds; connecting may take half of it, but at least 3
        and at most 10.
    :param proxy: URL of an HTTP proxy; ``None`` uses ``HTTPS_PROXY`` and ``NO_PROXY``.
    :param verify: check the server's certificate: true, false, or the path of a CA bundle. ``None`` uses
        ``REQUESTS_CA_BUNDLE``.
    """

    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    # A proxy URL may hold a password.
    proxy: str | None = field(default=None, repr=False)
    verify: bool | str | None = None


class Reply(NamedTuple):
    """The reply of the server."""

    status: int
    body: bytes
    content_type: str = ""


class NoReplyReason(Enum):
    """Why there is no answer, as a text that follows "No answer from DingTalk: "."""

    UNREACHABLE = "the connection could not be made"
    CERTIFICATE = "its certificate could not be verified"
    BAD_ADDRESS = "the base URL, the proxy URL or the CA bundle of the connection can't be used"
    CUT_OFF = "the connection broke after the message was sent"
    TOO_SLOW = "it took too long"

    @property
    def may_have_arrived(self) -> bool:
        """Whether the message may have reached DingTalk nevertheless."""
        return self in (NoReplyReason.CUT_OFF, NoReplyReason.TOO_SLOW)


@dataclass(frozen=True)
class NoReply:
    """Why there is no answer.

    :param detail: which step failed or took too long, with host and port, as a text.
    """

    why: NoReplyReason
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.why.value}: {self.detail}" if self.detail else self.why.value


class HttpClient:
    """Sends requests to one base URL over connections that are kept open.

    Safe to use from several threads. A forked process opens its own connections.

    :param base_url: scheme, host, and optionally port and path prefix.
    :param options: limits, proxy and certificates.
    """

    def __init__(self, base_url: str, options: HttpOptions | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.options = options or HttpOptions()
        # By process: a forked one must not use its parent's connections.
        self._sessions: dict[int, _Session] = {}
        # Addresses that are tried last.
        self._dead: set[Any] = set()

    def post(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        body: bytes,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Reply | NoReply:
        """Post, and return within the time limit, whatever the network does. Never raises for a network problem.

        :param path: appended to the base URL.
        :param query: plain values; they are percent-encoded here, once.
        :param timeout_seconds: the limit of this request, in seconds; that of the options if not given.
        :param headers: sent besides the usual ones.
        """
        all_headers = {"Content-Type": content_type, **(headers or {})}
        return self._ask(_Request("POST", self._url(path, query), all_headers, body), timeout_seconds)

    def put(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        body: bytes,
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | NoReply:
        """Put JSON, and return within the time limit, as :meth:`post` does."""
        all_headers = {"Content-Type": JSON, **(headers or {})}
        return self._ask(_Request("PUT", self._url(path, query), all_headers, body), timeout_seconds)

    def get(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        timeout_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | NoReply:
        """Get, and return within the time limit, as :meth:`post` does."""
        return self._ask(_Request("GET", self._url(path, query), headers or {}), timeout_seconds)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return f"{self.base_url}{path}?{urlencode(query)}" if query else f"{self.base_url}{path}"

    def _ask(self, request: _Request, timeout_seconds: float | None) -> Reply | NoReply:
        limit = self.options.timeout_seconds if timeout_seconds is None else max(0.001, timeout_seconds)
        exchange = _Exchange(self, request, InFlight(limit, self._dead))
        try:
            return call_within(limit, exchange.run)
        except TimeoutError:
            may_arrive = exchange.in_flight.abandon()
        except BaseException:
            # A task's own time limit, or its end, interrupts the caller.
            exchange.in_flight.abandon()
            raise
        if may_arrive:
            return NoReply(NoReplyReason.TOO_SLOW, exchange.in_flight.why_no_answer())
        return NoReply(NoReplyReason.UNREACHABLE, exchange.in_flight.why_not_sent())

    def close(self) -> None:
        """Close the connections that are kept open."""
        kept = self._sessions.pop(os.getpid(), None)
        if kept is not None:
            kept[0].close()

    def session(self) -> _Session:
        """The open session, the proxies and certificates for this base URL, and a request to fill in."""
        kept = self._sessions.get(os.getpid())
        return kept or self._sessions.setdefault(os.getpid(), self._new_session())

    def _new_session(self) -> _Session:
        import requests

        from airflow_provider_dingpush.dingtalk.transport import adapter

        _keep_credentials_out_of_debug_logs()
        session = requests.Session()
        session.headers["User-Agent"] = "airflow-provider-dingpush"
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter())
        proxies = {"http": self.options.proxy, "https": self.options.proxy} if self.options.proxy else {}
        environment: dict[str, Any] = dict(
            session.merge_environment_settings(self.base_url, proxies, False, self.options.verify, None)
        )
        # From here on the environment is not read again: requests would read proxies and ~/.netrc for every message,
        # and a netrc entry would add an unrelated Authorization header.
        session.trust_env = False
        return session, environment, session.prepare_request(requests.Request("GET", self.base_url))


_Session = tuple["requests.Session", dict[str, Any], "requests.PreparedRequest"]


@dataclass(frozen=True, repr=False)
class _Request:
    """The request to send. URL, headers and body may hold credentials, so it has no repr."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class _Exchange:
    """One request, run in another thread so that its caller can return before its end."""

    def __init__(self, http: HttpClient, request: _Request, in_flight: InFlight) -> None:
        self._http = http
        self._request = request
        self.in_flight = in_flight

    def run(self) -> Reply | NoReply:
        try:
            with self.in_flight:
                return self._reply()
        except Exception as error:  # noqa: BLE001 - any error becomes a value
            self.in_flight.failed()
            return _no_reply_reason(error, self.in_flight)

    def _reply(self) -> Reply:
        session, environment, blank = self._http.session()
        # Filling in a request that was prepared once costs half of preparing each.
        request = blank.copy()
        request.method, request.url = self._request.method, self._request.url
        request.headers.update(self._request.headers)
        request.prepare_body(self._request.body, None)
        # Without the session's own methods, which follow redirects and keep cookies.
        response = session.get_adapter(request.url).send(
            request,
            timeout=(self.in_flight.connect_seconds, self.in_flight.limit_seconds),
            **{**environment, "stream": True},
        )
        # A connection that was read to its end is in the pool again, so this closes only one that can't be kept.
        with response:
            return Reply(response.status_code, self._body_of(response), response.headers.get("Content-Type", ""))

    def _body_of(self, response: requests.Response) -> bytes:
        body = b""
        while len(body) < _MOST_REPLY_BYTES and not self.in_flight.is_abandoned:
            piece = response.raw.read(_PIECE_BYTES, decode_content=True)
            if not piece:
                break
            body += piece
        return body


def _no_reply_reason(error: Exception, in_flight: InFlight) -> Reply | NoReply:
    """Classify a failure by whether the message may have reached DingTalk."""
    from requests import exceptions as high
    from urllib3.exceptions import TimeoutError as AnyTimeoutError

    causes = list(_causes(error))
    if in_flight.written:
        if any(isinstance(each, (TimeoutError, AnyTimeoutError)) for each in causes):
            return NoReply(NoReplyReason.TOO_SLOW, in_flight.why_no_answer())
        return NoReply(NoReplyReason.CUT_OFF)
    if any(isinstance(each, (ssl.SSLCertVerificationError, ssl.CertificateError)) for each in causes):
        return NoReply(NoReplyReason.CERTIFICATE)
    # These are ValueErrors of requests, and the OSError of a CA bundle that doesn't exist.
    if isinstance(error, ValueError) or (isinstance(error, OSError) and not isinstance(error, high.RequestException)):
        return NoReply(NoReplyReason.BAD_ADDRESS)
    reason = _reason(causes)
    if _REQUIRES_PASSWORD in reason:
        # The same reply as for a message that goes through the proxy without a tunnel.
        return Reply(407, b"")
    return NoReply(NoReplyReason.UNREACHABLE, in_flight.why_not_sent(reason))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes, the outermost first: requests and urllib3 store them in various attributes."""
    found: list[object] = [error]
    for each in found:
        if isinstance(each, BaseException):
            yield each
            inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
            found += [one for one in inner if isinstance(one, BaseException) and not any(one is old for old in found)]


def _reason(causes: list[BaseException]) -> str:
    """The system's or the proxy's text for the problem; empty if something took too long."""
    refused = next((match for each in causes if (match := re.search(_PROXY_REFUSED, str(each)))), None)
    if refused:
        return f"{_ANSWERED}{refused[1]}"
    if any(isinstance(each, TimeoutError) for each in causes):
        return ""
    words = [each.strerror or getattr(each, "reason", None) for each in causes if isinstance(each, OSError)]
    return next((str(each) for each in reversed(words) if isinstance(each, str)), "the connection was closed")


class _CredentialsFilter(logging.Filter):
    """Masks the query of requests that urllib3 logs at DEBUG, because DingTalk's token is in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                re.sub(_CREDENTIALS_IN_URL, r"\1=***", each) if isinstance(each, str) else each for each in record.args
            )
        return True


_CREDENTIALS_FILTER = _CredentialsFilter()


def _keep_credentials_out_of_debug_logs() -> None:
    logging.getLogger("urllib3.connectionpool").addFilter(_CREDENTIALS_FILTER)
