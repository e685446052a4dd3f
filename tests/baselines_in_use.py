"""Baselines of this Airflow: a rules file, runs as listeners see them, and what waits to be sent."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.baseline_notes import BaselineNotes
from airflow_provider_dingpush.pipeline.baselines import check_at
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.stores import stores
from airflow_provider_dingpush.timeouts import Deadline
from tests.rules_file_in_use import use_rules_file

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 26)
"""A Thursday, two days before the tests were written: notes of it haven't expired."""
FILE = """
baselines:
  - {name: daily, dags: report, due: "08:30", margin: 20m, time_zone: Asia/Shanghai}
rules:
  - {receiver: dingtalk_default}
"""


def use_baselines(folder: Path, env: pytest.MonkeyPatch, text: str = FILE) -> Path:
    """These are the rules, for a process that has read none yet."""
    file = folder / "rules.yaml"
    file.write_text(text, "utf-8")
    use_rules_file(file, env)
    env.setattr(baseline_events, "_states_at", float("-inf"))
    return file


def at(clock: str, day: date = TODAY) -> float:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI).timestamp()


def moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, timezone.utc)


def dag_of(*tasks: tuple[str, set[str]], zone: str = "Asia/Shanghai") -> Any:
    """A DAG of the scheduler, with its tasks and those before each."""
    return SimpleNamespace(
        timezone=ZoneInfo(zone),
        tags={"finance"},
        tasks=[SimpleNamespace(task_id=name, upstream_task_ids=upstream, owner="zhangsan") for name, upstream in tasks],
    )


def dag_run(
    clock: str = "07:00",
    day: date = TODAY,
    *,
    took: float | None = None,
    dag_id: str = "report",
    run_type: str = "scheduled",
    ends: dict[str, float] | None = None,
    states: dict[str, str] | None = None,
    **more: Any,
) -> Any:
    """A run of the scheduler that was planned for 07:00.

    :param took: how many minutes it took.
    :param ends: after how many minutes its tasks ended.
    """
    started = at(clock, day)
    tasks = [
        SimpleNamespace(task_id=name, end_date=moment(started + end * 60), state=(states or {}).get(name, "success"))
        for name, end in (ends or {}).items()
    ]
    values = {
        "dag_id": dag_id,
        "run_id": f"{run_type}__{day}",
        "run_type": run_type,
        "data_interval_end": moment(at("07:00", day)),
        "start_date": moment(started),
        "end_date": moment(None if took is None else started + took * 60),
        "clear_number": 0,
        "dag": dag_of(*((name, set()) for name in ends or {})),
        "get_task_instances": lambda **_: tasks,
    }
    return SimpleNamespace(**{**values, **more})


def runs(days: int, *, took: float = 60, **more: Any) -> None:
    """Each of the days before today had its run, and the tick saw it."""
    for each in range(days, 0, -1):
        day = TODAY - timedelta(days=each)
        ended = dag_run(day=day, took=took, **more)
        baseline_events.run_started(ended)
        baseline_events.run_ended(ended, "success", "success")
        notes().update()


def notes() -> BaselineNotes:
    return BaselineNotes([*stores(Deadline.after(60))])


def look(clock: str, day: date = TODAY) -> None:
    """The tick looks."""
    check_at(at(clock, day), Deadline.after(60))


def said(conn_id: str = "dingtalk_default") -> list[tuple[str, str]]:
    """Event and first line of each alert about a baseline that waits, the oldest first."""
    return [
        (each.event.value, str(each.facts.get("exception_text")).partition("\n")[0])
        for each in alerts(conn_id)
        if each.event.is_about_baseline
    ]


def alerts(conn_id: str = "dingtalk_default") -> list[Alert]:
    """The alerts that wait, the oldest first."""
    return sorted((each for _, each in outbox().mail_of(Mailbox(conn_id), 1_000)), key=lambda each: each.at)
