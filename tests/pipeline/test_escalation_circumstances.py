"""What decides whether an incident escalates, besides its steps; the whole flow is in ``test_escalations``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timezone

import pytest

from airflow_provider_dingpush.alerts.open_failure import OpenFailure
from airflow_provider_dingpush.oncall.escalation import Call
from airflow_provider_dingpush.pipeline import task_states
from airflow_provider_dingpush.pipeline.escalation_circumstances import Circumstances, running_again
from airflow_provider_dingpush.pipeline.escalation_notes import note_progress
from airflow_provider_dingpush.pipeline.incidents import Incident
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.silences import add_silence
from airflow_provider_dingpush.pipeline.task_records import TaskKey
from airflow_provider_dingpush.pipeline.task_states import TaskState
from airflow_provider_dingpush.rules.reading import read_rules

RULES = read_rules(
    """\
people: [{name: a, user_id: a}]
max_calls_per_night: 3
rules:
  - {name: few, receiver: x, escalate: [{after: 1m, ding: phone, who: a}], max_calls_per_night: 1}
  - {name: many, receiver: x, escalate: [{after: 1m, ding: phone, who: a}]}
""",
    "r",
    zone=timezone.utc,
    read_file=str,
    group_labels=(),
)
INCIDENT = Incident("a" * 24, OpenFailure("task_failed", 1.0, 1.0, dag_id="etl", task_id="load", tags=("core",)))


def test_calls_count_for_their_rule_and_for_all() -> None:
    box = outbox()
    now = box.store.now()
    few, many = RULES.rules
    assert [Circumstances(box, RULES, now).calls_left(each) for each in RULES.rules] == [1, 3]
    note_progress(box, {}, {"one": Call(now, 1, "many"), "two": Call(now, 1, "many")})
    around = Circumstances(box, RULES, now)
    assert (around.calls_left(few), around.calls_left(many)) == (1, 1)
    around.calls.append(Call(now, 1, "few"))
    assert (around.calls_left(few), around.calls_left(many)) == (0, 0)


def test_silences_match_by_labels() -> None:
    box, rule = outbox(), RULES.rules[0]
    assert not Circumstances(box, RULES, box.store.now()).is_muted(INCIDENT, rule)
    add_silence(box, {"tags": ("other",)}, seconds=60, why="", by="")
    assert not Circumstances(box, RULES, box.store.now()).is_muted(INCIDENT, rule)
    add_silence(box, {"tags": ("core",), "severity": ("P2",)}, seconds=60, why="", by="")
    assert Circumstances(box, RULES, box.store.now()).is_muted(INCIDENT, rule)


def test_without_an_answer_of_airflow_nothing_runs_again() -> None:
    unknown = OpenFailure("task_failed", 1.0, 1.0, dag_id="e", task_id="t", run_id="r")
    assert (
        running_again([INCIDENT, Incident("b", unknown), Incident("c", replace(unknown, task_id=None))]) == frozenset()
    )


def test_what_airflow_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several tasks and a run of one DAG: asked at once."""
    asked: list[list[TaskKey]] = []

    def states_of(dag_id: str, keys: Iterable[TaskKey]) -> dict[TaskKey, TaskState]:
        asked.append(list(keys))
        return {key: TaskState({"a": "running", "b": "failed", "c": None}[key.task_id]) for key in asked[-1][:3]}

    monkeypatch.setattr(task_states, "states_of", states_of)
    monkeypatch.setattr(task_states, "run_state_of", lambda _, run_id: {"r": "running", "s": "failed"}.get(run_id))
    failure = OpenFailure("task_failed", 1.0, 1.0, dag_id="e", run_id="r")
    incidents = [Incident(name, replace(failure, task_id=name)) for name in "abcd"]
    incidents += [Incident(f"run {run}", replace(failure, run_id=run)) for run in "rst"]
    assert running_again(incidents) == {"a", "c", "run r"}
    assert len(asked) == 1
