"""Baselines: what must be done by when, on which days, and who is notified if it won't be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from typing import NamedTuple

from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.rules.duty_table import OnCall
from airflow_provider_dingpush.rules.time_intervals import MINUTES_OF_A_DAY, TimeInterval
from airflow_provider_dingpush.targets import Target

DEFAULT_MARGIN_SECONDS = 1_800.0
"""How long before the due time the expected end should be, in seconds, if nobody says so."""
LATEST_DUE_MINUTES = 2 * MINUTES_OF_A_DAY
"""The latest due time, in minutes since midnight of its day: the end of the next day."""
RUN_TYPES = ("scheduled", "asset_triggered", "manual", "operator_triggered")
"""The types of runs that may count. A backfill is for other days."""
USUAL_RUN_TYPES = RUN_TYPES[:2]
"""Those that count if nobody says so."""


class OutputKind(Enum):
    """What a baseline waits for. The value is the key in the file."""

    DAG = "dags"
    """A run of a DAG."""
    TASK = "tasks"
    """A task in a run of a DAG."""
    ASSET = "assets"
    """An update of an asset (Airflow 2: dataset)."""


class Output(NamedTuple):
    """One thing that must be done by the due time.

    :param kind: of it.
    :param name: of the DAG, the task or the asset.
    :param dag_id: the DAG of a task; that of a DAG is its name.
    """

    kind: OutputKind
    name: str
    dag_id: str = ""

    @property
    def text(self) -> str:
        """For people: ``etl_daily``, ``etl_daily.publish`` or the name of the asset."""
        return f"{self.dag_id}.{self.name}" if self.kind is OutputKind.TASK else self.name

    @property
    def task_id(self) -> str | None:
        """The task; ``None`` if it isn't one."""
        return self.name if self.kind is OutputKind.TASK else None


class Estimate(Enum):
    """Which expected end decides whether a baseline is at risk."""

    MEDIAN = "median"
    """Every second run takes longer: a warning means that today differs from other days."""
    P90 = "p90"
    """One run in ten takes longer: earlier warnings, and more of them that nothing comes of."""


@dataclass(frozen=True)
class Baseline:
    """What must be done by when.

    :param name: for people; identifies it.
    :param outputs: all of them must be done.
    :param due: in minutes since midnight of its day; from 1440 on the next day.
    :param days: on which days it is due, in its time zone.
    :param margin_seconds: how long before the due time the expected end should be, in seconds.
    :param estimate: which expected end decides.
    :param upstream: DAGs along the way, each of which waits for the one before it, and all outputs for the last one.
    :param run_types: of the runs that count.
    :param receiver: connection id; ``None``: the rules of the file decide.
    :param to: the target, if the connection is an app's.
    :param at: people to mention.
    :param language: ``zh`` or ``en``.
    :param severity: of its alerts; otherwise that of the event.
    :param line: where it begins in the file, from 1.
    :param on_call: rotations, of which whoever is on call when the alert is sent is mentioned as well.
    """

    name: str
    outputs: tuple[Output, ...]
    due: int
    days: TimeInterval = field(default_factory=TimeInterval)
    margin_seconds: float = DEFAULT_MARGIN_SECONDS
    estimate: Estimate = Estimate.MEDIAN
    upstream: tuple[str, ...] = ()
    run_types: tuple[str, ...] = USUAL_RUN_TYPES
    receiver: str | None = None
    to: Target | OnCall | None = None
    at: At | None = None
    language: str | None = None
    severity: Urgency | None = None
    line: int = 0
    on_call: tuple[str, ...] = ()

    @property
    def zone(self) -> tzinfo:
        """The time zone of its days and its due time."""
        return self.days.zone

    @property
    def dag_ids(self) -> tuple[str, ...]:
        """The DAGs of its outputs, each once."""
        return tuple(dict.fromkeys(each.dag_id for each in self.outputs if each.dag_id))

    @property
    def asset_names(self) -> tuple[str, ...]:
        """The assets among its outputs."""
        return tuple(each.name for each in self.outputs if each.kind is OutputKind.ASSET)

    def is_due_on(self, day: date) -> bool:
        """Whether it is due on a day."""
        return self.days.contains(datetime.combine(day, time(12), self.zone))

    def due_at(self, day: date) -> datetime:
        """When it is due on a day. A time that the clock skips that day is the one an hour later."""
        days, minutes = divmod(self.due, MINUTES_OF_A_DAY)
        local = datetime.combine(day + timedelta(days=days), time(minutes // 60, minutes % 60), self.zone)
        # There and back: the wall clock then shows a time that exists.
        return local.astimezone(timezone.utc).astimezone(self.zone)
