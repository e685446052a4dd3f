"""A web server that answers as Airflow's health endpoint does, and can be told to answer anything else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

V2, V1, PLAIN = "/api/v2/monitor/health", "/api/v1/health", "/health"


def heartbeat(seconds_ago: float) -> str:
    """A time as Airflow writes it."""
    return datetime.fromtimestamp(time.time() - seconds_ago, timezone.utc).isoformat()


def component(name: str, status: str | None = "healthy", seconds_ago: float | None = 1.0) -> dict[str, Any]:
    latest = None if seconds_ago is None or status is None else heartbeat(seconds_ago)
    return {"status": status, f"latest_{name}_heartbeat": latest}


class Airflow:
    """What the server answers: Airflow 3's health on its path, everything healthy and no DAG processor of its own."""

    def __init__(self) -> None:
        self.path = V2
        self.status = 200
        self.body: bytes | None = None
        self.health: dict[str, Any] = {
            "metadatabase": {"status": "healthy"},
            "scheduler": component("scheduler"),
            "triggerer": component("triggerer"),
            "dag_processor": component("dag_processor"),
        }
        self.url = ""
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path != self.path:
            return 404, b"<html>Airflow 404 = lots of circles</html>"
        return self.status, json.dumps(self.health).encode() if self.body is None else self.body

    def set(self, name: str, status: str | None, seconds_ago: float | None = 1.0) -> None:
        self.health[name] = component(name, status, seconds_ago)


@contextmanager
def health_server() -> Iterator[Airflow]:
    """Such a server on a free port."""
    airflow = Airflow()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = airflow.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    airflow.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield airflow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
