"""The connections of ``requests``, bound to the request that uses them.

Each does name lookup, connecting, proxy tunnel and TLS handshake within the time limits of its request, and writes
nothing for an abandoned request. Otherwise ``requests`` and urllib3 work as usual.
"""

from __future__ import annotations

import functools
import socket
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.dingtalk.connecting import first_to_accept
from airflow_provider_dingpush.dingtalk.in_flight import InFlight, Step, current

if TYPE_CHECKING:
    from typing import Any as _Mixin

    from requests.adapters import HTTPAdapter
else:
    _Mixin = object

# Routers and gateways drop a connection that is idle for a minute, some of them silently.
_LONGEST_IDLE_SECONDS = 50.0
_HTTPS_PORT = 443


def adapter() -> HTTPAdapter:
    """An adapter of ``requests`` with such connections, also through proxies."""
    from requests.adapters import HTTPAdapter

    made: HTTPAdapter = type("Adapter", (_Adapter, HTTPAdapter), {})()
    return made


class _Adapter(_Mixin):  # type: ignore[misc]
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        if is_new:
            _watch(manager)
        return manager


def _watch(manager: Any) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in pools.items()}


@functools.cache
def _watched(pool: Any) -> Any:
    connection = type("Connection", (_Connection, pool.ConnectionCls), {})
    return type("Pool", (_Pool, pool), {"ConnectionCls": connection})


class _Pool(_Mixin):  # type: ignore[misc]
    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if connection.sock is not None and time.monotonic() - connection.used_at > _LONGEST_IDLE_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        request = current()
        if request is not None:
            request.release()
        super()._put_conn(conn)


class _Connection(_Mixin):  # type: ignore[misc]
    """Wraps the steps between ``http.client`` and the network."""

    used_at = 0.0
    # While a request is written: the request, and whether its head is still to be written.
    _request: InFlight | None = None
    _head_to_come = False

    def _new_conn(self) -> socket.socket:
        request = current()
        if request is None:
            return super()._new_conn()  # type: ignore[no-any-return]
        request.begin_connecting()
        if hasattr(self, "_socks_options"):
            # PySocks connects by itself, within the time limit of the pool.
            request.at(Step.TUNNEL, self._socks_options["proxy_host"], self._socks_options["proxy_port"])
            made: socket.socket = super()._new_conn()
        else:
            made = self._connected(request)
        if self.default_port == _HTTPS_PORT:
            request.at(Step.TLS, self.host, self.port)
        try:
            made.settimeout(request.connect_seconds_left())
        except TimeoutError:
            made.close()
            raise
        return made

    def _connected(self, request: InFlight) -> socket.socket:
        from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError
        from urllib3.util.connection import allowed_gai_family

        def prepare(fresh: socket.socket) -> None:
            for option in self.socket_options or ():
                fresh.setsockopt(*option)

        where = (f"the proxy {self.host}" if self.proxy else self.host, self.port)
        host = self._dns_host.strip("[]")
        try:
            host.encode("idna")
        except UnicodeError:
            raise LocationParseError(f"'{host}', label empty or too long") from None
        try:
            request.at(Step.LOOKUP, *where)
            infos = socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
            request.at(Step.CONNECT, *where)
            # Raises if the lookup has taken too long.
            request.connect_seconds_left()
            in_order = request.ordered(infos)
            made, address = first_to_accept(in_order, until=request.connect_until, prepare=prepare)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no address accepted in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no address accepted") from error
        asked = [info[4] for info in in_order]
        request.accepted(address, asked[: asked.index(address)])
        return made

    def _tunnel(self) -> None:
        request = current()
        if request is None:
            super()._tunnel()
            return
        request.at(Step.TUNNEL, self.host, self.port)
        self.sock.settimeout(request.connect_seconds_left())
        super()._tunnel()
        request.at(Step.TLS, self._tunnel_host, self._tunnel_port)
        self.sock.settimeout(request.connect_seconds_left())

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **more: Any) -> None:
        request = current()
        if request is None:
            super().request(method, url, body=body, headers=headers, **more)
            return
        if self.sock is None:
            self.connect()
        request.at(Step.WRITE, self._tunnel_host or self.host, self._tunnel_port or self.port)
        self._request, self._head_to_come = request, bool(body)
        try:
            super().request(method, url, body=body, headers=headers, **more)
        finally:
            self._request, self.used_at = None, time.monotonic()

    def send(self, data: Any) -> None:
        request = self._request
        if request is None or self._head_to_come:
            self._head_to_come = False
            super().send(data)
            return
        # The message itself, or the head of a request that has no body.
        self.sock.settimeout(request.may_write(self.sock))
        super().send(data)
