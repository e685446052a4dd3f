"""What listeners note of runs, tasks and assets, on every Airflow, and that other DAGs cost nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush import listeners
from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.baseline_events import HISTORY, OF_DAG, RUNS, TASKS, name_of_history
from airflow_provider_dingpush.pipeline.outboxes import outbox
from tests.baselines_in_use import FILE, at, dag_of, dag_run, moment, notes, runs, use_baselines
from tests.outbox_in_use import use
from tests.redis_servers import RedisServer
from tests.rules_file_in_use import write


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_baselines(tmp_path, monkeypatch)


def noted(family: str = RUNS) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in outbox().store.notes(family, 100).values()]


def test_a_run_is_noted_when_it_starts_and_when_it_ends(file: Path) -> None:
    listeners.on_dag_run_running(dag_run(dag=dag_of(("load", set()))))
    (started,) = noted()
    assert started == {
        "kind": "dag",
        "name": "report",
        "run_id": "scheduled__2026-11-26",
        "type": "scheduled",
        "planned": at("07:00"),
        "started": at("07:00"),
        "attempt": 0,
        "state": "running",
        "zone": "Asia/Shanghai",
        "owners": ["zhangsan"],
        "tags": ["finance"],
    }
    listeners.on_dag_run_success(dag_run(took=60), "success")
    listeners.on_dag_run_success(dag_run(took=60), "success")  # a transaction that was repeated
    assert sorted(each["state"] for each in noted()) == ["running", "success"]
    (run,) = notes().update()[OF_DAG, "report"].runs
    assert (run.started, run.ended, run.state, run.is_ordinary) == (at("07:00"), at("08:00"), "success", True)
    assert noted() == []


@pytest.mark.parametrize(
    ("more", "noted_as"),
    [
        ({}, ("scheduled", at("07:00"))),
        ({"run_after": moment(at("07:05"))}, ("scheduled", at("07:05"))),  # Airflow 3
        ({"data_interval_end": None, "logical_date": moment(at("06:00"))}, ("scheduled", at("06:00"))),
        ({"run_type": "dataset_triggered"}, ("asset_triggered", None)),  # Airflow 2
        ({"run_type": SimpleNamespace(value="asset_triggered")}, ("asset_triggered", None)),
        ({"run_type": "manual"}, ("manual", None)),
    ],
)
def test_when_a_run_was_to_start(file: Path, more: dict[str, Any], noted_as: tuple[str, float | None]) -> None:
    listeners.on_dag_run_running(dag_run(**more))
    ((kind, planned),) = [(each["type"], each["planned"]) for each in noted()]
    assert (kind, planned) == noted_as


def test_other_dags_and_backfills_are_not_noted(file: Path) -> None:
    listeners.on_dag_run_running(dag_run(dag_id="other"))
    listeners.on_dag_run_running(dag_run(run_type="backfill"))
    listeners.on_asset_changed(SimpleNamespace(name="orders", uri="s3://orders"))
    assert noted() == []


def test_a_state_that_a_person_set_is_noted_as_such(file: Path) -> None:
    by_hand = dag_run(took=5, dag=None)
    listeners.on_dag_run_success(by_hand, "Dag Run's state was manually set to `success`.")
    (run,) = notes().update()[OF_DAG, "report"].runs
    assert (run.by_hand, run.is_ordinary, run.end_of(None)) == (True, False, at("07:05"))


def test_no_run_is_missed_while_the_file_has_mistakes(file: Path) -> None:
    runs(1)
    write(file, "rulez: []")
    listeners.on_dag_run_running(dag_run())
    listeners.on_dag_run_running(dag_run(dag_id="other"))
    assert [each["name"] for each in noted()] == ["report"]


def test_how_long_tasks_took_from_the_end_of_those_before_them(file: Path) -> None:
    dag = dag_of(("extract", set()), ("load", {"extract"}), ("skipped", {"extract"}), ("publish", {"load", "skipped"}))
    ends = {"extract": 10.0, "load": 40.0, "skipped": 10.0, "publish": 60.0}
    runs(1, ends=ends, states={"skipped": "skipped"}, dag=dag)
    tasks = {each.task_id: (each.upstream, each.took) for each in notes().histories()[OF_DAG, "report"].tasks}
    assert tasks == {
        "extract": ((), (600.0,)),
        "load": (("extract",), (1_800.0,)),
        "skipped": (("extract",), ()),
        "publish": (("load", "skipped"), (1_200.0,)),
    }


def test_the_tasks_that_a_baseline_waits_for_are_noted_with_the_run(file: Path) -> None:
    write(file, FILE.replace("dags: report", "tasks: report.publish"))
    failed = dag_run(took=70, ends={"publish": 30.0, "clean": 70.0}, states={"clean": "failed"})
    listeners.on_dag_run_failed(failed, "task_failure")
    (run,) = notes().update()[OF_DAG, "report"].runs
    assert run.end_of("publish") == at("07:30")
    assert run.end_of(None) is None


def task(task_id: str = "load", **more: Any) -> Any:
    values = {"dag_id": "report", "run_id": "r", "task_id": task_id, "map_index": -1, "task": None}
    return SimpleNamespace(**{**values, **more})


def test_the_end_of_a_task_is_noted_once_its_dag_has_a_history(file: Path) -> None:
    baseline_events.task_ended(task())
    assert noted(TASKS) == []
    runs(1)
    baseline_events.task_ended(task())
    baseline_events.task_ended(task(map_index=3))
    baseline_events.task_ended(task(dag_id="other"))
    assert len(noted(TASKS)) == 1
    history = notes().histories()[OF_DAG, "report"]
    assert list(notes().task_ends("report", history)("r")) == []  # it has no tasks yet


def test_the_ends_of_tasks_are_found_while_the_run_goes_on(file: Path) -> None:
    ends = {"extract": 10.0, "load": 60.0}
    runs(1, ends=ends)
    baseline_events.task_ended(task("extract", run_id="scheduled__2026-11-26"))
    listeners.on_dag_run_running(dag_run(ends=ends))
    history = notes().histories()[OF_DAG, "report"]
    assert set(notes().task_ends("report", history)("scheduled__2026-11-26")) == {"extract"}
    assert not history.tells_tasks
    listeners.on_dag_run_success(dag_run(took=60, ends=ends), "success")
    assert notes().update()[OF_DAG, "report"].tells_tasks


@pytest.mark.parametrize("name", ["orders", "s3://lake/orders"])
@pytest.mark.parametrize("call", [listeners.on_asset_changed, listeners.on_dataset_changed])
def test_an_asset_is_known_by_its_name_and_its_uri(file: Path, name: str, call: Any) -> None:
    write(file, FILE.replace("dags: report", f"assets: '{name}'"))
    call(SimpleNamespace(name="orders", uri="s3://lake/orders"))
    call(SimpleNamespace(uri="s3://lake/orders") if ":" in name else SimpleNamespace(name="orders"))
    call(SimpleNamespace(name="other", uri="s3://other"))
    history = notes().update()["asset", name]
    assert [each.state for each in history.runs] == ["success", "success"]


def test_on_redis_the_rules_say_which_tasks_are_noted(
    file: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server.url, monkeypatch)
    baseline_events.task_ended(task(dag_id="other"))
    baseline_events.task_ended(task())
    assert len(noted(TASKS)) == 1
    runs(2)
    assert len(notes().histories()[OF_DAG, "report"].runs) == 2


def test_while_redis_is_away_nothing_is_lost(file: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the scheduler noted in files is read as well, and leaves them."""
    use(server.url, monkeypatch)
    runs(2)
    use("redis://127.0.0.1:1/0", monkeypatch)
    listeners.on_dag_run_running(dag_run())
    listeners.on_dag_run_success(dag_run(took=60), "success")
    use(server.url, monkeypatch)
    assert len(notes().update()[OF_DAG, "report"].runs) == 3
    assert len(notes().histories()[OF_DAG, "report"].runs) == 3
    assert json.loads(outbox().store.notes(HISTORY, 9)[name_of_history(OF_DAG, "report")].value)["of"] == [
        "dag",
        "report",
    ]


def test_without_a_rules_file_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__RULES_FILE", raising=False)
    listeners.on_dag_run_running(dag_run())
    baseline_events.task_ended(task())
    listeners.on_asset_changed(SimpleNamespace(name="orders"))
    assert noted() == noted(TASKS) == []
