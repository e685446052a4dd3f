"""Real DAG runs on the installed Airflow."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import Sandbox

MOST_SECONDS = 240

DagTest = Callable[..., str]
_FLUSH = "import sys; from airflow_provider_dingpush.cli.main import main; sys.exit(main(['flush', '--now']))"


@pytest.fixture(scope="session")
def dag_test(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> DagTest:
    """Run a DAG of the folder ``dags`` with ``airflow dags test`` in a home of its own; all that Airflow wrote.

    It takes how often it runs for the same date, the home, a team that Airflow knows, the most seconds that one run may
    take, and whether the database shall know the DAGs.
    """

    def run(
        sandbox: Sandbox,
        dag_id: str,
        connections: dict[str, str],
        *,
        times: int = 1,
        home: Path | None = None,
        team: str | None = None,
        seconds: float = MOST_SECONDS,
        knows_dags: bool = False,
    ) -> str:
        home = home or tmp_path_factory.mktemp("airflow")
        shutil.copy(migrated_database, home / "airflow.db")
        if team:
            with closing(sqlite3.connect(home / "airflow.db")) as database, database:
                database.execute("INSERT INTO team (name) VALUES (?)", [team])
        if knows_dags:
            subprocess.run(
                [sys.executable, "-m", "airflow", "dags", "reserialize"],
                env=_environment(home, connections),
                capture_output=True,
                timeout=MOST_SECONDS,
                check=True,
            )
        written = ""
        for _ in range(times):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "dags", "test", dag_id, "2026-11-22"],
                env=_environment(home, connections),
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
            written += done.stdout + done.stderr
        for log in home.rglob("*.log"):
            written += log.read_text(errors="replace")
        return written

    return run


@pytest.fixture(scope="session")
def flushed() -> Callable[[Path, dict[str, str]], str]:
    """Run ``dingpush flush --now`` in a home; what it printed."""

    def run(home: Path, connections: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _FLUSH],
            env=_environment(home, connections),
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def dag_that_waits(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Callable[..., str]:
    """Run a DAG of that folder likewise until enough messages have arrived: it would wait for a person's answer."""

    def run(sandbox: Sandbox, dag_id: str, connections: dict[str, str], *, messages: int) -> str:
        home = tmp_path_factory.mktemp("airflow")
        shutil.copy(migrated_database, home / "airflow.db")
        environment = _environment(home, connections)
        with (home / "output").open("w+b") as output:
            command = [sys.executable, "-m", "airflow", "dags", "test", dag_id, "2026-11-22"]
            running = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
            end = time.monotonic() + MOST_SECONDS
            try:
                while len(sandbox.messages) < messages and running.poll() is None and time.monotonic() < end:
                    time.sleep(0.1)
            finally:
                running.kill()
                running.wait()
        return (home / "output").read_text(errors="replace")

    return run


def _environment(home: Path, connections: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).with_name("dags")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **connections,
    }
