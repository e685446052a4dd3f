"""The differences between Airflow 2.10 and 3.4, except for the database: see :mod:`~.airflow_database`.

Each name is imported from where the newest Airflow has it, if possible, to avoid the deprecation warnings of its old
location. An entry can be removed once the oldest supported Airflow has the new location.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dingpush.airflow_options import airflow_option, attribute_of

if TYPE_CHECKING:
    from airflow.sdk import BaseHook, BaseNotifier, BaseOperator, Connection, Context
    from airflow.sdk.bases.decorator import (
        DecoratedOperator,
        FParams,
        FReturn,
        Task,
        TaskDecorator,
        determine_kwargs,
        task_decorator_factory,
    )
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
    )

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "Connection",
    "Context",
    "DecoratedOperator",
    "FParams",
    "FReturn",
    "Task",
    "TaskDecorator",
    "airflow_option",
    "airflow_version",
    "attribute_of",
    "database_hook",
    "default_timezone",
    "defers_by_default",
    "determine_kwargs",
    "failure_of_email",
    "folders_of_dag_files",
    "folders_of_own_code",
    "has_own_plugin",
    "ignores_email_backend",
    "is_airflow_3",
    "is_scheduler_loop",
    "load_provider_options",
    "mask_secret",
    "notifier_takes_context",
    "page_framework",
    "page_secret",
    "redact",
    "run_in_thread",
    "search_all_secrets",
    "send_by_smtp",
    "task_decorator_factory",
    "task_log_file",
    "tells_teams",
]

Result = TypeVar("Result")

# Where the newest Airflow has a class, and where the others have it.
_PLACES = {
    "DAG": ("airflow.sdk", "airflow.models.dag"),  # 3.0
    "BaseOperator": ("airflow.sdk", "airflow.models.baseoperator"),  # 3.0
    "BaseNotifier": ("airflow.sdk", "airflow.notifications.basenotifier"),  # 3.0
    **dict.fromkeys(
        ("DecoratedOperator", "task_decorator_factory"), ("airflow.sdk.bases.decorator", "airflow.decorators.base")
    ),  # 3.0
    "determine_kwargs": ("airflow.sdk.bases.decorator", "airflow.utils.operator_helpers"),  # 3.2
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),  # 3.1
    **dict.fromkeys(
        ("AirflowException", "AirflowFailException", "AirflowNotFoundException", "AirflowSkipException"),
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
    return _is_on("operators", "default_deferrable")


def _is_on(section: str, key: str) -> bool:
    """Whether an option is one of the words that Airflow takes for true."""
    return (airflow_option(section, key) or "").lower() in ("true", "t", "1")


def airflow_version() -> tuple[int, ...]:
    """The first two numbers of Airflow's version, such as ``(3, 3)``."""
    from airflow import __version__

    return tuple(map(int, __version__.split(".")[:2]))


def is_airflow_3() -> bool:
    """Whether this is Airflow 3, whose pages have other URLs than those of Airflow 2."""
    from airflow import __version__

    return not __version__.startswith("2.")


def page_framework() -> str:
    """The web framework that pages of a plugin are made with, ``fastapi`` or ``flask``."""
    return "fastapi" if is_airflow_3() else "flask"


def page_secret() -> bytes:
    """The secret that all web servers of this Airflow share, for tokens in forms; made up if there is none."""
    from airflow.configuration import conf

    # Airflow 3.0.0 and 3.0.1 have it where Airflow 2 has it.
    for section in ("api", "webserver") if is_airflow_3() else ("webserver",):
        value = conf.get(section, "secret_key", fallback=None)
        # In a configuration without it, Airflow may leave its placeholder.
        if value and not value.startswith("{"):
            return str(value).encode()
    return _OWN_SECRET


_OWN_SECRET = os.urandom(32)


def tells_teams() -> bool:
    """Whether tasks and the scheduler know the team of a DAG: 3.2 has teams as well, and tells only the scheduler."""
    return _is_on("core", "multi_team") and airflow_version() >= (3, 3)


def search_all_secrets() -> None:
    """Enable a command to find connections in the metadata database, as ``airflow connections get`` does (3.1)."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


def database_hook(conn_id: str, hook_params: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """The hook of a database's connection, of any provider that builds on common.sql, and its password.

    :param hook_params: arguments of the hook.
    :raises ConfigurationError: if there is no such connection, it isn't a database's, or a package is missing.
    """
    from airflow_provider_dingpush.errors import ConfigurationError, ConnectionSettingsError

    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        raise ConfigurationError(
            "Queries need the package apache-airflow-providers-common-sql, which isn't installed.",
            "Install it: pip install 'airflow-provider-dingpush[sql]'. "
            "请安装：pip install 'airflow-provider-dingpush[sql]'。",
        ) from None
    try:
        connection = __getattr__("BaseHook").get_connection(conn_id)
    except __getattr__("AirflowNotFoundException"):
        raise ConnectionSettingsError(
            f"There is no connection {conn_id!r} for the query.",
            "Create it, or correct conn_id=. 请创建该连接，或修正 conn_id=。",
        ) from None
    kind = connection.conn_type
    try:
        hook = connection.get_hook(hook_params=dict(hook_params or {}))
    except (ImportError, __getattr__("AirflowException")) as error:
        package = getattr(error, "name", None) or f"apache-airflow-providers-{str(kind).replace('_', '-')}"
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} has type {kind!r}, for which this Airflow has no hook.",
            f"Install the provider of that database, probably {package}, or correct the type. "
            f"请安装该数据库的 provider（可能是 {package}），或修正连接类型。",
        ) from None
    if not isinstance(hook, DbApiHook):
        raise ConnectionSettingsError(
            f"Connection {conn_id!r} of type {kind!r} isn't a database's.",
            "Correct conn_id=, which names the database; dingtalk_conn_id= names the robot or app. "
            "conn_id 应为数据库连接；机器人或应用的连接请写在 dingtalk_conn_id。",
        )
    return hook, connection.password or ""


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


def is_scheduler_loop() -> bool:
    """Whether this is the scheduler's own process, and none that it forked for a task or to read DAG files."""
    import multiprocessing

    return "scheduler" in sys.argv[1:2] and multiprocessing.current_process().name == "MainProcess"


# Who calls the e-mail backend about a failed task, and the names that it has the task instance and the error under
# (``models/taskinstance.py`` of 2.10 to 3.0, ``sdk/execution_time/task_runner.py`` of 3.0 to 3.3, read 2026-11-28).
_SENDERS_OF_EMAILS = {
    "_email_alert": ("task_instance", "exception"),  # 2.10, 2.11
    "email_alert": ("self", "exception"),  # the scheduler of 3.0
    "_send_task_error_email": ("ti", "exception"),  # 3.0, 3.1
    "_send_error_email_notification": ("ti", "error"),  # 3.3
}


def failure_of_email() -> tuple[Any, Any] | None:
    """The task instance and the error that Airflow calls its e-mail backend about; ``None`` for any other e-mail.

    Airflow passes a backend nothing but texts, which an installation's own templates may make unrecognisable.
    """
    frame = sys._getframe(1)
    while frame is not None:
        names = _SENDERS_OF_EMAILS.get(frame.f_code.co_name)
        if names is not None and str(frame.f_globals.get("__name__")).startswith("airflow."):
            ti, error = (frame.f_locals.get(name) for name in names)
            return (ti, error) if hasattr(ti, "get_template_context") else None
        frame = frame.f_back  # type: ignore[assignment]
    return None


def ignores_email_backend() -> bool:
    """Whether this Airflow always sends e-mails about failed tasks by SMTP: 3.2 (fixed in 3.3 by its issue #65012)."""
    from importlib.util import find_spec

    return airflow_version() >= (3, 2) and find_spec("airflow.sdk.execution_time.email_backend") is None


def send_by_smtp(to: Any, subject: str, html: str, *, conn_id: str | None = None, **more: Any) -> None:
    """Send an e-mail as Airflow does without a backend of somebody else.

    Since 3.2 its failure e-mails are those of the SMTP provider, which reads the server from a connection; one without
    a host, and older versions, use the options of ``[smtp]`` (``task_runner.py``, ``utils/email.py`` of 2.10 to 3.3,
    read 2026-11-28).

    :param conn_id: of the SMTP server; by default ``[email] email_conn_id``.
    :raises Exception: of the SMTP library.
    """
    conn_id = conn_id or airflow_option("email", "email_conn_id") or "smtp_default"
    server = _smtp_hook(conn_id) if is_airflow_3() else None
    if server is None:
        from airflow.utils.email import send_email_smtp

        send_email_smtp(to, subject, html, conn_id=conn_id, **more)
        return
    with server as opened:
        opened.send_email_smtp(to=to, subject=subject, html_content=html, **more)


def _smtp_hook(conn_id: str) -> Any:
    """The SMTP provider's hook; ``None`` if it isn't installed, or the connection names no server."""
    this = sys.modules[__name__]
    try:
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        has_host = bool(this.BaseHook.get_connection(conn_id).host)
    except (ImportError, this.AirflowException):
        return None
    return SmtpHook(smtp_conn_id=conn_id) if has_host else None


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
