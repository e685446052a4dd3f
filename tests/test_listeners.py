"""The listeners: they call what writes alerts, and whatever happens there, Airflow never notices."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dingpush import listeners, pipeline
from tests.callback_contexts import run_context

SECRET = "s3cret-of-the-exception"


class Raising:
    """Whatever is read of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(SECRET)


CALLS: dict[str, Callable[[Any], None]] = {
    "task failed": lambda given: listeners.on_task_instance_failed("running", given, ValueError(SECRET)),
    "task succeeded": listeners.on_task_instance_success,
    "task starts": listeners.on_task_instance_running,
    "task skipped": listeners.on_task_instance_skipped,
    "process stops": listeners.before_stopping,
    "run failed": lambda given: listeners.on_dag_run_failed(given, "task_failure"),
    "run starts": listeners.on_dag_run_running,
    "asset changed": listeners.on_asset_changed,
    "dataset changed": listeners.on_dataset_changed,
    "run succeeded": lambda given: listeners.on_dag_run_success(given, "success"),
    "file broken": lambda given: listeners.on_new_dag_import_error(given, given),
    "file still broken": lambda given: listeners.on_existing_dag_import_error(given, f"{given!r} {SECRET}"),
}


RULES = """
rules: [{receiver: dingtalk_default}]
baselines: [{name: report, receiver: dingtalk_default, dags: [etl], due: "08:30"}]
"""


@pytest.fixture(autouse=True)
def _on(callback_process: None, outbox_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts for all DAGs and a rules file are configured, and a failure may be open."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(rules))
    (outbox_home / "notes" / "open").mkdir(parents=True)
    (outbox_home / "notes" / "open" / "something").touch()


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize(
    "given",
    [None, object(), Raising(), SimpleNamespace(_sa_instance_state=None), SimpleNamespace(run_id=3)],
    ids=["nothing", "anything", "raises", "stored", "half a run"],
)
def test_they_never_raise(call: Callable[[Any], None], given: Any, caplog: pytest.LogCaptureFixture) -> None:
    """On Airflow 2 an exception would end the scheduler. The log has the kind of a problem, and no text of it."""
    with caplog.at_level(logging.DEBUG):
        call(given)
    assert SECRET not in caplog.text
    ours = [each for each in caplog.records if each.name.startswith(listeners.__package__)]  # Airflow's own settings
    assert not any(each.exc_info for each in ours)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_package_that_cannot_be_loaded_stops_nothing(
    call: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its files may be replaced by others while the scheduler runs."""
    for name in ("airflow_events", "baseline_events", "task_markers", "import_errors"):
        monkeypatch.delattr(pipeline, name, raising=False)
        monkeypatch.setitem(sys.modules, f"airflow_provider_dingpush.pipeline.{name}", None)
    call(SimpleNamespace())
    assert "An alert for all DAGs was not written (ModuleNotFoundError)." in caplog.text


@pytest.mark.parametrize("name", ["run failed", "task failed"])
def test_what_goes_wrong_is_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    CALLS[name](Raising())
    assert "An alert for all DAGs was not written (RuntimeError)." in caplog.text


def test_without_a_usable_outbox_nothing_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the folder for alerts nor the one for temporary files can be used."""
    (tmp_path / "in_the_way").touch()
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "in_the_way"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "in_the_way"))
    context = run_context()
    run = SimpleNamespace(**{**vars(context["dag_run"]), "dag": context["dag"], "state": "failed"})
    listeners.on_dag_run_failed(run, "timed_out")
    assert "An alert for all DAGs was not written (OutboxError)." in caplog.text
