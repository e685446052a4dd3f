"""The labels of an event, which rules match."""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_dingpush.events import Event, Urgency

EVENTS = (
    *(Event.TASK_FAILED, Event.TASK_RETRYING, Event.TASK_SUCCEEDED, Event.TASK_WARNED),
    *(Event.DAG_FAILED, Event.DAG_SUCCEEDED),
    *(Event.DAG_IMPORT_ERROR, Event.DAG_IMPORT_FIXED),
    *(Event.BASELINE_AT_RISK, Event.BASELINE_BREACHED, Event.BASELINE_MET),
)
"""The events that rules decide about; a success only if it ends a failure."""
OF_AIRFLOW = Event.AIRFLOW_UNHEALTHY, Event.AIRFLOW_HEALTHY
"""The events about Airflow itself, which have no DAG; their ``task_id`` is the component."""


class Labels(NamedTuple):
    """What rules can match of an event. Each label has its values: none, one or several.

    :param dag_id: of the DAG; several of a baseline.
    :param task_id: of the task; none if the event is about the whole run or a baseline.
    :param tags: of the DAG.
    :param owner: the owners of the task, or of the DAG.
    :param event: its name, such as ``task_failed``.
    :param severity: ``P1`` to ``P4``.
    :param run_type: ``scheduled``, ``manual``, ``backfill``, ``asset_triggered``.
    :param team: the team that the DAG belongs to (Airflow 3.3 and later, with ``[core] multi_team``).
    :param file: the path of a DAG file that can't be imported, relative to the folder or bundle of DAGs; none if the
        event is about anything else.
    """

    dag_id: tuple[str, ...]
    task_id: tuple[str, ...]
    tags: tuple[str, ...]
    owner: tuple[str, ...]
    event: tuple[str, ...]
    severity: tuple[str, ...]
    run_type: tuple[str, ...]
    team: tuple[str, ...]
    file: tuple[str, ...] = ()


def labels_of(
    event: Event,
    dag_id: str,
    *,
    task_id: str | None = None,
    tags: tuple[str, ...] = (),
    owners: tuple[str, ...] = (),
    run_type: str | None = None,
    team: str | None = None,
    file: str | None = None,
    dag_ids: tuple[str, ...] = (),
) -> Labels:
    """The labels of an event.

    :param task_id: ``None`` if it is about the whole run.
    :param dag_ids: of a baseline, instead of one.
    :param tags: of the DAG; one such as ``severity:P1`` is its severity.
    """

    def one(value: str | None) -> tuple[str, ...]:
        return (value,) if value else ()

    severity = Urgency.of(event, tags).value
    return Labels(
        dag_ids or one(dag_id),
        one(task_id),
        tags,
        owners,
        (event.value,),
        (severity,),
        one(run_type),
        one(team),
        one(file),
    )
