"""Markers without a process, and the database of the installed Airflow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from airflow_provider_dingpush.pipeline import task_markers
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.test_all_dags import SECRET, settings, titles

DagTest = Callable[..., str]


@contextmanager
def database(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(home / "airflow.db")) as connection, connection:
        yield connection


def leave_markers(home: Path) -> list[Path]:
    """One of each task instance of the DAG, as if each process had been killed."""
    with database(home) as connection:
        names = {row[1] for row in connection.execute("PRAGMA table_info(task_instance)")}
        # 3.4 has a row for each try, and another name for the index.
        query = "SELECT run_id, task_id, {}, try_number FROM task_instance WHERE dag_id = 'no_notifier' {}"
        is_old = "map_index" in names
        query = query.format("map_index", "") if is_old else query.format("region_index", "AND working_set")
        rows = connection.execute(query).fetchall()
    folder = home / "dingpush" / "markers"
    folder.mkdir(parents=True)
    paths = []
    for run_id, task_id, map_index, tries in rows:
        key = TaskKey("no_notifier", run_id, task_id, map_index)
        record = {
            "key": list(key),
            "ti": {"try_number": tries, "hostname": "worker-7"},
            "task": {"owner": "zhangsan"},
            "dag": {"tags": ["core"]},
            "run": {},
            "process": [task_markers.machine()],
        }
        paths.append(folder / key.name)
        paths[-1].write_text(json.dumps(record))
    return paths


@pytest.mark.parametrize("by_hand", [False, True])
def test_only_what_failed_by_itself_is_reported(
    by_hand: bool, dag_test: DagTest, flushed: DagTest, tmp_path: Path
) -> None:
    """Nobody reported anything: alerts for all DAGs were off while it ran."""
    with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
        dag_test(sandbox, "no_notifier", settings(sandbox), home=tmp_path)
        markers = leave_markers(tmp_path)
        assert len(markers) == 4
        if by_hand:
            with database(tmp_path) as connection:
                connection.execute(
                    "INSERT INTO log (dttm, dag_id, task_id, run_id, event, owner, extra) SELECT end_date, dag_id, "
                    "task_id, run_id, 'patch_task_instance', 'admin', '{}' FROM task_instance WHERE state = 'failed'"
                )
        written = flushed(tmp_path, settings(sandbox, alert_conn_id="dingtalk_default"))
        assert titles(sandbox) == ([] if by_hand else ["Failed: no_notifier · some_fail [1]"]), written[-5000:]
        assert [each for each in markers if each.exists()] == []
        if not by_hand:
            assert "The task was killed from outside" in sandbox.messages[0].payload["markdown"]["text"]
