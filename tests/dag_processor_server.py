"""The health page of an Airflow 3, as far as the DAG processor is concerned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class HealthServer:
    """Answers with what is set.

    :param dag_processor: its part of the answer.
    """

    def __init__(self, dag_processor: Any) -> None:
        self.dag_processor = dag_processor
        self.asked = 0
        self.url = ""


@contextmanager
def health_server(status: str | None = "healthy") -> Iterator[HealthServer]:
    """A server on a free port."""
    state = HealthServer({"status": status, "latest_dag_processor_heartbeat": "2026-11-27T00:00:00+00:00"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            found = self.path == "/api/v2/monitor/health"
            body = json.dumps({"dag_processor": state.dag_processor}).encode() if found else b"not here"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
