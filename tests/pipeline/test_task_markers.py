"""Markers of running tasks: the kernel says whether a process lives, and no start of a task waits for anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline import airflow_events, task_markers
from airflow_provider_dingpush.pipeline.found_markers import Marker, Markers
from airflow_provider_dingpush.pipeline.outboxes import opened_notes, outbox
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.storage.redis.store import RedisStore
from tests.callback_contexts import task_context
from tests.outbox_in_use import NOBODY, use
from tests.redis_servers import redis_server, slow_network

STORES = ["files", "redis"]


def running_task(**changes: Any) -> SimpleNamespace:
    """A task instance in its own process of Airflow 3."""
    whole = task_context()
    whole.pop("exception")
    return SimpleNamespace(
        **{**vars(whole["ti"]), "state": "running", "task": whole["task"], **changes},
        get_template_context=lambda: whole,
    )


KEY = TaskKey.of(running_task())


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what was sent without waiting."""
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def markers(request: pytest.FixtureRequest, outbox_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Markers]:
    """Those in files, or in a Redis."""
    if request.param == "files":
        yield Markers(outbox_home, outbox().store)
        return
    with redis_server() as server:
        use(server.url, monkeypatch)
        # Over the connection of this process' own markers, so that what it has sent without waiting comes first.
        yield Markers(None, opened_notes(server.url))


class TaskProcess:
    """The process of a task that has started, in a session of its own.

    :param does: what it does after that: it may leave a child behind.
    """

    def __init__(self, does: str = "waits") -> None:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of the tests; the child starts none
            self.pid = os.fork()
        if self.pid == 0:
            self._run(does, writer)
        os.close(writer)
        with open(reader, "rb") as said:
            assert said.read(1) == b"."
        self._lives = True

    def _run(self, does: str, writer: int) -> None:
        try:
            os.setsid()
            task_markers.task_starts(running_task())
            if does == "starts a program":
                subprocess.Popen(["/bin/sleep", "600"], close_fds=False)
            if does != "forks" or os.fork() > 0:
                os.write(writer, b".")
            os.closerange(writer, writer + 1)
            time.sleep(600)
        finally:
            os._exit(1)

    def kill(self) -> None:
        """Kill it alone, and wait for its end."""
        if self._lives:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._lives = False

    def end(self) -> None:
        """Kill it with its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # its children are in its group
        if self._lives:
            os.waitpid(self.pid, 0)


@contextmanager
def task_process(does: str = "waits") -> Iterator[TaskProcess]:
    process = TaskProcess(does)
    try:
        yield process
    finally:
        process.end()


def found(markers: Markers) -> list[Marker]:
    return list(markers.without_living_owner())


@pytest.mark.parametrize("markers", STORES, indirect=True)
@pytest.mark.parametrize("does", ["waits", "forks", "starts a program"])
def test_a_killed_process_leaves_its_marker(markers: Markers, does: str) -> None:
    """Also if a child of it lives on, with all files that were open."""
    with task_process(does) as process:
        assert found(markers) == []
        assert markers.is_there(KEY)
        process.kill()
        (marker,) = found(markers)
        assert marker.key == KEY
        assert marker.owner_is_dead is True
        assert marker.record["task"]["owner"] == "zhangsan"
        markers.remove_if_unchanged(marker)
        assert not markers.is_there(KEY)


@pytest.mark.parametrize("markers", STORES, indirect=True)
def test_a_new_try_replaces_the_marker(markers: Markers) -> None:
    """Whoever has seen that of the old one doesn't remove the new one."""
    with task_process() as process:
        process.kill()
        (old,) = found(markers)
        task_markers.task_starts(running_task(try_number=3))
        assert not markers.is_unchanged(old)
        markers.remove_if_unchanged(old)
        assert markers.is_there(KEY)
        assert found(markers) == []  # this process lives
        task_markers.process_stops()


@pytest.mark.parametrize("markers", STORES, indirect=True)
def test_whoever_ends_a_task_removes_its_marker(markers: Markers) -> None:
    """A person who marks it does, in another process."""
    with task_process():
        task_markers.task_ended(running_task())
        assert not markers.is_there(KEY)
        assert found(markers) == []


@pytest.mark.parametrize("markers", STORES, indirect=True)
def test_a_process_that_stops_removes_what_it_holds(markers: Markers) -> None:
    """Airflow calls no other hook for a task that was deferred or rescheduled."""
    task_markers.task_starts(running_task())
    assert markers.is_there(KEY)
    task_markers.process_stops()
    assert not markers.is_there(KEY)
    task_markers.process_stops()


def test_an_outbox_that_cannot_be_used_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """A task without a marker is a task."""
    (tmp_path / "in_the_way").touch()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "in_the_way"))
    task_markers.task_starts(running_task())
    task_markers.task_ended(running_task())
    task_markers.process_stops()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(outbox_home))
    use(NOBODY, monkeypatch)
    task_markers.task_starts(running_task())
    assert (outbox_home / "tmp" / "redis-is-away").exists()
    task_markers.task_ended(running_task())
    task_markers.process_stops()


@pytest.mark.parametrize("markers", STORES, indirect=True)
def test_whether_a_marker_is_left_is_known(markers: Markers) -> None:
    other = KEY._replace(task_id="another")
    assert not task_markers.are_left([other, KEY])
    task_markers.task_starts(running_task())
    assert task_markers.are_left([other, KEY])
    task_markers.task_ended(running_task())
    assert not task_markers.are_left([other, KEY])


def test_without_redis_no_marker_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the alert of a run waits for nothing."""
    use(NOBODY, monkeypatch)
    assert not task_markers.are_left([KEY])


def test_a_stored_task_instance_has_its_run_and_dag(outbox_home: Path) -> None:
    """Airflow 2's own process has the objects of the database."""
    context = task_context()
    task = SimpleNamespace(**vars(context["task"]), dag=context["dag"])
    stored = SimpleNamespace(
        **{**vars(context["ti"]), "_sa_instance_state": None, "task": task, "dag_run": context["dag_run"]}
    )
    task_markers.task_starts(stored)
    record = json.loads((outbox_home / "markers" / KEY.name).read_bytes())
    task_markers.process_stops()
    assert record["run"]["run_type"] == "manual"
    assert record["dag"]["dag_display_name"] == "etl_daily"


_LOADS = """
import sys
from types import SimpleNamespace
from airflow_provider_dingpush import listeners
from airflow_provider_dingpush.provider_info import get_provider_info
get_provider_info()  # whoever reads an option of Airflow may do that
before = set(sys.modules)
ti = SimpleNamespace(dag_id="etl", run_id="r", task_id="load", map_index=-1, get_template_context=dict)
listeners.on_task_instance_running(ti)
listeners.on_task_instance_success(ti)
listeners.before_stopping(None)
package = "airflow_provider_dingpush."
print(*sorted(name.removeprefix(package) for name in set(sys.modules) - before if name.startswith(package)))
"""


_OF_EACH_TASK = {
    *("airflow_options", "pipeline", "pipeline.homes", "pipeline.task_markers", "pipeline.task_recording"),
    *("storage", "storage.files", "storage.files.disk", "storage.files.markers"),
}
_TO_LOOK = {"airflow_compat", "alerts", "alerts.mailboxes", "pipeline.airflow_events", "pipeline.outboxes"}


@pytest.mark.parametrize(
    ("is_open", "expected"),
    [(False, _OF_EACH_TASK), (True, _OF_EACH_TASK | _TO_LOOK)],
    ids=["nothing is open", "a failure of another task is open"],
)
def test_a_task_that_succeeds_loads_few_modules(tmp_path: Path, is_open: bool, expected: set[str]) -> None:
    """Each module costs every task a part of a millisecond."""
    if is_open:
        opened = tmp_path / "notes" / "open"
        opened.mkdir(parents=True)
        (opened / "another").touch()
    environment = {
        **os.environ,
        "AIRFLOW__DINGPUSH__ALERT_CONN_ID": "dingtalk_default",
        "AIRFLOW__DINGPUSH__HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LOADS], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.splitlines()[-1].split()) == expected


def test_a_start_and_an_end_send_one_request_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the first of a process, which opens the connection."""
    with redis_server() as server, slow_network(server.socket) as network:
        use(network.url, monkeypatch)
        task_markers.task_starts(running_task())
        markers = Markers(None, RedisStore(server.url))
        wait_until(lambda: markers.is_there(KEY))
        assert network.round_trips == 1
        task_markers.task_ended(running_task())
        wait_until(lambda: not markers.is_there(KEY))
        assert network.round_trips == 2


def test_no_answer_of_redis_is_waited_for(monkeypatch: pytest.MonkeyPatch, outbox_home: Path) -> None:
    """Requests that arrive after an hour are no reason to take Redis for one that is away."""
    with redis_server() as server, slow_network(server.socket, seconds=3600.0) as network:
        use(network.url, monkeypatch)
        task_markers.task_starts(running_task())
        task_markers.process_stops()
        wait_until(lambda: network.round_trips > 0)
        assert not (outbox_home / "tmp" / "redis-is-away").exists()


def test_the_look_of_a_success_is_all_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round trip from the start of a task to its end; what it sends besides needs no answer (see above)."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    with redis_server() as server, slow_network(server.socket) as network:
        markers = Markers(None, RedisStore(server.url))
        assert not markers.is_there(KEY)  # the first use of a Redis loads the scripts
        use(network.url, monkeypatch)
        task_markers.task_starts(running_task())
        airflow_events.task_succeeded(running_task(state="success"))
        task_markers.process_stops()
        wait_until(lambda: not markers.is_there(KEY))
        assert network.round_trips == 3  # the marker, the look, its removal


def test_a_forked_child_reads_no_answer_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as server:
        use(server.url, monkeypatch)
        task_markers.task_starts(running_task())
        with task_process():
            pass
        assert opened_notes(server.url).notes("open", 1) == {}
        task_markers.task_ended(running_task())
        markers = Markers(None, RedisStore(server.url))
        wait_until(lambda: not markers.is_there(KEY))
