"""Tasks that are killed, on a real Airflow: told once; cleared, marked by hand and retried ones are silent.

Takes minutes: ``pytest -m standalone``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.integration.standalone_airflow import RunningAirflow, standalone

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(not is_airflow_3(), reason="Airflow 2 has another API"),
]

WAIT_SECONDS = 900
# On a busy machine a request of a task's supervisor takes longer than usual, and the task would fail before it starts.
PATIENCE = {"WORKERS__EXECUTION_API_TIMEOUT": 120, "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 900}
FLUSH_DAG = (
    "from airflow_provider_dingpush.operators import create_flush_dag\ncreate_flush_dag(is_paused_upon_creation=True)\n"
)
DAG_FILE = Path(__file__).with_name("killed_tasks_dags.py")
CGROUPS = Path("/sys/fs/cgroup/memory")
SILENT = {"retried", "cleared", "marked"}
TOLD_OF_TASKS = {"killed", "later", "tolerated", "raises", "pauses", "out_of_memory"}
RULES = "rules:\n" + "".join(
    f"  - {{match: {{dag_id: {dag_id}, event: [task_failed, dag_failed]}}, receiver: of_{dag_id}}}\n"
    for dag_id in sorted(SILENT | TOLD_OF_TASKS | {"times_out"})
)


@pytest.fixture(scope="module")
def cgroup() -> Iterator[Path | None]:
    """A memory cgroup of 400 MB, if this machine lets us make one."""
    folder = CGROUPS / f"dingpush-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(400 * 1024 * 1024))
    except OSError:
        yield None
        return
    yield folder
    with suppress(OSError):
        folder.rmdir()


class Told:
    """What arrived: title and text of each message."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def about(self, dag_id: str) -> list[tuple[str, str]]:
        bodies = [each.payload["markdown"] for each in self._sandbox.messages]
        found = [(body["title"], body["text"].replace("\\", "")) for body in bodies]
        return [(title, text) for title, text in found if f": {dag_id}" in title]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, cgroup: Path | None) -> Iterator[Told]:
    """After everything has happened, and ten more ticks' worth of checks found nothing else."""
    home: Path = tmp_path_factory.mktemp("airflow")
    (home / "rules.yaml").write_text(RULES)
    robots = {f"of_{each}": Robot() for each in sorted(SILENT | TOLD_OF_TASKS | {"times_out"})}
    with Sandbox(robots=tuple(robots.values())) as sandbox:
        extra = {"group_interval_seconds": 0, "language": "en", "send_resolved": False}
        environment = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(
                {
                    "conn_type": "dingtalk_robot",
                    "host": sandbox.url,
                    "password": robot.access_token,
                    "extra": extra,
                }
            )
            for conn_id, robot in robots.items()
        }
        if cgroup:
            environment["DINGPUSH_TEST_CGROUP"] = str(cgroup)
        options = {"DINGPUSH__RULES_FILE": home / "rules.yaml", "CORE__PARALLELISM": 5, **PATIENCE}
        files = {"flush.py": FLUSH_DAG, "killed.py": DAG_FILE.read_text()}
        with standalone(home, files, options, environment) as airflow:
            _let_it_happen(airflow, sandbox, has_cgroup=cgroup is not None)
        _show(*sorted(str(each.payload["markdown"]["text"]) for each in sandbox.messages))
        yield Told(sandbox)


def _let_it_happen(airflow: RunningAirflow, sandbox: Sandbox, *, has_cgroup: bool) -> None:
    def wait(what: str, look: Callable[[], Any]) -> None:
        airflow.wait_until(what, look, WAIT_SECONDS)

    # By hand, because a scheduled run might begin before the API answers.
    left_out = {"later"} if has_cgroup else {"later", "out_of_memory"}
    airflow.start(sorted({*SILENT, *TOLD_OF_TASKS, "times_out"} - left_out))
    wait("a task that sleeps", lambda: _state(airflow, "marked") == "running")
    _call(airflow, "PATCH", f"{_run(airflow, 'marked')}/taskInstances/sleeps", {"new_state": "failed"})
    wait("a task that dies", lambda: _state(airflow, "cleared", task_id="dies_once") == "failed")
    cleared = {"dry_run": False, "dag_run_id": _run_id(airflow, "cleared"), "task_ids": ["dies_once"]}
    _call(airflow, "POST", "/dags/cleared/clearTaskInstances", {**cleared, "only_failed": False})
    for dag_id, state in {
        "cleared": "success",
        "retried": "success",
        "killed": "failed",
        "tolerated": "failed",
    }.items():
        wait(f"{dag_id} {state}", lambda: _state(airflow, dag_id, task_id="dies%") == state)  # noqa: B023
    wait("a run that takes too long", lambda: _run_state(airflow, "times_out") == "failed")
    wait("a run that was marked", lambda: _run_state(airflow, "marked") == "failed")
    _call(airflow, "PATCH", "/dags/dingpush_flush", {"is_paused": False})
    wait("the first alerts", lambda: len(sandbox.messages) >= len(TOLD_OF_TASKS) - 2)
    _call(airflow, "POST", "/dags/later/dagRuns", {"logical_date": None})
    wait("the later alert", lambda: any("later" in str(each.payload["markdown"]["title"]) for each in sandbox.messages))
    took = time.time() - float((airflow.home / "killed_at").read_text())
    _show(f"From the kill to its alert: {took:.0f} s")
    # What the scheduler noted is looked at a minute later: two more flushes, and nothing arrives twice.
    done = _flushes(airflow)
    wait("three more flushes", lambda: _flushes(airflow) >= done + 3)


def _show(*lines: str) -> None:
    """For whoever runs it with ``-s``."""
    sys.stderr.write("\n".join(["", *lines, ""]))


def _call(airflow: RunningAirflow, method: str, path: str, body: Any) -> None:
    headers = {"Authorization": f"Bearer {airflow.token}"}
    answer = requests.request(method, f"{airflow.url}/api/v2{path}", json=body, headers=headers, timeout=60)
    assert answer.ok, (path, answer.text)


def _rows(airflow: RunningAirflow, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


def _state(airflow: RunningAirflow, dag_id: str, *, task_id: str = "%") -> str | None:
    rows = _rows(airflow, "SELECT state FROM task_instance WHERE dag_id = ? AND task_id LIKE ?", dag_id, task_id)
    return rows[0][0] if rows else None


def _run_id(airflow: RunningAirflow, dag_id: str) -> str:
    return str(_rows(airflow, "SELECT run_id FROM dag_run WHERE dag_id = ?", dag_id)[0][0])


def _run(airflow: RunningAirflow, dag_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(_run_id(airflow, dag_id), safe='')}"


def _run_state(airflow: RunningAirflow, dag_id: str) -> str | None:
    rows = _rows(airflow, "SELECT state FROM dag_run WHERE dag_id = ?", dag_id)
    return rows[0][0] if rows else None


def _flushes(airflow: RunningAirflow) -> int:
    return int(
        _rows(airflow, "SELECT count(*) FROM dag_run WHERE dag_id = 'dingpush_flush' AND state = 'success'")[0][0]
    )


@pytest.mark.parametrize("dag_id", ["killed", "later", "tolerated", "out_of_memory"])
def test_a_killed_task_is_told_once(told: Told, dag_id: str, cgroup: Path | None) -> None:
    if dag_id == "out_of_memory" and cgroup is None:
        pytest.skip(f"no memory cgroup can be made in {CGROUPS}: that needs root and cgroup v1")
    ((title, text),) = told.about(dag_id)
    assert "killed from outside" in text
    if dag_id == "tolerated":
        assert title.startswith("Failed: ")
        assert "[View log" in text
        assert "Owner: zhangsan" in text
    else:  # its run failed as well, which is a remark in the same message
        assert title.startswith("1 failure: ")
        assert "run failed" in text


def test_it_shows_the_end_of_its_log(told: Told) -> None:
    ((_, text),) = told.about("tolerated")
    assert "> the last line before the end" in text


@pytest.mark.parametrize("dag_id", sorted(SILENT))
def test_nobody_is_notified_of_what_is_over_or_was_meant(told: Told, dag_id: str) -> None:
    """Cleared, retried, or marked by hand in the same minute."""
    about = told.about(dag_id)
    assert [title for title, _ in about if not title.startswith("Run failed")] == []
    if dag_id != "marked":  # its run failed because of the state that was set
        assert about == []


def test_a_task_that_fails_by_itself_is_told_once_in_detail(told: Told) -> None:
    """The net of the scheduler knows it, too."""
    ((title, text),) = told.about("raises")
    assert title == "Failed: raises · fails"
    assert "ValueError: no such table" in text


def test_the_failure_that_pauses_its_dag_says_so(told: Told) -> None:
    text = "\n".join(text for _, text in told.about("pauses"))
    assert "Failure 1 of 1 in a row: Airflow pauses this DAG now." in text
    assert text.count("no such partition") == 1


def test_a_run_that_takes_too_long_says_so(told: Told) -> None:
    ((title, text),) = told.about("times_out")
    assert title == "Run failed: times_out"
    assert "ran too long (dagrun_timeout)" in text
