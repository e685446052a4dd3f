"""Many DAGs without a line of this package, which fail in every way: each failure arrives once, and nothing else does.

On a real Airflow, 2 or 3, with ``[dingpush] alert_conn_id`` and the flush DAG. Prints what arrived of each way::

    pytest -m standalone tests/integration/test_whole_airflow.py -s

Takes about ten minutes. ``DINGPUSH_WHOLE_DAGS`` makes it smaller than 200 DAGs; there is at least one of each way.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.covered_alerts import Report, reported_alerts
from tests.integration.failing_dags import (
    FILE,
    FLUSH_FILE,
    NOTES,
    TRIGGERS,
    WAYS,
    Reports,
    Way,
    numbers_of,
)
from tests.integration.whole_airflow import WholeAirflow, whole_airflow

pytestmark = pytest.mark.standalone

DAGS = int(os.environ.get("DINGPUSH_WHOLE_DAGS", "200"))
RUNS_SECONDS = 600 + 6 * DAGS
# So many failures are a storm: each alert is written in time, and sent with the next digest, six minutes later at most.
ALERT_SECONDS = 420
BY_HAND_SECONDS = 300
FINISHED = {"success", "failed"}
# In each process of Airflow, before anything else: what a message reports goes into a file.
SITE = """
from pathlib import Path
from tests.covered_alerts import write_covered_to

write_covered_to(Path({reports!r}))
"""
SECRET = "SEC-of-the-whole-airflow-0123456789"


@dataclass(frozen=True)
class Fleet:
    """All DAGs, and what has arrived of them.

    :param airflow: that runs them.
    :param chat: where alerts arrive.
    :param reports: the file of what messages report.
    """

    airflow: WholeAirflow
    chat: Sandbox
    reports: Path

    def arrived(self) -> Counter[Report]:
        """How often each event was reported."""
        ids = [message.payload["msgUuid"] for message in self.chat.messages]
        return reported_alerts(self.reports.read_text() if ids else "", ids)

    def dags(self, *names: str) -> Iterator[tuple[Way, str]]:
        """Each DAG, with its way; of these ways, or of all whose files can be imported."""
        for way in WAYS:
            if way.name in names or (not names and way.states):
                for number in range(numbers_of(DAGS)[way.name]):
                    yield way, way.dag_id(number)

    def finished(self) -> bool:
        """Whether all runs that should end have ended."""
        runs = self.airflow.runs()
        return all(
            sum(state in FINISHED for state in runs.get(dag_id, {}).values()) >= len(way.states)
            for way, dag_id in self.dags()
        )

    def missing(self) -> bool:
        """Whether something that should arrive hasn't."""
        arrived, counts = by_way(self.arrived()), numbers_of(DAGS)
        return any(way.wanted(counts[way.name]) - arrived[way.name] for way in WAYS)


def by_way(arrived: Mapping[Report, int]) -> dict[str, Reports]:
    """Name of each way -> event and task -> how many of its failures were reported."""
    found: dict[str, Reports] = {way.name: Counter() for way in WAYS}
    names = sorted(found, key=len, reverse=True)
    for (event, dag_id, task_id, _), count in arrived.items():
        if Event(event).is_failure or event == FILE:
            name = next((each for each in names if dag_id.startswith(each)), "broken_file")
            found[name][event, task_id] += count
    return found


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """All DAGs, started."""
    reports, notes = tmp_path / "reports", tmp_path / "notes"
    notes.mkdir()
    now = datetime.now(timezone.utc)
    files = {
        f"{way.dag_id(number)}.py": way.file(number, now=now)
        for way in WAYS
        for number in range(numbers_of(DAGS)[way.name])
    }
    modules = {"failing_triggers.py": TRIGGERS, "sitecustomize.py": SITE.format(reports=str(reports))}
    with Sandbox(robots=(Robot(secret=SECRET),)) as chat:
        connection = {"conn_type": "dingtalk_robot", "password": chat.webhook_url, "extra": {"secret": SECRET}}
        environment = {"AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(connection), NOTES: str(notes)}
        options = {"DINGPUSH__ALERT_CONN_ID": "dingtalk_default"}
        with whole_airflow({**files, "flush.py": FLUSH_FILE}, modules, environment, options) as airflow:
            yield Fleet(airflow, chat, reports)


def act_by_hand(fleet: Fleet) -> None:
    """Do what a person does: mark tasks and runs as failed, and clear failed ones once they were reported."""
    airflow = fleet.airflow
    waiting = {dag_id: way.name for way, dag_id in fleet.dags("marked_failed", "run_marked_failed", "cleared")}

    def act() -> bool:
        runs, arrived = airflow.runs(), {dag_id for _, dag_id, _, _ in fleet.arrived()}
        for dag_id, way in list(waiting.items()):
            for run_id, state in runs.get(dag_id, {}).items():
                if _acted(airflow, way, (dag_id, run_id), state, is_reported=dag_id in arrived):
                    del waiting[dag_id]
        return not waiting

    airflow.wait_until(act, RUNS_SECONDS)


def _acted(airflow: WholeAirflow, way: str, run: tuple[str, str], state: str, *, is_reported: bool) -> bool:
    """Act on a run, if it is time for that; whether nothing is left to do."""
    dag_id, run_id = run
    path = f"dags/{dag_id}/dagRuns/{run_id}"
    if way == "cleared":
        if state == "failed" and is_reported:
            body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "reset_dag_runs": True}
            airflow.change("POST", f"dags/{dag_id}/clearTaskInstances", body)
        return state == "failed" and is_reported
    if airflow.task_states(dag_id).get("load") == "deferred":
        if way == "marked_failed":
            more = {} if is_airflow_3() else {"dry_run": False}
            airflow.change("PATCH", f"{path}/taskInstances/load", {"new_state": "failed", **more})
        else:
            airflow.change("PATCH", path, {"state": "failed"})
        return True
    return state in FINISHED


def flushes(airflow: WholeAirflow) -> int:
    """How many runs of the flush DAG were successful."""
    return sum(state == "success" for state in airflow.runs().get("dingpush_flush", {}).values())


def table(fleet: Fleet, runs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A line for each way; one with a mark at its begin isn't as it should be."""
    arrived, counts = by_way(fleet.arrived()), numbers_of(DAGS)
    lines = []
    for way in WAYS:
        wanted = way.wanted(counts[way.name])
        states = Counter(state for _, dag_id in fleet.dags(way.name) for state in runs.get(dag_id, {}).values())
        mark = " " if wanted == arrived[way.name] else "!"
        lines.append(
            f"{mark} {way.name:20} {counts[way.name]:4} DAGs, runs: {in_words(states):24} "
            f"expected: {in_words(wanted):21} arrived: {in_words(arrived[way.name])}"
        )
    return lines


def in_words(counts: Mapping[Any, int]) -> str:
    """``task_failed load 2, dag_failed 1``."""
    names = {key: " ".join(map(str, filter(None, key))) if isinstance(key, tuple) else str(key) for key in counts}
    return ", ".join(f"{names[key]} {count}" for key, count in sorted(counts.items(), key=str)) or "nothing"


def test_every_failure_arrives_once(fleet: Fleet) -> None:
    airflow, began = fleet.airflow, time.monotonic()
    act_by_hand(fleet)
    airflow.wait_until(fleet.finished, RUNS_SECONDS)
    ran = time.monotonic() - began
    airflow.wait_until(lambda: not fleet.missing(), ALERT_SECONDS)
    before = flushes(airflow)
    # Whatever is still on its way, because it shouldn't be, arrives with these.
    airflow.wait_until(lambda: flushes(airflow) >= before + 2, ALERT_SECONDS)
    runs = airflow.runs()
    lines = table(fleet, runs)
    others = Counter(f"{event} {dag_id}" for event, dag_id, _, _ in fleet.arrived() if not Event(event).is_failure)
    seconds = f"{ran:.0f} s until all runs had ended, {time.monotonic() - began:.0f} s in all"
    print("\n" + "\n".join([*lines, f"Besides: {in_words(others)}", f"{len(fleet.chat.messages)} messages, {seconds}"]))  # noqa: T201 - the table for people
    wrong = [line for line in lines if line.startswith("!")]
    assert not wrong, airflow.log()
    assert {outcome.outcome for outcome in fleet.chat.requests} == {"accepted"}
    states = {
        dag_id: sorted(state for state in runs.get(dag_id, {}).values() if state in FINISHED)
        for _, dag_id in fleet.dags()
    }
    assert states == {dag_id: sorted(way.states) for way, dag_id in fleet.dags()}
