"""Real Redis servers to test with, and a slow network between them and us."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

# Tests may name another one.
_TEMPORARY = tempfile.gettempdir()


@dataclass(frozen=True)
class RedisServer:
    """A running ``redis-server`` on a socket in a folder of its own.

    :param process: it, for signals.
    :param socket: where it listens.
    """

    process: subprocess.Popen[str]
    socket: Path

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A Redis for these tests only, with options as on its command line."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server isn't installed: apt-get install redis-server")
    if importlib.util.find_spec("redis") is None:
        pytest.skip("redis-py isn't installed: pip install 'airflow-provider-dingpush[redis]'")
    # Not pytest's own folder: the path of a socket has at most 107 bytes (unix(7)).
    with tempfile.TemporaryDirectory(prefix="dingpush-redis-", dir=_TEMPORARY) as folder:
        path = Path(folder, "redis.sock")
        command = [program, "--port", "0", "--unixsocket", str(path), "--dir", folder, "--save", "", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                assert server.stdout is not None
                printed = []
                for line in server.stdout:
                    printed.append(line)
                    if "eady to accept connections" in line or "+monitor" in line or "Sentinel ID" in line:
                        break
                else:
                    pytest.fail(f"redis-server ended: {''.join(printed)}")
                yield RedisServer(server, path)
            finally:
                server.kill()


class SlowNetwork:
    """A TCP port of this machine that leads to a Redis, and takes so long to carry a request there.

    :param target: the socket of the Redis.
    :param seconds: how much longer a round trip takes, in seconds; it may be changed while it runs.
    """

    def __init__(self, target: Path, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.round_trips = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def close(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        # What it has just accepted is in the list then.
        self._acceptor.join()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._open += [client, server]
                server.connect(str(self._target))
            except OSError:
                return
            for source, sink, delayed in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._carry, args=(source, sink, delayed), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, delayed: bool) -> None:
        """Carry bytes one way; what comes meanwhile isn't held up twice, so that a pipeline is one round trip."""
        waiting: deque[tuple[float, bytes]] = deque()
        came = threading.Condition()

        def deliver() -> None:
            while True:
                with came:
                    came.wait_for(lambda: bool(waiting))
                    due, chunk = waiting.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                with suppress(OSError):
                    if not chunk:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(chunk)

        threading.Thread(target=deliver, daemon=True).start()
        while True:
            try:
                chunk = source.recv(65536)
            except OSError:
                chunk = b""
            with came:
                self.round_trips += delayed and bool(chunk)
                waiting.append((time.monotonic() + (self.seconds if delayed else 0.0), chunk))
                came.notify()
            if not chunk:
                return


@contextmanager
def slow_network(target: Path, seconds: float = 0.0) -> Iterator[SlowNetwork]:
    """A slow network to a Redis, for as long as the block lasts."""
    network = SlowNetwork(target, seconds)
    try:
        yield network
    finally:
        network.close()
