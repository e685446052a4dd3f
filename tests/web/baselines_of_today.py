"""Baselines in every state, for a page that is read now: a rules file, and runs as Airflow's listeners note them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_dingpush.pipeline import baseline_events
from airflow_provider_dingpush.pipeline.baseline_notes import BaselineNotes, Said
from airflow_provider_dingpush.pipeline.stores import stores
from airflow_provider_dingpush.timeouts import Deadline

MINUTE = 60.0
DAY = 86_400.0
PAST_DAYS = 5

# Name -> DAG, minutes from now until it is due, minutes since its run started, and how many the run took.
# An ordinary run takes an hour.
Baselines = Mapping[str, tuple[str, float, "float | None", "float | None"]]
BASELINES: Baselines = {
    "sales report": ("sales_report", 180, 20, None),
    "finance": ("finance_daily", 30, 20, None),
    "inventory": ("inventory_sync", -30, None, None),
    "orders published": ("orders_publish", 60, 90, 60),
    "user tags": ("user_tags", -60, 150, 100),
    "dev copy": ("dev_copy", 60, None, None),
    "new board": ("board", 240, None, None),
    "added today": ("added_today", 120, None, None),
}
WITHOUT_RUNS = ("board", "added_today")
PAUSED = "dev_copy"
NOT_DUE = "month end"


def noon_zone(now: float) -> ZoneInfo:
    """A time zone in which it is about noon, so that all due times are of one day.

    :param now: in seconds since 1970.
    """
    hours = 12 - datetime.fromtimestamp(now, timezone.utc).hour
    return ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")


def write_baselines(folder: Path, now: float, zone: ZoneInfo | None = None, baselines: Baselines = BASELINES) -> Path:
    """Write a rules file; let the processes that shall know it set ``[dingpush] rules_file``.

    :param now: in seconds since 1970.
    """
    zone = zone or noon_zone(now)
    lines = []
    for name, (dag_id, due_in, _, _) in baselines.items():
        due = datetime.fromtimestamp(now + due_in * MINUTE, zone)
        lines.append(f'  - {{name: "{name}", dags: {dag_id}, due: "{due:%H:%M}", margin: 15m, time_zone: {zone}}}')
    if baselines is BASELINES:
        other_day = (datetime.fromtimestamp(now, zone) + timedelta(days=2)).day
        lines.append(f'  - {{name: {NOT_DUE}, dags: sales_report, due: "09:00", days_of_month: {other_day}}}')
    file = folder / "rules.yaml"
    file.write_text("baselines:\n" + "\n".join(lines) + "\nrules: []\n", "utf-8")
    return file


def note_runs(now: float, baselines: Baselines = BASELINES) -> None:
    """Note the runs of the last days and of today, as the listeners of a scheduler do that knows the rules file."""
    for dag_id, due_in, ago, took in baselines.values():
        if dag_id in WITHOUT_RUNS:
            continue
        started = now - (ago if ago is not None else 120 - due_in) * MINUTE
        for days in range(PAST_DAYS, 0, -1):
            note_run(dag_id, started - days * DAY, 60)
        if ago is not None:
            note_run(dag_id, started, took)
    baseline_events.write_states({dag_id: (dag_id == PAUSED, None) for dag_id, *_ in baselines.values()})
    notes = BaselineNotes([*stores(Deadline.after(60))])
    notes.update()
    since = now - 21 * 3_600  # long enough for today, but not for yesterday
    outputs = {name: (dag_id,) for name, (dag_id, *_) in baselines.items() if dag_id != "added_today"}
    notes.remember({name: Said(since, each) for name, each in outputs.items()})


def note_run(dag_id: str, started: float, took: float | None, state: str = "success") -> None:
    """Note a scheduled run.

    :param started: in seconds since 1970.
    :param took: how many minutes; ``None`` if it still runs.
    """
    run = _run(dag_id, started, took)
    baseline_events.run_started(run)
    if took is not None:
        baseline_events.run_ended(run, state, state)


def _run(dag_id: str, started: float, took: float | None) -> Any:
    def moment(at: float) -> datetime:
        return datetime.fromtimestamp(at, timezone.utc)

    return SimpleNamespace(
        dag_id=dag_id,
        run_id=f"scheduled__{moment(started):%Y-%m-%d}",
        run_type="scheduled",
        data_interval_end=moment(started),
        start_date=moment(started),
        end_date=None if took is None else moment(started + took * MINUTE),
        clear_number=0,
        dag=SimpleNamespace(timezone=timezone.utc, tags=set(), tasks=[]),
        get_task_instances=lambda **_: [],
    )
