"""The DAGs that rules decide about, as far as Airflow's database can be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import NamedTuple

from airflow_provider_dingpush.airflow_database import StoredDag, stored_assets, stored_dag_states, stored_dags
from airflow_provider_dingpush.events import Subject
from airflow_provider_dingpush.pipeline.airflow_health import Component
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.rules.labels import EVENTS, OF_AIRFLOW, Labels, labels_of
from airflow_provider_dingpush.timeouts import call_within

DATABASE_SECONDS = 15.0
"""The most that reading the database may take, in seconds."""


def known_states(dag_ids: Collection[str]) -> Mapping[str, tuple[bool, float | None]]:
    """Of each DAG whether it is paused and when its next run is created; none if the database can't be read."""
    with suppress(Exception):  # many machines have no database
        return call_within(DATABASE_SECONDS, lambda: stored_dag_states(dag_ids))
    return {}


def known_assets() -> AbstractSet[str] | None:
    """The names and URIs of all assets; ``None`` if the database can't be read."""
    with suppress(Exception):  # many machines have no database
        return call_within(DATABASE_SECONDS, stored_assets)
    return None


class KnownDags(NamedTuple):
    """DAGs of the database.

    :param dags: those that were found.
    :param problem: why the database can't be read.
    """

    dags: tuple[StoredDag, ...] = ()
    problem: str | None = None

    @classmethod
    def read(cls, dag_ids: Collection[str] | None = None) -> KnownDags:
        """Read the database.

        :param dag_ids: of these only.
        """
        try:
            return cls(tuple(call_within(DATABASE_SECONDS, lambda: stored_dags(dag_ids))))
        except Exception as problem:  # noqa: BLE001 - many machines have no database
            return cls(problem=described(problem))

    def labels(self) -> Iterator[Labels]:
        """The labels of everything that can happen to these DAGs and to Airflow, without those of a run."""
        for event in OF_AIRFLOW if self.dags else ():
            for component in Component:
                yield labels_of(event, "", task_id=component.value)
        of_files = [event for event in EVENTS if event.is_about_file]
        if self.dags:
            yield from (labels_of(event, "") for event in of_files)
        for dag in self.dags:
            for event in EVENTS:
                if event in of_files:
                    continue
                if event.subject in (Subject.RUN, Subject.BASELINE):
                    yield labels_of(event, dag.dag_id, tags=dag.tags, owners=dag.owners)
                    continue
                for task_id, owner in dag.tasks.items():
                    yield labels_of(event, dag.dag_id, task_id=task_id, tags=dag.tags, owners=(owner,))
