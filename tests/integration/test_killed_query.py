"""A real task that is killed while a real PostgreSQL works for it: the query ends as well."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import Sandbox
from tests.postgres_servers import PostgresServer, postgres_server

MOST_SECONDS = 240
SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + MOST_SECONDS
    while not is_so() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    return is_so()


def sleeping(server: PostgresServer) -> bool:
    return server.query(SLEEPS) == [(1,)]


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_killed_task_ends_its_query(tmp_path: Path, migrated_database: Path, signal_number: int) -> None:
    """The driver waits in C; if it waited in the main thread, the signal would be handled an hour later."""
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    with postgres_server() as server, Sandbox() as sandbox, (tmp_path / "output").open("wb") as output:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).with_name("dags")),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "AIRFLOW_CONN_DINGTALK_DEFAULT": sandbox.webhook_url,
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(server.connection()),
        }
        command = [sys.executable, "-m", "airflow", "dags", "test", "long_query", "2026-11-22"]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Tests that run in the background ignore SIGINT, and a child would inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it does nothing else
        )
        try:
            begun = wait_until(lambda: sleeping(server), process)
            assert begun, (tmp_path / "output").read_text(errors="replace")[-5000:]
            process.send_signal(signal_number)
            process.wait(MOST_SECONDS)
            assert not sleeping(server)
        finally:
            process.kill()
            process.wait()
        assert not sandbox.messages
