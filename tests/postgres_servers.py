"""A real PostgreSQL server to test with."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Tests may name another one.
_TEMPORARY = tempfile.gettempdir()
PASSWORD = "p@ss:word/of#warehouse"


@dataclass(frozen=True)
class PostgresServer:
    """A running server on a socket in a folder of its own; it asks for the password of the user ``airflow``.

    :param folder: of the socket.
    """

    folder: Path

    def connection(self, password: str = PASSWORD, **extra: Any) -> dict[str, Any]:
        """An Airflow connection to its database, as JSON has it."""
        return {
            "conn_type": "postgres",
            "host": str(self.folder),
            "schema": "postgres",
            "login": "airflow",
            "password": password,
            "extra": extra,
        }

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query through a connection of its own."""
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), dbname="postgres", user="airflow", password=PASSWORD)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server for these tests only."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    for module in ("psycopg2", "airflow.providers.postgres"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} isn't installed: pip install apache-airflow-providers-postgres psycopg2-binary")
    # PostgreSQL refuses to run as root. The path of a socket has at most 107 bytes (unix(7)).
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="dingpush-postgres-", dir=_TEMPORARY) as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        if user:
            for each in (folder, password):
                os.chown(each, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        options = ["-U", "airflow", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        made = subprocess.run(
            [programs / "initdb", "-D", data, *options],
            capture_output=True,
            text=True,
            user=user,
            env=environment,
            cwd="/",
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        command = [
            str(programs / "postgres"),
            "-D",
            str(data),
            "-h",
            "",
            "-k",
            str(folder),
            "-F",
            "-c",
            "lc_messages=C",
        ]
        with subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
            env=environment,
            cwd="/",
        ) as server:
            try:
                assert server.stderr is not None
                printed = []
                for line in server.stderr:
                    printed.append(line)
                    if "ready to accept connections" in line:
                        break
                else:
                    pytest.fail(f"postgres ended: {''.join(printed)}")
                # Or its log would fill the pipe.
                log = subprocess.Popen([shutil.which("cat") or "cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
                try:
                    yield PostgresServer(folder)
                finally:
                    # At once: it would wait for the clients of a test that failed.
                    server.send_signal(signal.SIGQUIT)
                    log.wait()
            finally:
                with suppress(ProcessLookupError):
                    server.kill()


def _programs() -> Path | None:
    """The folder with ``initdb``; Debian keeps it off the path."""
    places = [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    found = next((place for place in reversed(places) if place), None)
    return Path(found).resolve().parent if found else None
