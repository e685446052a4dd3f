"""All differences between Airflow 2.10 and 3.4.

Each name is imported from where the newest Airflow has it, if possible, to avoid the deprecation warnings of its old
location. An entry can be removed once the oldest supported Airflow has the new location.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow_provider_dingpush.messages.input_text import visible

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import BaseHook, BaseNotifier, BaseOperator, Connection, Context
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "Connection",
    "Context",
    "StoredDag",
    "airflow_option",
    "attribute_of",
    "connection_types",
    "dag_states",
    "default_timezone",
    "defers_by_default",
    "failed_in_a_row",
    "failed_task_ids",
    "folders_of_dag_files",
    "folders_of_own_code",
    "has_own_plugin",
    "import_errors",
    "is_airflow_3",
    "load_provider_options",
    "mask_secret",
    "may_use_database",
    "notifier_takes_context",
    "redact",
    "requests_in_audit_log",
    "run_in_thread",
    "search_all_secrets",
    "session_of",
    "stored_assets",
    "stored_dag_states",
    "stored_dags",
    "stored_task_instances",
    "task_ends_of",
    "task_instances_of",
    "task_log_file",
    "tells_teams",
]

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


# Where the newest Airflow has a class, and where the others have it.
_PLACES = {
    "DAG": ("airflow.sdk", "airflow.models.dag"),  # 3.0
    "BaseOperator": ("airflow.sdk", "airflow.models.baseoperator"),  # 3.0
    "BaseNotifier": ("airflow.sdk", "airflow.notifications.basenotifier"),  # 3.0
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),  # 3.1
    **dict.fromkeys(
        ("AirflowException", "AirflowFailException", "AirflowNotFoundException"),
        ("airflow.sdk.exceptions", "airflow.exceptions"),  # 3.2
    ),
}


def __getattr__(name: str) -> Any:
    """Airflow's classes, loaded when they are first used: the process of most tasks needs none of them here."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    newest, other = _PLACES[name]
    try:
        found = getattr(import_module(newest), name)
    except (ImportError, AttributeError):
        found = getattr(import_module(other), name)
    globals()[name] = found
    return found


if TYPE_CHECKING:

    def mask_secret(secret: str) -> None:
        """Have Airflow print ``***`` instead of this string in all logs."""

    def redact(value: str) -> str:
        """The string without everything that was registered to be masked."""

else:

    def mask_secret(secret):  # noqa: D103 - documented above
        try:  # 3.0
            from airflow.sdk.log import mask_secret as airflow_mask_secret
        except ImportError:
            from airflow.utils.log.secrets_masker import mask_secret as airflow_mask_secret
        airflow_mask_secret(secret)

    def redact(value):  # noqa: D103 - documented above
        try:  # 3.1
            from airflow.sdk.log import redact as airflow_redact
        except ImportError:
            try:  # 3.0
                from airflow.sdk.execution_time.secrets_masker import redact as airflow_redact
            except ImportError:
                from airflow.utils.log.secrets_masker import redact as airflow_redact
        return airflow_redact(value)


def defers_by_default() -> bool:
    """Airflow's ``[operators] default_deferrable``: whether operators release their worker slot while they wait."""
    return (airflow_option("operators", "default_deferrable") or "").lower() in ("true", "t", "1")


def is_airflow_3() -> bool:
    """Whether this is Airflow 3, whose pages have other URLs than those of Airflow 2."""
    from airflow import __version__

    return not __version__.startswith("2.")


def tells_teams() -> bool:
    """Whether tasks and the scheduler know the team of a DAG: 3.2 has teams as well, and tells only the scheduler."""
    from airflow import __version__

    is_on = (airflow_option("core", "multi_team") or "").lower() in ("true", "t", "1")
    return is_on and tuple(map(int, __version__.split(".")[:2])) >= (3, 3)


def search_all_secrets() -> None:
    """Enable a command to find connections in the metadata database, as ``airflow connections get`` does (3.1)."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


def connection_types() -> dict[str, str]:
    """Id and type of every connection in the metadata database; for commands.

    :raises Exception: of the database, if it can't be read.
    """
    from airflow.models.connection import Connection as StoredConnection
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(StoredConnection.conn_id, StoredConnection.conn_type).all()
    return {conn_id: conn_type or "" for conn_id, conn_type in rows}


def load_provider_options() -> None:
    """Have Airflow know which options of providers are sensitive, as its own commands do before anything else.

    Without that, Airflow before 3.2 reads no ``AIRFLOW__DINGPUSH__OUTBOX_URL_CMD``.
    """
    try:  # 3.2 reads them when they are needed
        from airflow.sdk.configuration import conf  # noqa: F401
    except ImportError:
        pass
    else:
        return
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()  # type: ignore[no-untyped-call,unused-ignore]


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


def folders_of_dag_files() -> list[tuple[str, str | None]]:
    """The folders of DAG files, each with the name of its bundle (Airflow 3), unless that is Airflow's default one."""
    folder = airflow_option("core", "dags_folder")
    found: list[tuple[str, str | None]] = [(os.path.abspath(folder), None)] if folder else []
    try:
        bundles = json.loads(airflow_option("dag_processor", "dag_bundle_config_list") or "[]")
        for each in bundles:
            path = each.get("kwargs", {}).get("path")
            if path and each["name"] != _DEFAULT_BUNDLE:
                found.append((os.path.abspath(path), str(each["name"])))
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # Airflow itself reports it
    return found


_DEFAULT_BUNDLE = "dags-folder"


def has_own_plugin(name: str) -> bool:
    """Whether this Python's packages offer Airflow a plugin of that name: one that is only on the path doesn't."""
    from importlib.metadata import entry_points

    return name in entry_points(group="airflow.plugins").names


def notifier_takes_context() -> bool:
    """Whether ``BaseNotifier`` accepts a context for its ``await`` (Airflow 3.1 and later)."""
    return hasattr(sys.modules[__name__].BaseNotifier, "__await__")


def attribute_of(source: object, name: str) -> Any:
    """An attribute of one of Airflow's objects, or of anything that a context may hold instead.

    ``None`` if it has none, or if reading it raises: SQLAlchemy does so if the session of an object is gone.
    """
    try:
        return getattr(source, name, None)
    except Exception:  # noqa: BLE001 - a foreign class may raise anything
        return None


def airflow_option(section: str, key: str) -> str | None:
    """An option of ``airflow.cfg`` or ``AIRFLOW__…``; ``None`` if it is unset, empty or unknown to this Airflow."""
    try:  # 3.2
        from airflow.sdk.configuration import conf
    except ImportError:
        from airflow.configuration import conf
    value = conf.get(section, key, fallback=None)
    # An invisible character, such as a byte order mark, would change a URL or a time zone.
    return visible(str(value)).strip() or None if value is not None else None


def default_timezone() -> str:
    """IANA name of Airflow's ``[core] default_timezone``."""
    name = airflow_option("core", "default_timezone") or "UTC"
    if name != "system":
        return name
    import pendulum  # a dependency of Airflow, which reads "system" with it as well

    return pendulum.now().timezone_name or "UTC"


async def run_in_thread(function: Callable[[], Result]) -> Result:
    """Call a function in a thread, in which it may ask Airflow for connections.

    asgiref (a dependency of Airflow) rather than ``asyncio.to_thread``: up to Airflow 3.1 the triggerer answers such a
    request only on its own event loop, which asgiref stores in the thread.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function, thread_sensitive=False)()


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


_MOST_IN_QUERY = 500


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

    try:  # 3.0
        models = import_module("airflow.models.asset").AssetModel
    except ImportError:
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
    from airflow import __version__

    if not is_airflow_3():
        newest = [runs.execution_date.desc()]
    elif tuple(map(int, __version__.split(".")[:2])) < (3, 2):
        newest = [runs.logical_date.desc()]
    else:
        newest = [runs.run_after.desc(), runs.id.desc()]
    # Whole objects: the scheduler hasn't written its latest changes yet.
    found = session.query(runs).filter(runs.dag_id == dag_run.dag_id).order_by(*newest).limit(at_most).all()
    failed = [str(getattr(each.state, "value", each.state)) == "failed" for each in found]
    return failed.index(False) if False in failed else len(failed)


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


def folders_of_own_code() -> list[str]:
    """The folders of DAG files, of plugins, and of modules that both may import."""
    known = (airflow_option("core", "dags_folder"), airflow_option("core", "plugins_folder"))
    return [*(os.path.abspath(each) for each in known if each), *sys.path]


def task_log_file(ti: Any) -> str | None:
    """The file on this machine into which the log of a task instance is written; ``None`` if unknown.

    In Airflow 2 the task's own process writes it, in Airflow 3 its supervisor, a process on the same machine.

    :param ti: of the callback's context.
    """
    for handler in (*logging.getLogger("airflow.task").handlers, *logging.getLogger().handlers):
        # Airflow 2: the handler for files, which the handlers for remote logs are built on.
        is_of_tasks = any(each.__name__ == "FileTaskHandler" for each in type(handler).__mro__)
        file = getattr(getattr(handler, "handler", None), "baseFilename", None)
        if is_of_tasks and isinstance(file, str):
            return file
    folder, template = (airflow_option("logging", name) for name in ("base_log_folder", "log_filename_template"))
    if not folder or not template or "{{" not in template:
        return None
    from jinja2 import Template  # a dependency of Airflow, which renders the name with it as well

    name = Template(template).render(ti=ti, try_number=ti.try_number)
    # A run that is triggered may have any id that `[scheduler] allowed_run_id_pattern` allows.
    return None if os.pardir in name.split("/") else os.path.join(folder, name)
