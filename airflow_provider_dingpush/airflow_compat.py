"""The differences between Airflow 2.10 and 3.4, except for the database: see :mod:`~.airflow_database`.

Each name is imported from where the newest Airflow has it, if possible, to avoid the deprecation warnings of its old
location. An entry can be removed once the oldest supported Airflow has the new location.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dingpush.airflow_options import airflow_option, attribute_of

if TYPE_CHECKING:
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
    "airflow_option",
    "attribute_of",
    "default_timezone",
    "defers_by_default",
    "folders_of_dag_files",
    "folders_of_own_code",
    "has_own_plugin",
    "is_airflow_3",
    "load_provider_options",
    "mask_secret",
    "notifier_takes_context",
    "redact",
    "run_in_thread",
    "search_all_secrets",
    "task_log_file",
]

Result = TypeVar("Result")

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


def search_all_secrets() -> None:
    """Enable a command to find connections in the metadata database, as ``airflow connections get`` does (3.1)."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


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
