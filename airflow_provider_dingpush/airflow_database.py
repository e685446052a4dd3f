"""What is read from Airflow's metadata database, in all its versions, or asked of its API where a task has no database.

Apart from :mod:`~airflow_provider_dingpush.airflow_compat`, because the process of every task loads that.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import (
    airflow_option,
    airflow_version,
    is_airflow_3,
    notifier_takes_context,
    redact,
)

if TYPE_CHECKING:
    from datetime import datetime

_log = logging.getLogger(__name__)


def session_of(stored: Any) -> Any:
    """The database session of an object; ``None`` if it has none."""
    if not hasattr(stored, "_sa_instance_state"):
        return None
    from sqlalchemy.orm import object_session
    from sqlalchemy.orm.exc import UnmappedInstanceError

    try:
        return object_session(stored)
    except UnmappedInstanceError:
        return None


def task_instances_of(dag_run: Any, **conditions: Any) -> list[Any]:
    """The task instances of a run of the database, read within its own session.

    Without a session Airflow takes that of the thread, and commits and closes it: the scheduler forbids that while it
    works on runs, and would lose what it has done (``utils/session.py``, ``utils/sqlalchemy.py`` of 2.10 to 3.3, read
    2026-11-27).
    """
    session = session_of(dag_run)
    return list(dag_run.get_task_instances(**conditions, **({} if session is None else {"session": session})))


def task_ends_of(dag_run: Any) -> list[tuple[str, str, datetime | None]]:
    """Task id, state and end of each task instance of a run: a run may have thousands of mapped ones.

    :raises Exception: of the database, if it can't be read.
    """
    session = session_of(dag_run)
    if session is None:
        return [
            (each.task_id, str(getattr(each.state, "value", each.state)), each.end_date)
            for each in dag_run.get_task_instances()
        ]
    from airflow.models.taskinstance import TaskInstance

    rows = session.query(TaskInstance.task_id, TaskInstance.state, TaskInstance.end_date).filter(
        TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
    )
    return [(task_id, str(getattr(state, "value", state)), ended) for task_id, state, ended in rows]


_NO_TASK_STATES = "this Airflow doesn't provide them to DAG-level callbacks (3.0), or knows no tasks of this run."


def failed_task_ids(context: Mapping[str, Any], seconds: float) -> list[tuple[str, int]] | None:
    """The failed tasks of the run that a DAG-level callback is about, as (task id, map index); ``None`` if unknown.

    Airflow 2 reads them from its database, Airflow 3.1 and later answer a request, Airflow 3.0 has no such request.
    ``airflow dags test`` of Airflow 3 calls the callback in the process that has the database.

    Why they are unknown is logged at INFO.

    :param seconds: the most that the request may take. The first one after a start of the DAG processor waits until a
        part of Airflow is loaded; and a request that fails gets no reply, not even an error.
    """
    try:
        dag_run: Any = context.get("dag_run")
        if hasattr(dag_run, "get_task_instances"):
            return sorted((each.task_id, each.map_index) for each in task_instances_of(dag_run, state="failed"))
        from airflow_provider_dingpush.timeouts import call_within

        states = call_within(seconds, lambda: _task_states(context))
        if states is None:
            _log.info("The failed tasks of the run can't be listed: %s", _NO_TASK_STATES)
            return None
        known = set(context["dag"].task_ids)
        return sorted(_task_and_index(key, known) for key, state in states.items() if state == "failed")
    except TimeoutError:
        _log.info("The failed tasks of the run can't be listed: Airflow gave no answer within %.1f seconds.", seconds)
        return None
    except Exception as error:  # noqa: BLE001 - a missing list must not lose the alert
        _log.info("The failed tasks of the run can't be listed (%s: %s).", type(error).__name__, redact(str(error)))
        return None


def _task_states(context: Mapping[str, Any]) -> Mapping[str, str] | None:
    from airflow.sdk.execution_time import task_runner

    if not hasattr(task_runner, "SUPERVISOR_COMMS"):
        return _stored_failures(context)
    if not notifier_takes_context():
        # Airflow 3.0 has this request, but its DAG processor doesn't support it and then prints the message before it,
        # which may be a secret to be masked.
        return None
    states_of = task_runner.RuntimeTaskInstance.get_task_states
    run_id = context.get("run_id") or context["dag_run"].run_id
    dag_id = context["dag"].dag_id
    return states_of(dag_id=dag_id, run_ids=[run_id]).get(run_id)


def _stored_failures(context: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The failed tasks in the database, in the form of the request; ``None`` if there are none."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import TaskInstanceState

    dag_id, run_id = context["dag"].dag_id, context.get("run_id")
    failed = DagRun.fetch_task_instances(dag_id=dag_id, run_id=run_id, state=[TaskInstanceState.FAILED])
    keys = (each.task_id if each.map_index < 0 else f"{each.task_id}_{each.map_index}" for each in failed)
    return dict.fromkeys(keys, "failed") or None


def _task_and_index(key: str, known: set[str]) -> tuple[str, int]:
    """Airflow joins a mapped task's id and index as ``task_3``, which may also be the id of another task."""
    task_id, _, index = key.rpartition("_")
    return (task_id, int(index)) if key not in known and task_id in known and index.isdigit() else (key, -1)


@contextmanager
def stored_task_instances(
    dag_id: str, run_ids: Collection[str], task_ids: Collection[str]
) -> Iterator[tuple[Any, list[Any]]]:
    """The task instances of these runs and tasks in the metadata database, and the session.

    Each has ``run_id``, ``task_id``, ``map_index``, ``state``, ``try_number`` and ``end_date``.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    names = ("run_id", "task_id", "map_index", "state", "try_number", "end_date")
    with create_session() as session:
        rows = session.query(*(getattr(TaskInstance, name) for name in names)).filter(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id.in_(run_ids), TaskInstance.task_id.in_(task_ids)
        )
        yield session, rows.all()


def stored_run_state(dag_id: str, run_id: str) -> Any:
    """The state of a run in the metadata database; ``None`` if there is no such run.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.query(DagRun.state).filter(DagRun.dag_id == dag_id, DagRun.run_id == run_id).scalar()


def requests_in_audit_log(
    session: Any, dag_id: str, since: datetime, until: datetime
) -> list[tuple[datetime, str, str | None, str | None]]:
    """The requests of people about a DAG: time, name, run and task of each.

    Airflow itself writes lines of the same names. Those of a request have the request in ``extra``; its own have
    nothing there, or the name of a host (``www/decorators.py`` of 2.10, ``api_fastapi/logging/decorators.py`` and
    ``api_fastapi/execution_api/routes/task_instances.py`` of 3.3, read 2026-11-27).

    :param session: of the database.
    """
    from airflow.models.log import Log

    rows = session.query(Log.dttm, Log.event, Log.run_id, Log.task_id).filter(
        Log.dag_id == dag_id,
        Log.dttm >= since,
        Log.dttm <= until,
        Log.extra.isnot(None),
        ~Log.extra.contains("host_name"),
    )
    return [tuple(row) for row in rows]


_MOST_IN_QUERY = 500


def dag_states(session: Any, dag_ids: Collection[str]) -> dict[str, tuple[bool, float | None]]:
    """Of each DAG in the metadata database whether it is paused, and when its next run is created (seconds since 1970).

    :param session: of the database; what it has not written yet stays so.
    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.dag import DagModel

    found: dict[str, tuple[bool, float | None]] = {}
    wanted = list(dag_ids)
    with session.no_autoflush:
        for first in range(0, len(wanted), _MOST_IN_QUERY):
            rows = session.query(DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after).filter(
                DagModel.dag_id.in_(wanted[first : first + _MOST_IN_QUERY])
            )
            for dag_id, is_paused, at in rows:
                found[dag_id] = bool(is_paused), None if at is None else at.timestamp()
    return found


def stored_dag_states(dag_ids: Collection[str]) -> dict[str, tuple[bool, float | None]]:
    """The same, with a session of its own.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.utils.session import create_session

    with create_session() as session:
        return dag_states(session, dag_ids)


def stored_assets() -> set[str]:
    """The names and URIs of all assets (Airflow 2: datasets) in the metadata database; for commands.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.utils.session import create_session

    if is_airflow_3():
        models = import_module("airflow.models.asset").AssetModel
    else:
        models = import_module("airflow.models.dataset").DatasetModel
    with create_session() as session:
        return {name for row in session.query(models).all() for name in (row.uri, getattr(row, "name", "")) if name}


def failed_in_a_row(dag_run: Any, at_most: int) -> int:
    """How many of the DAG's newest runs failed, up to the first that didn't; the given one counts as the newest.

    In the order in which Airflow counts them (``models/dagrun.py``, ``_check_last_n_dagruns_failed``).

    :param dag_run: of the database, with its session.
    :raises Exception: of the database, if it can't be read.
    """
    session, runs = session_of(dag_run), type(dag_run)
    if session is None:
        return 0
    if not is_airflow_3():
        newest = [runs.execution_date.desc()]
    elif airflow_version() < (3, 2):
        newest = [runs.logical_date.desc()]
    else:
        newest = [runs.run_after.desc(), runs.id.desc()]
    # Whole objects: the scheduler hasn't written its latest changes yet.
    found = session.query(runs).filter(runs.dag_id == dag_run.dag_id).order_by(*newest).limit(at_most).all()
    failed = [str(getattr(each.state, "value", each.state)) == "failed" for each in found]
    return failed.index(False) if False in failed else len(failed)


def connection_types() -> dict[str, str]:
    """Id and type of every connection in the metadata database; for commands.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.connection import Connection as StoredConnection
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(StoredConnection.conn_id, StoredConnection.conn_type).all()
    return {conn_id: conn_type or "" for conn_id, conn_type in rows}


class StoredDag(NamedTuple):
    """A DAG of the metadata database.

    :param dag_id: its id.
    :param tags: its tags.
    :param tasks: the id of each task -> its owner.
    :param ending_from_trigger: ids of tasks that are stored with ``end_from_trigger=True``.
    """

    dag_id: str
    tags: tuple[str, ...]
    tasks: Mapping[str, str]
    ending_from_trigger: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners of its tasks, as they are the DAG's."""
        return tuple(sorted(set(self.tasks.values())))


def stored_dags(dag_ids: Collection[str] | None = None) -> list[StoredDag]:
    """The DAGs in the metadata database as they were last parsed; for commands.

    :param dag_ids: of these only.
    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(DagModel.dag_id)
        # 3.0: is_stale
        rows = rows.filter(~DagModel.is_stale if hasattr(DagModel, "is_stale") else DagModel.is_active)
        known = sorted(row.dag_id for row in rows if dag_ids is None or row.dag_id in dag_ids)
        if hasattr(SerializedDagModel, "get_latest_serialized_dags"):  # 3.0: one row for each version of a DAG
            stored = SerializedDagModel.get_latest_serialized_dags(dag_ids=known, session=session)
        else:
            stored = session.query(SerializedDagModel).filter(SerializedDagModel.dag_id.in_(known)).all()
        return [_stored_dag(each.dag_id, each.data) for each in stored]


def _stored_dag(dag_id: str, data: Any) -> StoredDag:
    content = (json.loads(data) if isinstance(data, str) else data)["dag"]
    tasks = [_decoded(each) for each in content["tasks"]]
    default = airflow_option("operators", "default_owner") or "airflow"
    return StoredDag(
        dag_id,
        tuple(sorted(map(str, _decoded(content.get("tags")) or ()))),
        {
            # A value that is the default isn't stored; those of a mapped task are stored apart.
            str(each["task_id"]): str(each.get("owner") or (each.get("partial_kwargs") or {}).get("owner") or default)
            for each in tasks
        },
        tuple(
            str(each["task_id"])
            for each in tasks
            if '"end_from_trigger": true' in json.dumps(each.get("start_trigger_args"), default=str)
        ),
    )


def _decoded(value: Any) -> Any:
    """What Airflow has encoded as a mapping of type and value."""
    return value["__var"] if isinstance(value, Mapping) and "__var" in value else value


def import_errors() -> Iterator[tuple[str, str]]:
    """File and traceback of each DAG file that can't be imported; for commands.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(ParseImportError.filename, ParseImportError.stacktrace).all()
    return ((str(file or ""), str(text or "")) for file, text in rows)


def may_use_database() -> bool:
    """Whether this process may have Airflow's database: a task of Airflow 3 never has it."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return not hasattr(runner, "SUPERVISOR_COMMS")
