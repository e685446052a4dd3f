"""One tick: the checks, then the flush."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from airflow_provider_dingpush.pipeline import tick as tick_module
from airflow_provider_dingpush.pipeline.tick import run_checks, tick
from airflow_provider_dingpush.timeouts import Deadline


@pytest.mark.parametrize("name", tick_module.CHECKS)
def test_each_check_exists(name: str) -> None:
    """And finds nothing in an Airflow in which nothing has happened."""
    import_module(f"airflow_provider_dingpush.pipeline.{name}").check(Deadline.after(10))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The checks that ran: one that raises, and one that doesn't."""
    ran: list[str] = []

    def check_of(name: str) -> None:
        module = ModuleType(name)

        def check(_deadline: Deadline) -> None:
            ran.append(name)
            if name == "fails":
                raise RuntimeError("password=hunter2")

        module.check = check  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"airflow_provider_dingpush.pipeline.{name}", module)

    check_of("fails")
    check_of("works")
    monkeypatch.setattr(tick_module, "CHECKS", ("fails", "works"))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "outbox"))
    return ran


def test_a_check_that_raises_stops_no_other(ran: list[str], caplog: pytest.LogCaptureFixture) -> None:
    run_checks(Deadline.after(10))

    assert ran == ["fails", "works"]
    assert "The check fails failed: RuntimeError" in caplog.text


def test_a_check_without_time_waits_for_the_next_tick(ran: list[str], caplog: pytest.LogCaptureFixture) -> None:
    run_checks(Deadline.after(-1))

    assert ran == []
    assert "The check works has to wait" in caplog.text


@pytest.mark.parametrize("option", ["ALERT_CONN_ID", "RULES_FILE"])
def test_checks_run_if_all_dags_are_watched(ran: list[str], monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__DINGPUSH__{option}", "dingtalk_default")

    assert list(tick(until=time.monotonic() + 10)) == []
    assert ran == ["fails", "works"]


def test_no_check_runs_otherwise(ran: list[str]) -> None:
    assert list(tick(until=time.monotonic() + 10)) == []
    assert ran == []
