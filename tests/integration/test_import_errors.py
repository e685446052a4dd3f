"""DAG files that can't be imported, from the DAG processor of the installed Airflow to the chat."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.pipeline.import_errors import BROKEN_FILES
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.conftest import MOST_SECONDS
from tests.integration.test_all_dags import SECRET, settings, titles

Flushed = Callable[[Path, dict[str, str]], str]
SHARED = 'PASSWORD = "hunter2"\nraise ValueError(f"no route to db-17, password={PASSWORD}")\n'
# With a DAG: of a file without one Airflow 3.0 keeps the error for ever.
DAG_FILE = """
import common_of_all
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models.dag import DAG
dag = DAG(__file__.rpartition("/")[2], schedule=None)
"""


def parse(home: Path, environment: dict[str, str]) -> str:
    """Parse each DAG file, as Airflow does; what it printed. With SQLite, Airflow 2 does it in its scheduler."""
    command = ["dag-processor", "--num-runs", "1"] if is_airflow_3() else ["scheduler", "--num-runs", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    return done.stdout + done.stderr


def pass_time(home: Path) -> None:
    """Let what was heard of broken files be an hour older."""
    for note in (home / "dingpush" / "notes" / BROKEN_FILES).iterdir():
        os.utime(note, (note.stat().st_atime, note.stat().st_mtime - 3_600))


def broken_titles(sandbox: Sandbox) -> list[str]:
    """Which file is named depends on which one was parsed first."""
    return [re.sub(r"etl_\d", "etl_?", each) for each in sorted(titles(sandbox), reverse=True)]


def test_from_the_dag_processor_to_the_chat(flushed: Flushed, migrated_database: Path, tmp_path: Path) -> None:
    """Each file once, although Airflow 3.0 calls each error new at every parse; and the end."""
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "common_of_all.py").write_text(SHARED)
    for number in range(5):
        (dags / f"etl_{number}.py").write_text(DAG_FILE)
    broken, again = (
        f"DAG file can{what} and 4 more files" for what in ("'t be imported: etl_?.py", " be imported again: etl_?.py")
    )
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        environment = settings(sandbox, alert_conn_id="dingtalk_default", language="en")
        written = ""
        for _ in range(2):
            written += parse(tmp_path, environment)
        written += flushed(tmp_path, environment)
        assert broken_titles(sandbox) == [broken], written[-5000:]
        text = sandbox.messages[0].payload["markdown"]["text"].replace("\\", "")
        assert 'At: common_of_all.py:2\n\n> raise ValueError(f"no route to db-17, password=***' in text
        assert "- Files: etl_0–4.py (5 in all)" in text
        assert "hunter2" not in text

        pass_time(tmp_path)  # the DAG processor has stood still, and Airflow's database still has the errors
        written += flushed(tmp_path, environment)
        assert broken_titles(sandbox) == [broken], written[-5000:]

        (dags / "common_of_all.py").write_text("")
        (dags / "etl_4.py").unlink()
        written += parse(tmp_path, environment)
        pass_time(tmp_path)
        written += flushed(tmp_path, environment)
        assert broken_titles(sandbox) == [broken, again], written[-5000:]
