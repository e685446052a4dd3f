"""The plugin by which Airflow calls this package about every DAG, if ``[dingpush]`` says so, and has its page.

Airflow loads plugins in every process, so this module loads nothing else. It has listeners only if ``alert_conn_id`` or
``rules_file`` is set and ``attach`` isn't ``policy``: as soon as any listener is registered, Airflow refuses sensors
with ``end_from_trigger=True`` (``dag_processing/dagbag.py`` of Airflow 2.10 to 3.4, read 2026-11-27).
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

_log = logging.getLogger(__name__)
# Where an Airflow has the class of plugins; the process that loads this plugin has loaded one of them. A task's process
# of Airflow 3 has the last ones, and must not load the scheduler's part of Airflow for it.
_MODULES = (
    *("airflow.plugins_manager", "airflow.sdk.plugins_manager"),
    *("airflow._shared.plugins_manager", "airflow.sdk._shared.plugins_manager"),
)
OPTIONS = "alert_conn_id", "rules_file"
"""Either switches alerts for all DAGs on."""
POLICY = "policy"
"""The value of ``attach`` with which a cluster policy sends them instead of this plugin."""


def _plugin_class() -> Any:
    for name in _MODULES:
        found = getattr(sys.modules.get(name), "AirflowPlugin", None)
        if found is not None:
            return found
    from airflow.plugins_manager import AirflowPlugin

    return AirflowPlugin


def _is_configured() -> bool:
    from airflow.configuration import conf

    def option(name: str) -> str:
        return (conf.get("dingpush", name, fallback=None) or "").strip()

    return option("attach") != POLICY and any(map(option, OPTIONS))


if TYPE_CHECKING:
    from airflow.plugins_manager import AirflowPlugin
else:
    AirflowPlugin = _plugin_class()


def email_alert(ti: Any, exception: Any = None) -> str:
    """For a template of e-mails, ``{{ macros.dingpush.email_alert(ti, exception) }}``: make an alert of the e-mail."""
    try:
        from airflow_provider_dingpush.pipeline.email_marks import mark

        return mark(ti, exception)
    except Exception:  # noqa: BLE001 - the e-mail is worth more than its mark
        _log.exception("The e-mail is not marked as an alert.")
        return ""


class _PartOfPage:
    """An attribute of the plugin that belongs to its page: made when it is read, which only web servers do.

    :param name: of the attribute.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._made: list[Any] | None = None

    def __get__(self, plugin: object, owner: type) -> list[Any]:
        if self._made is None:
            try:
                from airflow_provider_dingpush.page_parts import part_of_page

                self._made = part_of_page(self._name)
            except Exception:  # noqa: BLE001 - Airflow's own pages are worth more than this one
                _log.exception("The page of dingpush isn't available.")
                self._made = []
        return self._made


class DingPushPlugin(AirflowPlugin):  # type: ignore[misc,unused-ignore]
    """Has a page in Airflow's UI, and the listeners of :mod:`airflow_provider_dingpush.listeners` if configured."""

    name = "dingpush"
    listeners: list[Any] = []  # noqa: RUF012 - Airflow's own attribute
    macros: list[Any] = [email_alert]  # noqa: RUF012 - the same
    fastapi_apps: Any = _PartOfPage("fastapi_apps")
    external_views: Any = _PartOfPage("external_views")
    appbuilder_views: Any = _PartOfPage("appbuilder_views")

    @classmethod
    def on_load(cls, *_arguments: Any, **_more: Any) -> None:
        """Add the listeners; Airflow registers them after this. Never raises."""
        try:
            if _is_configured():
                from airflow_provider_dingpush import listeners

                cls.listeners = [listeners]
        except Exception:  # noqa: BLE001 - an exception here would be an error on every page of Airflow
            _log.exception("The alerts for all DAGs can't be switched on.")
