"""What a message costs through a reused hook, beside a bare ``requests.Session`` and the official provider's hook.

    python tests/benchmarks/send_cost.py [--messages 300] [--rounds 9]

Prints the median of the rounds, in microseconds a message, and ratios. The official hook takes part if
``apache-airflow-providers-dingding`` is installed. Rounds take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import socketserver
import statistics
import tempfile
import time
from collections.abc import Callable

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
ANSWER = b'{"errcode":0,"errmsg":"ok"}'
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(ANSWER)).encode()
    + b"\r\n\r\n"
    + ANSWER
)


class Echo(socketserver.BaseRequestHandler):
    """Answers each request of a connection with the same success, as cheaply as can be."""

    def handle(self) -> None:
        """Read requests until the client closes."""
        waiting = b""
        while True:
            head, separator, rest = waiting.partition(b"\r\n\r\n")
            if separator:
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                if len(rest) >= length:
                    waiting = rest[length:]
                    self.request.sendall(RESPONSE)
                    continue
            received = self.request.recv(65536)
            if not received:
                return
            waiting += received


class Server(socketserver.ThreadingTCPServer):
    """On a free port of this machine."""

    daemon_threads = True
    disable_nagle_algorithm = True


def bare_session(url: str) -> Callable[[], object]:
    """The measure: the same bytes through a session that is kept open."""
    import requests

    session = requests.Session()
    body = json.dumps({"msgtype": "text", "text": {"content": "hello"}}).encode()
    return lambda: session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=5).json()


def our_hook(url: str) -> Callable[[], object]:
    """A reused hook of this package, with a signature."""
    from airflow_provider_dingpush.hooks import DingTalkRobotHook
    from airflow_provider_dingpush.messages import Text

    os.environ["AIRFLOW_CONN_DINGTALK_DEFAULT"] = f"{url}&secret=SEC0123456789"
    hook, message = DingTalkRobotHook(), Text("hello")
    return lambda: hook.send(message)


def official_hook(url: str) -> Callable[[], object]:
    """The hook of apache-airflow-providers-dingding, as its operator makes it for each message."""
    from airflow.providers.dingding.hooks.dingding import DingdingHook  # type: ignore[import-not-found]

    base, _, token = url.partition("/robot/send?access_token=")
    os.environ["AIRFLOW_CONN_DINGDING_DEFAULT"] = json.dumps({"conn_type": "dingding", "host": base, "password": token})
    hook = DingdingHook(dingding_conn_id="dingding_default", message_type="text", message="hello")
    send: Callable[[], object] = hook.send
    return send


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    # Airflow's own loggers print each message otherwise, which would be most of what is measured.
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
    logging.disable(logging.CRITICAL)
    server = Server(("127.0.0.1", 0), Echo)
    # A process of its own: a server thread here would fight with the senders for the interpreter's lock.
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/robot/send?access_token=0123456789abcdef"
    senders: dict[str, Callable[[], object]] = {"requests.Session": bare_session(url), "this hook": our_hook(url)}
    try:
        senders["official hook"] = official_hook(url)
    except ImportError:
        print("official hook: not installed (pip install apache-airflow-providers-dingding)")
    taken: dict[str, list[float]] = {name: [] for name in senders}
    for _ in range(options.rounds):
        for name, send in senders.items():
            started = time.perf_counter()
            for _ in range(options.messages):
                send()
            taken[name].append((time.perf_counter() - started) / options.messages * 1e6)
    process.terminate()
    process.join()
    server.server_close()
    measure = statistics.median(taken["requests.Session"])
    for name, rounds in taken.items():
        median = statistics.median(rounds)
        print(f"{name:18} {median:7.0f} µs a message, {median / measure:4.2f} x a bare session")


if __name__ == "__main__":
    main()
